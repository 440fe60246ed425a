//! The one clock. Everybody else is told the time. It only goes forward by itself: what the machine's clock is set to
//! while a run is driven, and the time for which the machine slept, is a jump that the runner asks for and journals, so
//! that nobody waits for an hour to come round again, and no deadline passes while nobody looked.
//!
//! In a simulation it is virtual: tokio's paused time, which jumps to the next timer as soon as nothing else is left to
//! do, so an hour of baking takes no time and ends the same way.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads clocks and sleeps"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;

use crate::rollout::{Jump, Timestamp};

/// How far the machine's clock may be from ours before we follow it: what time servers correct bit by bit is less.
const NOTICED: Duration = Duration::from_secs(1);

/// A clock; clones are the same one.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Face>);

#[derive(Debug)]
struct Face {
    hands: Arc<Hands>,
    /// What the clock has followed of the machine's jumps, in milliseconds.
    followed: watch::Sender<i64>,
}

#[derive(Debug)]
enum Hands {
    System {
        /// What both of the machine's clocks showed once.
        at: Timestamp,
        started: Instant,
    },
    Virtual {
        started: tokio::time::Instant,
        /// How the machine's clock is set, and after how long.
        jumps: Vec<(Duration, Jump)>,
    },
}

/// 2026-01-01T00:00:00Z: a simulation tells the same times whenever it is run.
const VIRTUAL_EPOCH: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl Clock {
    pub fn system() -> Self {
        Self::with(Hands::System { at: machine_time(), started: Instant::now() })
    }

    /// Stops real time in this runtime, which has to be single-threaded. The machine's clock is set as told.
    pub fn virtual_time(jumps: Vec<(Duration, Jump)>) -> Self {
        tokio::time::pause();
        Self::with(Hands::Virtual { started: tokio::time::Instant::now(), jumps })
    }

    fn with(hands: Hands) -> Self {
        Self(Arc::new(Face { hands: Arc::new(hands), followed: watch::Sender::new(0) }))
    }

    /// A clock of its own with the same hands. Of many runs in one process each follows the machine's jumps by itself,
    /// because each has to journal them.
    #[must_use]
    pub fn apart(&self) -> Self {
        let followed = watch::Sender::new(*self.0.followed.borrow());
        Self(Arc::new(Face { hands: self.0.hands.clone(), followed }))
    }

    pub fn now(&self) -> Timestamp {
        self.undisturbed().moved(Jump::from_millis(*self.0.followed.borrow()))
    }

    /// The time as if no clock had been set since this one was made: what the simulated world goes by.
    pub fn undisturbed(&self) -> Timestamp {
        match self.0.hands.as_ref() {
            // This clock of the machine cannot be set, and stands still while the machine sleeps.
            Hands::System { at, started } => at.plus(started.elapsed()),
            Hands::Virtual { started, .. } => VIRTUAL_EPOCH.plus(started.elapsed()),
        }
    }

    /// Follows the machine's clock where that has been set, or has gone on while the machine slept; says how far.
    pub fn follow(&self) -> Option<Jump> {
        let machine = match self.0.hands.as_ref() {
            Hands::System { .. } => machine_time(),
            Hands::Virtual { started, jumps } => {
                let (now, elapsed) = (self.undisturbed(), started.elapsed());
                let due = jumps.iter().filter(|(after, _)| *after <= elapsed);
                due.fold(now, |now, (_, jump)| now.moved(*jump))
            }
        };
        let jump = self.now().jump_to(machine);
        if jump.size() < NOTICED {
            return None;
        }
        self.0.followed.send_modify(|followed| *followed += jump.as_millis());
        Some(jump)
    }

    /// Changes whenever a jump has been followed.
    pub(super) fn jumps(&self) -> watch::Receiver<i64> {
        self.0.followed.subscribe()
    }

    pub async fn sleep_until(&self, moment: Timestamp) {
        tokio::time::sleep(moment.since(self.now())).await;
    }

    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

fn machine_time() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_clock_that_is_set_goes_on_until_it_is_asked_to_follow() {
        let back = Jump::from_millis(-3_600_000);
        let clock = Clock::virtual_time(vec![(Duration::from_secs(10), back)]);
        clock.sleep(Duration::from_secs(20)).await;
        let before = clock.now();
        assert_eq!(before, clock.undisturbed(), "nobody has asked yet");
        assert_eq!(clock.follow(), Some(back));
        assert_eq!(clock.now(), before.moved(back));
        assert_eq!(clock.follow(), None, "once is enough");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_run_of_a_process_follows_a_jump_by_itself() {
        let back = Jump::from_millis(-3_600_000);
        let first = Clock::virtual_time(vec![(Duration::from_secs(10), back)]);
        let second = first.apart();
        first.sleep(Duration::from_secs(20)).await;
        assert_eq!((first.follow(), second.follow()), (Some(back), Some(back)));
        assert_eq!(first.now(), second.now());
    }
}

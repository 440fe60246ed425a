//! Any number of observers of one run, none of which can slow or stop it. Each has a thread and a bounded queue: what it
//! writes to may hang (a terminal on which somebody has pressed Ctrl-S, a service that does not answer), and the loop has
//! alarms to look at. One that panics or falls behind is told of to the others, and left.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use super::{Clock, Observer};
use crate::{journal::Envelope, rollout::Timestamp};

/// So many events and notices may wait for one observer: more than most runs have.
const ROOM: usize = 16 * 1024;
/// How long, at the end of a run, an observer may show no progress before it is left.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
enum Told {
    Event(Arc<Envelope>),
    Notice(Arc<str>),
    Tick(Timestamp),
}

/// One observer, from outside its thread.
struct Watching {
    name: String,
    queue: SyncSender<Told>,
    /// Hears nothing, and is cut off when the thread has ended.
    ended: Receiver<Ended>,
    progress: Arc<Progress>,
}

/// That all was shown.
struct Ended;

#[derive(Default)]
struct Progress {
    shown: AtomicU64,
    /// Time passes often: only one moment of it waits in a queue.
    is_ticking: AtomicBool,
}

/// All who watch one run.
pub struct Observers {
    all: Vec<Watching>,
    /// The machine's own, whatever time the run lives in.
    clock: Clock,
    /// When they were last told that time has passed.
    ticked: Option<Timestamp>,
}

/// Whoever looks sees no more moments than this; virtual time has a million of them in a second.
const BETWEEN_TICKS: Duration = Duration::from_millis(50);

impl Default for Observers {
    fn default() -> Self {
        Self { all: Vec::new(), clock: Clock::system(), ticked: None }
    }
}

impl Observers {
    /// Whoever is added sees what happens from now on.
    pub fn add(&mut self, name: &str, observer: impl Observer + 'static) {
        self.bounded(name, ROOM, observer);
    }

    fn bounded(&mut self, name: &str, room: usize, mut observer: impl Observer + 'static) {
        let (queue, told) = sync_channel(room);
        let (end, ended) = sync_channel(1);
        let progress = Arc::<Progress>::default();
        let showing = progress.clone();
        let show = move || {
            for told in told {
                match told {
                    Told::Event(envelope) => observer.event(&envelope),
                    Told::Notice(words) => observer.notice(&words),
                    Told::Tick(now) => {
                        showing.is_ticking.store(false, Ordering::Relaxed);
                        observer.tick(now);
                    }
                }
                showing.shown.fetch_add(1, Ordering::Relaxed);
            }
            // What it does when it goes, it does before it counts as ended.
            drop(observer);
            let _ = end.send(Ended);
        };
        let name = name.to_owned();
        // Without a thread the queue has no reader, so it is left with the first event.
        let _ = std::thread::Builder::new().name(name.clone()).spawn(show);
        self.all.push(Watching { name, queue, ended, progress });
    }

    fn tell(&mut self, told: &Told) {
        let (kept, left): (Vec<_>, Vec<_>) =
            self.all.drain(..).map(|watching| (watching.tell(told), watching)).partition(is_kept);
        self.all = kept.into_iter().map(|(_, watching)| watching).collect();
        for (given, watching) in left {
            self.tell(&Told::Notice(given.of(&watching.name).into()));
        }
    }

    /// Waits until all has been shown, as long as they get on with it. Who did not come to an end.
    pub async fn end(self) -> Vec<String> {
        let all = move || self.all.into_iter().filter_map(Watching::end).collect();
        tokio::task::spawn_blocking(all).await.unwrap_or_default()
    }
}

/// What came of telling somebody.
enum Given {
    Taken,
    Behind,
    Dead,
}

impl Given {
    fn of(&self, name: &str) -> String {
        match self {
            Self::Taken => format!("{name} sees what happens"),
            Self::Behind => format!("{name} has fallen behind and is not told any more"),
            Self::Dead => format!("{name} has died and is not told any more"),
        }
    }
}

fn is_kept((given, _): &(Given, Watching)) -> bool {
    matches!(given, Given::Taken)
}

impl Watching {
    fn tell(&self, told: &Told) -> Given {
        let is_tick = matches!(told, Told::Tick(_));
        if is_tick && self.progress.is_ticking.swap(true, Ordering::Relaxed) {
            return Given::Taken;
        }
        match self.queue.try_send(told.clone()) {
            Ok(()) => Given::Taken,
            Err(TrySendError::Full(_)) if is_tick => Given::Taken,
            Err(TrySendError::Full(_)) => Given::Behind,
            Err(TrySendError::Disconnected(_)) => Given::Dead,
        }
    }

    fn end(self) -> Option<String> {
        let Self { name, queue, ended, progress } = self;
        drop(queue);
        loop {
            let shown = progress.shown.load(Ordering::Relaxed);
            match ended.recv_timeout(PATIENCE) {
                Ok(Ended) => return None,
                Err(RecvTimeoutError::Disconnected) => return Some(Given::Dead.of(&name)),
                Err(RecvTimeoutError::Timeout)
                    if progress.shown.load(Ordering::Relaxed) > shown => {}
                Err(RecvTimeoutError::Timeout) => return Some(Given::Behind.of(&name)),
            }
        }
    }
}

impl Observer for Observers {
    fn event(&mut self, envelope: &Envelope) {
        self.tell(&Told::Event(Arc::new(envelope.clone())));
    }

    fn notice(&mut self, words: &str) {
        self.tell(&Told::Notice(words.into()));
    }

    fn tick(&mut self, now: Timestamp) {
        let here = self.clock.undisturbed();
        if self.ticked.is_none_or(|last| here.since(last) >= BETWEEN_TICKS) {
            self.ticked = Some(here);
            self.tell(&Told::Tick(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        mpsc::{Sender, channel},
    };

    use super::*;
    use crate::{
        journal::{RunId, Seq},
        rollout::{Actor, Event},
    };

    /// Writes down the places of events, and notices; does something else first.
    struct Noting<F>(Arc<Mutex<Vec<String>>>, F);

    impl<F: FnMut() + Send> Observer for Noting<F> {
        fn event(&mut self, envelope: &Envelope) {
            self.1();
            self.0.lock().unwrap().push(envelope.seq.to_string());
        }

        fn notice(&mut self, words: &str) {
            self.0.lock().unwrap().push(words.to_owned());
        }
    }

    fn told(observers: &mut Observers, events: u64) {
        let run: RunId = "shop-20260131-154502-0001".parse().unwrap();
        for seq in (1..=events).filter_map(Seq::new) {
            let event = Event::RunnerStarted { by: Actor("ann".into()) };
            observers.event(&Envelope::new(run.clone(), seq, Timestamp::default(), event));
            observers.tick(Timestamp::default());
        }
    }

    fn hanging() -> (Sender<()>, impl FnMut() + Send) {
        let (go_on, hangs) = channel::<()>();
        let hangs = Mutex::new(hangs);
        (go_on, move || {
            let _ = hangs.lock().unwrap().recv();
        })
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_and_one_that_panics_are_told_of_and_left_and_the_others_see_all() {
        let (seen, mut observers) = (Arc::<Mutex<Vec<String>>>::default(), Observers::default());
        let (go_on, hang) = hanging();
        observers.bounded("the hanging one", 3, Noting(Arc::default(), hang));
        observers.add("the dying one", Noting(Arc::default(), || panic!("as it is meant to")));
        observers.add("the good one", Noting(seen.clone(), || {}));
        told(&mut observers, 5_000);
        // Events that come while it dies find it alive.
        while observers.all.len() > 1 {
            std::thread::park_timeout(Duration::from_millis(1));
            observers.notice("still there");
        }
        assert_eq!(observers.end().await, [""; 0]);
        drop(go_on);
        let mut seen = Arc::try_unwrap(seen).unwrap().into_inner().unwrap();
        seen.retain(|words| words != "still there");
        let (notices, events): (Vec<_>, Vec<_>) =
            seen.into_iter().partition(|words| words.contains("not told"));
        let expected: Vec<_> = (1..=5_000).map(|place: u32| place.to_string()).collect();
        assert_eq!(events, expected);
        let left = ["the dying one has died", "the hanging one has fallen behind"];
        for words in left {
            assert!(notices.iter().any(|told| told.contains(words)), "{notices:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_all_is_shown_and_who_hangs_gets_a_bounded_time() {
        let (seen, mut observers) = (Arc::<Mutex<Vec<String>>>::default(), Observers::default());
        let (go_on, hang) = hanging();
        observers.add("the hanging one", Noting(Arc::default(), hang));
        let slow = || std::thread::park_timeout(Duration::from_millis(1));
        observers.add("the slow one", Noting(seen.clone(), slow));
        told(&mut observers, 200);
        let left = observers.end().await;
        assert_eq!(left, ["the hanging one has fallen behind and is not told any more"]);
        assert_eq!(seen.lock().unwrap().len(), 200);
        drop(go_on);
    }
}

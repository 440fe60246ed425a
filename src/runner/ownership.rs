//! Two folders, one rule: how a run that owns its routes and fleets by a lock in its own folder keeps out the runs of
//! other folders, by marks in AWS (`cloud/marks.rs`).
//!
//! **Why at most one of two runs begins.** Every run writes its mark on all that it owns, waits a moment, and then
//! reads all marks; it begins only if no fresh mark of another run is among them. Say two runs that share a thing both
//! began. The first read the thing's tags after it had written its own mark, and did not see the second's, so the second
//! wrote later than that; and since it, too, read after it had written, it read after the first's mark was there and must
//! have seen it. (Tags that are shown late could break this: hence the moment between writing and reading.)
//!
//! **Why at least one of them begins.** Of runs that see each other, the one that began first stays and looks again; the
//! others take their marks back and are refused. Who has taken its mark back never begins, so the first among those
//! that wrote at last sees nobody. That order is only for who gives way: with clocks that differ, or an owner that died
//! in between, the one that stays sees the other's mark for longer than its patience, and is refused as well.
//!
//! **Whose owner slept** cannot be told from a dead one while its machine sleeps. Once awake it beats at once, before
//! anybody else looks; and when its last beat was not fresh any more, it looks whether another run has begun meanwhile,
//! and tells. Each of them finds what the other changes, and overwrites none of it.
//!
//! A lock in AWS it is not: where tags cannot be written or read, the run says so and begins all the same.

use std::{collections::BTreeSet, future::Future, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::Clock;
use crate::{
    cloud::{Cloud, Error, FRESH_FOR, Mark, Operation, Owned, Placed, Places, Reads},
    plan::Place,
    rollout::Timestamp,
};

/// How often a mark says that its run is being driven; a third of what it is fresh for.
const BEAT_EVERY: Duration = Duration::from_mins(1);
/// How often the one that stays looks whether the others have given way.
const LOOKS: u32 = 10;
/// How long one call may take. A run does not wait for tags as it would for traffic.
const PATIENCE: Duration = Duration::from_secs(20);

/// Another run's mark, on a thing that this one wants too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    pub on: Owned,
    /// Where that is.
    pub place: Place,
    pub mark: Mark,
}

/// What is wanted: by whom, and for how long a written tag may stay unseen.
pub struct Wanted {
    pub things: BTreeSet<Placed>,
    pub mark: Mark,
    pub cloud: Places<Cloud>,
    pub clock: Clock,
    pub settle: Duration,
}

/// What was met on the way that is worth a warning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Marks whose owners are gone. They have been removed.
    pub gone: Vec<Rival>,
    /// Why things could not be marked, or their marks not be read: the first of each kind.
    pub troubles: Vec<Error>,
}

/// All marks of other runs on these things, with the errors of those that could not be read.
pub async fn marks_of_others(
    places: &Places<Reads>,
    things: &BTreeSet<Placed>,
    own: &str,
) -> (Vec<Rival>, Vec<Error>) {
    let (mut rivals, mut troubles) = (Vec::new(), Vec::new());
    for Placed { place, on } in things {
        let reading = async { places.at(place)?.marks.marks(on).await };
        match bounded(reading).await {
            Ok(marks) => {
                let others = marks.into_iter().filter(|mark| mark.run != own);
                let rival = |mark| Rival { on: on.clone(), place: place.clone(), mark };
                rivals.extend(others.map(rival));
            }
            Err(error) => note(&mut troubles, error),
        }
    }
    (rivals, troubles)
}

impl Wanted {
    /// Marks everything as this run's, or finds out whose it is.
    pub async fn take(self) -> Result<(Ownership, Met), Box<Rival>> {
        let mut met = Met::default();
        // Whoever was here before is met without a trace.
        if let Some(rival) = self.look(&mut met).await.fresh.into_iter().next() {
            return Err(Box::new(rival));
        }
        let mark = self.mark.beaten(self.clock.now());
        for thing in &self.things {
            if let Err(error) = bounded(self.put(thing, &mark)).await {
                note(&mut met.troubles, error);
            }
        }
        for look in 1.. {
            self.clock.sleep(self.settle).await;
            let Seen { fresh, gone } = self.look(&mut met).await;
            let before_us = |rival: &&Rival| {
                (rival.mark.since, &rival.mark.run) < (self.mark.since, &self.mark.run)
            };
            let first = fresh.iter().find(before_us);
            let too_long = fresh.first().filter(|_| look >= LOOKS);
            if let Some(rival) = first.or(too_long).cloned() {
                self.remove(&self.mark.run, &self.things).await;
                return Err(Box::new(rival));
            }
            if fresh.is_empty() {
                met.gone = gone;
                break;
            }
        }
        for rival in &met.gone {
            let thing = Placed { place: rival.place.clone(), on: rival.on.clone() };
            self.remove(&rival.mark.run, &BTreeSet::from([thing])).await;
        }
        Ok((Ownership { wanted: self }, met))
    }

    async fn look(&self, met: &mut Met) -> Seen {
        let reads = self.cloud.reads();
        let (rivals, troubles) = marks_of_others(&reads, &self.things, &self.mark.run).await;
        for error in troubles {
            note(&mut met.troubles, error);
        }
        let now = self.clock.now();
        let (fresh, gone) = rivals.into_iter().partition(|rival| rival.mark.is_fresh(now));
        Seen { fresh, gone }
    }

    async fn put(&self, Placed { place, on }: &Placed, mark: &Mark) -> Result<(), Error> {
        self.cloud.at(place)?.marking.put(on, mark).await
    }

    /// Tries twice, because a mark left behind keeps others waiting. What stays for all that is told.
    async fn remove(&self, run: &str, things: &BTreeSet<Placed>) -> Vec<Error> {
        let mut left = Vec::new();
        let remove = async |Placed { place, on }: &Placed| {
            self.cloud.at(place)?.marking.remove(on, run).await
        };
        for thing in things {
            if bounded(remove(thing)).await.is_err()
                && let Err(error) = bounded(remove(thing)).await
            {
                note(&mut left, error);
            }
        }
        left
    }
}

struct Seen {
    fresh: Vec<Rival>,
    gone: Vec<Rival>,
}

/// One of each kind is enough to know.
fn note(troubles: &mut Vec<Error>, error: Error) {
    let kind = std::mem::discriminant(&error);
    if !troubles.iter().any(|known| std::mem::discriminant(known) == kind) {
        troubles.push(error);
    }
}

async fn bounded<T>(call: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
    tokio::time::timeout(PATIENCE, call).await.unwrap_or_else(|_| {
        let message = format!("none within {} s", PATIENCE.as_secs());
        Err(Error::Transient { operation: Operation::Tagging, message })
    })
}

/// Everything is marked as this run's.
pub struct Ownership {
    wanted: Wanted,
}

fn overtaken(rival: &Rival) -> String {
    let Rival { on, mark: Mark { run, owner, since, journal, .. }, .. } = rival;
    format!(
        "this run could not say in AWS that it lives, and run {run} has begun on {on} since {since}: {owner} is running it, \
         its journal is {journal} there. Both go on, and each stops at what the other changes: abort one of them"
    )
}

/// The same, while somebody drives the run: the marks beat beside the loop, which never waits for them. Dropped, the
/// marks stay and beat no more.
pub struct Beating {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Ownership>,
}

impl Ownership {
    /// What goes wrong is told once, until it has gone right again; it is tried again at the next beat.
    pub fn beat(self, told: mpsc::UnboundedSender<String>) -> Beating {
        let (stop, mut stopped) = oneshot::channel();
        let mut jumps = self.wanted.clock.jumps();
        let task = tokio::spawn(async move {
            let (mut is_well, mut last) = (true, self.wanted.clock.now());
            loop {
                tokio::select! {
                    biased;
                    _ = &mut stopped => return self,
                    // The clock is this run's own, so there is somebody to say so.
                    _ = jumps.changed() => {}
                    () = self.wanted.clock.sleep(BEAT_EVERY) => {}
                }
                // A beat that has begun is waited for: it must not land after the mark was removed.
                let now = self.wanted.clock.now();
                let trouble = self.say(now).await;
                if now.since(last) >= FRESH_FOR {
                    for rival in self.begun_meanwhile().await {
                        let _ = told.send(overtaken(&rival));
                    }
                    last = now;
                }
                last = if trouble.is_none() { now } else { last };
                if let Some(error) = trouble.as_ref().filter(|_| is_well) {
                    // Nobody listens when the loop has ended.
                    let _ = told.send(format!(
                        "cannot say in AWS that this run lives: {error}; trying again. Three minutes without it, and \
                         a run of another folder may take it for dead"
                    ));
                }
                is_well = trouble.is_none();
            }
        });
        Beating { stop, task }
    }

    async fn say(&self, now: Timestamp) -> Option<Error> {
        let (wanted, mut trouble) = (&self.wanted, None);
        let mark = wanted.mark.beaten(now);
        for thing in &wanted.things {
            trouble = trouble.or(bounded(wanted.put(thing, &mark)).await.err());
        }
        trouble
    }

    /// The runs, one by one, that have taken this one for dead.
    async fn begun_meanwhile(&self) -> Vec<Rival> {
        let mut fresh = self.wanted.look(&mut Met::default()).await.fresh;
        fresh.sort_by(|a, b| a.mark.run.cmp(&b.mark.run));
        fresh.dedup_by(|a, b| a.mark.run == b.mark.run);
        fresh
    }

    /// Takes the marks back, because the run has ended. Why some could not be, if so.
    pub async fn release(self) -> Vec<Error> {
        self.wanted.remove(&self.wanted.mark.run, &self.wanted.things).await
    }
}

impl Beating {
    /// Nothing is said any more when this returns.
    pub async fn end(self) -> Option<Ownership> {
        let Self { stop, task } = self;
        // It ends by itself only with the runtime.
        let _ = stop.send(());
        task.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;

    use super::*;
    use crate::{
        cloud::{Marks, SetMarks},
        rollout::{Jump, RouteService},
        simulation::{Scenario, World},
        testkit::{Fault, Faults, SAMPLE_RULE, draw, sample_plan},
    };

    /// Requests and answers take their time, as the seed has it; what happens in between happens at once.
    struct Distant {
        world: World,
        clock: Clock,
        seed: u64,
    }

    impl Distant {
        async fn way(&self) {
            let nth = u64::try_from(self.clock.now().as_millis()).unwrap();
            self.clock.sleep(Duration::from_millis(draw(self.seed, nth) % 400)).await;
        }
    }

    #[async_trait]
    impl Marks for Distant {
        async fn marks(&self, on: &Owned) -> Result<Vec<Mark>, Error> {
            self.way().await;
            let marks = self.world.marks(on).await;
            self.way().await;
            marks
        }
    }

    #[async_trait]
    impl SetMarks for Distant {
        async fn put(&self, on: &Owned, mark: &Mark) -> Result<(), Error> {
            self.way().await;
            self.world.put(on, mark).await?;
            self.way().await;
            Ok(())
        }

        async fn remove(&self, on: &Owned, run: &str) -> Result<(), Error> {
            self.way().await;
            self.world.remove(on, run).await?;
            self.way().await;
            Ok(())
        }
    }

    fn world(clock: &Clock) -> World {
        let now = clock.clone();
        World::for_plan(&sample_plan(), &Scenario::default(), Arc::new(move || now.undisturbed()))
    }

    fn things(names: &[&str]) -> BTreeSet<Placed> {
        let owned =
            names.iter().map(|name| Owned::route(RouteService::ElasticLoadBalancing, *name));
        owned.map(|on| Placed { place: Place::default(), on }).collect()
    }

    fn wanted(run: &str, cloud: Cloud, clock: &Clock) -> Wanted {
        let mark = Mark::new(run, "ann@build-7 pid 4711", clock.now(), "/srv/.tidegate");
        let settle = Duration::from_secs(1);
        Wanted {
            things: things(&[SAMPLE_RULE, "other"]),
            mark,
            cloud: cloud.into(),
            clock: clock.clone(),
            settle,
        }
    }

    async fn runs_on(world: &World, on: &str) -> Vec<String> {
        let marks =
            world.marks(&Owned::route(RouteService::ElasticLoadBalancing, on)).await.unwrap();
        marks.into_iter().map(|mark| mark.run).collect()
    }

    /// Several runs of several folders, with calls that take their time and clocks that differ by seconds.
    async fn contest(seed: u64) {
        let clock = Clock::virtual_time(Vec::new());
        let world = world(&clock);
        let runs = 2 + draw(seed, 0) % 3;
        let mut tasks = tokio::task::JoinSet::new();
        for run in 0..runs {
            let distant = Arc::new(Distant {
                world: world.clone(),
                clock: clock.clone(),
                seed: seed * 7 + run,
            });
            let mut cloud = world.flawless_cloud();
            (cloud.reads.marks, cloud.marking) = (distant.clone(), distant);
            let mut wanted = wanted(&format!("run-{run}"), cloud, &clock);
            // Two of them may want different things besides the one they share.
            wanted.things = things(&[SAMPLE_RULE, &format!("of-{}", run / 2)]);
            let since = clock.now().plus(Duration::from_millis(draw(seed, run + 9) % 5_000));
            wanted.mark = Mark::new(&wanted.mark.run, &wanted.mark.owner, since, "/srv/.tidegate");
            let begins = Duration::from_millis(draw(seed, run + 90) % 2_500 * (seed % 2));
            let clock = clock.clone();
            tasks.spawn(async move {
                clock.sleep(begins).await;
                wanted.take().await.map(|(ownership, _)| ownership)
            });
        }
        let ended = tasks.join_all().await;
        let won: Vec<_> = ended.iter().filter_map(|end| end.as_ref().ok()).collect();
        assert_eq!(won.len(), 1, "seed {seed}, {runs} runs");
        assert_eq!(runs_on(&world, SAMPLE_RULE).await, [won[0].wanted.mark.run.clone()]);
    }

    #[tokio::test]
    async fn of_runs_that_begin_together_exactly_one_goes_on() {
        for seed in 0..400 {
            contest(seed).await;
            tokio::time::resume();
        }
    }

    #[tokio::test]
    async fn a_mark_lives_as_long_as_it_beats_and_is_taken_over_when_it_does_not() {
        let clock = Clock::virtual_time(Vec::new());
        let world = world(&clock);
        let cloud = || world.flawless_cloud();
        let (first, _) = wanted("first", cloud(), &clock).take().await.ok().unwrap();
        let (told, _heard) = mpsc::unbounded_channel();
        let beating = first.beat(told);
        clock.sleep(3 * FRESH_FOR).await;
        let refused = wanted("second", cloud(), &clock).take().await.err().unwrap();
        assert_eq!(refused.mark.run, "first");
        assert_eq!(runs_on(&world, SAMPLE_RULE).await, ["first"], "no trace of the refused");
        // Held: it goes on owning, and says so no more.
        drop(beating.end().await);
        clock.sleep(FRESH_FOR).await;
        let (second, met) = wanted("second", cloud(), &clock).take().await.ok().unwrap();
        let gone: Vec<&str> = met.gone.iter().map(|rival| rival.mark.run.as_str()).collect();
        assert_eq!((gone, met.troubles), (vec!["first"; 2], vec![]), "on both things");
        assert_eq!(runs_on(&world, SAMPLE_RULE).await, ["second"]);
        assert_eq!(second.release().await, []);
        assert_eq!(runs_on(&world, "other").await, [""; 0]);
    }

    /// A run whose machine has slept for an hour after half a minute, and a machine that has not.
    async fn asleep() -> (World, Beating, mpsc::UnboundedReceiver<String>, [Clock; 2]) {
        let hour = |after| vec![(Duration::from_secs(after), Jump::from_millis(3_600_000))];
        let sleeps = Clock::virtual_time(hour(30));
        tokio::time::resume();
        let awake = Clock::virtual_time(hour(0));
        assert!(awake.follow().is_some(), "it is an hour later there, once the other wakes");
        let world = world(&sleeps);
        let first = wanted("first", world.flawless_cloud(), &sleeps).take().await;
        let (told, heard) = mpsc::unbounded_channel();
        let beating = first.ok().unwrap().0.beat(told);
        sleeps.sleep(Duration::from_secs(31)).await;
        (world, beating, heard, [sleeps, awake])
    }

    #[tokio::test]
    async fn a_run_whose_machine_slept_is_not_taken_for_dead_once_it_goes_on() {
        let (world, beating, mut heard, [slept, awake]) = asleep().await;
        assert!(slept.follow().is_some(), "as the loop does within a second");
        slept.sleep(Duration::from_millis(1)).await;
        let refused = wanted("second", world.flawless_cloud(), &awake).take().await.err().unwrap();
        assert_eq!(refused.mark.run, "first");
        assert!(beating.end().await.is_some() && heard.try_recv().is_err(), "nobody was there");
    }

    #[tokio::test]
    async fn a_run_that_was_taken_for_dead_while_its_machine_slept_says_so_once_it_wakes() {
        let (world, beating, mut heard, [slept, awake]) = asleep().await;
        let (second, met) =
            wanted("second", world.flawless_cloud(), &awake).take().await.ok().unwrap();
        assert_eq!((met.gone.len(), runs_on(&world, "other").await.len()), (2, 1));
        let (told, mut others) = mpsc::unbounded_channel();
        let second = second.beat(told);
        assert!(slept.follow().is_some());
        slept.sleep(2 * FRESH_FOR).await;
        let words = heard.try_recv().unwrap();
        assert!(words.contains("run second has begun on arn:"), "{words}");
        assert!(heard.try_recv().is_err(), "it is told once");
        assert_eq!(runs_on(&world, SAMPLE_RULE).await.len(), 2, "both mark it");
        assert!(beating.end().await.is_some() && second.end().await.is_some());
        assert!(others.try_recv().is_err(), "who was never silent was not taken for dead");
    }

    #[tokio::test]
    async fn a_run_meets_its_own_mark_again() {
        let clock = Clock::virtual_time(Vec::new());
        let world = world(&clock);
        let take = || wanted("run", world.flawless_cloud(), &clock).take();
        assert!(take().await.is_ok());
        assert!(take().await.is_ok(), "resumed");
    }

    #[tokio::test]
    async fn what_cannot_be_marked_is_told_once_and_stops_nothing() {
        let clock = Clock::virtual_time(Vec::new());
        let world = world(&clock);
        let faults = Faults::new(|call| {
            let first = call.operation == Operation::AddTags && call.nth < 3;
            let beats = call.operation == Operation::AddTags && (5..9).contains(&call.nth);
            (first || beats).then_some(Fault::Denied)
        });
        let cloud = faults.around(&world.flawless_cloud());
        let (ownership, met) = wanted("run", cloud, &clock).take().await.ok().unwrap();
        assert_eq!(met.troubles.len(), 1, "{:?}", met.troubles);
        let (told, mut heard) = mpsc::unbounded_channel();
        let beating = ownership.beat(told);
        clock.sleep(10 * BEAT_EVERY).await;
        assert!(heard.try_recv().unwrap().contains("cannot say in AWS that this run lives"));
        assert!(heard.try_recv().is_err(), "two beats were lost in a row, and told once");
        assert_eq!(runs_on(&world, SAMPLE_RULE).await, ["run"]);
        assert_eq!(beating.end().await.unwrap().release().await, []);
    }

    #[tokio::test]
    async fn a_mark_is_taken_back_at_the_second_try() {
        let clock = Clock::virtual_time(Vec::new());
        let world = world(&clock);
        let faults = Faults::nth_of(Operation::RemoveTags, 1, Fault::Transient);
        let cloud = faults.around(&world.flawless_cloud());
        let (ownership, _) = wanted("run", cloud, &clock).take().await.ok().unwrap();
        assert_eq!(ownership.release().await, []);
        assert_eq!(runs_on(&world, SAMPLE_RULE).await, [""; 0]);
    }
}

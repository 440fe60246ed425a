//! What happens when the journal's disk is slow, or hangs: moments that pass while an event is being written are moments for
//! all that, gates are read, signals are heard, and nothing is done that is not durable.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Begin, Clock, Error as RunnerError, Observer, Runner, Signals, WhenAwaiting};
use crate::{
    action::{Settled, preflight},
    journal::{
        Claim, Created, Envelope, Error, Locks, Memory, Objects, Request, RunId, Store, send,
    },
    plan::{Plan, PlanName, SourceFile},
    rollout::{Actor, Command, Ending, Event, Mode, Signal, State, Timestamp},
    simulation::World,
};

/// How long it takes to write an event's text, or to list a folder (`list runs/…`).
type Takes = fn(&str) -> Duration;

/// Whoever writes an event here waits, or lists.
#[derive(Clone)]
struct SlowDisk {
    memory: Memory,
    clock: Clock,
    takes: Takes,
}

#[async_trait]
impl Objects for SlowDisk {
    async fn put_absent(&self, key: &str, content: &str) -> Result<Created, Error> {
        if key.contains("/events/") {
            self.clock.sleep((self.takes)(content)).await;
        }
        self.memory.put_absent(key, content).await
    }

    async fn put(&self, key: &str, content: &str) -> Result<(), Error> {
        self.memory.put(key, content).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Error> {
        self.memory.get(key).await
    }

    async fn list(
        &self,
        folder: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        self.clock.sleep((self.takes)(&format!("list {folder}"))).await;
        self.memory.list(folder, after, most).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.memory.delete(key).await
    }

    fn place(&self, key: &str) -> String {
        self.memory.place(key)
    }
}

#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl Observer for Noted {
    fn event(&mut self, _: &Envelope) {}

    fn notice(&mut self, words: &str) {
        self.0.lock().unwrap().push(words.to_owned());
    }
}

/// A run on a slow disk, and all that can be seen of it.
#[derive(Clone)]
struct Stage {
    plan: Arc<Plan>,
    clock: Clock,
    world: World,
    disk: SlowDisk,
    run: RunId,
    noted: Noted,
}

impl Stage {
    fn new(text: &str, takes: Takes) -> Self {
        let plan =
            crate::plan::read(&SourceFile::new("shop.yaml", text), &BTreeMap::new()).unwrap().plan;
        let clock = Clock::virtual_time(Vec::new());
        let scenario = crate::plan::read_document(&SourceFile::new("none.yaml", "{}")).unwrap();
        let now = clock.clone();
        let world = World::for_plan(&plan, &scenario, Arc::new(move || now.undisturbed()));
        let disk = SlowDisk { memory: Memory::default(), clock: clock.clone(), takes };
        let run = RunId::new(&PlanName::new("shop"), Timestamp::from_millis(0), 0);
        Self { plan: plan.into(), clock, world, disk, run, noted: Noted::default() }
    }

    fn store(&self) -> Store {
        Store::new(self.disk.clone())
    }

    fn made(&self, operation: &str) -> u64 {
        self.world.calls().by_operation().get(operation).copied().unwrap_or_default()
    }

    fn was_told(&self, words: &str) -> bool {
        self.noted.0.lock().unwrap().iter().any(|told| told.contains(words))
    }

    async fn drive(&self, mut signals: Signals) -> Result<State, RunnerError> {
        let Settled { bindings, found, excused, .. } =
            preflight(&self.plan, &self.world.cloud().reads.into()).await.unwrap();
        self.store().create(&self.run, "").await.unwrap();
        let (run, resources, at) = (self.run.clone(), bindings.resources(), self.clock.now());
        let claim = Claim { run: run.clone(), resources, holder: "ann".into(), at };
        let runner = Runner {
            plan: self.plan.clone(),
            run,
            store: self.store(),
            hold: self.disk.memory.acquire(&claim).await.unwrap(),
            cloud: self.world.cloud().into(),
            patient: self.world.cloud().into(),
            clock: self.clock.clone(),
            when_awaiting: WhenAwaiting::Leave,
        };
        let begin = Begin::Run(Box::new(Event::RunStarted {
            plan: self.plan.name.clone(),
            digest: self.plan.digest.clone(),
            params: BTreeMap::new(),
            by: Actor("ann".into()),
            bindings,
            found,
            excused,
            attempts: BTreeMap::new(),
            acting_as: None,
        }));
        let mut noted = self.noted.clone();
        let driven = runner.drive(begin, &mut signals, &mut noted);
        let driven = tokio::time::timeout(Duration::from_hours(1), driven).await;
        driven.expect("it waits for a moment that has passed").map(|(state, _)| state)
    }

    /// How long it takes to be promoted.
    async fn promoted(&self) -> Duration {
        let first = self.clock.now();
        let ended = self.drive(Signals::None).await.unwrap();
        assert!(matches!(ended.mode, Mode::Ended(Ending::Promoted)), "{:?}", ended.mode);
        self.clock.now().since(first)
    }

    async fn pause(&self) {
        let (by, at) = (Actor("bob".into()), self.clock.now());
        let request = Request { id: "a".into(), by, at, command: Command::Pause };
        send(&self.store(), &self.run, &request).await.unwrap();
    }
}

fn in_virtual_time<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(story)
}

/// A pause whose end comes while what another component has done is being written.
fn pausing(pause: u32) -> String {
    format!(
        "tidegate: 1\nname: shop\n\
         routes: {{ web: {{ alb: {{ load-balancer: lb, port: 443, pair: [blue, green] }} }} }}\n\
         components:\n\
         \x20 moves: {{ steps: [shift: {{ route: web, candidate: 100%, bake: 0s }}] }}\n\
         \x20 waits: {{ steps: [pause: {pause}s] }}\n"
    )
}

#[test]
fn a_moment_that_passes_while_an_event_is_written_is_not_missed() {
    const TAKES: Duration = Duration::from_secs(3);
    for pause in 1..=60 {
        let took = in_virtual_time(async {
            let stage = Stage::new(&pausing(pause), |text| {
                if text.starts_with("list ") { Duration::ZERO } else { TAKES }
            });
            stage.promoted().await
        });
        // What others do is written first, and some of it after.
        let most = Duration::from_secs(u64::from(pause).max(60)) + 4 * TAKES;
        assert!(took < most, "a pause of {pause} s: {took:?}");
    }
}

#[test]
fn a_moment_that_passes_while_an_inbox_is_read_is_not_missed() {
    for pause in 1_u32..=60 {
        let took = in_virtual_time(async {
            // Nothing else happens that would show the moment by the way.
            let alone = format!("tidegate: 1\nname: shop\nsteps: [pause: {pause}s]\n");
            let stage = Stage::new(&alone, |text| {
                Duration::from_millis(if text.ends_with("/inbox") { 1_300 } else { 0 })
            });
            stage.promoted().await
        });
        // What is asked for in the last moment is read too, as slowly.
        let most = Duration::from_secs(u64::from(pause) + 10);
        assert!(took < most, "a pause of {pause} s: {took:?}");
    }
}

const BAKING: &str = "tidegate: 1\nname: shop\n\
    routes: { web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } } }\n\
    gates: { errors: { alarms: { names: [5xx] } } }\n\
    steps: [shift: { route: web, candidate: 50%, bake: 30m, gates: [errors] }]\n";

/// Hangs for five minutes when this is to be written.
fn hangs_at(text: &str, mark: &str) -> Duration {
    if text.contains(mark) { Duration::from_mins(5) } else { Duration::ZERO }
}

#[test]
fn while_an_event_is_not_written_gates_are_read_signals_are_heard_and_it_is_said() {
    in_virtual_time(async {
        let stage = Stage::new(BAKING, |text| hangs_at(text, r#""event":"paused""#));
        let began = stage.clock.now();
        let (told, signals) = mpsc::unbounded_channel();
        let seen = stage.clone();
        let meanwhile = tokio::spawn(async move {
            seen.clock.sleep(Duration::from_mins(2)).await;
            seen.pause().await;
            seen.clock.sleep(Duration::from_secs(10)).await;
            let (read, heard) = (seen.made("DescribeAlarms"), "SIGINT was heard");
            assert!(seen.was_told("the journal is slow") && !seen.was_told(heard));
            told.send(Signal::SigInt).unwrap();
            seen.clock.sleep(Duration::from_mins(4)).await;
            assert!(seen.was_told(heard));
            let again = seen.made("DescribeAlarms") - read;
            assert!(again >= 12, "{again} looks at the alarms in four minutes");
            told
        });
        let ended = stage.drive(Signals::Told(signals)).await.unwrap();
        assert_eq!(ended.interrupted, Some(Signal::SigInt), "as soon as that was written");
        assert!(ended.paused.is_some());
        let took = stage.clock.now().since(began);
        assert!(took < Duration::from_mins(8), "{took:?}");
        meanwhile.await.unwrap();
    });
}

#[test]
fn a_second_signal_leaves_a_journal_that_hangs() {
    in_virtual_time(async {
        let stage = Stage::new(BAKING, |text| hangs_at(text, r#""event":"paused""#));
        let (told, signals) = mpsc::unbounded_channel();
        let (seen, began) = (stage.clone(), stage.clock.now());
        tokio::spawn(async move {
            seen.clock.sleep(Duration::from_mins(2)).await;
            seen.pause().await;
            seen.clock.sleep(Duration::from_secs(10)).await;
            told.send(Signal::SigTerm).unwrap();
            told.send(Signal::SigTerm).unwrap();
        });
        let error = stage.drive(Signals::Told(signals)).await.unwrap_err().to_string();
        assert!(error.starts_with("SIGTERM ended this process before event "), "{error}");
        assert!(stage.clock.now().since(began) < Duration::from_mins(3));
    });
}

#[test]
fn nothing_is_done_whose_intent_is_not_written() {
    in_virtual_time(async {
        let stage = Stage::new(&pausing(1), |text| hangs_at(text, "change-intended"));
        let seen = stage.clone();
        let early = tokio::spawn(async move {
            seen.clock.sleep(Duration::from_mins(4)).await;
            seen.made("ModifyRule") + seen.made("ModifyListener")
        });
        stage.drive(Signals::None).await.unwrap();
        assert_eq!(early.await.unwrap(), 0);
        assert_eq!(stage.made("ModifyRule") + stage.made("ModifyListener"), 1);
    });
}

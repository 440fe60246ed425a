//! Plays a plan in the simulated cloud, in virtual time, with the real runner: with faults around the ports, and with
//! crashes between any two events, after each of which another runner takes over.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tidegate::{
    action::{observe, preflight},
    cloud::{Places, Reads},
    journal::{self, Claim, Created, Envelope, Hold, Locks, Memory, Objects, RunId, Store},
    plan::{GateName, Plan, PlanName, SourceFile},
    rollout::{Actor, Attempts, Bindings, Command, Event, Found, Mode, State, Target},
    runner::{Begin, Clock, Observer, Runner, Signals, WhenAwaiting},
    simulation::{Scenario, Violation, World},
    testkit::Faults,
};

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

pub(crate) fn plans() -> Vec<PathBuf> {
    files("plans")
}

pub(crate) fn scenarios() -> Vec<PathBuf> {
    files("plans/scenarios")
}

fn source(path: &Path) -> SourceFile {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    SourceFile::new(name, std::fs::read(path).unwrap())
}

pub(crate) fn read_plan(path: &Path) -> Plan {
    match tidegate::plan::read(&source(path), &BTreeMap::new()) {
        Ok(checked) => checked.plan,
        Err(problems) => panic!("{}: {problems:?}", path.display()),
    }
}

/// A journal that stops taking events after a while, as a crash would have it.
#[derive(Clone)]
struct Mortal {
    memory: Memory,
    left: Arc<AtomicUsize>,
}

#[async_trait]
impl Objects for Mortal {
    async fn put_absent(&self, key: &str, content: &str) -> Result<Created, journal::Error> {
        let alive = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, alive) {
            Ok(_) => self.memory.put_absent(key, content).await,
            Err(_) => Err(journal::Error::Corrupt { file: "crash".into(), problem: "here".into() }),
        }
    }

    async fn put(&self, key: &str, content: &str) -> Result<(), journal::Error> {
        self.memory.put(key, content).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, journal::Error> {
        self.memory.get(key).await
    }

    async fn list(
        &self,
        folder: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, journal::Error> {
        self.memory.list(folder, after, most).await
    }

    async fn delete(&self, key: &str) -> Result<(), journal::Error> {
        self.memory.delete(key).await
    }

    fn place(&self, key: &str) -> String {
        self.memory.place(key)
    }
}

/// For tests that have no other reason to be asynchronous.
pub(crate) fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &Envelope) {}
    fn notice(&mut self, _: &str) {}
}

/// How a story went.
pub(crate) struct End {
    pub(crate) state: State,
    pub(crate) journal: Vec<Envelope>,
    /// What every target looked like at the beginning and looks like now.
    pub(crate) before: Vec<Found>,
    pub(crate) after: Vec<Found>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) lost: u64,
    pub(crate) crashes: usize,
    pub(crate) calls: u64,
    /// What of them came to the cloud, by operation.
    pub(crate) by_operation: BTreeMap<String, u64>,
}

impl End {
    /// What of the world is not as it was.
    pub(crate) fn changed(&self) -> Vec<String> {
        let after = |before: &Found| self.after.iter().find(|after| after.target == before.target);
        let pairs = self.before.iter().filter_map(|before| Some((before, after(before)?)));
        let changed = pairs.filter(|(before, after)| !before.picture.is_back_in(&after.picture));
        changed.map(|(b, a)| format!("{}: {} -> {}", b.target, b.picture, a.picture)).collect()
    }

    pub(crate) fn story(&self) -> String {
        let lines = self.journal.iter().map(|e| format!("{} {:?}", e.at, e.event));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Plays `plan` to its rest. `crash_after` events the runner dies, and again after as many, until the story is over.
pub(crate) fn play(
    plan: &Plan,
    scenario: &Scenario,
    faults: &Faults,
    crash_after: Option<usize>,
) -> End {
    play_again(plan, scenario, faults, crash_after, &BTreeMap::new())
}

/// The same after earlier runs of the same artifact.
pub(crate) fn play_again(
    plan: &Plan,
    scenario: &Scenario,
    faults: &Faults,
    crash_after: Option<usize>,
    attempts: &BTreeMap<GateName, Attempts>,
) -> End {
    stage(plan, scenario, faults, crash_after, attempts, &[])
}

/// Plays to its rest, and then again for each of these commands, as a person would ask for them.
pub(crate) fn play_then(
    plan: &Plan,
    scenario: &Scenario,
    faults: &Faults,
    commands: &[Command],
) -> End {
    stage(plan, scenario, faults, None, &BTreeMap::new(), commands)
}

fn stage(
    plan: &Plan,
    scenario: &Scenario,
    faults: &Faults,
    crash_after: Option<usize>,
    attempts: &BTreeMap<GateName, Attempts>,
    commands: &[Command],
) -> End {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let clock = Clock::virtual_time(scenario.jumps());
        let now = clock.clone();
        let world = World::for_plan(plan, scenario, Arc::new(move || now.undisturbed()));
        let flawless = world.placed(plan, &world.flawless_cloud());
        let mut settled = preflight(plan, &flawless.reads()).await.expect("preflight");
        settled.bindings.sign(&settled.plan, "story");
        let plan = &settled.plan;
        let cloud = world.placed(plan, &faults.around(&world.cloud()));
        let memory = Memory::default();
        let run = RunId::new(&PlanName::new("story"), clock.now(), 0);
        let journal = Store::new(memory.clone());
        journal.create(&run, "").await.unwrap();
        let by = Actor("stage".into());
        let start = || Event::RunStarted {
            plan: plan.name.clone(),
            digest: plan.digest.clone(),
            params: BTreeMap::new(),
            by: by.clone(),
            bindings: settled.bindings.clone(),
            found: settled.found.clone(),
            excused: settled.excused.clone(),
            attempts: attempts.clone(),
            acting_as: None,
        };
        let mut crashes = 0;
        let mut commands = commands.iter().cloned();
        let mut asked = None;
        let state = loop {
            let life = match crash_after {
                // Once is every place in turn; more often would never get anywhere.
                Some(events) if crashes == 0 => events,
                _ => usize::MAX,
            };
            let begin = if journal.load(&run).await.unwrap().is_empty() {
                Begin::Run(Box::new(start()))
            } else {
                Begin::TakeOver { by: by.clone(), then: asked.take().into_iter().collect() }
            };
            let store = Mortal { memory: memory.clone(), left: Arc::new(AtomicUsize::new(life)) };
            let runner = Runner {
                plan: Arc::new(plan.clone()),
                run: run.clone(),
                store: Store::new(store),
                hold: hold(&memory, &run, &settled.bindings, &clock).await,
                cloud: cloud.clone(),
                patient: cloud.clone(),
                clock: clock.clone(),
                when_awaiting: WhenAwaiting::Leave,
            };
            let end = runner.drive(begin, &mut Signals::None, &mut Silent).await;
            if let Ok((state, _)) = end {
                asked = commands.next();
                if asked.is_none() {
                    break state;
                }
                continue;
            }
            crashes += 1;
            clock.sleep(Duration::from_secs(20)).await;
        };
        let after = look(&flawless.reads(), &settled.bindings, &settled.found).await;
        End {
            state,
            journal: journal.load(&run).await.unwrap(),
            before: put_back(settled.found),
            after,
            violations: world.violations(),
            lost: world.ledger().total().lost.whole(),
            crashes,
            calls: faults.made(),
            by_operation: world.calls().by_operation(),
        }
    })
}

async fn hold(memory: &Memory, run: &RunId, bindings: &Bindings, clock: &Clock) -> Box<dyn Hold> {
    let claim = Claim {
        run: run.clone(),
        resources: bindings.resources(),
        holder: "stage".into(),
        at: clock.now(),
    };
    memory.acquire(&claim).await.expect("the lock")
}

/// What has to be at last as it was at first; what a run publishes stays.
fn put_back(mut found: Vec<Found>) -> Vec<Found> {
    found.retain(|found| found.target.is_put_back());
    found
}

async fn look(reads: &Places<Reads>, bindings: &Bindings, found: &[Found]) -> Vec<Found> {
    let mut after = Vec::new();
    for Found { target, .. } in found.iter().filter(|found| found.target.is_put_back()) {
        // What somebody has deleted looks like nothing.
        if let Ok(picture) = observe(reads, bindings, target).await {
            after.push(Found { target: Target::clone(target), picture });
        }
    }
    after
}

pub(crate) fn read_scenario(path: &Path) -> Scenario {
    tidegate::plan::read_document(&source(path))
        .unwrap_or_else(|p| panic!("{}: {p:?}", path.display()))
}

/// In a word, how a run has come to rest.
pub(crate) fn rest(state: &State) -> String {
    match &state.mode {
        Mode::Ended(ending) => format!("{ending:?}"),
        mode => format!("{mode:?}"),
    }
}

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

use serde_json::Value;
use tidegate::{
    action::{observe, preflight},
    cloud::Cloud,
    journal::{self, Claim, Envelope, Hold, Locks, Memory, Message, RunId, Store, Ticket},
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

impl Store for Mortal {
    fn append(&self, envelope: &Envelope) -> Result<(), journal::Error> {
        let alive = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, alive) {
            Ok(_) => self.memory.append(envelope),
            Err(_) => Err(journal::Error::Corrupt { file: "crash".into(), problem: "here".into() }),
        }
    }

    fn create(&self, run: &RunId, plan: &str) -> Result<(), journal::Error> {
        self.memory.create(run, plan)
    }

    fn plan(&self, run: &RunId) -> Result<String, journal::Error> {
        self.memory.plan(run)
    }

    fn load(&self, run: &RunId) -> Result<Vec<Envelope>, journal::Error> {
        self.memory.load(run)
    }

    fn runs(&self) -> Result<Vec<RunId>, journal::Error> {
        self.memory.runs()
    }

    fn put(&self, run: &RunId, id: &str, message: &Value) -> Result<Ticket, journal::Error> {
        self.memory.put(run, id, message)
    }

    fn waiting(&self, run: &RunId) -> Result<Vec<Message>, journal::Error> {
        self.memory.waiting(run)
    }

    fn discard(&self, run: &RunId, ticket: &Ticket) -> Result<(), journal::Error> {
        self.memory.discard(run, ticket)
    }
}

struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &Envelope, _: &State) {}
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
        let settled = preflight(plan, &world.flawless_cloud().reads).await.expect("preflight");
        let plan = &settled.plan;
        let cloud = faults.around(&world.cloud());
        let memory = Memory::default();
        let run = RunId::new(&PlanName::new("story"), clock.now(), 0);
        memory.create(&run, "").unwrap();
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
            let begin = if memory.load(&run).unwrap().is_empty() {
                Begin::Run(Box::new(start()))
            } else {
                Begin::TakeOver { by: by.clone(), then: asked.take().into_iter().collect() }
            };
            let store = Mortal { memory: memory.clone(), left: Arc::new(AtomicUsize::new(life)) };
            let runner = Runner {
                plan: Arc::new(plan.clone()),
                run: run.clone(),
                store: Arc::new(store),
                hold: hold(&memory, &run, &settled.bindings, &clock),
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
        let after = look(&world.flawless_cloud(), &settled.bindings, &settled.found).await;
        End {
            state,
            journal: memory.load(&run).unwrap(),
            before: settled.found,
            after,
            violations: world.violations(),
            lost: world.ledger().total().lost.whole(),
            crashes,
            calls: faults.made(),
            by_operation: world.calls().by_operation(),
        }
    })
}

fn hold(memory: &Memory, run: &RunId, bindings: &Bindings, clock: &Clock) -> Box<dyn Hold> {
    let claim = Claim {
        run: run.clone(),
        resources: bindings.resources(),
        holder: "stage".into(),
        at: clock.now(),
    };
    memory.acquire(&claim).expect("the lock")
}

async fn look(cloud: &Cloud, bindings: &Bindings, found: &[Found]) -> Vec<Found> {
    let mut after = Vec::new();
    for Found { target, .. } in found {
        // What somebody has deleted looks like nothing.
        if let Ok(picture) = observe(&cloud.reads, bindings, target).await {
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

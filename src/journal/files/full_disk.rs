//! What happens on a disk that is full: before a run, and in the middle of one.

use std::{collections::BTreeMap, sync::Arc};

use super::{Files, disk::room};
use crate::{
    action::{observe, preflight},
    journal::{Claim, Envelope, Error, Locks, RunId, Seq, Store},
    plan::{PlanName, SourceFile},
    rollout::{Actor, Ending, Event, Mode, State, Timestamp},
    runner::{Begin, Clock, Observer, Runner, Signals, WhenAwaiting},
    simulation::World,
};

const RESERVE: usize = 256 * 1024;
const BLOCK: usize = 4096;

fn run() -> RunId {
    RunId::new(&PlanName::new("shop"), Timestamp::from_millis(0), 0)
}

fn envelope(seq: u64, event: Event) -> Envelope {
    Envelope::new(run(), Seq::new(seq).unwrap(), Timestamp::from_millis(0), event)
}

fn started() -> Event {
    Event::RunnerStarted { by: Actor("ann".into()) }
}

#[test]
fn a_disk_that_is_full_before_the_run_begins_refuses_it_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    room::leave(RESERVE);
    let error = Files::new(folder.path()).create(&run(), "tidegate: 1").unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    assert!(error.hint().unwrap().contains("make room"), "{error:?}");
}

#[test]
fn events_and_messages_are_written_into_the_room_kept_back_and_it_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path());
    room::leave(RESERVE + 2 * BLOCK);
    files.create(&run(), "tidegate: 1").unwrap();
    files.append(&envelope(1, started())).unwrap();
    assert!(!files.is_short(&run()) && room::left() == 0);
    files.put(&run(), "a1", &serde_json::json!({})).unwrap();
    assert!(files.is_short(&run()));
    for seq in 2..=64 {
        files.append(&envelope(seq, started())).unwrap();
    }
    let error = files.append(&envelope(65, started())).unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    room::leave(RESERVE + 2 * BLOCK);
    files.append(&envelope(65, started())).unwrap();
    assert!(!files.is_short(&run()));
    files.append(&envelope(66, Event::RunEnded { ending: Ending::RolledBack })).unwrap();
    assert!(room::left() >= RESERVE, "it is given back in the end");
}

struct Noted(Vec<String>);

impl Observer for Noted {
    fn event(&mut self, _: &Envelope, _: &State) {}

    fn notice(&mut self, words: &str) {
        self.0.push(words.to_owned());
    }
}

const PLAN: &str = "tidegate: 1\nname: shop\n\
    routes: { web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } } }\n\
    fleets: { app: { autoscaling: { pair: [app-blue, app-green] }, behind: web } }\n\
    gates: { errors: { alarms: { names: [5xx] } } }\n\
    steps:\n\
    - scale: { fleet: app, side: candidate, to: { same-as: stable } }\n\
    - wait: { until: { healthy: { route: web, side: candidate } } }\n\
    - shift: { route: web, candidate: 5%, bake: 10m, gates: [errors] }\n\
    - shift: { route: web, candidate: 100%, bake: 10m, gates: [errors] }\n";

/// Plays the plan on a disk with room for so many blocks beside the reserve: how it ended, and whether the world is as
/// it was.
async fn played(blocks: usize) -> Result<(State, Vec<Envelope>, bool, Vec<String>), Error> {
    let plan = crate::plan::read(&SourceFile::new("shop.yaml", PLAN), &BTreeMap::new()).unwrap();
    let plan = plan.plan;
    let clock = Clock::virtual_time(Vec::new());
    let scenario = crate::plan::read_document(&SourceFile::new("none.yaml", "{}")).unwrap();
    let now = clock.clone();
    let world = World::for_plan(&plan, &scenario, Arc::new(move || now.undisturbed()));
    let settled = preflight(&plan, &world.cloud().reads).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path());
    room::leave(RESERVE + blocks * BLOCK);
    files.create(&run(), PLAN)?;
    let claim = Claim {
        run: run(),
        resources: settled.bindings.resources(),
        holder: "ann".into(),
        at: clock.now(),
    };
    let runner = Runner {
        plan: Arc::new(plan.clone()),
        run: run(),
        store: Arc::new(files.clone()),
        hold: files.acquire(&claim)?,
        cloud: world.cloud(),
        patient: world.cloud(),
        clock,
        when_awaiting: WhenAwaiting::Leave,
    };
    let begin = Begin::Run(Box::new(Event::RunStarted {
        plan: plan.name.clone(),
        digest: plan.digest.clone(),
        params: BTreeMap::new(),
        by: Actor("ann".into()),
        bindings: settled.bindings.clone(),
        found: settled.found.clone(),
        excused: settled.excused.clone(),
        attempts: BTreeMap::new(),
        acting_as: None,
    }));
    let mut noted = Noted(Vec::new());
    let (state, _) = runner.drive(begin, &mut Signals::None, &mut noted).await.unwrap();
    let mut as_before = true;
    for found in &settled.found {
        let live = observe(&world.cloud().reads, &settled.bindings, &found.target).await.unwrap();
        as_before &= found.picture.is_back_in(&live);
    }
    Ok((state, files.load(&run()).unwrap(), as_before, noted.0))
}

#[test]
fn a_disk_that_fills_at_any_moment_of_a_run_takes_it_back() {
    let (mut rolled_back, mut promoted) = (0, 0);
    for blocks in [8, 11, 15, 20, 26, 400] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let Ok((state, journal, as_before, notices)) = runtime.block_on(played(blocks)) else {
            panic!("{blocks} blocks are room to begin");
        };
        match state.mode {
            Mode::Ended(Ending::Promoted) => promoted += 1,
            Mode::Ended(Ending::RolledBack) => {
                assert!(as_before, "{blocks} blocks");
                let told = format!("{journal:?}");
                assert!(told.contains("the journal's disk is full"), "{told}");
                assert!(notices.iter().any(|words| words.contains("disk is full")), "{notices:?}");
                rolled_back += 1;
            }
            mode => panic!("{blocks} blocks: {mode:?}"),
        }
    }
    assert!(rolled_back > 1 && promoted > 0, "{rolled_back} and {promoted}");
}

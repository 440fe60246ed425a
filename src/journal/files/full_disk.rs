//! What happens on a disk that is full: before a run, and in the middle of one.

use std::{collections::BTreeMap, sync::Arc};

use tempfile::TempDir;

use super::{Files, disk::room};
use crate::{
    action::{Settled, observe, preflight},
    journal::{Claim, Envelope, Error, Liveness, Locks, RunId, Seq, Store, contract::wait_for},
    plan::{Plan, PlanName, SourceFile},
    report::{Presence, RunView, Standing},
    rollout::{Actor, Command, Ending, Event, Mode, State, Timestamp},
    runner::{self, Begin, Clock, Observer, Runner, Signals, WhenAwaiting},
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

fn store(folder: &TempDir) -> Store {
    Store::new(Files::new(folder.path()))
}

#[test]
fn a_disk_that_is_full_before_the_run_begins_refuses_it_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    room::leave(folder.path(), RESERVE);
    let error = wait_for(store(&folder).create(&run(), "tidegate: 1")).unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    assert!(error.hint().unwrap().contains("make room"), "{error:?}");
}

#[test]
fn events_and_messages_are_written_into_the_room_kept_back_and_it_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let files = store(&folder);
    room::leave(folder.path(), RESERVE + 2 * BLOCK);
    wait_for(files.create(&run(), "tidegate: 1")).unwrap();
    wait_for(files.append(&envelope(1, started()))).unwrap();
    assert!(!wait_for(files.is_short(&run())) && room::left(folder.path()) == 0);
    wait_for(files.put(&run(), "a1", &serde_json::json!({}))).unwrap();
    assert!(wait_for(files.is_short(&run())));
    for seq in 2..=64 {
        wait_for(files.append(&envelope(seq, started()))).unwrap();
    }
    let error = wait_for(files.append(&envelope(65, started()))).unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    room::leave(folder.path(), RESERVE + 2 * BLOCK);
    wait_for(files.append(&envelope(65, started()))).unwrap();
    assert!(!wait_for(files.is_short(&run())));
    wait_for(files.append(&envelope(66, Event::RunEnded { ending: Ending::RolledBack }))).unwrap();
    assert!(room::left(folder.path()) >= RESERVE, "it is given back in the end");
}

struct Noted(Vec<String>);

impl Observer for Noted {
    fn event(&mut self, _: &Envelope) {}

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

/// A run of the plan, its world, and the disk its journal is on.
struct Stage {
    plan: Arc<Plan>,
    world: World,
    settled: Settled,
    clock: Clock,
    files: Files,
    /// Goes with its journal.
    folder: TempDir,
}

impl Stage {
    async fn new(text: &str) -> Self {
        let plan =
            crate::plan::read(&SourceFile::new("shop.yaml", text), &BTreeMap::new()).unwrap();
        let plan = Arc::new(plan.plan);
        let clock = Clock::virtual_time(Vec::new());
        let scenario = crate::plan::read_document(&SourceFile::new("none.yaml", "{}")).unwrap();
        let now = clock.clone();
        let world = World::for_plan(&plan, &scenario, Arc::new(move || now.undisturbed()));
        let settled = preflight(&plan, &world.cloud().reads.into()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        Self { plan, world, settled, clock, files, folder }
    }

    fn store(&self) -> Store {
        Store::new(self.files.clone())
    }

    fn claim(&self, run: RunId) -> Claim {
        let resources = self.settled.bindings.resources();
        Claim { run, resources, holder: "ann".into(), at: self.clock.now() }
    }

    /// One process that drives the run until it rests, fails or has nothing left to do, and is gone afterwards.
    async fn drive(&self, begin: Begin) -> Result<(State, Vec<String>), runner::Error> {
        let hold = self.files.acquire(&self.claim(run())).await;
        let hold = hold.map_err(|source| runner::Error::Journal { run: run(), source })?;
        let runner = Runner {
            plan: self.plan.clone(),
            run: run(),
            store: self.store(),
            hold,
            cloud: self.world.cloud().into(),
            patient: self.world.cloud().into(),
            clock: self.clock.clone(),
            when_awaiting: WhenAwaiting::Leave,
        };
        let mut noted = Noted(Vec::new());
        let (state, _) = runner.drive(begin, &mut Signals::None, &mut noted).await?;
        if matches!(state.mode, Mode::Ended(_)) {
            runner.hold.release().await.unwrap();
        }
        Ok((state, noted.0))
    }

    /// Plays the plan on a disk with room for so many blocks beside the reserve.
    async fn run(&self, blocks: usize) -> Result<(State, Vec<String>), Error> {
        room::leave(self.folder.path(), RESERVE + blocks * BLOCK);
        self.store().create(&run(), PLAN).await?;
        let Settled { bindings, found, excused, .. } = &self.settled;
        let begin = Begin::Run(Box::new(Event::RunStarted {
            plan: self.plan.name.clone(),
            digest: self.plan.digest.clone(),
            params: BTreeMap::new(),
            by: Actor("ann".into()),
            bindings: bindings.clone(),
            found: found.clone(),
            excused: excused.clone(),
            attempts: BTreeMap::new(),
            acting_as: None,
        }));
        Ok(self.drive(begin).await.unwrap())
    }

    /// As `tidegate rollback` and `tidegate resume` take over a run that nobody drives.
    async fn take_over(&self, command: Option<Command>) -> Result<State, runner::Error> {
        let then = command.into_iter().collect();
        let begin = Begin::TakeOver { by: Actor("bob".into()), then };
        self.drive(begin).await.map(|(state, _)| state)
    }

    async fn is_as_before(&self) -> bool {
        let mut as_before = true;
        for found in &self.settled.found {
            let reads = self.world.cloud().reads.into();
            let live = observe(&reads, &self.settled.bindings, &found.target).await.unwrap();
            as_before &= found.picture.is_back_in(&live);
        }
        as_before
    }

    /// The run as `tidegate status` shows it.
    async fn status(&self) -> RunView {
        let driver = self.files.driver(&run()).await.unwrap();
        let presence = Presence { driver, looks: self.store().noted(&run()).await };
        let journal = self.store().load(&run()).await.unwrap();
        RunView::seen(&self.plan, &journal, &presence, self.clock.now())
    }
}

fn in_virtual_time<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(story)
}

/// Plays the plan on a disk with room for so many blocks beside the reserve: how it ended, and whether the world is as
/// it was.
async fn played(blocks: usize) -> Result<(State, Vec<Envelope>, bool, Vec<String>), Error> {
    let scene = Stage::new(PLAN).await;
    let (state, noted) = scene.run(blocks).await?;
    let journal = scene.store().load(&run()).await.unwrap();
    Ok((state, journal, scene.is_as_before().await, noted))
}

#[test]
fn a_disk_that_fills_at_any_moment_of_a_run_takes_it_back() {
    let (mut rolled_back, mut promoted) = (0, 0);
    for blocks in [8, 11, 15, 20, 26, 400] {
        let Ok((state, journal, as_before, notices)) = in_virtual_time(played(blocks)) else {
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

/// A promoted run is to go back on a disk with room for so many blocks, and when that has failed there is room again.
/// Where it stood in between.
async fn taken_back(blocks: usize) -> Standing {
    // Every ten seconds of a bake are several writes.
    let scene = Stage::new(&PLAN.replace("10m", "10s")).await;
    let (state, _) = scene.run(400).await.unwrap();
    assert!(matches!(state.mode, Mode::Ended(Ending::Promoted)), "{:?}", state.mode);
    room::leave(scene.folder.path(), blocks * BLOCK);
    let back = || Command::Rollback { reason: None };
    let tried = scene.take_over(Some(back())).await;
    let status = scene.status().await;
    if tried.is_ok() {
        assert!(scene.is_as_before().await, "{blocks} blocks");
        return status.standing;
    }
    room::leave(scene.folder.path(), RESERVE + 400 * BLOCK);
    // Whoever begins another run is in nobody's way, or is told what to do with this one.
    let another = RunId::new(&PlanName::new("shop"), scene.clock.now(), 1);
    match (scene.files.acquire(&scene.claim(another)).await, status.standing) {
        (Ok(hold), Standing::Promoted) => hold.release().await.unwrap(),
        (Err(Error::Owned(held)), _) => assert_eq!(held.liveness, Liveness::Gone, "{held}"),
        (Ok(_), standing) => panic!("{blocks} blocks, {standing}: another may have what is its"),
        (Err(error), _) => panic!("{blocks} blocks: {error}"),
    }
    let offered = status.next.first().map(|next| next.command.clone());
    assert_eq!(offered, Some(format!("tidegate rollback {}", run())), "{blocks} blocks");
    let command = (status.standing == Standing::Promoted).then(back);
    let state = scene.take_over(command).await.unwrap();
    let ended = matches!(state.mode, Mode::Ended(Ending::RolledBack));
    assert!(ended && scene.is_as_before().await, "{blocks} blocks: {:?}", state.mode);
    status.standing
}

#[test]
fn a_roll_back_of_a_promoted_run_that_found_the_disk_full_is_offered_again_and_works() {
    let rooms = [0, 1, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 100];
    let stood = rooms.map(|blocks| in_virtual_time(taken_back(blocks)));
    let (promoted, half, done) =
        (Standing::Promoted, Standing::AbandonedRollingBack, Standing::RolledBack);
    assert_eq!((stood.first(), stood.last()), (Some(&promoted), Some(&done)), "{stood:?}");
    let in_order = [promoted, half, done];
    let place = |stood: &Standing| in_order.iter().position(|known| known == stood);
    assert!(stood.contains(&half) && stood.is_sorted_by_key(place), "{stood:?}");
}

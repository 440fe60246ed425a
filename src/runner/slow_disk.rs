//! What happens when the journal's disk is slow: moments that pass while an event is being written are moments for all that.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use serde_json::Value;

use super::{Begin, Clock, Observer, Runner, Signals, WhenAwaiting};
use crate::{
    action::preflight,
    journal::{Claim, Envelope, Error, Locks, Memory, Message, RunId, Store, Ticket},
    plan::{Plan, PlanName, SourceFile},
    rollout::{Actor, Ending, Event, Mode, State, Timestamp},
    simulation::World,
};

/// Whoever writes here waits, and everybody with them.
struct SlowDisk {
    memory: Memory,
    takes: Duration,
}

impl Store for SlowDisk {
    fn append(&self, envelope: &Envelope) -> Result<(), Error> {
        // The clock of the runtime goes on when this is first polled; what is left of it is only to yield.
        let advance = pin!(tokio::time::advance(self.takes));
        let _ = advance.poll(&mut Context::from_waker(Waker::noop()));
        self.memory.append(envelope)
    }

    fn create(&self, run: &RunId, plan: &str) -> Result<(), Error> {
        self.memory.create(run, plan)
    }

    fn plan(&self, run: &RunId) -> Result<String, Error> {
        self.memory.plan(run)
    }

    fn load(&self, run: &RunId) -> Result<Vec<Envelope>, Error> {
        self.memory.load(run)
    }

    fn runs(&self) -> Result<Vec<RunId>, Error> {
        self.memory.runs()
    }

    fn put(&self, run: &RunId, id: &str, message: &Value) -> Result<Ticket, Error> {
        self.memory.put(run, id, message)
    }

    fn waiting(&self, run: &RunId) -> Result<Vec<Message>, Error> {
        self.memory.waiting(run)
    }

    fn discard(&self, run: &RunId, ticket: &Ticket) -> Result<(), Error> {
        self.memory.discard(run, ticket)
    }
}

struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &Envelope, _: &State) {}
    fn notice(&mut self, _: &str) {}
}

/// A pause whose end comes while what another component has done is being written.
fn plan(pause: u32) -> Plan {
    let text = format!(
        "tidegate: 1\nname: shop\n\
         routes: {{ web: {{ alb: {{ load-balancer: lb, port: 443, pair: [blue, green] }} }} }}\n\
         components:\n\
         \x20 moves: {{ steps: [shift: {{ route: web, candidate: 100%, bake: 0s }}] }}\n\
         \x20 waits: {{ steps: [pause: {pause}s] }}\n"
    );
    crate::plan::read(&SourceFile::new("shop.yaml", text), &BTreeMap::new()).unwrap().plan
}

/// How long a run takes whose every event takes so long to write.
async fn played(plan: Plan, takes: Duration) -> Duration {
    let (clock, memory) = (Clock::virtual_time(Vec::new()), Memory::default());
    let scenario = crate::plan::read_document(&SourceFile::new("none.yaml", "{}")).unwrap();
    let now = clock.clone();
    let world = World::for_plan(&plan, &scenario, Arc::new(move || now.undisturbed()));
    let settled = preflight(&plan, &world.cloud().reads).await.unwrap();
    let run = RunId::new(&PlanName::new("shop"), Timestamp::from_millis(0), 0);
    memory.create(&run, "").unwrap();
    let claim = Claim {
        run: run.clone(),
        resources: settled.bindings.resources(),
        holder: "ann".into(),
        at: clock.now(),
    };
    let runner = Runner {
        plan: plan.clone().into(),
        run,
        store: Arc::new(SlowDisk { memory: memory.clone(), takes }),
        hold: memory.acquire(&claim).unwrap(),
        cloud: world.cloud(),
        patient: world.cloud(),
        clock: clock.clone(),
        when_awaiting: WhenAwaiting::Leave,
    };
    let begin = Begin::Run(Box::new(Event::RunStarted {
        plan: plan.name.clone(),
        digest: plan.digest.clone(),
        params: BTreeMap::new(),
        by: Actor("ann".into()),
        bindings: settled.bindings,
        found: settled.found,
        excused: settled.excused,
        attempts: BTreeMap::new(),
        acting_as: None,
    }));
    let (first, mut signals, mut silent) = (clock.now(), Signals::None, Silent);
    let driven = runner.drive(begin, &mut signals, &mut silent);
    let driven = tokio::time::timeout(Duration::from_hours(1), driven).await;
    let (state, _) = driven.expect("it waits for a moment that has passed").unwrap();
    assert!(matches!(state.mode, Mode::Ended(Ending::Promoted)), "{:?}", state.mode);
    clock.now().since(first)
}

#[test]
fn a_moment_that_passes_while_an_event_is_written_is_not_missed() {
    const TAKES: Duration = Duration::from_secs(3);
    for pause in 1..=60 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let took = runtime.block_on(played(plan(pause), TAKES));
        // What others do is written first, and some of it after.
        let most = Duration::from_secs(u64::from(pause).max(60)) + 4 * TAKES;
        assert!(took < most, "a pause of {pause} s: {took:?}");
    }
}

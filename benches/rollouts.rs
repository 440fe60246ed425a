//! A thousand canaries in one process, in virtual time: what they cost, and how often they ask AWS. `cargo bench --bench
//! rollouts`; after `--` a number of canaries. They share the runtime, the clock's hands, one store, and one poller of alarms;
//! each has a simulated world of its own, and the account's `DescribeAlarms` leads to the world that an alarm is in.

#![expect(clippy::disallowed_methods, reason = "a bench measures time, and reads /proc")]
#![expect(clippy::print_stdout, reason = "the figures are the point")]

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tidegate::{
    action::preflight,
    cloud::{self, Alarm, Alarms, Transition},
    journal::{Claim, Envelope, Locks, Memory, RunId, Store},
    plan::{PlanName, SourceFile, read},
    rollout::{Actor, Ending, Event, Mode, Timestamp},
    runner::{Begin, Clock, Observer, Runner, SharedAlarms, Signals, WhenAwaiting},
    simulation::{Scenario, World},
};
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

/// Names in one request.
const TOGETHER: usize = 100;
/// How long whoever asks for alarms waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// Canaries begin over so long.
const SPREAD_MILLIS: u64 = 15_000;

fn main() -> Result<(), Failure> {
    // Test runners start every target to ask for its tests; this one has none.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let canaries = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(all(canaries))
}

fn text(canary: u16) -> String {
    format!(
        "tidegate: 1\nname: canary\n\
         routes: {{ web: {{ alb: {{ load-balancer: lb-{canary}, port: 443, pair: [blue-{canary}, green-{canary}] }} }} }}\n\
         gates: {{ errors: {{ alarms: {{ names: [c{canary}-5xx, c{canary}-slow, c{canary}-cpu] }} }} }}\n\
         steps:\n\
         - shift: {{ route: web, candidate: 5%, bake: 10m, gates: [errors] }}\n\
         - shift: {{ route: web, candidate: 50%, bake: 10m, gates: [errors] }}\n\
         - shift: {{ route: web, candidate: 100%, bake: 10m, gates: [errors] }}\n"
    )
}

/// The alarms of one account, each in the world of its canary.
struct Account {
    worlds: Mutex<BTreeMap<String, Arc<dyn Alarms>>>,
    clock: Clock,
    /// How many requests were made at each moment.
    asked: Mutex<BTreeMap<Timestamp, usize>>,
}

fn opened<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Account {
    fn world(&self, alarm: &str) -> Option<Arc<dyn Alarms>> {
        let canary = alarm.split('-').next()?;
        opened(&self.worlds).get(canary).cloned()
    }
}

#[async_trait]
impl Alarms for Account {
    async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>, cloud::Error> {
        let requests = names.len().div_ceil(TOGETHER);
        *opened(&self.asked).entry(self.clock.undisturbed()).or_default() += requests;
        let canaries: BTreeSet<Option<&str>> = names.iter().map(|n| n.split('-').next()).collect();
        let mut seen = Vec::new();
        for canary in canaries.into_iter().flatten() {
            let own = |name: &&String| name.split('-').next() == Some(canary);
            let own: Vec<String> = names.iter().filter(own).cloned().collect();
            if let Some(world) = own.first().and_then(|name| self.world(name)) {
                seen.extend(world.alarms(&own).await?);
            }
        }
        Ok(seen)
    }

    async fn history(&self, name: &str, since: Timestamp) -> Result<Vec<Transition>, cloud::Error> {
        match self.world(name) {
            Some(world) => world.history(name, since).await,
            None => Ok(Vec::new()),
        }
    }
}

struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &Envelope) {}
    fn notice(&mut self, _: &str) {}
}

/// What the canaries share.
#[derive(Clone)]
struct Process {
    clock: Clock,
    memory: Memory,
    account: Arc<Account>,
    alarms: SharedAlarms,
}

async fn all(canaries: u16) -> Result<(), Failure> {
    let (began, cpu) = (Instant::now(), cpu_seconds()?);
    let clock = Clock::virtual_time(Vec::new());
    let (worlds, asked) = (Mutex::default(), Mutex::default());
    let account = Arc::new(Account { worlds, clock: clock.clone(), asked });
    let alarms = SharedAlarms::new(account.clone(), clock.clone(), GATHER);
    let process = Process { clock: clock.clone(), memory: Memory::default(), account, alarms };
    let first = clock.now();
    let mut runs = JoinSet::new();
    for canary in 0..canaries {
        let process = process.clone();
        runs.spawn(async move {
            let after = SPREAD_MILLIS * u64::from(canary) / u64::from(canaries);
            process.clock.sleep(Duration::from_millis(after)).await;
            process.play(canary).await
        });
    }
    let (mut promoted, mut calls) = (0, 0);
    while let Some(run) = runs.join_next().await {
        let (rest, made) = run??;
        promoted += usize::from(rest == Mode::Ended(Ending::Promoted));
        calls += made;
    }
    let took = clock.now().since(first);
    let asked = opened(&process.account.asked);
    let requests: usize = asked.values().sum();
    let ticks = took.as_secs().max(1);
    println!(
        "{canaries} canaries of 3 alarms each, {promoted} promoted, {} s of their own time",
        took.as_secs()
    );
    println!("wall {:.2} s, CPU {:.2} s", began.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    println!("peak memory {} KiB", peak_kib()?);
    println!(
        "DescribeAlarms: {requests} requests at {} moments, {:.2} a second, {} at most at once",
        asked.len(),
        per(requests, ticks),
        asked.values().max().unwrap_or(&0)
    );
    println!("the worlds' other calls: {calls}, {:.2} a second", per(calls, ticks));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures to look at")]
fn per(count: usize, seconds: u64) -> f64 {
    count as f64 / seconds as f64
}

impl Process {
    /// One canary from its start to its end: how it ended, and what it called beside its alarms.
    async fn play(&self, canary: u16) -> Result<(Mode, usize), Failure> {
        let plan = read(&SourceFile::new("canary.yaml", text(canary)), &BTreeMap::new())
            .map_err(|problems| format!("{problems:?}"))?
            .plan;
        let clock = self.clock.apart();
        let now = clock.clone();
        let world =
            World::for_plan(&plan, &Scenario::default(), Arc::new(move || now.undisturbed()));
        let mut cloud = world.cloud();
        opened(&self.account.worlds).insert(format!("c{canary}"), cloud.reads.alarms.clone());
        cloud.reads.alarms = Arc::new(self.alarms.clone());
        let settled = preflight(&plan, &cloud.reads.clone().into())
            .await
            .map_err(|objections| format!("{objections:?}"))?;
        let run = RunId::new(&PlanName::new("canary"), clock.now(), canary);
        let (resources, at) = (settled.bindings.resources(), clock.now());
        let claim = Claim { run: run.clone(), resources, holder: "bench".into(), at };
        let store = Store::new(self.memory.clone());
        store.create(&run, &text(canary)).await?;
        let runner = Runner {
            plan: Arc::new(settled.plan),
            run,
            store,
            hold: self.memory.acquire(&claim).await?,
            cloud: cloud.clone().into(),
            patient: cloud.into(),
            clock,
            when_awaiting: WhenAwaiting::Leave,
        };
        let begin = Begin::Run(Box::new(Event::RunStarted {
            plan: plan.name,
            digest: plan.digest,
            params: BTreeMap::new(),
            by: Actor("bench".into()),
            bindings: settled.bindings,
            found: settled.found,
            excused: settled.excused,
            attempts: BTreeMap::new(),
            acting_as: None,
        }));
        let (state, _) = runner.drive(begin, &mut Signals::None, &mut Silent).await?;
        runner.hold.release().await?;
        let calls = world.calls().by_operation().into_iter();
        let others = calls.filter(|(operation, _)| operation != "DescribeAlarms");
        let others: u64 = others.map(|(_, made)| made).sum();
        Ok((state.mode, usize::try_from(others)?))
    }
}

/// Of this process, as the kernel counts it: hundredths of a second.
fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

fn peak_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

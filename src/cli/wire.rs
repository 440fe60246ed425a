//! Puts adapters behind ports: the real cloud, or the simulated one. A preview is given ports that can only read.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    args::{Aws, Global, Simulation},
    exit::Failure,
    files,
};
use crate::{
    cloud::{Caller, Calls, Cloud, Patience, Places, Reads, Spot},
    journal::{Files, Locks, Memory, RunId, Store},
    plan::{self, Place, Plan, SourceFile},
    runner::{Clock, WhenAwaiting},
    simulation::{Operators, Scenario, World},
};

/// All that a run needs of the outside.
pub(super) struct Wiring {
    pub cloud: Places<Cloud>,
    /// The same, whose calls may take longer: for going back.
    pub patient: Places<Cloud>,
    pub calls: Calls,
    pub store: Store,
    pub locks: Arc<dyn Locks>,
    pub clock: Clock,
    pub simulated: Option<Simulated>,
}

/// The simulated cloud, and who speaks in it.
pub(super) struct Simulated {
    pub world: World,
    pub operators: Operators,
}

impl Wiring {
    pub(super) fn when_awaiting(&self, leave: WhenAwaiting) -> WhenAwaiting {
        match &self.simulated {
            None => leave,
            Some(simulated) => {
                let operators = simulated.operators.clone();
                WhenAwaiting::StayWhile(Arc::new(move || operators.may_speak()))
            }
        }
    }
}

pub(super) async fn run(
    plan: &Plan,
    global: &Global,
    simulation: &Simulation,
    session: Option<&RunId>,
) -> Result<Wiring, Failure> {
    if simulation.simulate {
        return simulated(plan, simulation).await;
    }
    let calls = Calls::default();
    let session = session.map_or("tidegate", RunId::as_str);
    let of = async |patience| {
        let connect = async |place: &Place| {
            let cloud = connect(place, &global.aws, session, &calls, patience).await?;
            Ok((cloud.reads.spot(), cloud))
        };
        everywhere(plan, &global.aws, connect).await
    };
    let (cloud, patient) = (of(Patience::Forward).await?, of(Patience::Back).await?);
    let files = files_of(global);
    Ok(Wiring {
        cloud,
        patient,
        calls,
        store: Store::new(files.clone()),
        locks: Arc::new(files),
        clock: Clock::system(),
        simulated: None,
    })
}

/// Something for each place of a plan. Where a place leaves the region open, it is that of the plan's own.
async fn everywhere<T>(
    plan: &Plan,
    aws: &Aws,
    connect: impl AsyncFn(&Place) -> Result<(Spot, T), Failure>,
) -> Result<Places<T>, Failure> {
    let region = aws.region.clone().or_else(|| plan.aws.region.clone());
    let (spot, home) = connect(&Place { region, ..plan.aws.clone() }).await?;
    let mut others = BTreeMap::new();
    for place in plan.places() {
        let region = place.region.clone().unwrap_or_else(|| spot.region.clone());
        let there = Spot { region: region.clone(), role: place.role.clone() };
        if there != spot && !others.contains_key(&there) {
            let place = Place { region: Some(region), ..place.clone() };
            others.insert(there, connect(&place).await?.1);
        }
    }
    Ok(Places::new(spot, home, others))
}

/// Ports that can only read, for previews.
pub(super) async fn reads(
    plan: &Plan,
    global: &Global,
    simulation: &Simulation,
) -> Result<Places<Reads>, Failure> {
    if simulation.simulate {
        return Ok(simulated(plan, simulation).await?.cloud.reads());
    }
    let connect = async |place: &Place| {
        let reads = read_only(place, &global.aws).await?;
        Ok((reads.spot(), reads))
    };
    everywhere(plan, &global.aws, connect).await
}

/// The same, with the clock they go by.
pub(super) async fn reads_and_clock(
    plan: &Plan,
    global: &Global,
    simulation: &Simulation,
) -> Result<(Places<Reads>, Clock), Failure> {
    if simulation.simulate {
        let wiring = simulated(plan, simulation).await?;
        return Ok((wiring.cloud.reads(), wiring.clock));
    }
    Ok((reads(plan, global, simulation).await?, Clock::system()))
}

/// Whose credentials these are.
pub(super) async fn identity(plan: &Plan, global: &Global) -> Result<Caller, Failure> {
    let region = global.aws.region.clone().or_else(|| plan.aws.region.clone());
    let place = Place { region, ..plan.aws.clone() };
    let reads = read_only(&place, &global.aws).await?;
    Ok(reads.identity.caller().await?)
}

pub(super) fn files_of(global: &Global) -> Files {
    Files::new(&global.journal)
}

async fn simulated(plan: &Plan, simulation: &Simulation) -> Result<Wiring, Failure> {
    let scenario = match &simulation.scenario {
        None => Scenario::default(),
        Some(path) => {
            let name = path.display().to_string();
            let source = SourceFile::new(name.clone(), files::read(path).await?);
            let scenario: Scenario = plan::read_document(&source).map_err(|problems| {
                let is_plan = source.text().lines().any(|line| line.starts_with("tidegate:"));
                let hint = "this is a plan, not a scenario: what goes on in the simulated cloud is in plans/scenarios/";
                let failure = super::command::invalid(&problems);
                Failure { hint: is_plan.then(|| hint.to_owned()), ..failure }
            })?;
            let problems = scenario.problems(plan);
            if !problems.is_empty() {
                return Err(Failure::usage(
                    format!("scenario {name} does not fit the plan: {}", problems.join("; ")),
                    "a scenario names routes, fleets and alarms of the plan, or none",
                ));
            }
            scenario
        }
    };
    let clock = Clock::virtual_time(scenario.jumps());
    let now = clock.clone();
    let world = World::for_plan(plan, &scenario, Arc::new(move || now.undisturbed()));
    let memory = Memory::default();
    let operators = Operators::new(&scenario, &world);
    let cloud = world.placed(plan, &world.cloud());
    Ok(Wiring {
        patient: cloud.clone(),
        cloud,
        calls: world.calls(),
        store: Store::new(memory.clone()),
        locks: Arc::new(memory),
        clock,
        simulated: Some(Simulated { world, operators }),
    })
}

#[cfg(feature = "aws")]
async fn connect(
    place: &Place,
    aws: &Aws,
    session: &str,
    calls: &Calls,
    patience: Patience,
) -> Result<Cloud, Failure> {
    Ok(crate::aws::connect(&settings(place, aws, session).await?, calls, patience).await?)
}

#[cfg(feature = "aws")]
async fn read_only(place: &Place, aws: &Aws) -> Result<Reads, Failure> {
    let settings = settings(place, aws, "tidegate").await?;
    Ok(crate::aws::read_only(&settings, &Calls::default()).await?)
}

/// What cannot be meant is refused before anything is called: what would be used instead is another account's.
#[cfg(feature = "aws")]
async fn settings(
    place: &Place,
    aws: &Aws,
    session: &str,
) -> Result<crate::aws::Settings, Failure> {
    let settings = crate::aws::Settings {
        region: place.region.clone(),
        role: place.role.clone(),
        session: session.to_owned(),
        profile: aws.profile.clone(),
        endpoint_url: aws.endpoint_url.clone(),
    };
    match crate::aws::check_settings(&settings).await {
        Ok(()) => Ok(settings),
        Err(error) => {
            let hint = Some(error.hint());
            Err(Failure::new(super::exit::Exit::Usage, error.into(), hint))
        }
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "stands in for the one that connects")]
async fn connect(
    _place: &Place,
    _aws: &Aws,
    _session: &str,
    _calls: &Calls,
    _patience: Patience,
) -> Result<Cloud, Failure> {
    Err(without_aws())
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "stands in for the one that connects")]
async fn read_only(_place: &Place, _aws: &Aws) -> Result<Reads, Failure> {
    Err(without_aws())
}

#[cfg(not(feature = "aws"))]
fn without_aws() -> Failure {
    Failure::usage(
        "this tidegate was built without AWS",
        "use --simulate, or build it with its default features",
    )
}

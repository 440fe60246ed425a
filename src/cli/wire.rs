//! Puts adapters behind ports: the real cloud, or the simulated one. A preview is given ports that can only read.

use std::sync::Arc;

use super::{
    args::{Aws, Global, Simulation},
    exit::Failure,
    files,
};
use crate::{
    cloud::{Caller, Calls, Cloud, Patience, Reads},
    journal::{Files, Locks, Memory, Store},
    plan::{self, Plan, SourceFile},
    runner::{Clock, WhenAwaiting},
    simulation::{Operators, Scenario, World},
};

/// All that a run needs of the outside.
pub(super) struct Wiring {
    pub cloud: Cloud,
    /// The same, whose calls may take longer: for going back.
    pub patient: Cloud,
    pub calls: Calls,
    pub store: Arc<dyn Store>,
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
) -> Result<Wiring, Failure> {
    if simulation.simulate {
        return simulated(plan, simulation);
    }
    let calls = Calls::default();
    let region = plan.aws.region.as_deref();
    let cloud = connect(region, &global.aws, &calls, Patience::Forward).await?;
    let patient = connect(region, &global.aws, &calls, Patience::Back).await?;
    let files = files_of(global);
    Ok(Wiring {
        cloud,
        patient,
        calls,
        store: files.clone(),
        locks: files,
        clock: Clock::system(),
        simulated: None,
    })
}

/// Ports that can only read, for previews.
pub(super) async fn reads(
    plan: &Plan,
    global: &Global,
    simulation: &Simulation,
) -> Result<Reads, Failure> {
    if simulation.simulate {
        return Ok(simulated(plan, simulation)?.cloud.reads);
    }
    read_only(plan.aws.region.as_deref(), &global.aws).await
}

/// The same, with the clock they go by.
pub(super) async fn reads_and_clock(
    plan: &Plan,
    global: &Global,
    simulation: &Simulation,
) -> Result<(Reads, Clock), Failure> {
    if simulation.simulate {
        let wiring = simulated(plan, simulation)?;
        return Ok((wiring.cloud.reads, wiring.clock));
    }
    Ok((reads(plan, global, simulation).await?, Clock::system()))
}

/// Whose credentials these are.
pub(super) async fn identity(plan: &Plan, global: &Global) -> Result<Caller, Failure> {
    let reads = read_only(plan.aws.region.as_deref(), &global.aws).await?;
    Ok(reads.identity.caller().await?)
}

pub(super) fn files_of(global: &Global) -> Arc<Files> {
    Arc::new(Files::new(&global.journal))
}

fn simulated(plan: &Plan, simulation: &Simulation) -> Result<Wiring, Failure> {
    let scenario = match &simulation.scenario {
        None => Scenario::default(),
        Some(path) => {
            let name = path.display().to_string();
            let source = SourceFile::new(name.clone(), files::read(path)?);
            let scenario: Scenario = plan::read_document(&source)
                .map_err(|problems| super::command::invalid(&problems))?;
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
    let cloud = world.cloud();
    Ok(Wiring {
        patient: cloud.clone(),
        cloud,
        calls: world.calls(),
        store: Arc::new(memory.clone()),
        locks: Arc::new(memory),
        clock,
        simulated: Some(Simulated { world, operators }),
    })
}

#[cfg(feature = "aws")]
async fn connect(
    region: Option<&str>,
    aws: &Aws,
    calls: &Calls,
    patience: Patience,
) -> Result<Cloud, Failure> {
    Ok(crate::aws::connect(&settings(region, aws).await?, calls, patience).await?)
}

#[cfg(feature = "aws")]
async fn read_only(region: Option<&str>, aws: &Aws) -> Result<Reads, Failure> {
    Ok(crate::aws::read_only(&settings(region, aws).await?, &Calls::default()).await?)
}

/// A profile that does not exist is refused before anything is called: what would be used instead is another account's.
#[cfg(feature = "aws")]
async fn settings(region: Option<&str>, aws: &Aws) -> Result<crate::aws::Settings, Failure> {
    let settings = crate::aws::Settings {
        region: aws.region.clone().or_else(|| region.map(str::to_owned)),
        profile: aws.profile.clone(),
        endpoint_url: aws.endpoint_url.clone(),
    };
    match crate::aws::check_profile(&settings).await {
        Ok(()) => Ok(settings),
        Err(error) => {
            let hint = Some(error.hint());
            Err(Failure { exit: super::exit::Exit::Usage, error: error.into(), hint })
        }
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "stands in for the one that connects")]
async fn connect(
    _region: Option<&str>,
    _aws: &Aws,
    _calls: &Calls,
    _patience: Patience,
) -> Result<Cloud, Failure> {
    Err(without_aws())
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "stands in for the one that connects")]
async fn read_only(_region: Option<&str>, _aws: &Aws) -> Result<Reads, Failure> {
    Err(without_aws())
}

#[cfg(not(feature = "aws"))]
fn without_aws() -> Failure {
    Failure::usage(
        "this tidegate was built without AWS",
        "use --simulate, or build it with its default features",
    )
}

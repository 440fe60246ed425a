//! The ports onto simulated replacements: an instance refresh and a deployment differ in what their operations are called.

use async_trait::async_trait;

use super::{hindrance::Hindrance, world::World};
use crate::{
    cloud::{
        Error, Installation, Installations, Obstacle, Operation, Pace, Replacer, Replacing,
        suspended,
    },
    plan::{Deploy, How, Member, units::Percent},
    rollout::{Flow, Move, Operation as Undertaken, Phase},
};

/// One of the two services.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) world: World,
    pub(super) kind: Replacer,
}

fn absent(of: &Member) -> Error {
    Error::Absent { what: format!("group {of}") }
}

/// The AWS operation a move is made with.
fn operation(kind: Replacer, what: &Move) -> Operation {
    match (kind, what) {
        (Replacer::Refreshes, Move::Start(_)) => Operation::StartInstanceRefresh,
        (Replacer::Refreshes, Move::Hold) => Operation::SuspendProcesses,
        (Replacer::Refreshes, Move::GoOn | Move::Release | Move::Follow) => {
            Operation::ResumeProcesses
        }
        (Replacer::Refreshes, Move::TakeBack) => Operation::RollbackInstanceRefresh,
        (Replacer::Deployments, Move::Start(_)) => Operation::CreateDeployment,
        (Replacer::Deployments, Move::GoOn | Move::Release | Move::Hold | Move::Follow) => {
            Operation::ContinueDeployment
        }
        (Replacer::Deployments, Move::TakeBack) => Operation::StopDeployment,
    }
}

#[async_trait]
impl Installations for Service {
    async fn check_way(&self, how: &How) -> Result<(), Error> {
        let How::Deploy(Deploy { config: Some(config), .. }) = how else { return Ok(()) };
        self.world.request(Operation::GetDeploymentConfig, |landscape, _| {
            if landscape.scenario.missing_configs.contains(config) {
                return Err(Error::Absent { what: format!("deployment configuration {config}") });
            }
            Ok(())
        })
    }

    async fn installation(&self, of: &Member) -> Result<Installation, Error> {
        let reading = match self.kind {
            Replacer::Refreshes => Operation::DescribeInstanceRefreshes,
            Replacer::Deployments => Operation::GetDeploymentGroup,
        };
        self.world.request(reading, |landscape, _| {
            let found = landscape.installations.get(of).ok_or_else(|| absent(of))?;
            let mut software = found.software.clone();
            let is = |by| landscape.is_hindered(by);
            if is(Hindrance::ReplacementUnderWay) {
                software.operation = Some(Undertaken {
                    id: "somebody-elses".to_owned(),
                    to: software.version.clone(),
                    phase: Phase::Moving { done: Percent::ZERO },
                    detail: None,
                });
            }
            if is(Hindrance::RefreshSuspended) {
                software.flow = Flow::Held;
            }
            let mut obstacles = match self.kind {
                Replacer::Refreshes => suspended(of, &found.suspended),
                Replacer::Deployments => Vec::new(),
            };
            let unnamed = is(Hindrance::UnnamedVersion);
            obstacles.extend(unnamed.then(|| Obstacle::unnamed_version(of, "$Latest")));
            let never = is(Hindrance::NothingDeployed);
            obstacles.extend(never.then(|| Obstacle::never_deployed(of)));
            Ok(Installation { software, obstacles, notes: Vec::new() })
        })
    }
}

#[async_trait]
impl Replacing for Service {
    async fn make(&self, of: &Member, what: &Move, pace: &Pace) -> Result<(), Error> {
        let operation = operation(self.kind, what);
        self.world.request(operation, |landscape, _| {
            let installation = landscape.installations.get_mut(of).ok_or_else(|| absent(of))?;
            installation
                .make(what, pace)
                .map_err(|message| Error::Conflict { operation, message: message.to_owned() })
        })
    }
}

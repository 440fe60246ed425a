//! The ports onto simulated replacements: an instance refresh and a deployment differ in what their operations are called.

use async_trait::async_trait;

use super::world::World;
use crate::{
    cloud::{Error, Installation, Installations, Operation, Pace, Replacing, suspended},
    plan::{Deploy, FleetKind, How, Member},
    rollout::Move,
};

/// One of the two services.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) world: World,
    pub(super) kind: FleetKind,
}

fn absent(of: &Member) -> Error {
    Error::Absent { what: format!("group {of}") }
}

/// The AWS operation a move is made with.
fn operation(kind: FleetKind, what: &Move) -> Operation {
    match (kind, what) {
        (FleetKind::AutoScaling, Move::Start(_)) => Operation::StartInstanceRefresh,
        (FleetKind::AutoScaling, Move::Hold) => Operation::SuspendProcesses,
        (FleetKind::AutoScaling, Move::GoOn | Move::Release | Move::Follow) => {
            Operation::ResumeProcesses
        }
        (FleetKind::AutoScaling, Move::TakeBack) => Operation::RollbackInstanceRefresh,
        (FleetKind::CodeDeploy, Move::Start(_)) => Operation::CreateDeployment,
        (FleetKind::CodeDeploy, Move::GoOn | Move::Release | Move::Hold | Move::Follow) => {
            Operation::ContinueDeployment
        }
        (FleetKind::CodeDeploy, Move::TakeBack) => Operation::StopDeployment,
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
            FleetKind::AutoScaling => Operation::DescribeInstanceRefreshes,
            FleetKind::CodeDeploy => Operation::GetDeploymentGroup,
        };
        self.world.request(reading, |landscape, _| {
            let found = landscape.installations.get(of).ok_or_else(|| absent(of))?;
            let software = found.software.clone();
            let obstacles = match self.kind {
                FleetKind::AutoScaling => suspended(of, &found.suspended),
                FleetKind::CodeDeploy => Vec::new(),
            };
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

//! SIGINT and SIGTERM. The first asks the run to stop in good order, the second ends it at once; either way the journal
//! says where it stood.

use tokio::signal::unix::{SignalKind, signal};

use crate::rollout::Signal;

/// Where signals come from; a simulation in a test has none.
pub enum Signals {
    Process { interrupt: tokio::signal::unix::Signal, terminate: tokio::signal::unix::Signal },
    None,
}

impl Signals {
    pub fn of_process() -> std::io::Result<Self> {
        Ok(Self::Process {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one; never returns where there are none.
    pub async fn next(&mut self) -> Signal {
        match self {
            Self::Process { interrupt, terminate } => tokio::select! {
                _ = interrupt.recv() => Signal::SigInt,
                _ = terminate.recv() => Signal::SigTerm,
            },
            Self::None => std::future::pending().await,
        }
    }
}

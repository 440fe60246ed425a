//! SIGINT and SIGTERM, and SIGQUIT and SIGHUP (a closed terminal), which mean the same as SIGTERM. The first asks the run
//! to stop in good order, the second ends it at once; either way the journal says where it stood.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::UnboundedReceiver,
};

use crate::rollout::Signal;

type Source = tokio::signal::unix::Signal;

/// Where signals come from.
pub enum Signals {
    Process {
        interrupt: Source,
        terminate: Source,
        quit: Source,
        /// Absent where whoever started the process had it ignored: `nohup` is there to outlive a terminal.
        hangup: Option<Source>,
    },
    /// From whoever drives many runs in one process, and passes on to each what is meant for it.
    Told(UnboundedReceiver<Signal>),
    None,
}

/// What the process does about SIGHUP already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hangup {
    Ends,
    Ignored,
}

impl Signals {
    pub fn of_process(at_hangup: Hangup) -> std::io::Result<Self> {
        Ok(Self::Process {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hangup: match at_hangup {
                Hangup::Ends => Some(signal(SignalKind::hangup())?),
                Hangup::Ignored => None,
            },
        })
    }

    /// The next one; never returns where there are none.
    pub async fn next(&mut self) -> Signal {
        match self {
            Self::Process { interrupt, terminate, quit, hangup } => tokio::select! {
                _ = interrupt.recv() => Signal::SigInt,
                _ = terminate.recv() => Signal::SigTerm,
                _ = quit.recv() => Signal::SigQuit,
                () = received(hangup.as_mut()) => Signal::SigHup,
            },
            Self::Told(told) => match told.recv().await {
                Some(signal) => signal,
                None => std::future::pending().await,
            },
            Self::None => std::future::pending().await,
        }
    }
}

async fn received(source: Option<&mut Source>) {
    match source {
        Some(source) => {
            source.recv().await;
        }
        None => std::future::pending().await,
    }
}

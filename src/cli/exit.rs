//! The exit codes, which are part of the interface: pipelines branch on them. Above all 4 and 5 differ: after a 4
//! all that was to go back is as it was, after a 5 a person is needed.

use std::process::{ExitCode, Termination};

use anyhow::anyhow;
use serde::Serialize;

use crate::{
    cloud,
    journal::{self, RunId},
    report::Standing,
    rollout::{Cause, Ending, Mode, Signal, State},
    runner,
};

/// How `tidegate` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Promoted; for other commands, done.
    Success = 0,
    /// A bug or a broken environment: a journal that cannot be read, say.
    Trouble = 1,
    /// What was typed or written makes no sense, or does not fit what the run is at.
    Usage = 2,
    /// Preflight refused; nothing was touched.
    Refused = 3,
    /// Rolled back, completely: because a gate failed, or because somebody asked. Of a run of which a part was to go back, that
    /// part.
    RolledBack = 4,
    /// The roll-back failed or is incomplete: a person is needed.
    NeedsAttention = 5,
    /// Another run owns the route or fleet.
    Owned = 6,
    /// Held or awaiting a person; journaled and resumable.
    Held = 7,
    /// Somebody else changed what the run owns.
    Drift = 8,
    /// Only where asked for: a run of this plan would change something. Terraform says 2 there, which is taken here.
    WouldChange = 10,
    /// Interrupted by SIGINT; journaled and resumable.
    Interrupted = 130,
    /// Terminated by SIGTERM, or as if by it: SIGQUIT, or SIGHUP of a closed terminal. Journaled and resumable.
    Terminated = 143,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

impl Exit {
    pub(super) fn by(signal: Signal) -> Self {
        match signal {
            Signal::SigInt => Self::Interrupted,
            Signal::SigTerm | Signal::SigHup | Signal::SigQuit => Self::Terminated,
        }
    }

    /// What a run that has come to rest means to whoever started it.
    pub fn of(state: &State) -> Self {
        match (&state.mode, state.interrupted) {
            (Mode::Ended(Ending::Promoted), _) => Self::Success,
            (Mode::Ended(Ending::RolledBack | Ending::PartlyRolledBack), _) => Self::RolledBack,
            (Mode::Ended(Ending::NeedsAttention), _) => Self::NeedsAttention,
            (Mode::Held(Cause::Drift { .. } | Cause::NotAsAsked { .. }), _) => Self::Drift,
            (_, Some(signal)) => Self::by(signal),
            (Mode::Held(_) | Mode::NotStarted | Mode::Forward | Mode::RollingBack { .. }, None) => {
                Self::Held
            }
        }
    }
}

/// Why a command could not do what was asked, with what to do about it.
#[derive(Debug)]
pub(super) struct Failure {
    pub exit: Exit,
    pub error: anyhow::Error,
    pub hint: Option<String>,
    pub below: Below,
}

/// What stands below a hint, each line on its own so that it can be pasted.
#[derive(Debug, Default)]
pub(super) enum Below {
    #[default]
    Nothing,
    /// Lines for a shell.
    Commands(Vec<String>),
    /// Things to choose from.
    Choices(Vec<Choice>),
}

/// One run of several that may be meant, with the command that means it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Choice {
    pub run: RunId,
    pub command: String,
    /// Where it stands; nothing where its journal cannot be read.
    pub standing: Option<Standing>,
    /// How it has left the traffic of each route.
    pub traffic: Vec<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: anyhow::Error, hint: Option<String>) -> Self {
        Self { exit, error, hint, below: Below::Nothing }
    }

    pub(super) fn usage(words: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Usage, anyhow!(words.into()), Some(hint.into()))
    }

    #[must_use]
    pub(super) fn with(self, below: Below) -> Self {
        Self { below, ..self }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Trouble, error, None)
    }
}

impl From<journal::Error> for Failure {
    fn from(error: journal::Error) -> Self {
        let exit = match &error {
            journal::Error::Owned(_) | journal::Error::LockLost { .. } => Exit::Owned,
            journal::Error::NoSuchRun { .. } => Exit::Usage,
            _ if error.is_fence() => Exit::Owned,
            _ => Exit::Trouble,
        };
        let hint = error.hint();
        Self::new(exit, error.into(), hint)
    }
}

impl From<runner::Error> for Failure {
    fn from(error: runner::Error) -> Self {
        let (exit, hint) = match &error {
            runner::Error::LostOwnership { .. } => (Exit::Owned, None),
            // On a full disk it says what to do first.
            runner::Error::Journal { source, .. } => (Exit::Trouble, source.hint()),
            runner::Error::Interrupted { signal, .. } => (Exit::by(*signal), None),
        };
        let hint = hint.unwrap_or_else(|| {
            "`tidegate status` shows who runs it now and where it stands".to_owned()
        });
        Self::new(exit, error.into(), Some(hint))
    }
}

impl From<cloud::Error> for Failure {
    fn from(error: cloud::Error) -> Self {
        let hint = error.hint();
        Self::new(Exit::Refused, error.into(), Some(hint))
    }
}

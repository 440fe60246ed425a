//! Every way the journal can fail, with the file or the run it failed at.

use std::{io, path::PathBuf};

use super::{Held, Liveness, RunId, Seq};

/// Why the journal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process writes this journal. Whoever meets this stops touching the world.
    #[error(
        "event {seq} of run {run} is not ours to write: the journal continues with event {next}"
    )]
    Fenced { run: RunId, seq: Seq, next: Seq },
    #[error("there is no run {0}")]
    NoSuchRun(RunId),
    #[error("run {0} exists already")]
    RunExists(RunId),
    #[error("the plan of run {run} is lost: {file} is missing")]
    PlanLost { run: RunId, file: String },
    #[error("the events of run {run} are lost: {folder} {how}")]
    EventsLost { run: RunId, folder: String, how: String },
    #[error("{file} is missing, though later events of its run exist")]
    Gap { file: String },
    #[error("{file} is not a journal entry: {problem}")]
    Corrupt { file: String, problem: String },
    #[error(
        "{file} has journal format {format}, written by {}; this is {}, which reads formats 1 to {}",
        if writer.is_empty() { "an unknown program" } else { writer },
        super::WRITER,
        super::FORMAT
    )]
    UnknownFormat { file: String, format: u32, writer: String },
    /// Another run owns a route or fleet.
    #[error("{0}")]
    Owned(Box<Held>),
    /// The lock is not ours any more. Whoever meets this stops touching the world.
    #[error("the lock on {resource} was lost: {found}")]
    LockLost { resource: String, found: String },
    #[error("cannot {operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot write {what} as JSON")]
    Unwritable { what: String, source: serde_json::Error },
}

impl Error {
    /// Whether this process must not touch the world for this run any more.
    pub fn is_fence(&self) -> bool {
        match self {
            Self::Fenced { .. } | Self::LockLost { .. } | Self::Owned(_) => true,
            Self::NoSuchRun(_)
            | Self::RunExists(_)
            | Self::PlanLost { .. }
            | Self::EventsLost { .. }
            | Self::Gap { .. }
            | Self::Corrupt { .. }
            | Self::UnknownFormat { .. }
            | Self::Io { .. }
            | Self::Unwritable { .. } => false,
        }
    }

    /// Whether the disk, or what this user may have of it, is full.
    pub(super) fn is_out_of_space(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, Self::Io { source, .. } if full.contains(&source.kind()))
    }

    /// What to do about it, for the line after the error.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Owned(held) => Some(match held.liveness {
                Liveness::Alive => format!("`tidegate status {}` shows what it is doing", held.info.run),
                Liveness::Gone => format!(
                    "finish that run first: `tidegate resume {run}` or `tidegate rollback {run}`",
                    run = held.info.run
                ),
            }),
            Self::PlanLost { .. } => Some("put the file back, from where the run was started say".into()),
            Self::EventsLost { .. } => Some(
                "put the folder back, from a backup say; if that cannot be, put right by hand what the run may have changed (its `plan.yaml` says what that is), then remove the run's folder".into(),
            ),
            Self::Gap { .. } | Self::Corrupt { .. } => Some(
                "the journal was changed from outside; restore the file, or put the routes right by hand".into(),
            ),
            Self::UnknownFormat { .. } => Some("continue this run with the tidegate that wrote it".into()),
            Self::Fenced { run, .. } => Some(format!("`tidegate status {run}` shows who runs it now")),
            Self::NoSuchRun(_) => Some("`tidegate history` lists the runs".into()),
            Self::Io { .. } if self.is_out_of_space() => Some(
                "make room on the disk of the journal, then `tidegate resume` or `tidegate rollback` the run".into(),
            ),
            Self::RunExists(_) | Self::LockLost { .. } | Self::Io { .. } | Self::Unwritable { .. } => None,
        }
    }
}

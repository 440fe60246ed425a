//! What a fleet's software looks like while AWS replaces it: the version it stands at, and the operation under way, if
//! any. Unlike a weight, a replacement takes its time, can be held, fails halfway and goes back.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::plan::{How, Member, Replace, title, units::Percent};

/// Names what runs: `lt-0abc:7` (a launch template and the number of its version), or a revision of `CodeDeploy`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(Arc<str>);

impl Version {
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What of it is enough to tell it from another: the number, where both are versions of one launch template.
    pub fn beside<'a>(&'a self, other: &Self) -> &'a str {
        match (self.0.rsplit_once(':'), other.0.rsplit_once(':')) {
            (Some((ours, number)), Some((theirs, _))) if ours == theirs => number,
            (Some(_) | None, Some(_) | None) => &self.0,
        }
    }
}

/// How many of a group's instances run another version than it launches, in words. `None` when all run one of those.
pub fn told_versions(
    group: &Member,
    running: &BTreeMap<Version, u32>,
    launches: &[Version],
) -> Option<String> {
    let strange: Vec<(&Version, u32)> = running
        .iter()
        .filter(|(version, _)| !launches.contains(version))
        .map(|(version, count)| (version, *count))
        .collect();
    let (first, _) = strange.first()?;
    let says = launches.first();
    let short = |version: &Version, other: Option<&Version>| {
        other.map_or_else(|| version.to_string(), |other| version.beside(other).to_owned())
    };
    let named: Vec<String> = strange.iter().map(|(version, _)| short(version, says)).collect();
    let count: u32 = strange.iter().map(|(_, count)| count).sum();
    let all: u32 = running.values().sum();
    let runs = if count == 1 { "runs" } else { "run" };
    let launches: Vec<String> =
        launches.iter().map(|version| short(version, Some(*first))).collect();
    Some(format!(
        "{count} of {all} instances of {group} {runs} version {}, the group says {}",
        named.join(" or "),
        launches.join(" or ")
    ))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&title(&self.0))
    }
}

/// A fleet's software at one moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Software {
    /// What all of it runs once nothing is under way: what the group is configured to, or deployed last with success.
    pub version: Version,
    /// The last operation, unless it succeeded.
    pub operation: Option<Operation>,
    /// Whether operations may move on, or are suspended.
    pub flow: Flow,
}

/// Whether a group's operations move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    Open,
    /// The process `InstanceRefresh` is suspended.
    Held,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Operation {
    /// As AWS numbers it.
    pub id: String,
    /// Where it leads to now; one that is rolled back leads to where it came from.
    pub to: Version,
    pub phase: Phase,
    /// AWS's own words on where it is, or why it goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Moving {
        /// Of the instances, as AWS counts them.
        done: Percent,
    },
    /// `CodeDeploy` waits to be told to move traffic.
    Ready,
    /// It ended, and left behind a mixture or nothing at all.
    Failed { reason: String },
    /// It ended where it came from.
    TakenBack { reason: String },
}

impl fmt::Display for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.version.fmt(f)?;
        if let Some(Operation { id, to, phase, detail }) = &self.operation {
            match phase {
                Phase::Moving { done } => write!(f, ", {done} on the way to {to}")?,
                Phase::Ready => write!(f, ", ready to move traffic to {to}")?,
                Phase::Failed { reason } => write!(f, ", {id} to {to} failed: {reason}")?,
                Phase::TakenBack { reason } => write!(f, ", {id} was taken back: {reason}")?,
            }
            if let Some(detail) = detail {
                write!(f, " ({detail})")?;
            }
        }
        match self.flow {
            Flow::Open => Ok(()),
            Flow::Held => f.write_str(", held"),
        }
    }
}

impl Software {
    /// The operation under way.
    pub fn under_way(&self) -> Option<&Operation> {
        self.operation.as_ref().filter(|operation| operation.is_under_way())
    }

    /// Whether all of it runs this version and nothing moves.
    pub fn rests_at(&self, version: &Version) -> bool {
        self.version == *version
            && match self.operation.as_ref().map(|operation| &operation.phase) {
                None | Some(Phase::TakenBack { .. }) => true,
                Some(Phase::Moving { .. } | Phase::Ready | Phase::Failed { .. }) => false,
            }
    }

    /// Whether this is `origin` again: the same version, and the same processes suspended. What an operation that had
    /// ended before left behind is as it was.
    pub(super) fn is_back_at(&self, origin: &Self) -> bool {
        let untouched = self.operation == origin.operation;
        self.version == origin.version
            && self.flow == origin.flow
            && (untouched || self.rests_at(&origin.version))
    }

    /// The same as far as a run owns it: an operation moves by itself.
    pub(super) fn stands_in(&self, live: &Self) -> bool {
        fn id(software: &Software) -> Option<&str> {
            software.operation.as_ref().map(|operation| operation.id.as_str())
        }
        self.version == live.version && self.flow == live.flow && id(self) == id(live)
    }

    /// All of it at this version, and nothing under way.
    pub(super) fn at(version: Version) -> Self {
        Self { version, operation: None, flow: Flow::Open }
    }

    pub(super) fn held(&self) -> Self {
        Self { flow: Flow::Held, ..self.clone() }
    }
}

impl Operation {
    pub(super) fn is_under_way(&self) -> bool {
        match self.phase {
            Phase::Moving { .. } | Phase::Ready => true,
            Phase::Failed { .. } | Phase::TakenBack { .. } => false,
        }
    }
}

/// What is asked of AWS, told by the pictures from before and after alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// A new operation to this version.
    Start(Version),
    /// Suspend what is under way.
    Hold,
    /// Let a held or waiting operation go on.
    GoOn,
    /// Turn an operation under way around.
    TakeBack,
    /// Nothing is under way any more; only the suspension goes.
    Release,
    /// Nothing has to be asked: AWS is at it already.
    Follow,
}

impl Move {
    /// The move that leads from one picture to the other.
    pub fn between(before: &Software, after: &Software) -> Self {
        match before.under_way() {
            _ if after.flow == Flow::Held => Self::Hold,
            Some(operation) if operation.to == after.version => {
                match (&operation.phase, before.flow) {
                    (Phase::Moving { .. }, Flow::Open) => Self::Follow,
                    (Phase::Moving { .. }, Flow::Held)
                    | (
                        Phase::Ready | Phase::Failed { .. } | Phase::TakenBack { .. },
                        Flow::Open | Flow::Held,
                    ) => Self::GoOn,
                }
            }
            Some(_) => Self::TakeBack,
            None if before.rests_at(&after.version) && before.flow == Flow::Held => Self::Release,
            None => Self::Start(after.version.clone()),
        }
    }
}

/// Progress below which nothing is written down.
const NEWS: u16 = 1_000;

/// Whether what is seen is worth an event: something other than progress, a good part of the way, or the place to stop.
pub(super) fn is_news(known: &Software, live: &Software, stop: Option<Percent>) -> bool {
    fn done(software: &Software) -> Option<Percent> {
        match software.operation.as_ref()?.phase {
            Phase::Moving { done } => Some(done),
            Phase::Ready | Phase::Failed { .. } | Phase::TakenBack { .. } => None,
        }
    }
    let same = known.stands_in(live)
        && known.operation.as_ref().map(|o| &o.to) == live.operation.as_ref().map(|o| &o.to);
    match (done(known), done(live)) {
        (Some(before), Some(now)) if same => {
            now.basis_points().abs_diff(before.basis_points()) >= NEWS
                || stop.is_some_and(|stop| now >= stop && before < stop)
        }
        _ => known != live,
    }
}

/// The version a replacement leads to, given what there is.
pub fn goal(replace: &Replace, live: &Software) -> Version {
    match &replace.how {
        How::Refresh(refresh) => {
            let template =
                live.version.as_str().rsplit_once(':').map_or("", |(template, _)| template);
            Version::new(format!("{template}:{}", refresh.version))
        }
        How::Deploy(deploy) => Version::new(deploy.revision.to_string()),
    }
}

//! What a verb means, as data: what it changes, what it waits for before and afterwards, how it ends and how long it may
//! take. The core carries a step out, and reports and permissions speak of it, by its conduct alone; so a new verb is
//! its form, its check and its conduct, and nobody who reads a conduct has to know its name.

use std::time::Duration;

use super::{
    code_digest::CodeDigest,
    model::{Approvers, Header, Size, Step, Until, Verb},
    names::{FleetName, GateName, RouteName, Side},
    on_failure::OnFailure,
    replacement::Replace,
    replay::Replay,
    units::Percent,
};

/// How a step is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conduct<'a> {
    pub aim: Aim<'a>,
    /// Read while the step is under way, and from its first change on until another step changes the same.
    pub gates: &'a [GateName],
    pub clears: Clears,
    pub ends: Ends<'a>,
    pub limit: TimeLimit,
}

/// What a step changes, and what it makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim<'a> {
    /// It changes nothing, and only waits.
    Nothing,
    Weights {
        route: &'a RouteName,
        /// The candidate's share of the traffic afterwards.
        candidate: Percent,
    },
    Capacity {
        fleet: &'a FleetName,
        side: Side,
        to: Size,
    },
    Software(&'a Replace),
    /// The candidate of a route, which is made.
    Release {
        route: &'a RouteName,
        /// What it has to be made of, if that is told.
        code: Option<&'a CodeDigest>,
    },
    /// The old versions of a route's function, of which so many are left.
    OldVersions {
        route: &'a RouteName,
        keep: u32,
    },
    /// Past events, which are sent to the candidate of a route once more.
    Replay(&'a Replay),
    TestRoute {
        route: &'a RouteName,
        /// Without one, the test route is taken away.
        header: Option<&'a Header>,
    },
}

impl<'a> Aim<'a> {
    /// The replacement it takes further, if it is one.
    pub fn replaces(self) -> Option<&'a Replace> {
        match self {
            Self::Software(replace) => Some(replace),
            Self::Nothing
            | Self::Weights { .. }
            | Self::Capacity { .. }
            | Self::TestRoute { .. }
            | Self::Release { .. }
            | Self::OldVersions { .. }
            | Self::Replay(_) => None,
        }
    }

    /// Whether it only tidies up behind users: when it fails they keep what they have.
    pub fn tidies_up(self) -> bool {
        match self {
            Self::OldVersions { .. } => true,
            Self::Nothing
            | Self::Weights { .. }
            | Self::Capacity { .. }
            | Self::Software(_)
            | Self::TestRoute { .. }
            | Self::Release { .. }
            | Self::Replay(_) => false,
        }
    }

    /// The side of a fleet whose size has to be read first, because this one's follows from it.
    pub fn reference(self) -> Option<(&'a FleetName, Side)> {
        match self {
            Self::Capacity { fleet, to, .. } => to.reference().map(|side| (fleet, side)),
            Self::Nothing
            | Self::Weights { .. }
            | Self::Software(_)
            | Self::TestRoute { .. }
            | Self::Release { .. }
            | Self::OldVersions { .. }
            | Self::Replay(_) => None,
        }
    }
}

/// What lets a step begin to change its aim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clears {
    /// There is nothing to change.
    Never,
    /// Nothing: it neither takes anything from users that they have, nor gives them anything new.
    AtOnce,
    /// Where it takes capacity away, that the side serves nobody any more; otherwise nothing.
    WhenDrained,
    /// Where more users would meet something new, that no gate fails or is unknown, and that it is healthy.
    WhenGatesPass,
}

/// When a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends<'a> {
    /// Once its change was read back.
    WhenChanged,
    /// When its change was read back and those who carry traffic have followed: a route's time to settle later.
    WhenSettled(&'a RouteName),
    /// When what it changed has stood so long as it was set, and its gates pass.
    AfterBake {
        lasts: Duration,
        /// Requests to the candidate before the bake may end.
        min_requests: Option<u32>,
    },
    /// When its gates pass, and what it waits for besides.
    WhenAllPass { until: Option<&'a Until> },
    /// When enough people have agreed.
    OnVotes(Ballot<'a>),
    /// After so long, or when somebody resumes the run before.
    OnTime(Duration),
    /// When somebody resumes the run.
    OnWord,
}

impl Ends<'_> {
    /// Whether a person has to do something for the step to end.
    pub fn needs_person(self) -> bool {
        match self {
            Self::OnVotes(_) | Self::OnWord => true,
            Self::WhenChanged
            | Self::WhenSettled(_)
            | Self::AfterBake { .. }
            | Self::WhenAllPass { .. }
            | Self::OnTime(_) => false,
        }
    }
}

/// What people are asked, and who.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ballot<'a> {
    pub message: &'a str,
    pub approvers: &'a Approvers,
    /// What becomes of the run when the limit is over.
    pub on_expiry: OnFailure,
}

/// How long a step may be under way; time in which the run is paused does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLimit {
    /// The step's own time-out.
    Timeout,
    /// The same, and as long as the route's clients may go on by the weights from before.
    TimeoutAndLag,
    /// So long; without one, for ever.
    Of(Option<Duration>),
}

impl<'a> Conduct<'a> {
    /// The route whose health the step waits for, if it does.
    pub const fn waits_for(&self) -> Option<&'a RouteName> {
        match self.ends {
            Ends::WhenAllPass { until: Some(Until::Healthy { route, .. }) } => Some(route),
            Ends::WhenAllPass { until: None }
            | Ends::WhenChanged
            | Ends::WhenSettled(_)
            | Ends::AfterBake { .. }
            | Ends::OnVotes(_)
            | Ends::OnTime(_)
            | Ends::OnWord => None,
        }
    }
}

impl Step {
    pub fn conduct(&self) -> Conduct<'_> {
        self.verb.conduct()
    }

    /// The replacement this step takes further, if it is one.
    pub fn replaces(&self) -> Option<&Replace> {
        self.conduct().aim.replaces()
    }
}

impl Verb {
    pub fn conduct(&self) -> Conduct<'_> {
        let waits = |ends| Conduct {
            aim: Aim::Nothing,
            gates: &[],
            clears: Clears::Never,
            ends,
            limit: TimeLimit::Timeout,
        };
        match self {
            Self::Scale { fleet, side, to } => Conduct {
                aim: Aim::Capacity { fleet, side: *side, to: *to },
                gates: &[],
                clears: Clears::WhenDrained,
                ends: Ends::WhenChanged,
                limit: TimeLimit::TimeoutAndLag,
            },
            Self::Wait { until } => waits(Ends::WhenAllPass { until: Some(until) }),
            Self::Probe { gate } => Conduct {
                gates: std::slice::from_ref(gate),
                ..waits(Ends::WhenAllPass { until: None })
            },
            Self::Shift { route, candidate, bake, gates, min_requests } => Conduct {
                aim: Aim::Weights { route, candidate: *candidate },
                gates,
                clears: Clears::WhenGatesPass,
                ends: Ends::AfterBake { lasts: *bake, min_requests: *min_requests },
                limit: TimeLimit::TimeoutAndLag,
            },
            Self::TestRoute { route, header } => Conduct {
                aim: Aim::TestRoute { route, header: header.as_ref() },
                gates: &[],
                clears: Clears::AtOnce,
                // Load balancer nodes follow some time after the API has answered; a probe would still meet the stable
                // side. Nobody is asked by the header any more once it is gone.
                ends: match header {
                    Some(_) => Ends::WhenSettled(route),
                    None => Ends::WhenChanged,
                },
                limit: TimeLimit::Timeout,
            },
            Self::Publish { route, code } => Conduct {
                aim: Aim::Release { route, code: code.as_ref() },
                gates: &[],
                clears: Clears::AtOnce,
                ends: Ends::WhenChanged,
                limit: TimeLimit::Timeout,
            },
            Self::Prune { route, keep } => Conduct {
                aim: Aim::OldVersions { route, keep: *keep },
                gates: &[],
                clears: Clears::AtOnce,
                ends: Ends::WhenChanged,
                limit: TimeLimit::Timeout,
            },
            Self::Replay(replay) => Conduct {
                aim: Aim::Replay(replay),
                gates: &[],
                clears: Clears::AtOnce,
                ends: Ends::WhenChanged,
                limit: TimeLimit::Timeout,
            },
            Self::Replace(replace) => Conduct {
                aim: Aim::Software(replace),
                gates: &replace.gates,
                clears: Clears::WhenGatesPass,
                ends: Ends::AfterBake { lasts: replace.bake, min_requests: None },
                limit: TimeLimit::Timeout,
            },
            Self::Approve { message, expires, on_expiry, approvers } => Conduct {
                limit: TimeLimit::Of(*expires),
                ..waits(Ends::OnVotes(Ballot { message, approvers, on_expiry: *on_expiry }))
            },
            Self::Pause { duration } => Conduct {
                limit: TimeLimit::Of(*duration),
                ..waits(match duration {
                    Some(duration) => Ends::OnTime(*duration),
                    None => Ends::OnWord,
                })
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::sample::{EVERYTHING, plan};

    #[test]
    fn a_step_is_cleared_and_read_back_just_when_it_changes_something() {
        let plan = plan(EVERYTHING);
        let mut seen = BTreeSet::new();
        for (_, step) in plan.steps() {
            let conduct = step.conduct();
            let ends_by_change = match conduct.ends {
                Ends::WhenChanged | Ends::WhenSettled(_) | Ends::AfterBake { .. } => true,
                Ends::WhenAllPass { .. } | Ends::OnVotes(_) | Ends::OnTime(_) | Ends::OnWord => {
                    false
                }
            };
            let changes = conduct.aim != Aim::Nothing;
            assert_eq!(conduct.clears != Clears::Never, changes, "{}", step.id);
            assert_eq!(ends_by_change, changes, "{}", step.id);
            seen.insert(step.verb.name());
        }
        assert!(seen.len() >= 10, "only {seen:?}");
    }
}

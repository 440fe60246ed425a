//! What a target looks like: the weights of a route, the capacity of one side of a fleet, the software of one. Before and after pictures
//! are what the journal keeps, what a read-back is compared with, and what a roll-back restores.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{Release, Replay, Software};
use crate::plan::{
    FleetName, Header, Member, RouteName, Side,
    units::{Paired, Percent, Scale, Weight},
};

/// One thing in the world that a run changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Route(RouteName),
    Fleet {
        fleet: FleetName,
        side: Side,
    },
    /// The software of a fleet that is replaced where it stands.
    Software(FleetName),
    /// The rule that leads requests with a header to the candidate of a route.
    TestRoute(RouteName),
    /// The candidate of a route, where a step makes it.
    Candidate(RouteName),
    /// The published versions of a route's function that a run deletes in the end.
    OldVersions(RouteName),
    /// The events that a step has sent to the candidate of a route once more.
    Replay(RouteName),
}

impl Target {
    /// Whether going back means to make it what it was. A version that was published harms nobody, since nobody is sent to
    /// it any more, and nobody was sent to one that was deleted. A replay is ended, if it is not over.
    pub fn is_put_back(&self) -> bool {
        match self {
            Self::Route(_)
            | Self::Fleet { .. }
            | Self::Software(_)
            | Self::TestRoute(_)
            | Self::Replay(_) => true,
            Self::Candidate(_) | Self::OldVersions(_) => false,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(route) => write!(f, "route {route}"),
            Self::Fleet { fleet, side } => write!(f, "fleet {fleet} ({side})"),
            Self::Software(fleet) => write!(f, "software of {fleet}"),
            Self::TestRoute(route) => write!(f, "test route of {route}"),
            Self::Candidate(route) => write!(f, "candidate of {route}"),
            Self::OldVersions(route) => write!(f, "old versions of {route}"),
            Self::Replay(route) => write!(f, "replay to {route}"),
        }
    }
}

/// What a target looks like at one moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picture {
    Split(Split),
    /// The rules of one route where they do not all have the same split, by place. Never of one rule, or of equal ones.
    Uneven(BTreeMap<String, Split>),
    Capacity(Capacity),
    Software(Software),
    TestRoute(TestRoute),
    Release(Release),
    /// The versions that nothing uses and that are older than those which are kept.
    OldVersions(BTreeSet<Member>),
    Replay(Replay),
}

/// Whether a rule ahead of a route's own leads requests with a header to the candidate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestRoute {
    Absent,
    /// Found again by these two: what a rule is called is for AWS to choose, and not known when it is asked for.
    Present {
        header: Header,
        group: Member,
    },
}

impl fmt::Display for TestRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no rule"),
            Self::Present { header, group } => write!(f, "a rule for {header} to {group}"),
        }
    }
}

/// The weight of every target group in a forward action, strangers included; a group that is not attached is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Split(pub BTreeMap<Member, Weight>);

impl Split {
    /// The weight of a group; one that is not attached weighs nothing.
    pub fn weight(&self, member: &Member) -> Weight {
        self.0.get(member).copied().unwrap_or(Weight::ZERO)
    }

    /// The same split with two members set.
    #[must_use]
    pub fn with(&self, stable: (&Member, Weight), candidate: (&Member, Weight)) -> Self {
        let mut weights = self.0.clone();
        weights.insert(stable.0.clone(), stable.1);
        weights.insert(candidate.0.clone(), candidate.1);
        Self(weights)
    }

    /// The same split with another member set.
    #[must_use]
    pub fn and(mut self, member: &Member, weight: Weight) -> Self {
        self.0.insert(member.clone(), weight);
        self
    }

    /// The same split with so much of the traffic on the candidate and, where there is one, a baseline beside it.
    #[must_use]
    pub fn shifted(
        &self,
        (stable, candidate, baseline): (&Member, &Member, Option<&Member>),
        share: Percent,
        scale: Scale,
    ) -> Self {
        if let Some(baseline) = baseline {
            let weights = Paired::split(share);
            self.with((stable, weights.stable), (candidate, weights.candidate))
                .and(baseline, weights.baseline)
        } else {
            let weights = Weight::split(share, scale);
            let mut split = self.with((stable, weights.0), (candidate, weights.1));
            if !scale.names_idle() {
                split.0.retain(|_, weight| *weight != Weight::ZERO);
            }
            split
        }
    }

    /// A member's share of all traffic, in basis points.
    pub fn share(&self, member: &Member) -> u32 {
        let total: u32 = self.0.values().map(|w| u32::from(w.get())).sum();
        (u32::from(self.weight(member).get()) * 10_000).checked_div(total).unwrap_or(0)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no groups");
        }
        for (i, (member, weight)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{member} {weight}")?;
        }
        Ok(())
    }
}

/// The capacity of an Auto Scaling group, in instances; or of a function's version, in executions that are kept ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Capacity {
    pub min: u32,
    pub max: u32,
    pub desired: u32,
}

impl Capacity {
    /// What has no bounds of its own, as provisioned concurrency has none: its size moves by itself too where Application
    /// Auto Scaling is told to move it.
    pub const fn unbounded(desired: u32) -> Self {
        Self { min: 0, max: u32::MAX, desired }
    }

    pub fn is_unbounded(self) -> bool {
        self == Self::unbounded(self.desired)
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unbounded() {
            return write!(f, "{} provisioned", self.desired);
        }
        write!(f, "desired {} (min {}, max {})", self.desired, self.min, self.max)
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Split(split) => split.fmt(f),
            Self::Uneven(parts) if parts.is_empty() => f.write_str("no rules"),
            Self::Uneven(parts) => {
                for (i, (place, split)) in parts.iter().enumerate() {
                    let then = if i == 0 { "" } else { "; " };
                    write!(f, "{then}{split} at {place}")?;
                }
                Ok(())
            }
            Self::Capacity(capacity) => capacity.fmt(f),
            Self::Software(software) => software.fmt(f),
            Self::TestRoute(test) => test.fmt(f),
            Self::Release(release) => release.fmt(f),
            Self::OldVersions(versions) if versions.is_empty() => f.write_str("none to delete"),
            Self::OldVersions(versions) => {
                let names: Vec<&str> = versions.iter().map(Member::as_str).collect();
                write!(f, "{} to delete ({})", names.len(), names.join(", "))
            }
            Self::Replay(replay) => replay.fmt(f),
        }
    }
}

impl Picture {
    /// Whether `live` is this picture again, as a roll-back wants it.
    pub fn is_back_in(&self, live: &Self) -> bool {
        match (self, live) {
            (Self::Software(origin), Self::Software(live)) => live.is_back_at(origin),
            (Self::Replay(Replay::Absent), Self::Replay(live)) => live.is_over(),
            // Nothing else moves by itself.
            _ => self == live,
        }
    }

    /// What a route looks like whose rules were read one by one.
    pub fn of_rules(parts: BTreeMap<String, Split>) -> Self {
        let mut splits = parts.values();
        match splits.next() {
            Some(first) if splits.all(|split| split == first) => Self::Split(first.clone()),
            Some(_) | None => Self::Uneven(parts),
        }
    }

    /// The split at one of the places of a route.
    pub fn part(&self, place: &str) -> Option<&Split> {
        match self {
            Self::Split(split) => Some(split),
            Self::Uneven(parts) => parts.get(place),
            Self::Capacity(_)
            | Self::Software(_)
            | Self::TestRoute(_)
            | Self::Release(_)
            | Self::OldVersions(_)
            | Self::Replay(_) => None,
        }
    }

    /// Whether every rule looks as it does in one of these pictures: changes of a route whose rules are written one
    /// after the other leave such a mixture when they are cut short.
    pub fn is_mixture_of(&self, pictures: &[&Self]) -> bool {
        match self {
            Self::Uneven(parts) => parts.iter().all(|(place, split)| {
                pictures.iter().any(|picture| picture.part(place) == Some(split))
            }),
            Self::Split(_)
            | Self::Capacity(_)
            | Self::Software(_)
            | Self::TestRoute(_)
            | Self::Release(_)
            | Self::OldVersions(_)
            | Self::Replay(_) => false,
        }
    }

    /// Whether every side gets what it does in one of these pictures: changes that are made one side after the other leave
    /// such a split when they are cut short.
    pub fn has_sides_of(&self, pictures: &[&Self]) -> bool {
        let splits = || pictures.iter().filter_map(|picture| picture.split());
        self.split().is_some_and(|live| {
            let known = splits().flat_map(|split| split.0.keys());
            let members: BTreeSet<&Member> = live.0.keys().chain(known).collect();
            let is_known =
                |member: &Member| splits().any(|split| split.weight(member) == live.weight(member));
            members.into_iter().all(is_known)
        })
    }

    fn split(&self) -> Option<&Split> {
        match self {
            Self::Split(split) => Some(split),
            Self::Uneven(_)
            | Self::Capacity(_)
            | Self::Software(_)
            | Self::TestRoute(_)
            | Self::Release(_)
            | Self::OldVersions(_)
            | Self::Replay(_) => None,
        }
    }

    /// Whether `live` is still this picture as far as this tool owns it. Weights must be equal. A group's desired
    /// capacity moves by itself between the bounds (scaling policies), so there only the bounds must be.
    pub fn stands_in(&self, live: &Self) -> bool {
        match (self, live) {
            (Self::Capacity(ours), Self::Capacity(live)) => {
                ours.min == live.min && ours.max == live.max
            }
            (Self::Software(ours), Self::Software(live)) => ours.stands_in(live),
            (Self::Release(ours), Self::Release(live)) => ours.stands_in(live),
            // Whoever publishes, or begins to use a version, changes what is old; only that a version is is asked for.
            (Self::OldVersions(_), Self::OldVersions(_)) => true,
            (Self::Replay(ours), Self::Replay(live)) => ours.stands_in(live),
            // All of anything else is this tool's.
            _ => self == live,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_made_side_by_side_may_be_cut_short_at_either_side_as_before_or_as_wanted() {
        let split = |sides: &[(&str, u16)]| {
            let weight = |weight| Weight::new(weight).unwrap();
            Picture::Split(Split(
                sides.iter().map(|(it, w)| (Member::new(*it), weight(*w))).collect(),
            ))
        };
        let (before, after) = (split(&[("old", 20)]), split(&[("old", 18), ("new", 2)]));
        let is_between = |live: &[(&str, u16)]| split(live).has_sides_of(&[&before, &after]);
        assert!(is_between(&[("old", 20), ("new", 2)]));
        assert!(is_between(&[("old", 18)]));
        assert!(!is_between(&[("old", 19), ("new", 2)]), "nobody's way leads there");
        assert!(!is_between(&[("new", 2)]), "the old one was to have something either way");
        assert!(!is_between(&[("old", 20), ("theirs", 1)]));
        let (before, after) = (split(&[("old", 100)]), split(&[("new", 100)]));
        assert!(
            split(&[]).has_sides_of(&[&before, &after]),
            "nobody reads while it is handed over"
        );
        assert!(!split(&[]).has_sides_of(&[&before]), "nothing was to be changed");
    }
}

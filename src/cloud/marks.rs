//! Marks: how a run says in AWS itself that it owns a thing, to runs whose journal is another folder's. A mark is a tag
//! whose key is the run's own, so that marks never overwrite each other; what it says has to fit what AWS takes as a
//! tag's value. How marks keep two runs apart is in `runner/ownership.rs`.
//! <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    time::Duration,
};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use super::{Error, Tags};
use crate::{
    plan::{FleetKind, Member, Place},
    rollout::{Bindings, RouteService, Timestamp},
};

/// A mark is fresh for so long after its last beat: three beats may be lost.
pub const FRESH_FOR: Duration = Duration::from_mins(3);

/// How many characters the value of a tag may have.
const VALUE: usize = 256;
/// How many of them whoever runs the run may have.
const OWNER: usize = 80;
/// A key may have 128 characters; what a run's id may have of them is left by the longest beginning of a key.
const RUN: usize = 128 - "tidegate:0123456789ab:".len();

/// A thing in AWS that a run owns while it lasts, with its own kind of tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owned {
    /// A route's first place, as [`RouteBound::owned`](crate::rollout::RouteBound::owned) has it.
    Route {
        service: RouteService,
        resource: String,
    },
    AutoScalingGroup(Member),
    /// `application/group`.
    DeploymentGroup(Member),
}

/// A thing that a run owns, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    pub place: Place,
    pub on: Owned,
}

impl Placed {
    /// Everything in [`Bindings::resources`], by what it is.
    pub fn of(bindings: &Bindings) -> BTreeSet<Self> {
        let routes = bindings.routes.values().flat_map(|bound| {
            bound.owned().map(|resource| {
                let on = Owned::route(bound.service, resource);
                Self { place: bound.place.clone(), on }
            })
        });
        let fleets = bindings.fleets.values().flat_map(|bound| {
            bound.members().filter_map(|member| {
                let on = match bound.service {
                    FleetKind::AutoScaling => Owned::AutoScalingGroup(member.clone()),
                    FleetKind::CodeDeploy => Owned::DeploymentGroup(member.clone()),
                    // Versions have no tags; the run's mark is on the alias in front of them.
                    FleetKind::Lambda => return None,
                };
                Some(Self { place: bound.place.clone(), on })
            })
        });
        routes.chain(fleets).collect()
    }
}

impl Owned {
    pub fn route(service: RouteService, resource: impl Into<String>) -> Self {
        Self::Route { service, resource: resource.into() }
    }

    /// What every key of a mark on it begins with. A zone has the marks of all its records, and a function those of all its
    /// aliases, told apart by a digest.
    fn prefix(&self) -> String {
        match self {
            Self::Route { service, resource } if service.traits().tags == Tags::Shared => {
                let mut prefix = "tidegate:".to_owned();
                for byte in Sha256::digest(resource.as_bytes()).iter().take(6) {
                    // Writing to a string cannot fail.
                    let _ = write!(prefix, "{byte:02x}");
                }
                prefix + ":"
            }
            Self::Route { .. } | Self::AutoScalingGroup(_) | Self::DeploymentGroup(_) => {
                "tidegate:run:".to_owned()
            }
        }
    }

    /// The key of a run's mark.
    pub fn key(&self, run: &str) -> String {
        self.prefix() + &end_of(run, RUN)
    }

    /// The mark that a tag is, if it is one on this thing.
    pub fn mark(&self, key: &str, value: &str) -> Option<Mark> {
        Some(Mark::read(key.strip_prefix(&self.prefix())?, value))
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route { service, resource } => {
                write!(f, "{}{resource}", service.traits().noun)
            }
            Self::AutoScalingGroup(group) => write!(f, "Auto Scaling group {group}"),
            Self::DeploymentGroup(group) => write!(f, "deployment group {group}"),
        }
    }
}

/// What a run says of itself on what it owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The run's id; the end of it where it is very long.
    pub run: String,
    /// The process that drives it: user, host and process id.
    pub owner: String,
    /// When the run began.
    pub since: Timestamp,
    /// When its owner last said that it lives, by its own clock.
    pub beat: Timestamp,
    /// The folder of its journal, on the owner's host.
    pub journal: String,
}

impl Mark {
    /// Shortened to what a tag can carry, so that it reads back as it is.
    pub fn new(run: &str, owner: &str, since: Timestamp, journal: &str) -> Self {
        let (owner, journal) = (plain(owner), plain(journal));
        // A tag tells whole seconds, and two who compare their beginnings must compare the same.
        let since = Timestamp::from_millis(since.as_millis() / 1_000 * 1_000);
        let owner: String = owner.chars().take(OWNER).collect();
        let empty =
            Self { run: end_of(run, RUN), owner, since, beat: since, journal: String::new() };
        let left = VALUE.saturating_sub(empty.value().len());
        let journal = if journal.len() > left {
            format!("...{}", end_of(&journal, left.saturating_sub(3)))
        } else {
            journal
        };
        Self { journal, ..empty }
    }

    #[must_use]
    pub fn beaten(&self, at: Timestamp) -> Self {
        Self { beat: at, ..self.clone() }
    }

    /// The tag's value.
    pub fn value(&self) -> String {
        let Self { owner, since, beat, journal, .. } = self;
        format!("owner={owner} since={since} beat={beat} journal={journal}")
    }

    /// What somebody has changed by hand reads as the mark of one that was never seen.
    fn read(run: &str, value: &str) -> Self {
        let (rest, journal) = value.split_once(" journal=").unwrap_or((value, ""));
        let (rest, beat) = rest.split_once(" beat=").unwrap_or((rest, ""));
        let (owner, since) = rest.split_once(" since=").unwrap_or((rest, ""));
        Self {
            run: run.to_owned(),
            owner: owner.strip_prefix("owner=").unwrap_or(owner).to_owned(),
            since: moment(since),
            beat: moment(beat),
            journal: journal.to_owned(),
        }
    }

    /// Whether its owner is taken to live. It is the owner's clock that wrote the beat and ours that judges it: behind
    /// ours by more than [`FRESH_FOR`], a living owner is taken for gone; ahead of ours, one that died is taken to live
    /// for as much longer. Clocks that are set by NTP, which AWS's signatures need anyway, are within seconds.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.beat) < FRESH_FOR
    }
}

fn moment(text: &str) -> Timestamp {
    let read = text.parse::<jiff::Timestamp>();
    read.map_or_else(|_| Timestamp::default(), |at| Timestamp::from_millis(at.as_millisecond()))
}

/// With nothing in it that a tag's value may not have, or that would end a field of ours early.
fn plain(text: &str) -> String {
    let may = |c: char| c.is_ascii_alphanumeric() || " +-._:/@".contains(c);
    text.chars().map(|c| if may(c) { c } else { '_' }).collect()
}

/// At most so many characters, the last ones.
fn end_of(text: &str, most: usize) -> String {
    let skipped = text.chars().count().saturating_sub(most);
    text.chars().skip(skipped).collect()
}

/// Reads the marks of all runs.
#[async_trait]
pub trait Marks: Send + Sync {
    async fn marks(&self, on: &Owned) -> Result<Vec<Mark>, Error>;
}

#[async_trait]
pub trait SetMarks: Send + Sync {
    /// Writes a run's mark; one that it has already is replaced, those of others stay.
    async fn put(&self, on: &Owned, mark: &Mark) -> Result<(), Error>;

    /// Removes a run's mark; none is fine too.
    async fn remove(&self, on: &Owned, run: &str) -> Result<(), Error>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        plan::{FleetName, RouteName},
        rollout::RouteBound,
        testkit::{SAMPLE_RULE, groups_bound, rule_bound},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    proptest! {
        #[test]
        fn whatever_is_said_fits_a_tag_and_reads_back_the_same(
            run in "[a-z0-9-]{1,200}", owner in ".{0,120}", journal in ".{0,400}", records in ".{0,80}",
        ) {
            let mark = Mark::new(&run, &owner, NOW, &journal).beaten(NOW.plus(FRESH_FOR));
            for on in [forward(), Owned::route(RouteService::Route53, records)] {
                let (key, value) = (on.key(&mark.run), mark.value());
                prop_assert!(key.len() <= 128 && value.len() <= 256, "{} {}", key.len(), value.len());
                prop_assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c)));
                prop_assert_eq!(on.mark(&key, &value), Some(mark.clone()));
            }
        }
    }

    fn forward() -> Owned {
        Owned::route(RouteService::ElasticLoadBalancing, SAMPLE_RULE)
    }

    #[test]
    fn other_tags_and_the_marks_of_other_records_are_none() {
        let records =
            |name: &str| Owned::route(RouteService::Route53, format!("hostedzone/Z1/{name}/A"));
        let mark = Mark::new("shop-1", "ann@build-7 pid 4711", NOW, "/srv/.tidegate");
        let key = records("app.example.com").key(&mark.run);
        assert!(records("app.example.com").mark(&key, &mark.value()).is_some());
        assert_eq!(records("api.example.com").mark(&key, &mark.value()), None);
        assert_eq!(forward().mark("team", "shop"), None);
    }

    #[test]
    fn a_mark_is_fresh_for_three_minutes_and_one_changed_by_hand_is_not() {
        let mark = Mark::new("shop-1", "ann", NOW, "/srv");
        assert!(mark.is_fresh(NOW.plus(Duration::from_secs(179))));
        assert!(!mark.is_fresh(NOW.plus(FRESH_FOR)));
        assert!(mark.is_fresh(NOW.before(FRESH_FOR)), "its owner's clock is ahead");
        let odd = forward().mark("tidegate:run:shop-1", "hello").unwrap();
        assert!(!odd.is_fresh(NOW), "{odd:?}");
        assert_eq!((odd.run.as_str(), odd.owner.as_str()), ("shop-1", "hello"));
    }

    #[test]
    fn all_that_a_run_owns_can_be_marked() {
        let mut bindings = Bindings::default();
        let route =
            RouteBound { others: vec!["other".into()], ..rule_bound(SAMPLE_RULE, "blue", "green") };
        bindings.routes.insert(RouteName::new("web"), route);
        let fleet = groups_bound("app-blue", "app-green");
        bindings.fleets.insert(FleetName::new("app"), fleet);
        let owned = Placed::of(&bindings);
        let named: BTreeSet<String> = owned.iter().map(|placed| placed.on.to_string()).collect();
        assert_eq!(named, bindings.resources());
    }
}

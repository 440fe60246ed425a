//! What the names of a plan stand for, settled once when a run starts and journaled with its first event: which service
//! has it, in which account and region, which member stands on which side, and of what nature its weights are. Whoever
//! makes a call goes by the service; the decisions know the nature alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    DeadLetters, Picture, ReplayBound, Split, Target, Version, mapping_place::each_mapping,
    stage_place::owned,
};
use crate::plan::{
    Aim, Deployed, FleetKind, FleetName, GateName, Header, Member, OF_TARGET_GROUPS, OF_VERSIONS,
    Place, Plan, Published, RouteName, Side,
    units::{Paired, Percent, Scale, Weight},
};

/// How long a change of DNS records may take until every name server has it, in seconds; generally less.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>
const SPREADING: u64 = 60;

/// Which real thing stands on which side, for the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bindings {
    pub routes: BTreeMap<RouteName, RouteBound>,
    pub fleets: BTreeMap<FleetName, FleetBound>,
    /// The header by which each test route is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<RouteName, Header>,
    /// The rule of each test route as it would be added, in the AWS CLI's JSON, for a person who has to do it by hand. No
    /// decision is made from it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub test_rules: BTreeMap<RouteName, String>,
    /// The fleets on whose candidate side other versions ran then, which the run replaces first.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub leftovers: BTreeSet<FleetName>,
    /// Routes that a side's group is to be attached to before anything else, because it stands in none of their places.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attaches: BTreeSet<RouteName>,
    /// What the run writes on what it makes, so that whoever takes over finds it again. None where it makes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// How many published versions are left of the function of each route that is pruned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keeps: BTreeMap<RouteName, u32>,
    /// How each place of a route was written when the run began.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub written: BTreeMap<String, Written>,
    /// What each replay of a route's events stands for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replays: BTreeMap<RouteName, ReplayBound>,
    /// The dead letters that were there before the run, of each gate that counts them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dead_letters: BTreeMap<GateName, DeadLetters>,
}

/// All that stands at a place beside the weights, as the AWS CLI takes it: a person who is to put a route right by hand is
/// given a whole command. No decision is made from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Written {
    /// JSON: the list of actions of a rule or listener, or the list of records of a name.
    pub json: String,
    /// JSON: the listener, priority and conditions of a rule, for whoever has to make it again. None where that is not known
    /// as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The ARNs of target groups that may be given a weight there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arns: BTreeMap<Member, String>,
}

impl Bindings {
    /// Where a target is. One that is bound to nothing is nowhere in particular.
    pub fn place(&self, target: &Target) -> Option<&Place> {
        match target {
            Target::Route(route)
            | Target::TestRoute(route)
            | Target::Candidate(route)
            | Target::OldVersions(route)
            | Target::Replay(route) => self.routes.get(route).map(|bound| &bound.place),
            Target::Fleet { fleet, .. } | Target::Software(fleet) => {
                self.fleets.get(fleet).map(|bound| &bound.place)
            }
        }
    }

    /// Says what a run writes on what it makes, where its plan makes anything.
    pub fn sign(&mut self, plan: &Plan, run: &str) {
        let mut aims = plan.steps().map(|(_, step)| step.conduct().aim);
        let makes = aims.any(|aim| matches!(aim, Aim::Release { .. } | Aim::Replay(_)));
        self.made_by = makes.then(|| format!("tidegate {run}"));
    }

    /// Whether a change of `target` that leads from one of these pictures to another may have been cut short at `live`.
    pub fn is_halfway(&self, target: &Target, live: &Picture, pictures: &[&Picture]) -> bool {
        let set = match target {
            Target::Route(route) => self.routes.get(route).map(|bound| bound.nature.set),
            Target::Fleet { .. }
            | Target::Software(_)
            | Target::TestRoute(_)
            | Target::Candidate(_)
            | Target::OldVersions(_)
            | Target::Replay(_) => None,
        };
        match set.unwrap_or_default() {
            Set::AtOnce => live.is_mixture_of(pictures),
            Set::SideBySide => live.has_sides_of(pictures),
        }
    }

    /// A step has made the candidate of a route, which is that of the fleets of its versions too.
    pub fn learn(&mut self, route: &RouteName, member: &Member) {
        let Some(bound) = self.routes.get_mut(route) else { return };
        bound.candidate = Some(member.clone());
        let place = &bound.resource;
        for fleet in self.fleets.values_mut().filter(|it| it.alias.as_ref() == Some(place)) {
            fleet.candidate = Some(member.clone());
        }
    }

    /// How long clients of a route may go on by the weights from before a change.
    pub fn lag(&self, route: &RouteName) -> Duration {
        self.routes.get(route).map_or(Duration::ZERO, |bound| bound.nature.lag())
    }

    /// What a run owns while it lasts, by names that are the same for every plan and route name. What carries a route's
    /// weights is named so that nobody else in the world has that name; a group's name is its region's in its account.
    pub fn resources(&self) -> BTreeSet<String> {
        let routes = self.routes.values().flat_map(RouteBound::owned).map(str::to_owned);
        let fleets = self.fleets.values().flat_map(|bound| {
            // Of a function one run at a time says which version has executions ready; an alias is the world's by its ARN.
            if let Some((function, _)) =
                bound.alias.as_deref().and_then(|alias| alias.rsplit_once(':'))
            {
                return vec![format!("{} {function}", bound.service.thing())];
            }
            let Place { region, account, role: _ } = &bound.place;
            let told = [("in", region), ("of account", account)];
            let told = told.map(|(word, told)| told.as_ref().map(|told| format!(" {word} {told}")));
            let place: String = told.into_iter().flatten().collect();
            let named = |member| format!("{} {member}{place}", bound.service.thing());
            bound.members().map(named).collect()
        });
        routes.chain(fleets).collect()
    }
}

/// A route's real place and sides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RouteBound {
    pub service: RouteService,
    #[serde(default, skip_serializing_if = "Place::is_open")]
    pub place: Place,
    /// What the run owns while it lasts: the ARN of a rule, listener, alias or stage, a target of a rule, the zone, name and type
    /// of records, or event source mappings as [`MappingPlace`](super::MappingPlace) writes them.
    pub resource: String,
    /// The ARNs of the route's other rules and listeners, which are moved together with the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    pub stable: Member,
    /// None until a step has made it, where the plan has one make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Member>,
    /// What accompanies the candidate, with as much traffic, to be compared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Member>,
    /// The stage variables of the candidate's own, where the run makes its deployment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    pub nature: Nature,
}

/// A fleet's real sides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FleetBound {
    pub service: FleetKind,
    #[serde(default, skip_serializing_if = "Place::is_open")]
    pub place: Place,
    pub stable: Member,
    /// None until a step has made it, where the route in front has one make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Member>,
    /// The ARN of the alias whose function's versions these are, where they are versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// What each group of a fleet with two sides launched when the run began. Several where its policy names several
    /// launch templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<Member, Vec<Version>>,
}

impl FleetBound {
    /// What stands on a side; nothing does on the candidate's before it is made.
    pub fn member(&self, side: Side) -> Option<&Member> {
        match side {
            Side::Stable => Some(&self.stable),
            Side::Candidate => self.candidate.as_ref(),
        }
    }

    /// All there are.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        std::iter::once(&self.stable).chain(&self.candidate)
    }
}

/// What carries a route's weights to its clients, as IAM names services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteService {
    /// Applies them itself, to every request or connection.
    ElasticLoadBalancing,
    /// Answers questions with them, and the answers are kept.
    Route53,
    /// Runs what is asked for by itself, and chooses a version for each request.
    Lambda,
    /// Answers for the stage of an API, and chooses between its deployment and its canary's for each request.
    ApiGateway,
    /// Sends what a rule matches to its targets.
    #[serde(rename = "events")]
    EventBridge,
    /// Reads a queue or a stream for a function: event source mappings of Lambda.
    #[serde(rename = "event-source")]
    EventSource,
}

impl RouteService {
    /// The metrics by which its sides are told apart; `None` where nobody counts each side's requests.
    pub const fn published(self) -> Option<&'static Published> {
        match self {
            Self::ElasticLoadBalancing => Some(&OF_TARGET_GROUPS),
            Self::Route53 | Self::ApiGateway | Self::EventBridge | Self::EventSource => None,
            Self::Lambda => Some(&OF_VERSIONS),
        }
    }
}

/// What has to be known of weights to decide about them, whatever carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Nature {
    pub scale: Scale,
    /// For how long clients may go on by the weights from before a change that is in effect, in seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lag: u64,
    /// How long it may take until a change is in effect whose call gave no answer, in seconds; a call that returns has
    /// waited for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spreading: u64,
    /// Who names what is made in its place when it is gone.
    pub named: Named,
    /// How a change of the weights is made.
    #[serde(default, skip_serializing_if = "is_at_once")]
    pub set: Set,
}

/// How a change of weights is made, and so how they may stand when it is cut short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// All at once: whatever is neither as before nor as wanted is somebody else's.
    #[default]
    AtOnce,
    /// One side after the other, so that each may be as before or as wanted.
    SideBySide,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_at_once(set: &Set) -> bool {
    matches!(set, Set::AtOnce)
}

/// Who gives a thing its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Named {
    /// Whoever makes it, so that it can be made again.
    ByMaker,
    /// AWS, which gives another thing another name.
    ByAws,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}

impl Nature {
    pub const LOAD_BALANCER: Self =
        Self { named: Named::ByAws, ..Self::at_once(Scale::LoadBalancer) };
    pub const ALIAS: Self = Self::at_once(Scale::Hundredths);

    /// Whoever makes a stage again gives it its name, and deployments outlast it.
    pub const STAGE: Self = Self::ALIAS;

    /// Whoever makes a rule again gives it and its target their names.
    pub const TARGET: Self = Self { scale: Scale::Whole, ..Self::ALIAS };

    /// Of records whose answers are kept for so many seconds.
    pub const fn records(ttl: u64) -> Self {
        Self { lag: ttl, spreading: SPREADING, ..Self::at_once(Scale::Dns) }
    }

    /// Of event source mappings, which AWS gives their names.
    pub const fn mappings(scale: Scale) -> Self {
        Self { named: Named::ByAws, set: Set::SideBySide, ..Self::at_once(scale) }
    }

    const fn at_once(scale: Scale) -> Self {
        Self { scale, lag: 0, spreading: 0, named: Named::ByMaker, set: Set::AtOnce }
    }

    pub const fn lag(self) -> Duration {
        Duration::from_secs(self.lag)
    }
}

impl RouteBound {
    /// Everywhere its weights stand.
    pub fn places(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.resource).chain(&self.others)
    }

    /// What a run owns of them while it lasts.
    pub fn owned(&self) -> impl Iterator<Item = &str> {
        self.places().flat_map(|place| each_mapping(owned(place)))
    }

    /// What stands on a side; nothing does on the candidate's before it is made.
    pub fn member(&self, side: Side) -> Option<&Member> {
        match side {
            Side::Stable => Some(&self.stable),
            Side::Candidate => self.candidate.as_ref(),
        }
    }

    /// What a side weighs in a split; one that is not made yet weighs nothing.
    pub fn weight(&self, split: &Split, side: Side) -> Weight {
        self.member(side).map_or(Weight::ZERO, |member| split.weight(member))
    }

    /// The share of all traffic that a side has in a split, in basis points.
    pub fn share(&self, split: &Split, side: Side) -> u32 {
        self.member(side).map_or(0, |member| split.share(member))
    }

    /// All that are given a share of the traffic by a run.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        std::iter::once(&self.stable).chain(&self.candidate).chain(&self.baseline)
    }

    /// A deployment of this id on the candidate's side of a stage: by the variables of what serves, and its own.
    pub fn deployed(&self, id: &Member) -> Member {
        Deployed::of(&self.stable).overridden(id.as_str(), &self.variables).member()
    }

    /// What the baseline weighs beside so much of the traffic on the candidate.
    pub fn baseline_at(&self, share: Percent) -> Weight {
        self.baseline.as_ref().map_or(Weight::ZERO, |_| Paired::split(share).baseline)
    }

    /// A split with so much of the traffic on the candidate; what others have stays. None while there is no candidate.
    pub fn shifted(&self, split: &Split, share: Percent) -> Option<Split> {
        let members = (&self.stable, self.candidate.as_ref()?, self.baseline.as_ref());
        Some(split.shifted(members, share, self.nature.scale))
    }
}

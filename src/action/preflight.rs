//! Before a run starts: are these the right account and region, does everything the plan names exist, which side is
//! which, may the first step begin? Only reads are made, and every refusal is collected, so that one attempt tells all.

use std::{collections::BTreeMap, time::Duration};

use super::alarms::{check_alarms, check_queues};
use crate::{
    cloud::{Error, Forward, Group, HealthState, Obstacle, Reads},
    plan::{
        Family, Fleet, FleetName, GateKind, Header, ListenerRule, Member, Plan, RecordSet, Route,
        RouteKind, RouteName, Side, Sides, Verb, units::Weight, units::format_duration,
    },
    rollout::{Bindings, Bound, Excused, Flow, Found, Medium, Picture, Split, Target, TestRoute},
};

use super::{
    automation,
    replacement::{self, kind_name},
};

/// Everything a run knows about the world when it starts.
#[derive(Clone, Debug)]
pub struct Settled {
    pub bindings: Bindings,
    pub found: Vec<Found>,
    /// Alarms that are in `ALARM` and do not count, or not yet, because the plan says so.
    pub excused: Vec<Excused>,
    /// Sentences worth knowing that stop nothing.
    pub warnings: Vec<String>,
}

/// One reason not to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    pub problem: String,
    pub hint: String,
}

impl Objection {
    pub(super) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into() }
    }

    pub(super) fn error(what: &str, error: &Error) -> Self {
        let hint = error.hint().unwrap_or_else(|| "try again".to_owned());
        Self::new(format!("{what}: {error}"), hint)
    }
}

/// With a longer TTL the wait for clients outlasts what one expects of a roll-back.
const LONG_TTL: Duration = Duration::from_mins(5);

#[derive(Default)]
pub(super) struct Notes {
    pub(super) objections: Vec<Objection>,
    pub(super) warnings: Vec<String>,
    /// The ARNs of the target groups that were found.
    pub(super) target_groups: BTreeMap<Member, String>,
}

/// Looks at all the plan names; either a run may start from what was found, or here is everything against it.
pub async fn preflight(plan: &Plan, reads: &Reads) -> Result<Settled, Vec<Objection>> {
    let mut notes = Notes::default();
    check_account(plan, reads, &mut notes).await;
    let mut settled = Settled {
        bindings: Bindings::default(),
        found: Vec::new(),
        excused: Vec::new(),
        warnings: Vec::new(),
    };
    for (name, route) in &plan.routes {
        let found = match &route.kind {
            RouteKind::Alb(rules) => {
                find_rules(name, (Family::Application, rules), route, reads, &mut notes).await
            }
            RouteKind::Nlb(listeners) => {
                find_rules(name, (Family::Network, listeners), route, reads, &mut notes).await
            }
            RouteKind::Route53(at) => find_records(name, at, route, reads, &mut notes).await,
        };
        let Some(standing) = found else { continue };
        if let Some((stable, candidate)) = settle_sides(name, route, &standing.split, &mut notes) {
            check_baseline(plan, (name, route), reads, &mut notes).await;
            let Standing { resource, others, split, medium } = standing;
            settled.found.push(Found {
                target: Target::Route(name.clone()),
                picture: Picture::Split(split),
            });
            let baseline = route.baseline.clone();
            let bound = Bound { resource, stable, candidate, baseline, others, medium };
            settled.bindings.routes.insert(name.clone(), bound);
        }
    }
    for (name, header) in tests(plan) {
        settle_test(name, header, reads, &mut settled, &mut notes).await;
    }
    for (name, fleet) in &plan.fleets {
        settle_fleet(plan, name, fleet, reads, &mut settled, &mut notes).await;
    }
    check_functions(plan, reads, &mut notes).await;
    check_queues(plan, reads, &mut notes).await;
    settled.excused = check_alarms(plan, reads, &settled.bindings, &mut notes).await;
    if notes.objections.is_empty() {
        settled.warnings = notes.warnings;
        Ok(settled)
    } else {
        Err(notes.objections)
    }
}

/// A dry run asks for no permission but the one an invocation needs.
async fn check_functions(plan: &Plan, reads: &Reads, notes: &mut Notes) {
    for (name, gate) in &plan.gates {
        let GateKind::Lambda(gate) = &gate.kind else { continue };
        if let Err(error) = reads.functions.may_invoke(&gate.function).await {
            notes.objections.push(Objection::error(&format!("gate {name}"), &error));
        }
    }
}

async fn check_account(plan: &Plan, reads: &Reads, notes: &mut Notes) {
    if let Some(region) = plan.aws.region.as_ref().filter(|region| **region != reads.region) {
        notes.objections.push(Objection::new(
            format!("the plan is for region {region}, but the clients are set to {}", reads.region),
            format!("run with `--region {region}`, or set AWS_REGION"),
        ));
    }
    let Some(account) = &plan.aws.account else { return };
    match reads.identity.caller().await {
        Ok(caller) if caller.account == *account => {}
        Ok(caller) => notes.objections.push(Objection::new(
            format!(
                "the plan is for account {account}, but the credentials ({}) belong to {}",
                caller.arn, caller.account
            ),
            "use another profile with `--profile`, or correct `aws.account` in the plan",
        )),
        Err(error) => {
            notes
                .objections
                .push(Objection::error("cannot tell whose credentials these are", &error));
        }
    }
}

/// Where a route's weights stand, and how.
struct Standing {
    resource: String,
    others: Vec<String>,
    split: Split,
    medium: Medium,
}

async fn find_records(
    name: &RouteName,
    at: &RecordSet,
    route: &Route,
    reads: &Reads,
    notes: &mut Notes,
) -> Option<Standing> {
    let records = match reads.dns.find(at).await {
        Ok(records) => records,
        Err(error) => {
            notes.objections.push(Objection::error(&format!("route {name}"), &error));
            return None;
        }
    };
    let missing =
        route.sides.members().into_iter().filter(|member| !records.split.0.contains_key(*member));
    let missing: Vec<&str> = missing.map(Member::as_str).collect();
    if !missing.is_empty() {
        notes.objections.push(Objection::new(
            format!(
                "route {name}: {} has no record with the set identifier {}",
                records.resource,
                missing.join(" or ")
            ),
            "create it with weight 0; a run moves weights and makes no records",
        ));
        return None;
    }
    if records.ttl > LONG_TTL {
        notes.warnings.push(format!(
            "resolvers keep the answers of route {name} for {}: every shift and every roll-back \
             takes that long to reach all clients",
            format_duration(records.ttl)
        ));
    }
    let medium = Medium::Dns { ttl: records.ttl.as_secs() };
    Some(Standing { resource: records.resource, others: Vec::new(), split: records.split, medium })
}

async fn find_rules(
    name: &RouteName,
    (family, rules): (Family, &[ListenerRule]),
    route: &Route,
    reads: &Reads,
    notes: &mut Notes,
) -> Option<Standing> {
    let mut forwards: Vec<Forward> = Vec::new();
    for at in rules {
        match reads.load_balancers.find(at).await {
            Ok(found) if !found.resource.contains(&format!("/{}/", family.in_arns())) => {
                notes.objections.push(Objection::new(
                    format!("route {name}: {} is not on a {family}", found.resource),
                    "write `alb:` for an Application and `nlb:` for a Network Load Balancer",
                ));
            }
            Ok(found) if forwards.iter().any(|other| other.resource == found.resource) => {
                notes.objections.push(Objection::new(
                    format!("route {name} names {} twice", found.resource),
                    "name each rule or listener once",
                ));
            }
            Ok(found) => forwards.push(found),
            Err(error) => {
                notes.objections.push(Objection::error(&format!("route {name}"), &error));
            }
        }
    }
    let mut complete = forwards.len() == rules.len();
    for member in route.sides.members().into_iter().chain(&route.baseline) {
        match reads.load_balancers.target_group(member).await {
            Ok(group) => {
                notes.target_groups.insert(member.clone(), group.arn);
            }
            Err(error) => {
                notes.objections.push(Objection::error(&format!("route {name}"), &error));
                complete = false;
            }
        }
    }
    let first = complete.then(|| one_split(name, &forwards, notes)).flatten()?;
    if let Some(sticky) = first.sticky_for {
        notes.warnings.push(format!(
            "route {name} is sticky for {}: clients that hold its cookie do not follow the weights",
            format_duration(sticky)
        ));
    }
    Some(Standing {
        resource: first.resource.clone(),
        others: forwards.iter().skip(1).map(|other| other.resource.clone()).collect(),
        split: first.split.clone(),
        medium: Medium::LoadBalancer,
    })
}

/// The first of a route's places, if all have the same split: they are moved together, from one picture to the next.
fn one_split<'a>(
    name: &RouteName,
    forwards: &'a [Forward],
    notes: &mut Notes,
) -> Option<&'a Forward> {
    let first = forwards.first()?;
    if forwards.iter().all(|other| other.split == first.split) {
        return Some(first);
    }
    let splits = forwards.iter().map(|f| format!("{} at {}", f.split, f.resource));
    notes.objections.push(Objection::new(
        format!(
            "the rules of route {name} do not split alike: {}",
            splits.collect::<Vec<_>>().join("; ")
        ),
        "give all of them the same weights first; a run moves them together",
    ));
    None
}

/// Which member is stable and which the candidate.
fn settle_sides(
    name: &RouteName,
    route: &Route,
    split: &Split,
    notes: &mut Notes,
) -> Option<(Member, Member)> {
    let is_ours = |member: &Member| {
        route.sides.members().contains(&member) || route.baseline.as_ref() == Some(member)
    };
    let strangers: Vec<String> = split
        .0
        .iter()
        .filter(|(member, weight)| **weight != Weight::ZERO && !is_ours(member))
        .map(|(member, weight)| format!("{member} ({weight})"))
        .collect();
    if !strangers.is_empty() {
        notes.objections.push(Objection::new(
            format!("route {name} also sends traffic to {}", strangers.join(", ")),
            "set their weights to 0 first; a run moves traffic between its own groups only",
        ));
        return None;
    }
    let bound = |stable: &Member, candidate: &Member| (stable.clone(), candidate.clone());
    let weight = |member: &Member| split.weight(member);
    match &route.sides {
        Sides::Fixed { stable, candidate } => {
            if weight(stable) == Weight::ZERO {
                notes.objections.push(Objection::new(
                    format!("route {name} sends nothing to {stable}, its stable side"),
                    "swap `stable` and `candidate`, or use `pair`, which finds out by itself",
                ));
                return None;
            }
            if weight(candidate) != Weight::ZERO {
                notes
                    .warnings
                    .push(format!("route {name} sends traffic to {candidate} already: {split}"));
            }
            Some(bound(stable, candidate))
        }
        // A route has two sides; `check` makes sure of it.
        Sides::Single(_) => None,
        Sides::Pair([first, second]) => match (weight(first), weight(second)) {
            (Weight::ZERO, Weight::ZERO) => {
                notes.objections.push(Objection::new(
                    format!("route {name} sends traffic to neither {first} nor {second}"),
                    "give the side that serves today all the weight",
                ));
                None
            }
            (_, Weight::ZERO) => Some(bound(first, second)),
            (Weight::ZERO, _) => Some(bound(second, first)),
            _ => {
                notes.objections.push(Objection::new(
                    format!("route {name} is split between both sides ({split})"),
                    "finish or roll back what split it, or name `stable` and `candidate` instead \
                     of a `pair`",
                ));
                None
            }
        },
    }
}

/// No run scales a baseline group, so whoever runs it has to have started it.
async fn check_baseline(
    plan: &Plan,
    (name, route): (&RouteName, &Route),
    reads: &Reads,
    notes: &mut Notes,
) {
    let shifts = |verb: &Verb| matches!(verb, Verb::Shift { route, .. } if route == name);
    let Some(baseline) = &route.baseline else { return };
    if !plan.steps().any(|(_, step)| shifts(&step.verb)) {
        return;
    }
    match reads.load_balancers.health(baseline).await {
        Ok(health) if health.iter().any(|health| health.state == HealthState::Healthy) => {}
        Ok(_) => notes.objections.push(Objection::new(
            format!("route {name}: no target of its baseline group {baseline} is healthy"),
            "start fresh instances of what serves today there, as many as the candidate will have; a \
             group that stands in no rule is not checked: add it to the route's with weight 0",
        )),
        Err(error) => notes.objections.push(Objection::error(&format!("route {name}"), &error)),
    }
}

/// The routes that the plan tests, with the header it does so by.
fn tests(plan: &Plan) -> BTreeMap<&RouteName, &Header> {
    let tests = plan.steps().filter_map(|(_, step)| match &step.verb {
        Verb::TestRoute { route, header: Some(header) } => Some((route, header)),
        _ => None,
    });
    tests.collect()
}

/// A test route that is there already is somebody else's, and would be taken away with the run's own.
async fn settle_test(
    name: &RouteName,
    header: &Header,
    reads: &Reads,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    // A route that could not be settled has been told of already.
    let Some(bound) = settled.bindings.routes.get(name) else { return };
    match reads.load_balancers.test_route(&bound.resource, header, &bound.candidate).await {
        Ok(TestRoute::Absent) => {
            settled.bindings.tests.insert(name.clone(), header.clone());
            settled.found.push(Found {
                target: Target::TestRoute(name.clone()),
                picture: Picture::TestRoute(TestRoute::Absent),
            });
        }
        Ok(there @ TestRoute::Present { .. }) => notes.objections.push(Objection::new(
            format!("route {name}: there is {there} already"),
            "delete that rule of the listener, or test by another header",
        )),
        Err(error) => notes.objections.push(Objection::error(&format!("route {name}"), &error)),
    }
}

async fn settle_fleet(
    plan: &Plan,
    name: &FleetName,
    fleet: &Fleet,
    reads: &Reads,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    if let Sides::Single(member) = &fleet.sides {
        settle_replaced(plan, (name, fleet), member, reads, settled, notes).await;
        return;
    }
    let behind = fleet.behind.as_ref();
    let route = behind.and_then(|route| {
        Some((plan.routes.get(route)?, settled.bindings.routes.get(route)?.clone()))
    });
    let (stable, candidate) = match (&fleet.sides, &route) {
        (Sides::Fixed { stable, candidate }, _) => (stable.clone(), candidate.clone()),
        (Sides::Pair([first, second]), Some((route, bound))) => {
            if route.sides.members()[0] == &bound.stable {
                (first.clone(), second.clone())
            } else {
                (second.clone(), first.clone())
            }
        }
        // The route it stands behind could not be settled, which has been said already.
        (Sides::Pair(_), None) | (Sides::Single(_), _) => return,
    };
    let bound = Bound {
        resource: kind_name(fleet.kind).to_owned(),
        stable,
        candidate,
        baseline: None,
        others: Vec::new(),
        medium: Medium::LoadBalancer,
    };
    for side in [Side::Stable, Side::Candidate] {
        let member = bound.member(side);
        match reads.groups.group(member).await {
            Ok(group) => {
                let target_group = route.as_ref().and_then(|(_, route)| match route.medium {
                    Medium::LoadBalancer => Some(route.member(side)),
                    // What a record leads to is not registered anywhere we could look.
                    Medium::Dns { .. } => None,
                });
                check_group(plan, name, &group, target_group, notes);
                if scales(plan, name, side) {
                    notes.warnings.extend(automation::warnings(name, &group, reads).await);
                }
                settled.found.push(Found {
                    target: Target::Fleet { fleet: name.clone(), side },
                    picture: Picture::Capacity(group.capacity),
                });
            }
            Err(error) => {
                notes.objections.push(Objection::error(&format!("fleet {name}"), &error));
            }
        }
    }
    settled.bindings.fleets.insert(name.clone(), bound);
}

/// A fleet whose software is replaced where it stands.
async fn settle_replaced(
    plan: &Plan,
    (name, fleet): (&FleetName, &Fleet),
    member: &Member,
    reads: &Reads,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    let bound = Bound {
        resource: kind_name(fleet.kind).to_owned(),
        stable: member.clone(),
        candidate: member.clone(),
        baseline: None,
        others: Vec::new(),
        medium: Medium::LoadBalancer,
    };
    let installation = match replacement::reads(reads, &bound).installation(member).await {
        Ok(installation) => installation,
        Err(error) => {
            notes.objections.push(Objection::error(&format!("fleet {name}"), &error));
            return;
        }
    };
    for Obstacle { problem, hint } in &installation.obstacles {
        notes.objections.push(Objection::new(format!("fleet {name}: {problem}"), hint.clone()));
    }
    notes.warnings.extend(installation.notes.iter().map(|note| format!("fleet {name}: {note}")));
    let software = installation.software;
    if let Some(operation) = software.under_way() {
        notes.objections.push(Objection::new(
            format!("fleet {name}: {} is under way already, to {}", operation.id, operation.to),
            "wait for it to end, or stop it",
        ));
    }
    if software.flow == Flow::Held {
        notes.objections.push(Objection::new(
            format!("fleet {name}: the process InstanceRefresh is suspended on {member}"),
            "find out who suspended it and why, then resume it",
        ));
    }
    if plan.steps().any(|(_, step)| step.replaces().is_some_and(|r| r.fleet == *name)) {
        let target = Target::Software(name.clone());
        settled.found.push(Found { target, picture: Picture::Software(software) });
    }
    settled.bindings.fleets.insert(name.clone(), bound);
}

fn check_group(
    plan: &Plan,
    name: &FleetName,
    group: &Group,
    target_group: Option<&Member>,
    notes: &mut Notes,
) {
    if let Some(wanted) = target_group.filter(|wanted| !group.target_groups.contains(wanted)) {
        notes.objections.push(Objection::new(
            format!(
                "group {} of fleet {name} does not register with target group {wanted}",
                group.name
            ),
            "attach the target group to the group; its instances would never become healthy there",
        ));
    }
    let is_scaled = [Side::Stable, Side::Candidate].into_iter().any(|of| scales(plan, name, of));
    let in_the_way = |process: &&String| {
        ["Launch", "Terminate", "AddToLoadBalancer"].contains(&process.as_str())
    };
    let suspended: Vec<&String> = group.suspended.iter().filter(in_the_way).collect();
    if is_scaled && !suspended.is_empty() {
        let list = suspended.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", ");
        notes.objections.push(Objection::new(
            format!(
                "group {} has suspended {list}, so scaling it would have no effect",
                group.name
            ),
            "resume these processes first",
        ));
    }
}

/// Whether a step of the plan scales this side of a fleet.
fn scales(plan: &Plan, name: &FleetName, of: Side) -> bool {
    plan.steps().any(|(_, step)| {
        matches!(&step.verb, Verb::Scale { fleet, side, .. } if fleet == name && *side == of)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;
    use crate::{
        rollout::Timestamp,
        simulation::{Scenario, World},
        testkit::sample_plan,
    };

    /// What is held against a plan with a baseline, a minute into a world like this.
    async fn objections(plan: &Plan, scenario: &str) -> Vec<String> {
        let scenario: Scenario = serde_saphyr::from_str(scenario).unwrap();
        let clock = Arc::new(AtomicI64::new(0));
        let read = Arc::clone(&clock);
        let now = Arc::new(move || Timestamp::from_millis(read.load(Ordering::Relaxed)));
        let world = World::for_plan(plan, &scenario, now);
        clock.store(60_000, Ordering::Relaxed);
        let found = preflight(plan, &world.flawless_cloud().reads).await;
        found.map_or_else(|all| all.into_iter().map(|o| o.problem).collect(), |_| Vec::new())
    }

    #[tokio::test]
    async fn a_run_that_would_send_traffic_to_a_baseline_nobody_runs_does_not_start() {
        const NOBODY: &str = "sides: { stable: { healthy: never } }";
        let mut plan = sample_plan();
        for route in plan.routes.values_mut() {
            route.baseline = Some(Member::new("fresh"));
        }
        let refused = ["route web: no target of its baseline group fresh is healthy"];
        assert_eq!(objections(&plan, NOBODY).await, refused);
        assert_eq!(objections(&plan, "{}").await, [""; 0]);
        plan.components.clear();
        assert_eq!(objections(&plan, NOBODY).await, [""; 0], "it shifts nothing");
    }
}

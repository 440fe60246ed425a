//! What preflight settles about a route: whether its place is there, which side is which, and whether its sides can take
//! the traffic.
//!
//! A fifth of the file is tests, which need what is private here.

use std::{collections::BTreeMap, time::Duration};

use super::{
    absent::refusal,
    aliases::{find_alias, other_code, settle_old_versions},
    attach::{check_attachable, uses},
    buses::find_target,
    mappings::find_mappings,
    objection::{Notes, Objection, Settled},
    sides::settle_sides,
    stages::find_stage,
    standing::Standing,
};
use crate::{
    cloud::{Error, Forward, Health, HealthState, Kind, Places, Reads},
    plan::{
        Aim, CodeDigest, Family, Header, ListenerRule, Member, Plan, RecordSet, Route, RouteKind,
        RouteName, Step, units::format_duration,
    },
    rollout::{Found, Nature, Picture, Release, RouteService, Split, Target, TestRoute, Written},
};

/// With a longer TTL the wait for clients outlasts what one expects of a roll-back.
const LONG_TTL: Duration = Duration::from_mins(5);

/// Looks at every route of the plan, and at what its tests need.
pub(super) async fn settle_routes(
    plan: &Plan,
    places: &Places<Reads>,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    for (name, route) in &plan.routes {
        // Of a place that nothing reaches has been told.
        let Ok(reads) = places.at(&route.place) else { continue };
        let found = match &route.kind {
            RouteKind::Alb(rules) => {
                find_rules(name, (Family::Application, rules), route, reads, notes).await
            }
            RouteKind::Nlb(listeners) => {
                find_rules(name, (Family::Network, listeners), route, reads, notes).await
            }
            RouteKind::Route53(at) => find_records(name, at, route, reads, notes).await,
            RouteKind::Lambda(at) => find_alias(name, at, route, reads, notes).await,
            RouteKind::ApiGateway(at) => find_stage(name, at, route, reads, notes).await,
            RouteKind::EventBus(at) => find_target(name, at, route, reads, notes).await,
            RouteKind::EventSource(at) => find_mappings(name, at, route, reads, notes).await,
        };
        let Some(standing) = found else { continue };
        let sides = settle_sides(name, route, (&standing.split, standing.service), notes);
        if sides.is_none() {
            // Which of them serves cannot be told; the place is the same.
            let members = route.sides.members();
            if let (Some(first), second) = (members.first(), members.get(1)) {
                let sides = ((*first).clone(), second.map(|member| (*member).clone()));
                let bound = standing.bound(sides, route, notes.place(&route.place));
                notes.unsettled.insert(name.clone(), bound);
            }
        }
        if let Some((stable, candidate)) = sides {
            check_baseline(plan, (name, route), &standing.split, reads, notes).await;
            if uses(plan, name) {
                if let Some((forwards, groups)) = &standing.rules
                    && groups.iter().any(|group| !standing.split.0.contains_key(&group.name))
                {
                    let there = (forwards.as_slice(), &standing.split);
                    check_attachable(name, there, (groups, &stable), notes);
                    settled.bindings.attaches.insert(name.clone());
                }
                if standing.service == RouteService::ElasticLoadBalancing {
                    let sides: Vec<&Member> = std::iter::once(&stable).chain(&candidate).collect();
                    note_unchecked(name, &sides, reads, notes).await;
                }
            }
            settled.bindings.written.extend(written(&standing));
            if let Some(release) = &standing.uploaded {
                if let Release::Uploaded { code } = release {
                    let other = published(plan, name).filter(|wanted| *wanted != code);
                    notes.objections.extend(other.map(|wanted| other_code(name, wanted, code)));
                }
                let picture = Picture::Release(release.clone());
                settled.found.push(Found { target: Target::Candidate(name.clone()), picture });
            }
            let place = notes.place(&route.place);
            let bound = standing.bound((stable, candidate), route, place);
            settled.bindings.routes.insert(name.clone(), bound);
            settled.found.push(Found {
                target: Target::Route(name.clone()),
                picture: Picture::Split(standing.split),
            });
        }
    }
    settle_old_versions(plan, places, settled, notes).await;
    for (name, header) in tests(plan) {
        let Some(Ok(reads)) = plan.routes.get(name).map(|route| places.at(&route.place)) else {
            continue;
        };
        settle_test(name, header, reads, settled, notes).await;
    }
}

/// What the plan says a route's candidate is published of, if it says so.
fn published<'a>(plan: &'a Plan, of: &RouteName) -> Option<&'a CodeDigest> {
    let mut codes = plan.steps().filter_map(|(_, step)| match step.conduct().aim {
        Aim::Release { route, code } if route == of => code,
        _ => None,
    });
    codes.next()
}

/// What a person needs to set the weights of a route by hand.
fn written(standing: &Standing) -> BTreeMap<String, Written> {
    let rules = standing.rules.iter().flat_map(|(forwards, groups)| {
        let arns = groups.iter().map(|group| (group.name.clone(), group.arn.clone()));
        let arns: BTreeMap<Member, String> = arns.collect();
        forwards.iter().filter_map(move |forward| {
            let json = forward.written.clone()?;
            let rule = forward.rule.clone();
            Some((forward.resource.clone(), Written { json, rule, arns: arns.clone() }))
        })
    });
    let others = standing.written.iter().map(|json| {
        let written = Written { json: json.clone(), rule: None, arns: BTreeMap::new() };
        (standing.resource.clone(), written)
    });
    rules.chain(others).collect()
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
            let sought = (Kind::HostedZone, at.zone.as_str());
            notes.objections.push(refusal(&format!("route {name}"), &error, sought, reads).await);
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
    let nature = Nature::records(records.ttl.as_secs());
    let (resource, split, records) = (records.resource, records.split, records.written);
    Some(Standing {
        resource,
        others: Vec::new(),
        split,
        service: RouteService::Route53,
        nature,
        rules: None,
        written: records,
        uploaded: None,
    })
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
                let what = format!("route {name}");
                notes.objections.push(match at {
                    ListenerRule::Named { load_balancer, .. } => {
                        refusal(&what, &error, (Kind::LoadBalancer, load_balancer), reads).await
                    }
                    ListenerRule::Rule(_) | ListenerRule::DefaultOf(_) => {
                        Objection::error(&what, &error)
                    }
                });
            }
        }
    }
    let mut complete = forwards.len() == rules.len();
    let mut groups = Vec::new();
    for member in route.sides.members().into_iter().chain(&route.baseline) {
        match reads.load_balancers.target_group(member).await {
            Ok(group) => {
                let key = (notes.place(&route.place), member.clone());
                notes.target_groups.insert(key, group.arn.clone());
                groups.push(group);
            }
            Err(error) => {
                let sought = (Kind::TargetGroup, member.as_str());
                let what = format!("route {name}");
                notes.objections.push(refusal(&what, &error, sought, reads).await);
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
        service: RouteService::ElasticLoadBalancing,
        nature: Nature::LOAD_BALANCER,
        rules: Some((forwards.clone(), groups)),
        uploaded: None,
        written: None,
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

/// No run scales a baseline group, so whoever runs it has to have started it.
async fn check_baseline(
    plan: &Plan,
    (name, route): (&RouteName, &Route),
    split: &Split,
    reads: &Reads,
    notes: &mut Notes,
) {
    let shifts =
        |step: &Step| matches!(step.conduct().aim, Aim::Weights { route, .. } if route == name);
    let Some(baseline) = &route.baseline else { return };
    if !plan.steps().any(|(_, step)| shifts(step)) {
        return;
    }
    match reads.load_balancers.health(baseline).await {
        Ok(health)
            if health.iter().any(|health| {
                health.state == HealthState::Healthy
                    || health.is_never_checked()
                    // Nobody has checked what is in no rule yet; the run attaches it, and asks again.
                    || (health.state == HealthState::Unused && !split.0.contains_key(baseline))
            }) => {}
        Ok(_) => notes.objections.push(Objection::new(
            format!("route {name}: no target of its baseline group {baseline} is healthy"),
            "start fresh instances of what serves today there, as many as the candidate will have",
        )),
        Err(error) => notes.objections.push(Objection::error(&format!("route {name}"), &error)),
    }
}

/// Where health checks are switched off there is nobody to ask whether a side may be given traffic.
async fn note_unchecked(name: &RouteName, members: &[&Member], reads: &Reads, notes: &mut Notes) {
    for member in members {
        match reads.load_balancers.health(member).await {
            Ok(health) if health.iter().any(Health::is_never_checked) => {
                notes.warnings.push(format!(
                    "route {name}: the health checks of target group {member} are switched off, so its targets count \
                     as healthy by being registered"
                ));
            }
            Ok(_) => {}
            Err(error) => notes.objections.push(Objection::error(&format!("route {name}"), &error)),
        }
    }
}

/// The routes that the plan tests, with the header it does so by.
fn tests(plan: &Plan) -> BTreeMap<&RouteName, &Header> {
    let tests = plan.steps().filter_map(|(_, step)| match step.conduct().aim {
        Aim::TestRoute { route, header: Some(header) } => Some((route, header)),
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
    let Some(candidate) = &bound.candidate else { return };
    match reads.load_balancers.test_route(&bound.resource, header, candidate).await {
        Ok(TestRoute::Absent) => {
            let port = &reads.load_balancers;
            match port.draw_test_route(&bound.resource, header, candidate).await {
                Ok(drawn) => {
                    let drawn = drawn.map(|rule| (name.clone(), rule));
                    settled.bindings.test_rules.extend(drawn);
                }
                Err(Error::Rejected { message, .. }) => notes.objections.push(Objection::new(
                    format!("route {name}: {message}"),
                    "leave `test-header` out and probe the candidate another way, or change what stands in the way",
                )),
                Err(error) => {
                    notes.objections.push(Objection::error(&format!("route {name}"), &error));
                }
            }
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;
    use crate::plan::{Sides, Verb};
    use crate::{
        action::{preflight, settle},
        rollout::Timestamp,
        simulation::{Scenario, World},
        testkit::sample_plan,
    };

    /// What is held against a plan with a baseline, a minute into a world like this.
    async fn objections(plan: &Plan, scenario: &str) -> Vec<String> {
        let found = settled(plan, scenario).await;
        found.map_or_else(|all| all.into_iter().map(|o| o.problem).collect(), |_| Vec::new())
    }

    async fn settled(plan: &Plan, scenario: &str) -> Result<Settled, Vec<Objection>> {
        let scenario: Scenario = serde_saphyr::from_str(scenario).unwrap();
        let clock = Arc::new(AtomicI64::new(0));
        let read = Arc::clone(&clock);
        let now = Arc::new(move || Timestamp::from_millis(read.load(Ordering::Relaxed)));
        let world = World::for_plan(plan, &scenario, now);
        clock.store(60_000, Ordering::Relaxed);
        preflight(plan, &world.flawless_cloud().reads.into()).await
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
        plan.components.edit().clear();
        assert_eq!(objections(&plan, NOBODY).await, [""; 0], "it shifts nothing");
    }

    #[tokio::test]
    async fn a_pair_that_is_split_is_refused_and_its_place_known_all_the_same() {
        let mut plan = sample_plan();
        let now = Arc::new(|| Timestamp::from_millis(0));
        let world = World::for_plan(&plan, &Scenario::default(), now);
        let reads = world.flawless_cloud().reads.into();
        let resources =
            settle(&plan, &reads).await.unwrap().bindings.routes["web"].resource.clone();
        for route in plan.routes.values_mut() {
            // In AWS both have a weight; here a side without any is named as the one that serves.
            let sides = route.sides.members();
            let (stable, candidate) = (sides[0], sides[1]);
            route.sides = Sides::Fixed { stable: candidate.clone(), candidate: stable.clone() };
        }
        let unsettled = settle(&plan, &reads).await.unwrap_err();
        assert!(!unsettled.objections.is_empty());
        assert_eq!(unsettled.bindings.routes["web"].resource, resources);
    }

    const DETACHED: &str = "sides: { candidate: { attached: false } }";

    #[tokio::test]
    async fn a_group_in_no_rule_is_attached_by_a_run_that_moves_it() {
        let mut plan = sample_plan();
        let settled = settled(&plan, DETACHED).await.unwrap();
        let first = settled.plan.steps().next().map(|(_, step)| step.id.as_str().to_owned());
        assert_eq!(first.as_deref(), Some("main/0-attach-web"));
        let told = "route web: green stands in none of its rules, where nobody checks its health; the run attaches \
                    it with weight 0 first";
        assert!(settled.warnings.contains(&told.to_owned()), "{:?}", settled.warnings);
        plan.components.edit().clear();
        let bare = super::tests::settled(&plan, DETACHED).await.unwrap();
        assert!(bare.bindings.attaches.is_empty(), "it moves nothing");
    }

    #[tokio::test]
    async fn groups_whose_health_checks_are_off_may_be_moved_and_are_told_of() {
        let unchecked = "sides: { candidate: { checked: false } }";
        let mut plan = sample_plan();
        plan.fleets.clear();
        plan.components.edit()[0].steps.retain(|step| !matches!(step.verb, Verb::Scale { .. }));
        let settled = settled(&plan, unchecked).await.unwrap();
        let told = "route web: the health checks of target group green are switched off, so its targets count as \
                    healthy by being registered";
        assert_eq!(settled.warnings, [told]);
    }

    #[tokio::test]
    async fn what_a_test_route_cannot_be_made_for_is_refused_before_anything_is_touched() {
        let mut plan = sample_plan();
        let route = RouteName::new("web");
        let header = Some(Header { name: "x-canary".into(), value: "1".into() });
        plan.components.edit()[0].steps[2].verb = Verb::TestRoute { route, header };
        let oidc = "no-test-route: it signs users in by OIDC";
        let refused = objections(&plan, oidc).await;
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].ends_with("cannot have a test route: it signs users in by OIDC"));
        assert_eq!(objections(&plan, "{}").await, [""; 0]);
    }
}

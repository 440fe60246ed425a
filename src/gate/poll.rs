//! One poll of one check. Alarm gates do not poll by themselves: they are answered from what the shared alarm poller
//! has seen (`runner/alarm_poller.rs`), so that any number of gates costs one call.

use super::{
    Judgements, invoke, judge_code, judge_deployment, judge_health, judge_record, judge_taker,
    judge_version, measured::standing, poll_compare, poll_error_budget, poll_invoke, poll_metric,
    poll_queue, poll_requests, poll_stream, probe, run_command, unknown,
};
use crate::{
    cloud::{self, Error, Group, Places, Provisioned, Reads},
    plan::{
        FleetKind, Gate, GateKind, GateName, Plan, RouteName, Side, units::Percent, units::Weight,
    },
    rollout::{
        Bindings, Check, FleetBound, Outcome, Reading, RouteBound, RouteService, Splits, Timestamp,
        told_versions, window_reading,
    },
};

/// The answer to a check that is not an alarm gate. `splits` is how the run's traffic was split so far, and `judgements`
/// what earlier polls judged.
pub async fn poll(
    plan: &Plan,
    places: &Places<Reads>,
    run: (&Bindings, &Splits, &Judgements),
    check: &Check,
    at: Timestamp,
) -> Reading {
    match ask(plan, places, run, check, at).await {
        Ok(reading) => reading,
        Err(error @ Error::Absent { .. }) if check.asks_after_targets() => {
            let words = error.to_string();
            Reading { gone: Some(words.clone()), ..Reading::new(Outcome::Fail, at, words) }
        }
        Err(error) => unknown(&error, at),
    }
}

async fn ask(
    plan: &Plan,
    places: &Places<Reads>,
    (bindings, splits, judgements): (&Bindings, &Splits, &Judgements),
    check: &Check,
    at: Timestamp,
) -> Result<Reading, Error> {
    match check {
        Check::Gate(name) => match plan.gates.get(name) {
            Some(gate) => {
                let run = (bindings, splits, judgements);
                ask_gate(plan, places, run, (name, gate), at).await
            }
            None => Ok(Reading::new(Outcome::Unknown, at, format!("there is no gate {name}"))),
        },
        Check::Healthy { route, side, at_least } => {
            health(plan, places, bindings, (route, *side), *at_least, at).await
        }
        Check::BaselineHealthy { route, at_least } => {
            baseline_health(places, bindings, route, *at_least, at).await
        }
        Check::Served { route } => {
            let side = (route, Side::Candidate);
            let (reading, _) = serving(plan, places, bindings, side, Percent::ZERO, at).await?;
            Ok(reading)
        }
        Check::Drained { route, side } => drained(plan, places, bindings, (route, *side), at).await,
        Check::Requests { route, since, at_least } => {
            let bound = bound_to(bindings, route)?;
            let split = splits.of(route).last().map(|(_, split)| split);
            poll_requests(places.at(&bound.place)?, bound, split, (*since, *at_least), at).await
        }
        Check::Stands(target) => {
            Ok(Reading::new(Outcome::Unknown, at, format!("{target} is observed, not polled")))
        }
    }
}

/// The answer to a gate, from where it looks.
async fn ask_gate(
    plan: &Plan,
    places: &Places<Reads>,
    (bindings, splits, judgements): (&Bindings, &Splits, &Judgements),
    (name, gate): (&GateName, &Gate),
    at: Timestamp,
) -> Result<Reading, Error> {
    let reads = places.at(&gate.place)?;
    match &gate.kind {
        GateKind::Http(gate) => Ok(probe(reads.http.as_ref(), gate, at).await),
        GateKind::Healthy { route, side, at_least } => {
            health(plan, places, bindings, (route, *side), *at_least, at).await
        }
        GateKind::Metric(gate) => {
            poll_metric(reads, gate, bound_to(bindings, &gate.route)?, splits.began, at).await
        }
        GateKind::Compare(gate) => {
            let past = (splits.of(&gate.route), splits.attempts(name));
            let bound = bound_to(bindings, &gate.route)?;
            let mut judgement = judgements.take(name);
            let reading = poll_compare(reads, gate, bound, past, &mut judgement, at).await;
            judgements.keep(name, judgement);
            reading
        }
        GateKind::ErrorBudget(gate) => {
            poll_error_budget(reads, gate, bound_to(bindings, &gate.route)?, splits.began, at).await
        }
        GateKind::Command(gate) => Ok(run_command(reads.commands.as_ref(), gate, at).await),
        GateKind::Lambda(gate) => {
            Ok(invoke(reads.functions.as_ref(), (plan, name, gate), bindings, at).await)
        }
        GateKind::Queue(gate) => {
            let dead = bindings.dead_letters.get(name);
            Ok(poll_queue(reads, gate, dead, splits.began, at).await)
        }
        GateKind::Stream(gate) => poll_stream(reads, gate, at).await,
        GateKind::Invoke(gate) => {
            let bound = bound_to(bindings, &gate.route)?;
            poll_invoke(reads.functions.as_ref(), gate, bound, at).await
        }
        GateKind::Window(window) => Ok(window_reading(window, at)),
        GateKind::Alarms(_) => {
            Ok(Reading::new(Outcome::Unknown, at, format!("gate {name} cannot be polled")))
        }
    }
}

fn bound_to<'a>(bindings: &'a Bindings, route: &RouteName) -> Result<&'a RouteBound, Error> {
    let what = || format!("route {route} in this run's journal");
    bindings.routes.get(route).ok_or_else(|| Error::Absent { what: what() })
}

async fn health(
    plan: &Plan,
    places: &Places<Reads>,
    bindings: &Bindings,
    (route, side): (&RouteName, Side),
    at_least: Percent,
    at: Timestamp,
) -> Result<Reading, Error> {
    let (reading, strangers) = serving(plan, places, bindings, (route, side), at_least, at).await?;
    Ok(match strangers {
        // Healthy or not, it is not what the run was started to bring.
        Some(because) if reading.outcome == Outcome::Pass => {
            Reading::new(Outcome::Wait, at, because)
        }
        Some(_) | None => reading,
    })
}

/// Whether enough of a side serve, and who of them is not what the run was started to bring.
async fn serving(
    plan: &Plan,
    places: &Places<Reads>,
    bindings: &Bindings,
    (route, side): (&RouteName, Side),
    at_least: Percent,
    at: Timestamp,
) -> Result<(Reading, Option<String>), Error> {
    let bound = bound_to(bindings, route)?;
    let (mut desired, mut in_service, mut strangers) = (0, 0, None);
    let mut provisioned = Provisioned::default();
    for fleet in plan.fleets_behind(route).filter_map(|fleet| bindings.fleets.get(fleet)) {
        let reads = places.at(&fleet.place)?;
        match (fleet.service, fleet.member(side)) {
            (FleetKind::AutoScaling, Some(member)) => {
                let group = reads.groups.group(member).await?;
                desired += group.capacity.desired;
                in_service += group.in_service;
                strangers = strangers.or_else(|| other_versions(fleet, side, &group));
            }
            (FleetKind::Lambda, Some(version)) => {
                provisioned = reads.provisioned.provisioned(&bound.resource, version).await?;
            }
            // Instances that nobody launches, or a version that nobody has published.
            (FleetKind::CodeDeploy, _) | (FleetKind::AutoScaling | FleetKind::Lambda, None) => {}
        }
    }
    let reads = places.at(&bound.place)?;
    let reading = match bound.service {
        RouteService::ElasticLoadBalancing => {
            let health = reads.load_balancers.health(standing(bound, side)?).await?;
            judge_health(&health, desired, at_least, at)
        }
        RouteService::Route53 => {
            let member = standing(bound, side)?;
            let records = reads.dns.records(&bound.resource).await?;
            let checkers = match records.health_checks.get(member) {
                Some(check) => Some(reads.dns.checkers(check).await?),
                None => None,
            };
            let needed = at_least.of_rounded_up(desired);
            judge_record(member, checkers, (in_service, needed), at)
        }
        RouteService::Lambda => {
            let member = standing(bound, side)?;
            let version = reads.aliases.version(&bound.resource, member).await?;
            judge_version(member, (&version, &provisioned), at_least, at)
        }
        RouteService::ApiGateway => {
            let member = standing(bound, side)?;
            reads.stages.deployment(&bound.resource, member).await?;
            judge_deployment(member, at)
        }
        RouteService::EventBridge => {
            let member = standing(bound, side)?;
            judge_taker(member, &reads.takers.taker(&bound.resource, member).await?, at)
        }
        RouteService::EventSource => {
            let member = standing(bound, side)?;
            let function = reads.mappings.function(&bound.resource, member).await?;
            judge_code(&format!("the function of {member}"), &function, at)
        }
    };
    Ok((reading, strangers))
}

/// Which of a candidate's instances run another version than its group launched when the run began. What serves today
/// may be a mixture.
fn other_versions(bound: &FleetBound, side: Side, group: &Group) -> Option<String> {
    match side {
        Side::Stable => None,
        Side::Candidate => {
            let launched = bound.versions.get(&group.name)?;
            told_versions(&group.name, &group.running, launched)
        }
    }
}

/// How many there should be is for whoever runs them to know.
async fn baseline_health(
    places: &Places<Reads>,
    bindings: &Bindings,
    route: &RouteName,
    at_least: Percent,
    at: Timestamp,
) -> Result<Reading, Error> {
    let what = || Error::Absent { what: format!("baseline group of route {route}") };
    let bound = bound_to(bindings, route)?;
    let (group, reads) = (bound.baseline.as_ref().ok_or_else(what)?, places.at(&bound.place)?);
    Ok(judge_health(&reads.load_balancers.health(group).await?, 0, at_least, at))
}

/// A side is drained when nothing leads there: neither the route's own places nor anything beside them. The run's own
/// test route is left out, since the core knows whether that stands.
async fn drained(
    plan: &Plan,
    places: &Places<Reads>,
    bindings: &Bindings,
    (route, side): (&RouteName, Side),
    at: Timestamp,
) -> Result<Reading, Error> {
    let bound = bound_to(bindings, route)?;
    let reads = places.at(&bound.place)?;
    let member = standing(bound, side)?;
    let mut weight = Weight::ZERO;
    for place in bound.places() {
        let split = reads.weights.of(bound.service).split(place).await;
        match split {
            Ok(split) => weight = weight.max(split.weight(member)),
            // A place that is gone leads nowhere.
            Err(Error::Absent { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if weight != Weight::ZERO {
        return Ok(Reading::new(Outcome::Wait, at, format!("{member} has weight {weight}")));
    }
    let mut groups = Vec::new();
    let fleets = plan.fleets_behind(route).filter_map(|fleet| bindings.fleets.get(fleet));
    for fleet in fleets.filter(|fleet| fleet.service == FleetKind::AutoScaling) {
        let Some(group) = fleet.member(side) else { continue };
        match places.at(&fleet.place)?.groups.group(group).await {
            Ok(group) => groups.push(group),
            Err(Error::Absent { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let test = bindings.tests.get(route);
    let leads = cloud::leads(reads, (bound, side), test, &groups).await?;
    Ok(if leads.is_empty() {
        let because = format!("{member} has weight 0, and nothing else leads there");
        Reading::new(Outcome::Pass, at, because)
    } else {
        let ways = cloud::in_words(&leads);
        Reading::new(Outcome::Wait, at, format!("{member} has weight 0, but is led to by {ways}"))
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
        plan::{FleetName, Header, Member},
        rollout::{Split, TestRoute},
        simulation::{Scenario, World},
        testkit::{SAMPLE_RULE, groups_bound, rule_bound, sample_plan},
    };

    fn bindings() -> Bindings {
        Bindings {
            routes: [(RouteName::new("web"), rule_bound(SAMPLE_RULE, "blue", "green"))].into(),
            fleets: [(FleetName::new("app"), groups_bound("app-blue", "app-green"))].into(),
            tests: [(RouteName::new("web"), header())].into(),
            ..Bindings::default()
        }
    }

    fn header() -> Header {
        Header { name: "x-canary".into(), value: "1".into() }
    }

    async fn asked(reads: &Places<Reads>, side: Side, bindings: &Bindings) -> (Outcome, String) {
        let check = Check::Drained { route: RouteName::new("web"), side };
        let run = (bindings, &Splits::default(), &Judgements::default());
        let reading = poll(&sample_plan(), reads, run, &check, Timestamp::default()).await;
        (reading.outcome, reading.because)
    }

    #[tokio::test]
    async fn a_side_is_drained_when_nothing_at_all_leads_there() {
        let other = "other-rules: [{ at: 1m, until: 2m, side: stable, through: internal }]";
        let scenario: Scenario = serde_saphyr::from_str(other).unwrap();
        let clock = Arc::new(AtomicI64::new(0));
        let read = Arc::clone(&clock);
        let now = Arc::new(move || Timestamp::from_millis(read.load(Ordering::Relaxed)));
        let world = World::for_plan(&sample_plan(), &scenario, now);
        let (cloud, bindings) = (world.flawless_cloud(), bindings());
        let asked = async || asked(&cloud.reads.clone().into(), Side::Stable, &bindings).await;
        assert_eq!(asked().await, (Outcome::Wait, "blue has weight 999".into()));
        let live = cloud.reads.load_balancers.forward(SAMPLE_RULE).await.unwrap().split;
        let (blue, green) = (Member::new("blue"), Member::new("green"));
        let to = Split::default().with((&blue, Weight::ZERO), (&green, Weight::MAX));
        cloud.weights.load_balancers.set_weights(SAMPLE_RULE, &live, &to).await.unwrap();
        let drained = (Outcome::Pass, "blue has weight 0, and nothing else leads there".into());
        assert_eq!(asked().await, drained);
        // Somebody adds a rule for another target group of the same instances, and takes it away again.
        clock.store(60_000, Ordering::Relaxed);
        let (outcome, because) = asked().await;
        assert_eq!(outcome, Outcome::Wait);
        assert!(because.starts_with("blue has weight 0, but is led to by the rule "), "{because}");
        clock.store(120_000, Ordering::Relaxed);
        assert_eq!(asked().await, drained);
    }

    #[tokio::test]
    async fn the_runs_own_test_route_keeps_no_candidate_from_being_drained_and_another_does() {
        let scenario = Scenario::default();
        let world = World::for_plan(&sample_plan(), &scenario, Arc::new(Timestamp::default));
        let (cloud, bindings) = (world.flawless_cloud(), bindings());
        let asked = async || asked(&cloud.reads.clone().into(), Side::Candidate, &bindings).await.0;
        let (port, green) = (&cloud.test_routes, Member::new("green"));
        port.add(SAMPLE_RULE, &header(), &green).await.unwrap();
        let reads = &cloud.reads.load_balancers;
        let there = reads.test_route(SAMPLE_RULE, &header(), &green).await.unwrap();
        assert_ne!(there, TestRoute::Absent);
        assert_eq!(asked().await, Outcome::Pass, "the core knows of that one");
        let other = Header { value: "2".into(), ..header() };
        port.add(SAMPLE_RULE, &other, &green).await.unwrap();
        assert_eq!(asked().await, Outcome::Wait);
    }

    #[tokio::test]
    async fn a_place_that_is_gone_leads_nowhere() {
        let scenario = Scenario::default();
        let world = World::for_plan(&sample_plan(), &scenario, Arc::new(Timestamp::default));
        let mut bindings = bindings();
        bindings.routes.insert(RouteName::new("web"), rule_bound("gone", "blue", "green"));
        let (outcome, because) =
            asked(&world.flawless_cloud().reads.into(), Side::Candidate, &bindings).await;
        assert_eq!(outcome, Outcome::Pass, "{because}");
    }
}

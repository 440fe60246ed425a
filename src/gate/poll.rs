//! One poll of one check. Alarm gates do not poll by themselves: they are answered from what the shared alarm poller
//! has seen (`runner/alarm_poller.rs`), so that any number of gates costs one call.

use super::{
    invoke, judge_health, judge_record, poll_compare, poll_error_budget, poll_metric,
    poll_requests, probe, run_command,
};
use crate::{
    cloud::{Error, Reads},
    plan::{GateKind, Plan, RouteName, Side, units::Percent, units::Weight},
    rollout::{
        Bindings, Bound, Check, Medium, Outcome, Reading, Splits, Timestamp, window_reading,
    },
};

/// The answer to a check that is not an alarm gate. `splits` is how the run's traffic was split so far.
pub async fn poll(
    plan: &Plan,
    reads: &Reads,
    (bindings, splits): (&Bindings, &Splits),
    check: &Check,
    at: Timestamp,
) -> Reading {
    let answer = match check {
        Check::Gate(name) => match plan.gates.get(name).map(|gate| &gate.kind) {
            Some(GateKind::Http(gate)) => Ok(probe(reads.http.as_ref(), gate, at).await),
            Some(GateKind::Healthy { route, side, at_least }) => {
                health(plan, reads, bindings, (route, *side), *at_least, at).await
            }
            Some(GateKind::Metric(gate)) => match bound_to(bindings, &gate.route) {
                Ok(bound) => poll_metric(reads, gate, bound, splits.began, at).await,
                Err(error) => Err(error),
            },
            Some(GateKind::Compare(gate)) => match bound_to(bindings, &gate.route) {
                Ok(bound) => {
                    let past = (splits.of(&gate.route), splits.attempts(name));
                    poll_compare(reads, gate, bound, past, at).await
                }
                Err(error) => Err(error),
            },
            Some(GateKind::ErrorBudget(gate)) => match bound_to(bindings, &gate.route) {
                Ok(bound) => poll_error_budget(reads, gate, bound, splits.began, at).await,
                Err(error) => Err(error),
            },
            Some(GateKind::Command(gate)) => {
                Ok(run_command(reads.commands.as_ref(), gate, at).await)
            }
            Some(GateKind::Lambda(gate)) => {
                Ok(invoke(reads.functions.as_ref(), (plan, name, gate), bindings, at).await)
            }
            Some(GateKind::Window(window)) => Ok(window_reading(window, at)),
            Some(GateKind::Alarms(_)) | None => {
                Ok(Reading::new(Outcome::Unknown, at, format!("gate {name} cannot be polled")))
            }
        },
        Check::Healthy { route, side, at_least } => {
            health(plan, reads, bindings, (route, *side), *at_least, at).await
        }
        Check::BaselineHealthy { route, at_least } => {
            baseline_health(reads, bindings, route, *at_least, at).await
        }
        Check::Drained { route, side } => drained(reads, bindings, route, *side, at).await,
        Check::Requests { route, since, at_least } => match bound_to(bindings, route) {
            Ok(bound) => {
                let split = splits.of(route).last().map(|(_, split)| split);
                poll_requests(reads, bound, split, (*since, *at_least), at).await
            }
            Err(error) => Err(error),
        },
        Check::Stands(target) => {
            Ok(Reading::new(Outcome::Unknown, at, format!("{target} is observed, not polled")))
        }
    };
    answer.unwrap_or_else(|error| unknown(&error, at))
}

/// What cannot be measured is unknown, with the reason.
pub fn unknown(error: &Error, at: Timestamp) -> Reading {
    Reading::new(Outcome::Unknown, at, format!("cannot be measured: {error}"))
}

fn bound_to<'a>(bindings: &'a Bindings, route: &RouteName) -> Result<&'a Bound, Error> {
    let what = || format!("route {route} in this run's journal");
    bindings.routes.get(route).ok_or_else(|| Error::Absent { what: what() })
}

async fn health(
    plan: &Plan,
    reads: &Reads,
    bindings: &Bindings,
    (route, side): (&RouteName, Side),
    at_least: Percent,
    at: Timestamp,
) -> Result<Reading, Error> {
    let bound = bound_to(bindings, route)?;
    let (mut desired, mut in_service) = (0, 0);
    for fleet in plan.fleets_behind(route) {
        if let Some(bound) = bindings.fleets.get(fleet) {
            let group = reads.groups.group(bound.member(side)).await?;
            desired += group.capacity.desired;
            in_service += group.in_service;
        }
    }
    match bound.medium {
        Medium::LoadBalancer => {
            let health = reads.load_balancers.health(bound.member(side)).await?;
            Ok(judge_health(&health, desired, at_least, at))
        }
        Medium::Dns { .. } => {
            let member = bound.member(side);
            let records = reads.dns.records(&bound.resource).await?;
            let checkers = match records.health_checks.get(member) {
                Some(check) => Some(reads.dns.checkers(check).await?),
                None => None,
            };
            let needed = at_least.of_rounded_up(desired);
            Ok(judge_record(member, checkers, (in_service, needed), at))
        }
    }
}

/// How many there should be is for whoever runs them to know.
async fn baseline_health(
    reads: &Reads,
    bindings: &Bindings,
    route: &RouteName,
    at_least: Percent,
    at: Timestamp,
) -> Result<Reading, Error> {
    let what = || Error::Absent { what: format!("baseline group of route {route}") };
    let group = bound_to(bindings, route)?.baseline.as_ref().ok_or_else(what)?;
    Ok(judge_health(&reads.load_balancers.health(group).await?, 0, at_least, at))
}

async fn drained(
    reads: &Reads,
    bindings: &Bindings,
    route: &RouteName,
    side: Side,
    at: Timestamp,
) -> Result<Reading, Error> {
    let bound = bound_to(bindings, route)?;
    let member = bound.member(side);
    let mut weight = Weight::ZERO;
    for place in bound.places() {
        let split = match bound.medium {
            Medium::LoadBalancer => reads.load_balancers.forward(place).await?.split,
            Medium::Dns { .. } => reads.dns.records(place).await?.split,
        };
        weight = weight.max(split.weight(member));
    }
    let outcome = if weight == Weight::ZERO { Outcome::Pass } else { Outcome::Wait };
    Ok(Reading::new(outcome, at, format!("{member} has weight {weight}")))
}

//! Before a run starts: are these the right account and region, does everything the plan names exist, which side is
//! which, may the first step begin? Only reads are made, and every refusal is collected, so that one attempt tells all.

use std::collections::{BTreeSet, HashSet};

use super::{
    alarms::{check_alarms, check_queues, doubt_clock},
    fleets::settle_fleet,
    leads::check_leads,
    objection::{Notes, Objection, Settled, Unsettled},
    queues::settle_queues,
    replays::settle_replays,
    routes::settle_routes,
};
use crate::{
    cloud::{Places, Reads, Spot, candidate_function},
    plan::{FunctionName, GateKind, Place, Plan},
    rollout::{Bindings, settled as as_settled},
};

/// Looks at all the plan names; either a run may start from what was found, or here is everything against it.
pub async fn preflight(plan: &Plan, places: &Places<Reads>) -> Result<Settled, Vec<Objection>> {
    settle(plan, places).await.map_err(|unsettled| unsettled.objections)
}

/// The same, for whoever wants to know what was found although no run may start from it.
pub async fn settle(plan: &Plan, places: &Places<Reads>) -> Result<Settled, Unsettled> {
    let mut notes = Notes::default();
    settle_places(plan, places, &mut notes).await;
    let mut settled = Settled {
        plan: plan.clone(),
        bindings: Bindings::default(),
        found: Vec::new(),
        excused: Vec::new(),
        leads: Vec::new(),
        warnings: Vec::new(),
    };
    settle_routes(plan, places, &mut settled, &mut notes).await;
    settle_replays(plan, places, &mut settled, &mut notes).await;
    for (name, fleet) in &plan.fleets {
        let Ok(reads) = places.at(&fleet.place) else { continue };
        settle_fleet(plan, name, fleet, reads, &mut settled, &mut notes).await;
    }
    check_leads(plan, places, &mut settled, &mut notes).await;
    check_functions(plan, places, &settled.bindings, &mut notes).await;
    check_queues(plan, places, &mut notes).await;
    settle_queues(plan, places, &mut settled, &mut notes).await;
    settled.excused = check_alarms(plan, places, &settled.bindings, &mut notes).await;
    if notes.objections.is_empty() {
        settled.plan = as_settled(plan, &settled.bindings);
        settled.warnings = notes.warnings;
        Ok(settled)
    } else {
        let mut bindings = settled.bindings;
        bindings.routes.extend(notes.unsettled);
        Err(Unsettled { objections: each_once(notes.objections), bindings })
    }
}

/// What every call meets was noted by every one.
fn each_once(mut objections: Vec<Objection>) -> Vec<Objection> {
    let mut known = HashSet::new();
    objections.retain(|objection| known.insert(objection.clone()));
    objections
}

/// A dry run asks for no permission but the one an invocation needs.
async fn check_functions(
    plan: &Plan,
    places: &Places<Reads>,
    bindings: &Bindings,
    notes: &mut Notes,
) {
    for (name, gate) in &plan.gates {
        let Some(function) = invoked(&gate.kind, bindings) else { continue };
        let Ok(reads) = places.at(&gate.place) else { continue };
        if let Err(error) = reads.functions.may_invoke(&function).await {
            notes.objections.push(Objection::error(&format!("gate {name}"), &error));
        }
    }
}

/// The function that a gate invokes, if it invokes one and its route was found.
fn invoked(gate: &GateKind, bindings: &Bindings) -> Option<FunctionName> {
    match gate {
        GateKind::Lambda(gate) => Some(gate.function.clone()),
        GateKind::Invoke(gate) => candidate_function(bindings.routes.get(&gate.route)?).ok(),
        GateKind::Alarms(_)
        | GateKind::Healthy { .. }
        | GateKind::Http(_)
        | GateKind::Metric(_)
        | GateKind::Compare(_)
        | GateKind::ErrorBudget(_)
        | GateKind::Command(_)
        | GateKind::Queue(_)
        | GateKind::Stream(_)
        | GateKind::Window(_) => None,
    }
}

/// Whether everything acts where the plan has it, and which account that is. What a fleet is called says nothing
/// without its account.
async fn settle_places(plan: &Plan, places: &Places<Reads>, notes: &mut Notes) {
    let region = &places.home().region;
    if let Some(wanted) = plan.aws.region.as_ref().filter(|wanted| *wanted != region) {
        notes.objections.push(Objection::new(
            format!("the plan is for region {wanted}, but the clients are set to {region}"),
            format!("run with `--region {wanted}`, or set AWS_REGION"),
        ));
    }
    let with_fleets: BTreeSet<&Place> = plan.fleets.values().map(|fleet| &fleet.place).collect();
    for place in plan.places() {
        let reads = match places.at(place) {
            Ok(reads) => reads,
            Err(error) => {
                notes.objections.push(Objection::error("an `aws:` of the plan", &error));
                continue;
            }
        };
        let Spot { region, role } = reads.spot();
        let mut found = Place { region: Some(region), account: None, role };
        if place.account.is_some() || with_fleets.contains(place) {
            found.account = account(place, reads, notes).await;
        }
        notes.places.insert(place.clone(), found);
    }
}

async fn account(place: &Place, reads: &Reads, notes: &mut Notes) -> Option<String> {
    match (reads.identity.caller().await, &place.account) {
        (Ok(caller), wanted) if wanted.as_ref().is_none_or(|wanted| caller.account == *wanted) => {
            doubt_clock(caller.told, notes);
            Some(caller.account).filter(|account| !account.is_empty())
        }
        (Ok(caller), Some(wanted)) => {
            notes.objections.push(Objection::new(
                format!(
                    "the plan is for account {wanted}, but the credentials ({}) belong to {}",
                    caller.arn, caller.account
                ),
                "use another profile with `--profile`, or correct `aws.account` in the plan",
            ));
            None
        }
        (Err(error), Some(_)) => {
            notes
                .objections
                .push(Objection::error("cannot tell whose credentials these are", &error));
            None
        }
        // It is only to tell this account's groups from those of others; marks on the groups do so too.
        (Ok(_) | Err(_), None) => None,
    }
}

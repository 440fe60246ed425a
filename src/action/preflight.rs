//! Before a run starts: are these the right account and region, does everything the plan names exist, which side is
//! which, may the first step begin? Only reads are made, and every refusal is collected, so that one attempt tells all.

use std::collections::HashSet;

use super::{
    alarms::{check_alarms, check_queues, doubt_clock},
    fleets::settle_fleet,
    leads::check_leads,
    objection::{Notes, Objection, Settled},
    routes::settle_routes,
};
use crate::{
    cloud::Reads,
    plan::{GateKind, Plan},
    rollout::{Bindings, settled as as_settled},
};

/// Looks at all the plan names; either a run may start from what was found, or here is everything against it.
pub async fn preflight(plan: &Plan, reads: &Reads) -> Result<Settled, Vec<Objection>> {
    let mut notes = Notes::default();
    check_account(plan, reads, &mut notes).await;
    let mut settled = Settled {
        plan: plan.clone(),
        bindings: Bindings::default(),
        found: Vec::new(),
        excused: Vec::new(),
        leads: Vec::new(),
        warnings: Vec::new(),
    };
    settle_routes(plan, reads, &mut settled, &mut notes).await;
    for (name, fleet) in &plan.fleets {
        settle_fleet(plan, name, fleet, reads, &mut settled, &mut notes).await;
    }
    check_leads(plan, reads, &mut settled, &mut notes).await;
    check_functions(plan, reads, &mut notes).await;
    check_queues(plan, reads, &mut notes).await;
    settled.excused = check_alarms(plan, reads, &settled.bindings, &mut notes).await;
    if notes.objections.is_empty() {
        settled.plan = as_settled(plan, &settled.bindings);
        settled.warnings = notes.warnings;
        Ok(settled)
    } else {
        Err(each_once(notes.objections))
    }
}

/// What every call meets was noted by every one.
fn each_once(mut objections: Vec<Objection>) -> Vec<Objection> {
    let mut known = HashSet::new();
    objections.retain(|objection| known.insert(objection.clone()));
    objections
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
        Ok(caller) if caller.account == *account => doubt_clock(caller.told, notes),
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

//! Which version a group's instances run. A side of a fleet is worth its name only when they run what its group
//! launches: two instances left over from an earlier try are a number, not the new version. So preflight compares each
//! with its group, asks for the version that is to be launched, and the health of a candidate is asked for the same again
//! while the run lasts.

use std::collections::BTreeSet;

use super::objection::{Notes, Objection};
use crate::{
    cloud::{Error, Group, Reads},
    plan::{Aim, Fleet, FleetName, Leftovers, Member, Plan, Side, Size},
    rollout::{Bindings, Capacity, Version, told_versions},
};

/// What a fleet's preflight has found on one side.
pub(super) struct Standing<'a> {
    pub(super) name: &'a FleetName,
    pub(super) fleet: &'a Fleet,
    pub(super) side: Side,
    pub(super) group: &'a Group,
}

/// Notes what the group launches, and whether its instances run that.
pub(super) async fn settle_versions(
    plan: &Plan,
    standing: &Standing<'_>,
    reads: &Reads,
    bindings: &mut Bindings,
    notes: &mut Notes,
) -> Option<Vec<Version>> {
    let Standing { name, side, group, .. } = standing;
    let member = &group.name;
    let launches = match reads.groups.launches(member).await {
        Ok(launches) => launches,
        Err(error) => {
            notes.objections.push(Objection::error(
                &format!("fleet {name}: cannot tell which version group {member} launches"),
                &error,
            ));
            return None;
        }
    };
    if grows(plan, name, *side) {
        for version in &launches {
            check_version(name, member, version, reads, notes).await;
        }
    }
    judge_running(plan, standing, &launches, bindings, notes);
    Some(launches)
}

/// Asks for a version that is to be launched. That asking is not allowed stops nothing.
pub(super) async fn check_version(
    name: &FleetName,
    member: &Member,
    version: &Version,
    reads: &Reads,
    notes: &mut Notes,
) {
    match reads.groups.check_version(version).await {
        Ok(()) => check_offers(name, member, version, reads, notes).await,
        Err(error @ Error::Denied { .. }) => notes.warnings.push(format!(
            "fleet {name}: cannot tell whether {version}, which {member} is to launch, exists: {error}"
        )),
        Err(error @ Error::Rejected { .. }) => notes.objections.push(Objection::new(
            format!("fleet {name}: {member} cannot launch {version}: {error}"),
            "name a version that exists; `aws ec2 describe-launch-template-versions` lists them",
        )),
        Err(error) => notes.objections.push(Objection::error(&format!("fleet {name}"), &error)),
    }
}

/// Looks whether the group's zones offer what it is to launch: where none does, nothing ever starts.
async fn check_offers(
    name: &FleetName,
    member: &Member,
    version: &Version,
    reads: &Reads,
    notes: &mut Notes,
) {
    let offers = match reads.groups.offers(member, version).await {
        Ok(offers) => offers,
        Err(error) => {
            return notes.warnings.push(format!(
                "fleet {name}: cannot tell whether the zones of {member} offer its instance types: {error}"
            ));
        }
    };
    let told = |zones: &mut dyn Iterator<Item = &String>| {
        zones.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let types = told(&mut offers.of.keys());
    if !types.is_empty() && offers.of.values().all(BTreeSet::is_empty) {
        return notes.objections.push(Objection::new(
            format!(
                "fleet {name}: {member} cannot launch {version}: {types} is not offered in {}",
                told(&mut offers.zones.iter())
            ),
            "choose another instance type; `aws ec2 describe-instance-type-offerings --location-type availability-zone` lists them",
        ));
    }
    for (kind, zones) in offers.of.iter().filter(|(_, zones)| **zones != offers.zones) {
        let without = told(&mut offers.zones.difference(zones));
        notes.warnings.push(format!(
            "fleet {name}: {member} launches {kind}, which is not offered in {without}"
        ));
    }
}

fn judge_running(
    plan: &Plan,
    Standing { name, fleet, side, group }: &Standing<'_>,
    launches: &[Version],
    bindings: &mut Bindings,
    notes: &mut Notes,
) {
    let Some(told) = told_versions(&group.name, &group.running, launches) else {
        let running: u32 = group.running.values().sum();
        if *side == Side::Candidate && running > 0 && grows(plan, name, *side) {
            notes.warnings.push(format!(
                "fleet {name}: {running} instances of {} run what the group launches already, and are taken as they are",
                group.name
            ));
        }
        return;
    };
    let is_replaced = fleet.leftovers == Leftovers::Replace && grows(plan, name, *side);
    match (side, is_replaced) {
        (Side::Stable, _) => notes.warnings.push(format!(
            "fleet {name}: {told}; what serves today is a mixture, and so is what a roll-back leaves"
        )),
        (Side::Candidate, _) if !serves(plan, name, fleet) => {
            notes.warnings.push(format!("fleet {name}: {told}"));
        }
        (Side::Candidate, true) => {
            bindings.leftovers.insert((*name).clone());
            notes.warnings.push(format!("fleet {name}: {told}; they are scaled away first"));
        }
        (Side::Candidate, false) => notes.objections.push(Objection::new(
            format!("fleet {name}: {told}"),
            if grows(plan, name, *side) {
                "scale it to 0 first, or say `leftovers: replace`"
            } else {
                "replace its instances first, with an instance refresh for example"
            },
        )),
    }
}

/// Whether a step may start instances on a side.
fn grows(plan: &Plan, name: &FleetName, of: Side) -> bool {
    plan.steps().any(|(_, step)| {
        matches!(step.conduct().aim, Aim::Capacity { fleet, side, to }
            if fleet == name && side == of && !to.is_nothing())
    })
}

/// Whether the plan means the candidate's instances to serve.
fn serves(plan: &Plan, name: &FleetName, fleet: &Fleet) -> bool {
    grows(plan, name, Side::Candidate)
        || plan.steps().any(|(_, step)| {
            matches!(step.conduct().aim, Aim::Weights { route, .. } if fleet.behind.as_ref() == Some(route))
        })
}

/// A candidate that is to be as large as a stable side of nothing would have no instances, and never be healthy.
pub(super) fn check_empty_stable(plan: &Plan, name: &FleetName, group: &Group, notes: &mut Notes) {
    let Capacity { desired, .. } = group.capacity;
    if desired > 0 {
        return;
    }
    for (_, step) in plan.steps() {
        let Aim::Capacity { fleet, side, to } = step.conduct().aim else { continue };
        match (side, to) {
            _ if fleet != name => {}
            // From here on it has the size the plan gives it.
            (Side::Stable, _) => return,
            (Side::Candidate, Size::SameAs(_)) => {
                return notes.objections.push(starts_none(name, group, "same-as: stable"));
            }
            (Side::Candidate, Size::Share { share, .. }) => {
                let size = format!("share: {share}, of: stable");
                return notes.objections.push(starts_none(name, group, &size));
            }
            (Side::Candidate, Size::Instances(_) | Size::Bounds { .. }) => {}
        }
    }
}

fn starts_none(name: &FleetName, group: &Group, size: &str) -> Objection {
    Objection::new(
        format!(
            "fleet {name}: stable group {} runs no instances; `{size}` would start none",
            group.name
        ),
        "scale the stable group up first, or give the candidate a size of its own, such as `to: 2`",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cloud::Operation;
    use crate::{
        action::{Settled, preflight},
        rollout::{Timestamp, settled as as_settled},
        simulation::{Scenario, World},
        testkit::{Fault, Faults, sample_plan},
    };

    async fn looked(
        plan: &Plan,
        scenario: &str,
        faults: &Faults,
    ) -> Result<Settled, Vec<Objection>> {
        let scenario: Scenario = serde_saphyr::from_str(scenario).unwrap();
        let world = World::for_plan(plan, &scenario, Arc::new(Timestamp::default));
        preflight(plan, &faults.around_reads(&world.flawless_cloud().reads).into()).await
    }

    async fn refused(plan: &Plan, scenario: &str) -> String {
        let objections = looked(plan, scenario, &Faults::none()).await.unwrap_err();
        let told = objections.iter().map(|o| format!("{} ({})", o.problem, o.hint));
        told.collect::<Vec<_>>().join("\n")
    }

    async fn settled(plan: &Plan, scenario: &str) -> Settled {
        looked(plan, scenario, &Faults::none()).await.unwrap()
    }

    fn replacing() -> Plan {
        let mut plan = sample_plan();
        for fleet in plan.fleets.values_mut() {
            fleet.leftovers = Leftovers::Replace;
        }
        plan
    }

    const LEFTOVERS: &str = "sides: { candidate: { leftovers: 2 } }";

    #[tokio::test]
    async fn leftovers_are_not_taken_for_the_new_version() {
        assert_eq!(
            refused(&sample_plan(), LEFTOVERS).await,
            "fleet app: 2 of 2 instances of app-green run version 1, the group says 2 \
             (scale it to 0 first, or say `leftovers: replace`)"
        );
        let some = "sides: { candidate: { instances: 3, leftovers: 1 } }";
        let told = refused(&sample_plan(), some).await;
        assert!(told.contains("1 of 3 instances of app-green runs version 1"), "{told}");
    }

    #[tokio::test]
    async fn leftovers_are_replaced_when_the_plan_says_so() {
        let settled = settled(&replacing(), LEFTOVERS).await;
        assert!(settled.bindings.leftovers.contains("app"));
        let warned = settled.warnings.iter().any(|w| w.ends_with("they are scaled away first"));
        assert!(warned, "{:?}", settled.warnings);
        let plan = as_settled(&replacing(), &settled.bindings);
        assert_eq!(plan.steps().next().unwrap().1.id.as_str(), "main/0-replace-app");
    }

    #[tokio::test]
    async fn instances_of_the_right_version_are_welcome_and_told() {
        let settled = settled(&sample_plan(), "sides: { candidate: { instances: 2 } }").await;
        assert!(settled.bindings.leftovers.is_empty());
        let [told] = &settled.warnings[..] else { panic!("{:?}", settled.warnings) };
        assert!(told.contains("2 instances of app-green run what the group launches"), "{told}");
        assert_eq!(
            settled.bindings.fleets["app"].versions["app-green"],
            [Version::new("lt-0123456789abcdef0:2")]
        );
    }

    #[tokio::test]
    async fn a_stable_side_that_is_a_mixture_is_told_and_stops_nothing() {
        let settled = settled(&sample_plan(), "sides: { stable: { leftovers: 1 } }").await;
        let [told] = &settled.warnings[..] else { panic!("{:?}", settled.warnings) };
        assert!(told.contains("1 of 4 instances of app-blue runs version 0, the group says 1"));
    }

    #[tokio::test]
    async fn a_candidate_as_large_as_nothing_is_refused() {
        let empty = "sides: { stable: { instances: 0 } }";
        let told = refused(&sample_plan(), empty).await;
        assert!(
            told.starts_with(
                "fleet app: stable group app-blue runs no instances; `same-as: stable` would start none"
            ),
            "{told}"
        );
        let mut plan = sample_plan();
        let mut components = plan.components.edit();
        let crate::plan::Verb::Scale { to, .. } = &mut components[0].steps[0].verb else {
            panic!()
        };
        *to = Size::Instances(2);
        drop(components);
        settled(&plan, empty).await;
    }

    #[tokio::test]
    async fn a_version_that_does_not_exist_is_refused_in_awss_words() {
        let told = refused(&sample_plan(), "missing-versions: [2]").await;
        assert!(told.contains("app-green cannot launch lt-0123456789abcdef0:2"), "{told}");
        assert!(told.contains("Could not find the specified version 2"), "{told}");
        settled(&sample_plan(), "missing-versions: [1]").await;
    }

    #[tokio::test]
    async fn what_no_zone_offers_is_refused_and_what_one_does_not_is_told() {
        let told = refused(&sample_plan(), "sides: { candidate: { without-offer: [a, b] } }").await;
        assert!(
            told.starts_with(
                "fleet app: app-green cannot launch lt-0123456789abcdef0:2: m7g.large is not offered in a, b"
            ),
            "{told}"
        );
        let settled = settled(&sample_plan(), "sides: { candidate: { without-offer: [b] } }").await;
        let told = "fleet app: app-green launches m7g.large, which is not offered in b";
        assert_eq!(settled.warnings, [told]);
    }

    #[tokio::test]
    async fn not_being_allowed_to_ask_for_a_version_stops_nothing() {
        let faults = Faults::new(|call| {
            let asks = call.operation == Operation::DescribeLaunchTemplateVersions && call.nth == 3;
            asks.then_some(Fault::Denied)
        });
        let settled = looked(&sample_plan(), "{}", &faults).await.unwrap();
        let [told] = &settled.warnings[..] else { panic!("{:?}", settled.warnings) };
        assert!(told.contains("ec2:DescribeLaunchTemplateVersions"), "{told}");
    }
}

//! What else resizes a group while a run does: scaling policies and scheduled actions. They are nobody's mistake, so a
//! run is told of them and begins all the same. What they may do to it depends on what they change, because a desired
//! capacity moves by itself, while bounds that a run has read or set are its own.

use crate::{
    cloud::{Group, Reads, Scheduled},
    plan::FleetName,
};

/// One sentence about each. That they cannot be read is one too.
pub(super) async fn warnings(fleet: &FleetName, group: &Group, reads: &Reads) -> Vec<String> {
    let name = &group.name;
    let automation = match reads.groups.automation(name).await {
        Ok(automation) => automation,
        Err(error) => {
            return vec![format!(
                "fleet {fleet}: cannot tell whether anything else scales group {name}: {error}"
            )];
        }
    };
    let is_suspended = |process: &str| group.suspended.iter().any(|name| name == process);
    let mut warnings = Vec::new();
    if !automation.policies.is_empty() && !is_suspended("AlarmNotification") {
        warnings.push(format!(
            "fleet {fleet}: group {name} is scaled by {} too; a desired capacity that moves by itself is no drift and \
             is left alone until the next step that scales the group",
            automation.policies.join(", ")
        ));
    }
    if !is_suspended("ScheduledActions") {
        let action = |action| format!("fleet {fleet}: group {name} has {}", scheduled(action));
        warnings.extend(automation.schedule.iter().map(action));
    }
    warnings
}

fn scheduled(action: &Scheduled) -> String {
    let Scheduled { name, when, min, max, desired } = action;
    let set = [("min", min), ("max", max), ("desired", desired)];
    let set: Vec<String> =
        set.iter().filter_map(|(key, to)| to.map(|to| format!("{key} {to}"))).collect();
    let then = match min.or(*max) {
        Some(_) => "should it fall into the run, changed bounds are drift and the run is held",
        None => {
            "that alone is no drift, and is left alone until the next step that scales the group"
        }
    };
    format!("the scheduled action {name} ({when}), which sets {}; {then}", set.join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{
        action::preflight,
        cloud::Operation,
        rollout::Timestamp,
        simulation::{Scenario, World},
        testkit::{Fault, Faults, sample_plan},
    };

    async fn told(side: &str, faults: &Faults) -> Vec<String> {
        let scenario: Scenario = serde_saphyr::from_str(&format!("sides: {{ {side} }}")).unwrap();
        let world = World::for_plan(&sample_plan(), &scenario, Arc::new(Timestamp::default));
        let reads = faults.around_reads(&world.flawless_cloud().reads);
        preflight(&sample_plan(), &reads.into()).await.unwrap().warnings
    }

    #[tokio::test]
    async fn what_resizes_a_scaled_group_is_told_with_what_it_may_do_to_the_run() {
        let schedule =
            "[{ name: night, at: 2h, desired: 1 }, { name: day, at: 9h, min: 4, max: 20 }]";
        let side = format!("candidate: {{ policies: [cpu-60], schedule: {schedule} }}");
        let [policy, night, day] = &told(&side, &Faults::none()).await[..] else { panic!() };
        assert!(
            policy.contains("app-green is scaled by cpu-60 too") && policy.contains("no drift")
        );
        assert!(
            night.contains("night (2h), which sets desired 1; that alone is no drift"),
            "{night}"
        );
        assert!(day.contains("sets min 4, max 20") && day.contains("the run is held"), "{day}");
    }

    #[tokio::test]
    async fn what_is_suspended_or_not_scaled_is_not_told() {
        let asleep = "candidate: { policies: [cpu], suspended: [AlarmNotification] }";
        assert_eq!(told(asleep, &Faults::none()).await, [""; 0]);
        assert_eq!(told("stable: { policies: [cpu] }", &Faults::none()).await, [""; 0]);
    }

    #[tokio::test]
    async fn not_being_able_to_read_it_stops_nothing() {
        let faults = Faults::nth_of(Operation::DescribePolicies, 1, Fault::Denied);
        let [told] = &told("candidate: { policies: [cpu] }", &faults).await[..] else { panic!() };
        assert!(told.contains("cannot tell") && told.contains("autoscaling:DescribePolicies"));
    }
}

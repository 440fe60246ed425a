//! Strategies become steps. There is no second way through the program for a strategy: what runs is what
//! `tidegate plan --expand` prints.

use std::time::Duration;

use super::{
    defaults::{PATIENCE, PROBE_PATIENCE, replace_timeout, shift_timeout},
    model::{Approvers, Header, Size, Step, Until, Verb},
    names::{ComponentName, FleetName, GateName, RouteName, Side, StepId},
    on_failure::OnFailure,
    replacement::{Extent, How, Refresh, Replace},
    units::Percent,
};

/// A strategy's settings. A blue-green deployment is a canary without shares on the way.
pub(super) struct Strategy {
    pub route: RouteName,
    pub fleet: Option<FleetName>,
    pub healthy: Percent,
    pub healthy_within: Duration,
    pub test: Option<GateName>,
    /// What leads to the candidate while `test` is probed.
    pub test_header: Option<Header>,
    /// On the way to 100%.
    pub shares: Vec<Percent>,
    pub approve_before: Option<Percent>,
    pub bake: Duration,
    pub gates: Vec<GateName>,
    /// For every shift.
    pub min_requests: Option<u32>,
    pub old_fleet: OldFleet,
}

/// What becomes of the fleet that served before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OldFleet {
    ScaleToZero,
    Keep,
    /// For so long, with the gates still armed; then it is scaled to zero.
    KeepFor(Duration),
}

/// The step that a run puts ahead of a component's own when a side's group stands in no place of a route: at 0% the
/// group is attached and gets nothing, and from then on AWS checks its health.
pub fn attaching(component: &ComponentName, route: &RouteName) -> Step {
    Step {
        id: StepId::new(format!("{component}/0-attach-{route}")),
        verb: Verb::Shift {
            route: route.clone(),
            candidate: Percent::ZERO,
            bake: Duration::ZERO,
            gates: Vec::new(),
            min_requests: None,
        },
        timeout: Some(shift_timeout(Duration::ZERO)),
    }
}

/// The step that a run puts ahead of a component's own when instances of another version stand on the candidate side of
/// a fleet whose plan says to replace them.
pub fn scaling_away(component: &ComponentName, fleet: &FleetName) -> Step {
    Step {
        id: StepId::new(format!("{component}/0-replace-{fleet}")),
        verb: Verb::Scale { fleet: fleet.clone(), side: Side::Candidate, to: Size::Instances(0) },
        timeout: Some(PATIENCE),
    }
}

/// The steps with their timeouts.
pub(super) fn expand(strategy: Strategy) -> Vec<(Verb, Option<Duration>)> {
    let Strategy { route, fleet, healthy, bake, gates, min_requests, .. } = strategy;
    let scale = |side, to| {
        let verb = |fleet: &FleetName| Verb::Scale { fleet: fleet.clone(), side, to };
        fleet.as_ref().map(|fleet| (verb(fleet), Some(PATIENCE)))
    };
    let mut steps = Vec::new();
    steps.extend(scale(Side::Candidate, Size::SameAs(Side::Stable)));
    let until = Until::Healthy { route: route.clone(), side: Side::Candidate, at_least: healthy };
    steps.push((Verb::Wait { until }, Some(strategy.healthy_within)));
    let test_route = |header| {
        let verb = Verb::TestRoute { route: route.clone(), header };
        (verb, Some(PATIENCE))
    };
    let is_tested_apart = strategy.test_header.is_some();
    steps.extend(strategy.test_header.map(|header| test_route(Some(header))));
    steps.extend(strategy.test.map(|gate| (Verb::Probe { gate }, Some(PROBE_PATIENCE))));
    steps.extend(is_tested_apart.then(|| test_route(None)));
    for candidate in strategy.shares.into_iter().chain([Percent::HUNDRED]) {
        if strategy.approve_before == Some(candidate) {
            let message = format!("{route} to {candidate} next.");
            let verb = Verb::Approve {
                message,
                expires: None,
                on_expiry: OnFailure::Hold,
                approvers: Approvers::default(),
            };
            steps.push((verb, None));
        }
        let (route, gates) = (route.clone(), gates.clone());
        let verb = Verb::Shift { route, candidate, bake, gates, min_requests };
        steps.push((verb, Some(shift_timeout(bake))));
    }
    let away = scale(Side::Stable, Size::Instances(0));
    match strategy.old_fleet {
        OldFleet::ScaleToZero => steps.extend(away),
        OldFleet::KeepFor(time) => {
            // The gates of the last shift stay armed while it lasts.
            steps.push((Verb::Pause { duration: Some(time) }, None));
            steps.extend(away);
        }
        OldFleet::Keep => {}
    }
    steps
}

/// The settings of a rolling replacement.
pub(super) struct Rolling {
    pub fleet: FleetName,
    pub refresh: Refresh,
    /// On the way to 100%.
    pub checkpoints: Vec<Percent>,
    pub approve_before: Option<Percent>,
    pub bake: Duration,
    pub gates: Vec<GateName>,
}

/// A refresh in stretches, each watched and baked like a shift.
pub(super) fn expand_rolling(rolling: &Rolling) -> Vec<(Verb, Option<Duration>)> {
    let Rolling { fleet, refresh, bake, gates, .. } = rolling;
    let mut steps = Vec::new();
    for share in rolling.checkpoints.iter().copied().chain([Percent::HUNDRED]) {
        if rolling.approve_before == Some(share) {
            let message = format!("{fleet} to {share} of version {} next.", refresh.version);
            let verb = Verb::Approve {
                message,
                expires: None,
                on_expiry: OnFailure::Hold,
                approvers: Approvers::default(),
            };
            steps.push((verb, None));
        }
        let replace = Replace {
            fleet: fleet.clone(),
            how: How::Refresh(refresh.clone()),
            extent: if share == Percent::HUNDRED { Extent::Whole } else { Extent::UpTo(share) },
            bake: *bake,
            gates: gates.clone(),
        };
        steps.push((Verb::Replace(replace), Some(replace_timeout(*bake))));
    }
    steps
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::{HEAD, codes_with, plan};

    fn verbs(strategy: &str) -> Vec<String> {
        let plan = plan(&format!("{HEAD}strategy: {{ {strategy} }}\n"));
        let text = crate::plan::expand_to_yaml(&plan);
        text.lines().filter_map(|line| line.strip_prefix("  - ")).map(str::to_owned).collect()
    }

    #[test]
    fn a_canary_climbs_and_then_removes_the_old_fleet() {
        let canary = "canary: { route: web, fleet: app, steps: [5%, 50%], bake: 10m, \
                      gates: [errors], approve-before: 50% }";
        insta::assert_snapshot!(verbs(canary).join("\n"), @r#"
        scale: { fleet: app, side: candidate, to: { same-as: stable }, timeout: 10m }
        wait: { until: { healthy: { route: web, side: candidate, at-least: 100% } }, timeout: 10m }
        shift: { route: web, candidate: 5%, bake: 10m, gates: [errors], timeout: 40m }
        approve: { message: "web to 50% next." }
        shift: { route: web, candidate: 50%, bake: 10m, gates: [errors], timeout: 40m }
        shift: { route: web, candidate: 100%, bake: 10m, gates: [errors], timeout: 40m }
        scale: { fleet: app, side: stable, to: 0, timeout: 10m }
        "#);
    }

    #[test]
    fn an_old_fleet_that_is_kept_for_a_while_goes_after_a_pause() {
        let steps = verbs(
            "blue-green: { route: web, fleet: app, bake: 10m, gates: [errors], old-fleet: { keep: 30m } }",
        );
        assert_eq!(
            steps[3..],
            ["pause: 30m", "scale: { fleet: app, side: stable, to: 0, timeout: 10m }"]
        );
    }

    #[test]
    fn a_strategy_without_a_fleet_only_moves_traffic() {
        let steps = verbs("blue-green: { route: web, bake: 10m, gates: [errors], test: smoke }");
        insta::assert_snapshot!(steps.join("\n"), @"
        wait: { until: { healthy: { route: web, side: candidate, at-least: 100% } }, timeout: 10m }
        probe: { gate: smoke, timeout: 1m }
        shift: { route: web, candidate: 100%, bake: 10m, gates: [errors], timeout: 40m }
        ");
    }

    #[test]
    fn the_requests_a_bake_needs_are_those_of_every_shift() {
        let steps = verbs(
            "canary: { route: web, steps: [5%], bake: 10m, gates: [errors], min-requests: 500 }",
        );
        let shifts = steps.iter().filter(|step| step.starts_with("shift"));
        let needs = "min-requests: 500";
        assert_eq!(shifts.map(|step| step.contains(needs)).collect::<Vec<_>>(), [true, true]);
    }

    #[test]
    fn what_a_strategy_cannot_be_is_told() {
        let codes = |strategy: &str| codes_with(&format!("strategy: {{ {strategy} }}\n"));
        let canary = |steps: &str| {
            codes(&format!("canary: {{ route: web, bake: 1h, gates: [errors], steps: {steps} }}"))
        };
        assert_eq!(canary("[5%, 50%]"), [""; 0]);
        assert_eq!(canary("[50%, 5%]"), ["plan::canary-steps"]);
        assert_eq!(canary("[50%, 100%]"), ["plan::canary-steps"]);
        assert_eq!(canary("[50%], approve-before: 60%"), ["plan::approve-before"]);
        assert_eq!(canary("[50%], old-fleet: keep"), ["plan::stray-field"]);
        assert_eq!(canary("[50%], old-fleet: { keep: 1h }"), ["plan::stray-field"]);
        assert_eq!(canary("[50%], fleet: app, old-fleet: { keep: 0s }"), ["plan::out-of-range"]);
        assert_eq!(codes("sideways: {}"), ["plan::unknown-strategy"]);
    }
}

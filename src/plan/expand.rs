//! Strategies become steps. There is no second way through the program for a strategy: what runs is what
//! `tidegate plan --expand` prints.

use std::time::Duration;

use super::{
    defaults::{PATIENCE, PROBE_PATIENCE, shift_timeout},
    model::{FleetName, GateName, OnFailure, RouteName, Side, Size, Until, Verb},
    syntax::OldFleet,
    units::Percent,
};

/// A strategy's settings. A blue-green deployment is a canary without shares on the way.
pub(super) struct Strategy {
    pub route: RouteName,
    pub fleet: Option<FleetName>,
    pub healthy: Percent,
    pub healthy_within: Duration,
    pub test: Option<GateName>,
    /// On the way to 100%.
    pub shares: Vec<Percent>,
    pub approve_before: Option<Percent>,
    pub bake: Duration,
    pub gates: Vec<GateName>,
    pub old_fleet: OldFleet,
}

/// The steps with their timeouts.
pub(super) fn expand(strategy: Strategy) -> Vec<(Verb, Option<Duration>)> {
    let Strategy { route, fleet, healthy, bake, gates, .. } = strategy;
    let scale = |side, to| {
        let verb = |fleet: &FleetName| Verb::Scale { fleet: fleet.clone(), side, to };
        fleet.as_ref().map(|fleet| (verb(fleet), Some(PATIENCE)))
    };
    let mut steps = Vec::new();
    steps.extend(scale(Side::Candidate, Size::SameAs(Side::Stable)));
    let until = Until::Healthy { route: route.clone(), side: Side::Candidate, at_least: healthy };
    steps.push((Verb::Wait { until }, Some(strategy.healthy_within)));
    steps.extend(strategy.test.map(|gate| (Verb::Probe { gate }, Some(PROBE_PATIENCE))));
    for candidate in strategy.shares.into_iter().chain([Percent::HUNDRED]) {
        if strategy.approve_before == Some(candidate) {
            let message = format!("{route} to {candidate} next.");
            let verb = Verb::Approve { message, expires: None, on_expiry: OnFailure::Hold };
            steps.push((verb, None));
        }
        let verb = Verb::Shift { route: route.clone(), candidate, bake, gates: gates.clone() };
        steps.push((verb, Some(shift_timeout(bake))));
    }
    match strategy.old_fleet {
        OldFleet::ScaleToZero => steps.extend(scale(Side::Stable, Size::Instances(0))),
        OldFleet::Keep => {}
    }
    steps
}

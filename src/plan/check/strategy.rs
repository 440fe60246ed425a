//! Strategies: their settings checked, then handed to `expand`, whose steps are checked like any others.

use super::{
    draft::Draft,
    replacement::checkpoints,
    scope::{Scope, positive},
    steps::permille,
    test_route::header,
};
use crate::plan::{
    defaults::{MIN_HEALTHY, PATIENCE},
    expand::{OldFleet, Rolling, Strategy, expand, expand_rolling},
    form::{List, Short, Slot},
    names::{FleetName, GateName, RouteName},
    problem::Problem,
    replacement::{Matching, Protected, Refresh, Standby},
    replacement_form::RollingForm,
    span::Spanned,
    strategy_form::{BlueGreenForm, CanaryForm, Fate, KeepForm, StrategyChoice, StrategyForm},
    units::Percent,
};

/// The steps a strategy stands for.
pub(super) fn steps(
    form: &StrategyForm,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Draft>> {
    let (steps, span) = match form.chosen()? {
        StrategyChoice::Canary(form) => (expand(canary(&form.value, scope, problems)?), form.span),
        StrategyChoice::BlueGreen(form) => {
            (expand(blue_green(&form.value, scope, problems)?), form.span)
        }
        StrategyChoice::Rolling(form) => {
            (expand_rolling(&rolling(&form.value, scope, problems)?), form.span)
        }
    };
    Some(steps.into_iter().map(|(verb, timeout)| Draft { verb, timeout, span }).collect())
}

fn canary(form: &CanaryForm, scope: &Scope, problems: &mut Vec<Problem>) -> Option<Strategy> {
    let shares = form.steps.given().and_then(|shares| rising(shares, problems));
    let rest = Shared {
        route: &form.route,
        fleet: &form.fleet,
        gates: &form.gates,
        old_fleet: &form.old_fleet,
    }
    .check(scope, problems);
    if let (Some(before), Some(shares)) = (form.approve_before.given(), &shares)
        && before.value != Percent::HUNDRED
        && !shares.contains(&before.value)
    {
        problems.push(
            Problem::error("plan::approve-before", format!("no step shifts to {}", before.value))
                .at(before.span, "not one of the steps")
                .at(form.steps.span_or(before.span), "the steps")
                .help("name one of the steps, or `100%`"),
        );
    }
    let (route, fleet, gates, old_fleet) = rest?;
    Some(Strategy {
        route,
        fleet,
        healthy: form.healthy.value_or(Percent::HUNDRED),
        healthy_within: form.healthy_within.value_or(PATIENCE),
        test: None,
        test_header: None,
        shares: shares?,
        approve_before: form.approve_before.value(),
        bake: form.bake.value()?,
        gates,
        min_requests: form.min_requests.value().map(|number| number.0),
        old_fleet,
    })
}

fn blue_green(
    form: &BlueGreenForm,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Strategy> {
    let test = match &form.test {
        Slot::Absent => Some(None),
        Slot::Broken => None,
        Slot::Given(gate) => scope.gate(gate, problems).map(Some),
    };
    let test_header = match form.test_header.given() {
        None => None,
        Some(given) => {
            if form.test.is_absent() {
                problems.push(
                    Problem::error(
                        "plan::stray-field",
                        "`test-header` says nothing without `test`",
                    )
                    .at(given.span, "nothing is tested")
                    .help("add `test:` with the gate that sends it, or remove `test-header`"),
                );
            }
            Some(header(&given.value, problems)?)
        }
    };
    let rest = Shared {
        route: &form.route,
        fleet: &form.fleet,
        gates: &form.gates,
        old_fleet: &form.old_fleet,
    }
    .check(scope, problems);
    let (route, fleet, gates, old_fleet) = rest?;
    Some(Strategy {
        route,
        fleet,
        healthy: form.healthy.value_or(Percent::HUNDRED),
        healthy_within: form.healthy_within.value_or(PATIENCE),
        test: test?,
        test_header,
        shares: Vec::new(),
        approve_before: None,
        bake: form.bake.value()?,
        gates,
        min_requests: form.min_requests.value().map(|number| number.0),
        old_fleet,
    })
}

fn rolling(form: &RollingForm, scope: &Scope, problems: &mut Vec<Problem>) -> Option<Rolling> {
    let fleet = scope.fleet(&form.fleet, problems);
    let gates = scope.gates(&form.gates, problems);
    let stops = match form.checkpoints.given() {
        Some(shares) if few(shares, problems) => checkpoints(&shares.value, problems)?,
        Some(_) => return None,
        None => Vec::new(),
    };
    if let Some(before) = form.approve_before.given()
        && before.value != Percent::HUNDRED
        && !stops.contains(&before.value)
    {
        problems.push(
            Problem::error("plan::approve-before", format!("nothing stops at {}", before.value))
                .at(before.span, "not one of the checkpoints")
                .help("name one of the checkpoints, or `100%`"),
        );
    }
    let refresh = Refresh {
        version: form.version.value()?.0,
        min_healthy: form.min_healthy.value_or(MIN_HEALTHY),
        surge: form.surge.value_or(Percent::ZERO),
        warm_up: form.warm_up.value(),
        standby: Standby::Wait,
        scale_in_protected: Protected::Wait,
        matching: Matching::Skip,
    };
    let (approve_before, bake) = (form.approve_before.value(), form.bake.value()?);
    Some(Rolling { fleet: fleet?, refresh, checkpoints: stops, approve_before, bake, gates })
}

/// What both strategies that move traffic have.
struct Shared<'a> {
    route: &'a Slot<String>,
    fleet: &'a Slot<String>,
    gates: &'a Slot<List<String>>,
    old_fleet: &'a Slot<Short<Fate, KeepForm>>,
}

type SharedParts = (RouteName, Option<FleetName>, Vec<GateName>, OldFleet);

impl Shared<'_> {
    fn check(&self, scope: &Scope, problems: &mut Vec<Problem>) -> Option<SharedParts> {
        let route = scope.route(self.route, problems);
        let fleet = match self.fleet {
            Slot::Absent => Some(None),
            Slot::Broken | Slot::Given(_) => scope.fleet(self.fleet, problems).map(Some),
        };
        let gates = scope.gates(self.gates, problems);
        if let (true, Some(old)) = (self.fleet.is_absent(), self.old_fleet.given()) {
            problems.push(
                Problem::error("plan::stray-field", "`old-fleet` says nothing without `fleet`")
                    .at(old.span, "no fleet is scaled")
                    .help("add `fleet:`, or remove `old-fleet`"),
            );
        }
        Some((route?, fleet?, gates, self.old_fleet(problems)?))
    }

    fn old_fleet(&self, problems: &mut Vec<Problem>) -> Option<OldFleet> {
        match self.old_fleet.given().map(|given| &given.value) {
            None | Some(Short::Short(Fate::ScaleToZero)) => Some(OldFleet::ScaleToZero),
            Some(Short::Short(Fate::Keep)) => Some(OldFleet::Keep),
            Some(Short::Long(long)) => {
                long.keep.given()?;
                Some(OldFleet::KeepFor(positive(&long.keep, PATIENCE, problems)))
            }
        }
    }
}

/// Shares that rise and stay below 100%.
fn rising(shares: &Spanned<List<Percent>>, problems: &mut Vec<Problem>) -> Option<Vec<Percent>> {
    if !few(shares, problems) {
        return None;
    }
    let mut last = Percent::ZERO;
    let mut rising = true;
    for share in &shares.value {
        if share.value == Percent::HUNDRED {
            rising = false;
            problems.push(
                Problem::error("plan::canary-steps", "a canary ends with 100% by itself")
                    .at(share.span, "one too many")
                    .help("remove it from the steps"),
            );
        } else if share.value <= last {
            rising = false;
            let message = format!("the steps of a canary rise, {} does not", share.value);
            problems.push(
                Problem::error("plan::canary-steps", message)
                    .at(share.span, format!("not more than {last}"))
                    .help("write rising shares, such as `[5%, 25%, 50%]`"),
            );
        }
        last = share.value;
    }
    let shares = shares.value.iter().map(|share| permille(share, problems)).collect();
    rising.then_some(shares)
}

/// Whether there are so few that each may stand for steps with gates of their own.
pub(super) fn few(shares: &Spanned<List<Percent>>, problems: &mut Vec<Problem>) -> bool {
    const MOST: usize = 100;
    let count = shares.value.len();
    if count > MOST {
        let message = format!("a strategy has at most {MOST} shares, this one has {count}");
        problems.push(
            Problem::error("plan::too-many-shares", message)
                .at(shares.span, "too many")
                .help("write those at which something is to be seen, such as `[5%, 25%, 50%]`"),
        );
    }
    count <= MOST
}

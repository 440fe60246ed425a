//! Warnings: plans that can run and probably do not do what their author hopes. Each says why. What can only be seen
//! in the account (an alarm too slow for its bake, an alarm on the wrong target group) is looked at in preflight.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    check::{Draft, DraftComponent},
    conduct::{Aim, Ends},
    gate::{Gate, GateKind},
    model::{Fleet, Until},
    names::{FleetName, GateName, RouteName, Side},
    problem::Problem,
    replacement::{Extent, Replace},
    replay::Replay,
    route_kind::Route,
    span::Span,
    units::{Percent, format_duration},
    unpublished,
};

/// Most alarms look at whole minutes: a bake that is shorter is told of by the plan's own warnings.
pub const SHORTEST_ALARM: Duration = Duration::from_mins(1);
/// Gates on alarms share one batched call; asking more often than this uses up the account's quota for no news.
const CALM: Duration = Duration::from_secs(10);

/// The declarations of a plan with their places.
pub(super) struct Declared<'a> {
    pub routes: &'a BTreeMap<RouteName, (Route, Span)>,
    pub fleets: &'a BTreeMap<FleetName, (Fleet, Span)>,
    pub gates: &'a BTreeMap<GateName, (Gate, Span)>,
}

/// All warnings of a plan without errors.
pub(super) fn check(
    components: &[DraftComponent],
    declared: &Declared<'_>,
    problems: &mut Vec<Problem>,
) {
    for component in components {
        falling_weights(&component.steps, problems);
        left_split(&component.steps, problems);
        empty_beginning(&component.steps, problems);
        no_way_back(&component.steps, problems);
        nobody_there(&component.steps, declared, problems);
    }
    let steps: Vec<&Draft> = components.iter().flat_map(|component| &component.steps).collect();
    problems.extend(ungated(&steps));
    problems.extend(ungated_replacements(&steps));
    problems.extend(short_bakes(&steps, declared));
    nothing_to_compare(&steps, declared, problems);
    busy_alarms(declared, problems);
    unpublished::doubts(declared.gates, declared.routes, problems);
    unused(&steps, declared, problems);
}

/// The parts of a shift that are looked at here.
struct Shift<'a> {
    route: &'a RouteName,
    candidate: Percent,
    bake: Duration,
    gates: &'a [GateName],
    span: Span,
}

fn shifts<'a>(steps: impl IntoIterator<Item = &'a Draft>) -> impl Iterator<Item = Shift<'a>> {
    steps.into_iter().filter_map(|step| {
        let conduct = step.verb.conduct();
        match (conduct.aim, conduct.ends) {
            (Aim::Weights { route, candidate }, Ends::AfterBake { lasts, .. }) => {
                Some(Shift { route, candidate, bake: lasts, gates: conduct.gates, span: step.span })
            }
            _ => None,
        }
    })
}

/// One warning for all steps of a kind: the same sentence ten times teaches nobody.
fn at_all(problem: Problem, places: Vec<(Span, String)>, help: &str) -> Option<Problem> {
    // A strategy's steps all have the same place.
    let mut seen = BTreeSet::new();
    let labels: Vec<_> = places.into_iter().filter(|(span, _)| seen.insert(*span)).collect();
    (!labels.is_empty())
        .then(|| labels.into_iter().fold(problem, |p, (span, text)| p.at(span, text)).help(help))
}

fn falling_weights(steps: &[Draft], problems: &mut Vec<Problem>) {
    let mut reached: BTreeMap<&RouteName, (Percent, Span)> = BTreeMap::new();
    for shift in shifts(steps) {
        if let Some((before, span)) = reached.insert(shift.route, (shift.candidate, shift.span))
            && shift.candidate < before
        {
            let message = format!(
                "the candidate's share of `{}` goes down from {before} to {}",
                shift.route, shift.candidate
            );
            problems.push(
                Problem::warning("lint::falling-weight", message)
                    .at(shift.span, "goes down here")
                    .at(span, format!("was {before}"))
                    .help("rolling back is done for you when a gate fails; put the shares in rising order"),
            );
        }
    }
}

/// A plan that ends on the way is told of: its author has most often forgotten the last step.
fn left_split(steps: &[Draft], problems: &mut Vec<Problem>) {
    let last: BTreeMap<&RouteName, Shift<'_>> =
        shifts(steps).map(|shift| (shift.route, shift)).collect();
    for Shift { route, candidate, span, .. } in last.into_values() {
        let highest = shifts(steps).filter(|shift| shift.route == route);
        let highest = highest.map(|shift| shift.candidate).max();
        // One that goes down again is told of as that.
        if candidate > Percent::ZERO && candidate < Percent::HUNDRED && highest == Some(candidate) {
            problems.push(
                Problem::warning(
                    "lint::left-split",
                    format!("the last shift of `{route}` leaves the candidate {candidate}"),
                )
                .at(span, "users stay split between both versions when the run is over")
                .help("end with a shift to `100%`, unless another plan goes on from there"),
            );
        }
    }
}

/// A route's first shift that gives the candidate nothing does nothing, unless it takes back what another run has left.
fn empty_beginning(steps: &[Draft], problems: &mut Vec<Problem>) {
    let mut begun: BTreeMap<&RouteName, Shift<'_>> = BTreeMap::new();
    for shift in shifts(steps) {
        match begun.get(shift.route) {
            None => {
                begun.insert(shift.route, shift);
            }
            Some(first) if first.candidate == Percent::ZERO && shift.candidate > Percent::ZERO => {
                problems.push(
                    Problem::warning(
                        "lint::empty-shift",
                        format!("the first shift of `{}` gives the candidate nothing", shift.route),
                    )
                    .at(first.span, "moves no traffic to it, so its gates see nothing")
                    .help("begin with a share above `0%`, or leave this step out"),
                );
                begun.insert(shift.route, shift);
            }
            Some(_) => {}
        }
    }
}

/// Once the candidate has everything, nobody is left whom it could be compared with.
fn nothing_to_compare(steps: &[&Draft], declared: &Declared<'_>, problems: &mut Vec<Problem>) {
    for (name, (gate, _)) in declared.gates {
        if !matches!(gate.kind, GateKind::Compare(_)) {
            continue;
        }
        let naming = || shifts(steps.iter().copied()).filter(|shift| shift.gates.contains(name));
        let Some(first) = naming().next() else { continue };
        if naming().all(|shift| shift.candidate == Percent::HUNDRED) {
            problems.push(
                Problem::warning(
                    "lint::nothing-to-compare",
                    format!("`{name}` compares only while the candidate has all of the traffic"),
                )
                .at(first.span, "the baseline has no requests then")
                .help("name the gate in a shift below `100%`, and give that a bake"),
            );
        }
    }
}

fn no_way_back(steps: &[Draft], problems: &mut Vec<Problem>) {
    for (i, step) in steps.iter().enumerate() {
        let Aim::Capacity { fleet, side: Side::Stable, to } = step.verb.conduct().aim else {
            continue;
        };
        if !to.is_nothing() {
            continue;
        }
        let later = shifts(steps.iter().skip(i)).find(|shift| !shift.bake.is_zero());
        let last = shifts(steps.iter().take(i)).last();
        let problem = Problem::warning(
            "lint::no-way-back",
            format!(
                "the stable side of `{fleet}` is scaled away before the candidate has proved itself"
            ),
        )
        .at(step.span, "after this, rolling back has to wait for new instances");
        let problem = match (later, last) {
            (Some(later), _) => problem
                .at(later.span, "this bake is yet to come")
                .help("move the scale step behind the last bake"),
            (None, Some(last)) if last.bake.is_zero() => problem
                .at(last.span, "the last shift does not bake")
                .help("give the last shift a `bake:`, such as `bake: 30m`"),
            (None, Some(_) | None) => continue,
        };
        problems.push(problem);
    }
}

/// A candidate that the plan itself has made empty is never healthy.
fn nobody_there(steps: &[Draft], declared: &Declared<'_>, problems: &mut Vec<Problem>) {
    let mut emptied: BTreeMap<&FleetName, Span> = BTreeMap::new();
    for step in steps {
        let conduct = step.verb.conduct();
        let waits = match (conduct.aim, conduct.ends) {
            (Aim::Capacity { fleet, side: Side::Candidate, to }, _) => {
                if to.is_nothing() {
                    emptied.insert(fleet, step.span);
                } else {
                    emptied.remove(fleet);
                }
                continue;
            }
            (
                _,
                Ends::WhenAllPass {
                    until: Some(Until::Healthy { route, side: Side::Candidate, .. }),
                },
            ) => route,
            (Aim::Weights { route, candidate }, _) if candidate > Percent::ZERO => route,
            (
                Aim::Nothing
                | Aim::Weights { .. }
                | Aim::Capacity { side: Side::Stable, .. }
                | Aim::Software(_)
                | Aim::TestRoute { .. }
                | Aim::Release { .. }
                | Aim::OldVersions { .. }
                | Aim::Replay(_),
                _,
            ) => continue,
        };
        let is_behind = |fleet: &FleetName| {
            declared
                .fleets
                .get(fleet)
                .is_some_and(|(fleet, _)| fleet.behind.as_ref() == Some(waits))
        };
        if let Some((fleet, at)) = emptied.iter().find(|(fleet, _)| is_behind(fleet)) {
            problems.push(
                Problem::warning(
                    "lint::empty-candidate",
                    format!(
                        "the candidate of `{fleet}` has no instances when they are to be healthy"
                    ),
                )
                .at(step.span, "waits for healthy targets of nobody")
                .at(*at, "scaled to nothing here")
                .help(
                    "give the candidate a size before this step, such as `to: { same-as: stable }`",
                ),
            );
            return;
        }
    }
}

/// One warning for promotions nothing watches, and one for bakes that look at nothing.
fn ungated(steps: &[&Draft]) -> impl Iterator<Item = Problem> {
    let mut promotions = Vec::new();
    let mut idle = Vec::new();
    for shift in shifts(steps.iter().copied()).filter(|shift| shift.gates.is_empty()) {
        if shift.candidate == Percent::HUNDRED {
            promotions.push((shift.span, "nothing would notice a bad version".to_owned()));
        } else if !shift.bake.is_zero() {
            let text = format!("{} of looking at nothing", format_duration(shift.bake));
            idle.push((shift.span, text));
        }
    }
    let promotions = at_all(
        Problem::warning("lint::ungated-promotion", "all traffic is shifted without a gate"),
        promotions,
        "add `gates: [...]` and a `bake:`; a run rolls back by itself only when a gate fails",
    );
    let idle = at_all(
        Problem::warning("lint::bake-without-gates", "a bake without gates only passes the time"),
        idle,
        "add `gates: [...]`, or write a `pause:` if only time is to pass",
    );
    promotions.into_iter().chain(idle)
}

fn ungated_replacements(steps: &[&Draft]) -> Option<Problem> {
    // A deployment that waits before it moves traffic meets no user yet.
    let goes_unwatched =
        |replace: &Replace| replace.gates.is_empty() && replace.extent != Extent::Ready;
    let ungated =
        steps.iter().filter(|step| step.verb.conduct().aim.replaces().is_some_and(goes_unwatched));
    at_all(
        Problem::warning("lint::ungated-promotion", "software is replaced without a gate"),
        ungated.map(|step| (step.span, "nothing would notice a bad version".to_owned())).collect(),
        "add `gates: [...]` and a `bake:`; a run rolls back by itself only when a gate fails",
    )
}

fn short_bakes(steps: &[&Draft], declared: &Declared<'_>) -> Option<Problem> {
    let watches_alarms = |gate: &GateName| {
        matches!(declared.gates.get(gate), Some((Gate { kind: GateKind::Alarms(_), .. }, _)))
    };
    let short = shifts(steps.iter().copied())
        .filter(|shift| !shift.gates.is_empty() && shift.bake < SHORTEST_ALARM)
        .filter(|shift| shift.gates.iter().any(watches_alarms));
    at_all(
        Problem::warning("lint::short-bake", "this bake is over before an alarm can go off"),
        short.map(|shift| (shift.span, format!("bakes {}", format_duration(shift.bake)))).collect(),
        "most alarms evaluate whole minutes, several in a row; bake at least a few minutes",
    )
}

fn busy_alarms(declared: &Declared<'_>, problems: &mut Vec<Problem>) {
    for (name, (gate, span)) in declared.gates {
        if matches!(gate.kind, GateKind::Alarms(_)) && gate.every < CALM {
            let every = format_duration(gate.every);
            problems.push(
                Problem::warning(
                    "lint::busy-gate",
                    format!("the alarms of `{name}` are read every {every}"),
                )
                .at(*span, "more often than alarms change")
                .help(
                    "write `every: 10s` or more; the account's API quota is shared with everybody",
                ),
            );
        }
    }
}

fn unused(steps: &[&Draft], declared: &Declared<'_>, problems: &mut Vec<Problem>) {
    let mut used: BTreeSet<(&str, &str)> = BTreeSet::new();
    for step in steps {
        let conduct = step.verb.conduct();
        used.extend(conduct.gates.iter().map(|gate| ("gate", gate.as_str())));
        used.extend(match conduct.aim {
            Aim::Weights { route, .. }
            | Aim::TestRoute { route, .. }
            | Aim::Release { route, .. }
            | Aim::OldVersions { route, .. }
            | Aim::Replay(Replay { route, .. }) => Some(("route", route.as_str())),
            Aim::Capacity { fleet, .. } => Some(("fleet", fleet.as_str())),
            Aim::Software(replace) => Some(("fleet", replace.fleet.as_str())),
            Aim::Nothing => None,
        });
        if let Ends::WhenAllPass { until: Some(Until::Healthy { route, .. }) } = conduct.ends {
            used.insert(("route", route.as_str()));
        }
    }
    for (name, (gate, _)) in declared.gates {
        let route = gate.kind.route();
        if let (Some(route), true) = (route, used.contains(&("gate", name.as_str()))) {
            used.insert(("route", route.as_str()));
        }
    }
    let routes = declared.routes.iter().map(|(name, (_, span))| ("route", name.as_str(), span));
    let fleets = declared.fleets.iter().map(|(name, (_, span))| ("fleet", name.as_str(), span));
    let gates = declared.gates.iter().map(|(name, (_, span))| ("gate", name.as_str(), span));
    for (what, name, span) in routes.chain(fleets).chain(gates) {
        if !used.contains(&(what, name)) {
            problems.push(
                Problem::warning("lint::unused", format!("the {what} `{name}` is not used"))
                    .at(*span, "no step names it")
                    .help(format!("name it in a step, or remove it from `{what}s:`")),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::{HEAD, codes, codes_of, read_with};

    const FULL: &str = "shift: { route: web, candidate: 100%, bake: 10m, gates: [errors] }";
    const SOME: &str = "shift: { route: web, candidate: 50%, bake: 10m, gates: [errors] }";
    const AWAY: &str = "scale: { fleet: app, side: stable, to: 0 }";

    #[test]
    fn each_doubt_is_told_with_its_code() {
        assert_eq!(codes_of(&[SOME, FULL, AWAY]), [""; 0]);
        assert_eq!(codes_of(&[FULL, SOME]), ["lint::falling-weight"]);
        let bare = |step: &str| step.replace(", gates: [errors]", "");
        assert_eq!(codes_of(&[&bare(FULL)]), ["lint::ungated-promotion"]);
        assert_eq!(codes_of(&[&bare(SOME), FULL]), ["lint::bake-without-gates"]);
        assert_eq!(codes_of(&[&SOME.replace("10m", "30s"), FULL]), ["lint::short-bake"]);
        let api = "shift: { route: api, candidate: 100%, bake: 10m, gates: [errors] }";
        assert_eq!(codes_of(&[FULL, AWAY, api]), ["lint::no-way-back"]);
        let unbaked = "shift: { route: web, candidate: 100%, gates: [smoke] }";
        assert_eq!(codes_of(&[unbaked, AWAY]), ["lint::no-way-back"]);
        let none = "scale: { fleet: app, side: candidate, to: 0 }";
        let some = "scale: { fleet: app, side: candidate, to: 2 }";
        let wait = "wait: { until: { healthy: { route: web, side: candidate } } }";
        assert_eq!(codes_of(&[none, wait]), ["lint::empty-candidate"]);
        assert_eq!(codes_of(&[none, some, wait]), [""; 0]);
        assert_eq!(codes_of(&[SOME]), ["lint::left-split"]);
        let zero = SOME.replace("50%", "0%");
        assert_eq!(codes_of(&[&zero, FULL]), ["lint::empty-shift"]);
        assert_eq!(codes_of(&[&zero]), [""; 0], "a plan may do nothing but take back");
        let busy = HEAD.replace("[checkout-5xx] }", "[checkout-5xx] }, every: 5s");
        assert!(codes(&format!("{busy}steps: [{{ {FULL} }}]\n")).contains(&"lint::busy-gate"));
    }

    #[test]
    fn a_comparison_that_begins_when_nobody_is_left_is_told() {
        let codes = |some: &str, full: &str| {
            let text = format!(
                "tidegate: 1\nname: shop\n\
                 routes: {{ web: {{ alb: {{ load-balancer: lb, port: 443, pair: [blue, green] }} }} }}\n\
                 gates: {{ judge: {{ compare: {{ route: web }} }}, up: {{ healthy: {{ route: web, side: candidate }} }} }}\n\
                 steps:\n- shift: {{ route: web, candidate: 50%, bake: 10m, gates: [{some}] }}\n\
                 - shift: {{ route: web, candidate: 100%, bake: 10m, gates: [{full}] }}\n"
            );
            let warnings = read_with(&text, &[]).unwrap().warnings;
            warnings.iter().map(|problem| problem.code).collect::<Vec<_>>()
        };
        assert_eq!(codes("up", "judge"), ["lint::nothing-to-compare"]);
        assert_eq!(codes("judge, up", "up"), [""; 0]);
        assert_eq!(codes("judge, up", "judge"), [""; 0], "its last verdict stands");
    }

    #[test]
    fn what_is_declared_and_never_used_is_told() {
        let warnings = read_with(&format!("{HEAD}steps: [{{ {FULL} }}, {{ {AWAY} }}]\n"), &[]);
        let messages: Vec<_> = warnings.unwrap().warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "the route `api` is not used",
                "the fleet `api` is not used",
                "the gate `smoke` is not used"
            ]
        );
    }

    #[test]
    fn the_same_doubt_about_several_steps_is_told_once() {
        let short = SOME.replace("10m", "5s");
        let text = format!("{HEAD}steps: [{{ {short} }}, {{ {short} }}, {{ {FULL} }}]\n");
        let warnings = read_with(&text, &[]).unwrap().warnings;
        let short: Vec<_> = warnings.iter().filter(|p| p.code == "lint::short-bake").collect();
        assert_eq!((short.len(), short[0].labels.len()), (1, 2));
    }
}

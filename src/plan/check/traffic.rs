//! What a plan would do to traffic, followed step by step before anything runs: no side is scaled away while it is
//! sent traffic, none is sent traffic after it was scaled away, and nothing is moved by two components at once.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, DraftComponent};
use crate::plan::{
    model::{Fleet, Verb},
    names::{FleetName, RouteName, Side},
    problem::Problem,
    span::Span,
    units::Percent,
};

type Fleets = BTreeMap<FleetName, (Fleet, Span)>;

/// Checks every component, and that they do not share what they move.
pub(super) fn check(components: &[DraftComponent], fleets: &Fleets, problems: &mut Vec<Problem>) {
    // Where a step is missing, what follows it would be judged wrongly.
    for component in components.iter().filter(|component| !component.gaps) {
        Traffic::new(component, fleets).follow(problems);
    }
    one_owner(components, fleets, problems);
}

/// The routes and fleets a step moves. A fleet belongs with the route it stands behind.
fn moved(step: &Draft, fleets: &Fleets) -> Vec<String> {
    match &step.verb {
        Verb::Shift { route, .. }
        | Verb::TestRoute { route, .. }
        | Verb::Publish { route, .. }
        | Verb::Prune { route, .. } => {
            vec![format!("route `{route}`")]
        }
        Verb::Replay(replay) => vec![format!("route `{}`", replay.route)],
        Verb::Scale { fleet, .. } => {
            let behind = fleets.get(fleet).and_then(|(fleet, _)| fleet.behind.as_ref());
            let route = behind.map(|route| format!("route `{route}`"));
            [format!("fleet `{fleet}`")].into_iter().chain(route).collect()
        }
        Verb::Replace(replace) => vec![format!("fleet `{}`", replace.fleet)],
        Verb::Wait { .. } | Verb::Probe { .. } | Verb::Approve { .. } | Verb::Pause { .. } => {
            Vec::new()
        }
    }
}

fn one_owner(components: &[DraftComponent], fleets: &Fleets, problems: &mut Vec<Problem>) {
    let mut owners: BTreeMap<String, (&DraftComponent, Span)> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for component in components {
        for step in &component.steps {
            for thing in moved(step, fleets) {
                let (owner, span) = *owners.entry(thing.clone()).or_insert((component, step.span));
                let (first, second) = (&owner.name.value, &component.name.value);
                if first != second && told.insert((thing.clone(), second)) {
                    problems.push(
                        Problem::error("plan::shared", format!("`{first}` and `{second}` both move {thing}"))
                            .at(step.span, format!("moved by `{second}`"))
                            .at(span, format!("moved by `{first}`"))
                            .help("a route with the fleets behind it belongs to one component; move the steps there"),
                    );
                }
            }
        }
    }
}

/// Where traffic goes as far as the steps tell.
struct Traffic<'a> {
    component: &'a DraftComponent,
    fleets: &'a Fleets,
    /// The candidate's share; at the start it has none.
    shares: BTreeMap<&'a RouteName, Percent>,
    /// Sides that were scaled to nothing, and where.
    gone: BTreeMap<(&'a FleetName, Side), Span>,
}

impl<'a> Traffic<'a> {
    fn new(component: &'a DraftComponent, fleets: &'a Fleets) -> Self {
        let shifted = component.steps.iter().filter_map(|step| match &step.verb {
            Verb::Shift { route, .. } => Some((route, Percent::ZERO)),
            Verb::Scale { .. }
            | Verb::TestRoute { .. }
            | Verb::Publish { .. }
            | Verb::Prune { .. }
            | Verb::Replay(_)
            | Verb::Replace(_)
            | Verb::Wait { .. }
            | Verb::Probe { .. }
            | Verb::Approve { .. }
            | Verb::Pause { .. } => None,
        });
        Self { component, fleets, shares: shifted.collect(), gone: BTreeMap::new() }
    }

    fn follow(&mut self, problems: &mut Vec<Problem>) {
        for step in &self.component.steps {
            match &step.verb {
                Verb::Scale { fleet, side, to } if to.is_nothing() => {
                    problems.extend(self.scaled_under_traffic(fleet, *side, step.span));
                    self.gone.insert((fleet, *side), step.span);
                }
                Verb::Scale { fleet, side, .. } => {
                    self.gone.remove(&(fleet, *side));
                }
                Verb::Shift { route, candidate, .. } => {
                    self.shares.insert(route, *candidate);
                    problems.extend(self.traffic_into_nothing(route, *candidate, step.span));
                }
                Verb::TestRoute { .. }
                | Verb::Publish { .. }
                | Verb::Prune { .. }
                | Verb::Replay(_)
                | Verb::Replace(_)
                | Verb::Wait { .. }
                | Verb::Probe { .. }
                | Verb::Approve { .. }
                | Verb::Pause { .. } => {}
            }
        }
    }

    /// Whether this route sends traffic to this fleet. One that is behind no route may be behind any.
    fn feeds(&self, route: &RouteName, fleet: &FleetName) -> bool {
        self.fleets
            .get(fleet)
            .is_some_and(|(fleet, _)| fleet.behind.as_ref().is_none_or(|behind| behind == route))
    }

    fn scaled_under_traffic(&self, fleet: &FleetName, side: Side, at: Span) -> Option<Problem> {
        let behind = self.fleets.get(fleet).and_then(|(fleet, _)| fleet.behind.as_ref());
        // A route that this plan never shifts sends everything to its stable side.
        let unmoved = behind.filter(|route| !self.shares.contains_key(route));
        let routes = self.shares.iter().map(|(route, share)| (*route, *share));
        let (route, share) = routes
            .chain(unmoved.map(|route| (route, Percent::ZERO)))
            .filter(|(route, _)| self.feeds(route, fleet))
            .find(|(_, share)| match side {
                Side::Stable => *share < Percent::HUNDRED,
                Side::Candidate => *share > Percent::ZERO,
            })?;
        let (needed, rest) = match side {
            Side::Stable => {
                ("100%", format!("the candidate has only {share} of `{route}` by then"))
            }
            Side::Candidate => ("0%", format!("the candidate has {share} of `{route}` by then")),
        };
        Some(
            Problem::error(
                "plan::scaled-under-traffic",
                format!(
                    "the {side} side of `{fleet}` is scaled to 0 while `{route}` sends it traffic"
                ),
            )
            .at(at, rest)
            .help(format!("shift `{route}` to `candidate: {needed}` before this step")),
        )
    }

    fn traffic_into_nothing(&self, route: &RouteName, share: Percent, at: Span) -> Option<Problem> {
        let (side, fleet, scaled) = self.gone.iter().find_map(|((fleet, side), span)| {
            let served = match side {
                Side::Stable => share < Percent::HUNDRED,
                Side::Candidate => share > Percent::ZERO,
            };
            (served && self.feeds(route, fleet)).then_some((side, fleet, span))
        })?;
        Some(
            Problem::error(
                "plan::traffic-into-nothing",
                format!("`{route}` is to send traffic to the {side} side of `{fleet}`, which was scaled to 0"),
            )
            .at(at, "sends traffic there")
            .at(*scaled, "scaled to 0")
            .help(format!("scale the {side} side up and wait until it is healthy before this shift")),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::{codes_of, codes_with};

    const FULL: &str = "shift: { route: web, candidate: 100%, bake: 10m, gates: [errors] }";
    const SOME: &str = "shift: { route: web, candidate: 50%, bake: 10m, gates: [errors] }";
    const NONE: &str = "shift: { route: web, candidate: 0%, bake: 10m, gates: [errors] }";
    const STABLE_AWAY: &str = "scale: { fleet: app, side: stable, to: 0 }";
    const CANDIDATE_AWAY: &str = "scale: { fleet: app, side: candidate, to: 0 }";

    #[test]
    fn a_side_with_traffic_is_not_scaled_away() {
        let refused = ["plan::scaled-under-traffic"];
        assert_eq!(codes_of(&[STABLE_AWAY]), refused);
        assert_eq!(codes_of(&[SOME, STABLE_AWAY, FULL])[0], refused[0]);
        assert_eq!(codes_of(&[FULL, CANDIDATE_AWAY]), refused);
        assert_eq!(codes_of(&[SOME, CANDIDATE_AWAY]), refused);
    }

    #[test]
    fn a_side_without_traffic_may_go() {
        assert_eq!(codes_of(&[FULL, STABLE_AWAY]), [""; 0]);
        assert_eq!(codes_of(&[CANDIDATE_AWAY]), [""; 0]);
        assert_eq!(codes_of(&[SOME, NONE, CANDIDATE_AWAY]), ["lint::falling-weight"]);
    }

    #[test]
    fn traffic_is_not_sent_where_nothing_is_left() {
        let refused = ["plan::traffic-into-nothing"];
        assert_eq!(codes_of(&[FULL, STABLE_AWAY, SOME]), refused);
        assert_eq!(codes_of(&[CANDIDATE_AWAY, SOME]), refused);
        let up = "scale: { fleet: app, side: candidate, to: { same-as: stable } }";
        assert_eq!(codes_of(&[CANDIDATE_AWAY, up, FULL]), [""; 0]);
    }

    #[test]
    fn a_plan_with_an_unreadable_step_is_not_judged_by_its_gaps() {
        let broken = FULL.replace("100%", "100");
        assert_eq!(codes_of(&[&broken, STABLE_AWAY]), ["plan::unit"]);
    }

    #[test]
    fn a_route_with_its_fleets_belongs_to_one_component() {
        let two = |second: &str| {
            codes_with(&format!(
                "components:\n  a: {{ steps: [{{ {FULL} }}] }}\n  b: {{ steps: [{{ {second} }}] }}\n"
            ))
        };
        assert_eq!(two(SOME), ["plan::shared"]);
        assert_eq!(two("scale: { fleet: app, side: candidate, to: 3 }"), ["plan::shared"]);
        assert_eq!(two("scale: { fleet: api, side: candidate, to: 3 }"), [""; 0]);
    }
}

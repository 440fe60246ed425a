//! Test routes: a header that load balancers can tell apart, and a plan that takes every test route away again before
//! it ends and before the candidate goes.

use std::collections::BTreeMap;

use super::{
    draft::{Draft, DraftComponent},
    scope::{Scope, positive},
};
use crate::plan::{
    defaults::PATIENCE,
    form::Short,
    model::{Fleet, Header, Verb},
    names::{FleetName, RouteName, Side},
    problem::Problem,
    route_kind::{Route, RouteKind},
    span::{Span, Spanned},
    step_form::{HeaderForm, RemoveTestRouteForm, TestRouteForm},
};

type Placed<N, T> = BTreeMap<N, (T, Span)>;

pub(super) fn add(
    form: &Spanned<TestRouteForm>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let Spanned { value: form, span } = form;
    let route = scope.route(&form.route, problems);
    let timeout = positive(&form.timeout, PATIENCE, problems);
    let header = form.header.given().and_then(|form| header(&form.value, problems));
    let verb = Verb::TestRoute { route: route?, header: Some(header?) };
    Some(Draft { verb, timeout: Some(timeout), span: *span })
}

pub(super) fn remove(
    form: &Spanned<Short<String, RemoveTestRouteForm>>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let (route, timeout) = match &form.value {
        Short::Short(name) => {
            (scope.named_route(&Spanned::new(name.clone(), form.span), problems), PATIENCE)
        }
        Short::Long(long) => {
            (scope.route(&long.route, problems), positive(&long.timeout, PATIENCE, problems))
        }
    };
    let verb = Verb::TestRoute { route: route?, header: None };
    Some(Draft { verb, timeout: Some(timeout), span: form.span })
}

/// A header that a rule of a load balancer can ask for.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>
pub(super) fn header(form: &HeaderForm, problems: &mut Vec<Problem>) -> Option<Header> {
    let (name, value) = (form.name.given()?, form.value.given()?);
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    let lower = name.value.to_ascii_lowercase();
    if !(1..=40).contains(&lower.len()) || !lower.bytes().all(token) || lower == "host" {
        let message = format!("`{}` cannot tell test traffic apart", name.value);
        problems.push(Problem::error("plan::header", message).at(name.span, "not a possible header").help(
            "use up to 40 letters, digits, hyphens and underscores, such as `x-canary`; not `host`",
        ));
    }
    check_value(&Spanned::new(value.value.0.clone(), value.span), problems);
    if value.value.0.contains(['*', '?']) {
        problems.push(
            Problem::error("plan::header", "`*` and `?` would match other values too")
                .at(value.span, "a wildcard to load balancers")
                .help("write the value that tests send, such as `\"1\"`"),
        );
    }
    Some(Header { name: lower, value: value.value.0.clone() })
}

/// What a header may say, as it is sent and as rules compare it.
pub(super) fn check_value(value: &Spanned<String>, problems: &mut Vec<Problem>) {
    let is_printable = value.value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if !(1..=128).contains(&value.value.len()) || !is_printable {
        problems.push(
            Problem::error("plan::header", "this cannot be the value of a header")
                .at(value.span, "not a value")
                .help("write 1 to 128 printable ASCII characters"),
        );
    }
}

/// Follows every component: each test route ends, and none is left without a candidate.
pub(super) fn check(
    components: &[DraftComponent],
    routes: &Placed<RouteName, Route>,
    fleets: &Placed<FleetName, Fleet>,
    problems: &mut Vec<Problem>,
) {
    for component in components.iter().filter(|component| !component.gaps) {
        let mut follow =
            Follow { routes, fleets, standing: BTreeMap::new(), headers: BTreeMap::new() };
        for step in &component.steps {
            follow.step(step, problems);
        }
        problems.extend(follow.standing.iter().map(|(route, span)| {
            Problem::error(
                "plan::test-route",
                format!("the test route of `{route}` is never removed"),
            )
            .at(*span, "still there at the end")
            .help(format!("add `- remove-test-route: {route}` behind the last step that needs it"))
        }));
    }
}

struct Follow<'a> {
    routes: &'a Placed<RouteName, Route>,
    fleets: &'a Placed<FleetName, Fleet>,
    /// Where the test routes that stand were added.
    standing: BTreeMap<&'a RouteName, Span>,
    /// The header of each route's tests, and where it was first given.
    headers: BTreeMap<&'a RouteName, (&'a Header, Span)>,
}

impl<'a> Follow<'a> {
    fn step(&mut self, step: &'a Draft, problems: &mut Vec<Problem>) {
        match &step.verb {
            Verb::TestRoute { route, header: Some(header) } => {
                self.added(route, header, step.span, problems);
            }
            Verb::TestRoute { route, header: None } => {
                if self.standing.remove(route).is_none() {
                    let message = format!("`{route}` has no test route here");
                    problems.push(
                        Problem::error("plan::test-route", message)
                            .at(step.span, "nothing to remove")
                            .help("add a `test-route` step before it, or remove this one"),
                    );
                }
            }
            Verb::Scale { fleet, side: Side::Candidate, to } if to.is_nothing() => {
                let behind = self.fleets.get(fleet).and_then(|(fleet, _)| fleet.behind.as_ref());
                let tested = self
                    .standing
                    .iter()
                    .find(|(route, _)| behind.is_none_or(|behind| behind == **route));
                problems.extend(tested.map(|(route, added)| {
                    let message = format!(
                        "the candidate side of `{fleet}` is scaled to 0 while the test route of `{route}` leads there"
                    );
                    Problem::error("plan::scaled-under-traffic", message)
                        .at(step.span, "still tested")
                        .at(*added, "the test route")
                        .help(format!("put `- remove-test-route: {route}` before this step"))
                }));
            }
            Verb::Scale { .. }
            | Verb::Shift { .. }
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

    fn added(
        &mut self,
        route: &'a RouteName,
        header: &'a Header,
        at: Span,
        problems: &mut Vec<Problem>,
    ) {
        let declared = self.routes.get(route);
        let cannot = declared.and_then(|(route, span)| {
            let is_one_rule = matches!(&route.kind, RouteKind::Alb(rules) if rules.len() == 1);
            (!is_one_rule).then(|| (route.kind.traits().untestable, span))
        });
        if let Some((why, span)) = cannot {
            problems.push(
                Problem::error("plan::test-route", format!("`{route}` cannot have a test route"))
                    .at(at, "needs one rule of an Application Load Balancer")
                    .at(*span, format!("this one {why}"))
                    .help("probe the candidate by an address of its own instead"),
            );
        }
        if let Some(before) = self.standing.insert(route, at) {
            problems.push(
                Problem::error("plan::test-route", format!("`{route}` has a test route already"))
                    .at(at, "second")
                    .at(before, "first")
                    .help(format!("put `- remove-test-route: {route}` between them, or keep one")),
            );
        }
        let (first, before) = *self.headers.entry(route).or_insert((header, at));
        if first != header {
            // A run finds its test route again by its one header.
            problems.push(
                Problem::error("plan::test-route", format!("`{route}` is tested by two headers"))
                    .at(at, format!("`{header}`"))
                    .at(before, format!("`{first}`"))
                    .help("use one header for all tests of a route"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::codes_of;

    const ADD: &str = r#"test-route: { route: web, header: { name: X-Canary, value: "1" } }"#;
    const PROBE: &str = "probe: smoke";
    const REMOVE: &str = "remove-test-route: web";
    const AWAY: &str = "scale: { fleet: app, side: candidate, to: 0 }";

    #[test]
    fn a_test_route_ends_before_the_plan_does_and_before_its_candidate_goes() {
        assert_eq!(codes_of(&[ADD, PROBE, REMOVE]), [""; 0]);
        assert_eq!(codes_of(&[ADD, REMOVE, ADD, REMOVE, AWAY]), [""; 0]);
        assert_eq!(codes_of(&[ADD, PROBE]), ["plan::test-route"]);
        assert_eq!(codes_of(&[REMOVE]), ["plan::test-route"]);
        assert_eq!(codes_of(&[ADD, ADD, REMOVE]), ["plan::test-route"]);
        assert_eq!(codes_of(&[ADD, AWAY, REMOVE]), ["plan::scaled-under-traffic"]);
        let other = ADD.replace("\"1\"", "\"2\"");
        assert_eq!(codes_of(&[ADD, REMOVE, &other, REMOVE]), ["plan::test-route"]);
    }

    #[test]
    fn a_header_that_no_rule_could_ask_for_is_told() {
        for wrong in [
            "name: host, value: a",
            "name: 'x y', value: a",
            "name: x, value: 'a*'",
            "name: x, value: ''",
        ] {
            let step = format!("test-route: {{ route: web, header: {{ {wrong} }} }}");
            let codes = codes_of(&[&step, REMOVE]);
            assert!(
                !codes.is_empty() && codes.iter().all(|code| *code == "plan::header"),
                "{wrong}: {codes:?}"
            );
        }
    }
}

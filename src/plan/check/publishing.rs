//! Steps that publish a version: of a route that leaves its candidate to them, once, and before anything is about that
//! candidate. A plan that shifts users to a version that is not there yet is told so here, and not half-way.

use std::collections::BTreeMap;

use super::{
    draft::{Draft, DraftComponent},
    scope::{Scope, positive},
};
use crate::plan::{
    code_digest::CodeDigest,
    conduct::Aim,
    defaults::PATIENCE,
    form::Short,
    gate::Gate,
    model::{Fleet, Verb},
    names::{ComponentName, FleetName, GateName, RouteName, Side},
    problem::Problem,
    route::Sides,
    route_kind::{Route, RouteKind},
    span::{Span, Spanned},
    step_form::PublishForm,
};

type Placed<N, T> = BTreeMap<N, (T, Span)>;

/// What else of a plan may be about a candidate.
#[derive(Clone, Copy)]
pub(super) struct Others<'a> {
    pub(super) fleets: &'a Placed<FleetName, Fleet>,
    pub(super) gates: &'a Placed<GateName, Gate>,
}

pub(super) fn publish(
    form: &Spanned<Short<String, PublishForm>>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let (route, code, timeout) = match &form.value {
        Short::Short(name) => {
            (scope.named_route(&Spanned::new(name.clone(), form.span), problems), None, PATIENCE)
        }
        Short::Long(long) => (
            scope.route(&long.route, problems),
            long.code.given().and_then(|code| digest(code, problems)),
            positive(&long.timeout, PATIENCE, problems),
        ),
    };
    let verb = Verb::Publish { route: route?, code };
    Some(Draft { verb, timeout: Some(timeout), span: form.span })
}

fn digest(code: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<CodeDigest> {
    let digest = CodeDigest::parse(&code.value);
    if digest.is_none() {
        problems.push(
            Problem::error(
                "plan::code-sha256",
                format!("`{}` is no SHA-256 as AWS tells it", code.value),
            )
            .at(code.span, "not 32 bytes in base64")
            .help("write what `openssl dgst -sha256 -binary package.zip | openssl base64` prints"),
        );
    }
    digest
}

/// Whether every candidate that is to be made is made once, and before it is needed.
pub(super) fn check(
    drafts: &[DraftComponent],
    (routes, others): (&Placed<RouteName, Route>, Others<'_>),
    problems: &mut Vec<Problem>,
) {
    let steps =
        || drafts.iter().flat_map(|draft| draft.steps.iter().map(move |step| (draft, step)));
    for (name, (route, span)) in routes {
        let makes =
            |step: &Draft| matches!(&step.verb, Verb::Publish { route, .. } if route == name);
        let publishing: Vec<_> = steps().filter(|(_, step)| makes(step)).collect();
        match (&route.sides, publishing.as_slice()) {
            (Sides::Made { .. }, [(of, first), again @ ..]) => {
                let is_stage = matches!(route.kind, RouteKind::ApiGateway(_));
                if let (true, Verb::Publish { code: Some(_), .. }) = (is_stage, &first.verb) {
                    problems.push(
                        Problem::error("plan::code-sha256", format!("`{name}` publishes no code"))
                            .at(first.span, "has `code-sha256`")
                            .help("leave it out: a deployment is made of the API as it is then"),
                    );
                }
                problems.extend(again.iter().map(|(_, step)| {
                    Problem::error("plan::publish", format!("`{name}` gets its candidate twice"))
                        .at(step.span, "the same again")
                        .at(first.span, "first")
                        .help("remove one of these steps; for another function add another route")
                }));
                let early = steps().take_while(|(_, step)| step.span != first.span);
                let after = |draft: &DraftComponent| follows(drafts, draft, &of.name.value);
                let unordered = steps().filter(|(draft, _)| draft.name.value != of.name.value && !after(draft));
                let early = early.filter(|(draft, _)| draft.name.value == of.name.value).chain(unordered);
                for (_, step) in early.filter(|(_, step)| needs(step, name, others)) {
                    problems.push(
                        Problem::error("plan::publish", format!("`{name}` has no candidate by then"))
                            .at(step.span, "needs one")
                            .at(first.span, "published here")
                            .help("publish first: move this step behind it, or let its component need the other one"),
                    );
                }
            }
            (Sides::Made { .. }, []) if drafts.iter().all(|draft| !draft.gaps) => problems.push(
                Problem::error("plan::publish", format!("no step publishes the candidate of `{name}`"))
                    .at(*span, "its candidate is to be published")
                    .help(format!("add `- publish: {name}` ahead of the first shift, or name a version or a deployment as `candidate`")),
            ),
            (Sides::Made { .. }, []) => {}
            (Sides::Fixed { .. } | Sides::Pair(_) | Sides::Single(_) | Sides::Serving { .. }, all) => {
                problems.extend(all.iter().map(|(_, step)| {
                    Problem::error("plan::publish", format!("the candidate of `{name}` is named already"))
                        .at(step.span, "would publish another")
                        .at(*span, "has its candidate")
                        .help("write `candidate: published` for a route of kind `lambda` or `api-gateway`, or remove this step")
                }));
            }
        }
    }
}

/// Whether a component begins after another has ended.
fn follows(drafts: &[DraftComponent], later: &DraftComponent, earlier: &ComponentName) -> bool {
    let mut sought = vec![later];
    let mut known = Vec::new();
    while let Some(draft) = sought.pop() {
        for name in draft.needs.iter().map(|need| &need.value).filter(|name| !known.contains(name))
        {
            if name == earlier {
                return true;
            }
            sought.extend(drafts.iter().filter(|draft| draft.name.value == *name));
        }
        known.extend(draft.needs.iter().map(|need| &need.value));
    }
    false
}

/// Whether a step is about a route's candidate, or may be.
fn needs(step: &Draft, route: &RouteName, Others { fleets, gates }: Others<'_>) -> bool {
    let conduct = step.verb.conduct();
    let is_of = |fleet: &FleetName| {
        fleets.get(fleet).is_some_and(|(fleet, _)| fleet.behind.as_ref() == Some(route))
    };
    let moves = match conduct.aim {
        Aim::Weights { route: of, .. } | Aim::TestRoute { route: of, .. } => of == route,
        Aim::Capacity { fleet, side: Side::Candidate, .. } => is_of(fleet),
        Aim::Capacity { side: Side::Stable, .. }
        | Aim::Software(_)
        | Aim::Release { .. }
        | Aim::OldVersions { .. }
        | Aim::Replay(_)
        | Aim::Nothing => false,
    };
    let measures =
        |gate: &GateName| gates.get(gate).is_some_and(|(gate, _)| gate.kind.route() == Some(route));
    moves || conduct.waits_for() == Some(route) || conduct.gates.iter().any(measures)
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::{codes, read_with};

    const PUBLISH: &str = "publish: f";
    const SHIFT: &str = "shift: { route: f, candidate: 100%, bake: 10m, gates: [errors] }";

    fn plan(candidate: &str, steps: &[&str]) -> String {
        let steps = steps.join("\n  - ");
        format!(
            "tidegate: 1\nname: x\nroutes: {{ f: {{ lambda: {{ function: f, alias: live, candidate: {candidate} }} }} }}\n\
             gates: {{ errors: {{ alarms: {{ names: [a] }} }} }}\nsteps:\n  - {steps}\n"
        )
    }

    #[test]
    fn a_candidate_is_published_once_and_before_it_is_needed() {
        let told = |candidate: &str, steps: &[&str]| codes(&plan(candidate, steps));
        assert_eq!(told("published", &[PUBLISH, SHIFT]), [""; 0]);
        for (candidate, steps) in [
            ("published", vec![SHIFT]),
            ("published", vec![SHIFT, PUBLISH]),
            ("published", vec![PUBLISH, PUBLISH, SHIFT]),
            (
                "published",
                vec!["wait: { until: { healthy: { route: f, side: candidate } } }", PUBLISH, SHIFT],
            ),
            ("7", vec![PUBLISH, SHIFT]),
        ] {
            assert_eq!(told(candidate, &steps), ["plan::publish"], "{candidate} {steps:?}");
        }
    }

    #[test]
    fn what_is_to_be_published_is_told_by_the_digest_of_its_package() {
        let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let long = |code: &str| format!("publish: {{ route: f, code-sha256: \"{code}\" }}");
        let right = plan("published", &[&long(digest), SHIFT]);
        read_with(&right, &[]).unwrap();
        for wrong in
            ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "", "47DE="]
        {
            let told = codes(&plan("published", &[&long(wrong), SHIFT]));
            assert_eq!(told, ["plan::code-sha256"], "{wrong}");
        }
    }
}

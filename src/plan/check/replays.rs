//! Steps that replay archived events: of a route whose candidate takes the events of a bus, once, and of a time that is over.

use std::collections::BTreeMap;

use super::{
    draft::{Draft, DraftComponent},
    scope::{Scope, positive},
};
use crate::plan::{
    defaults::PATIENCE,
    model::Verb,
    names::RouteName,
    problem::Problem,
    replay::{PastMoment, Replay},
    route_kind::{Keeps, Route},
    span::{Span, Spanned},
    step_form::ReplayForm,
};

pub(super) fn replay(
    form: &Spanned<ReplayForm>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let Spanned { value: form, span } = form;
    let route = scope.route(&form.route, problems);
    let archive = form.archive.given().and_then(|archive| named(archive, "archive", 48, problems));
    let rule = form.rule.given().and_then(|rule| named(rule, "rule", 64, problems));
    let (from, to) = (form.from.value(), form.to.value_or(PastMoment::NOW));
    if from.is_some_and(|from| from.is_before(to) == Some(false)) {
        problems.push(
            Problem::error(
                "plan::moment",
                format!("nothing is between {} and {to}", from.unwrap_or(to)),
            )
            .at(form.from.span_or(*span), "not before `to`")
            .at(form.to.span_or(*span), "the end")
            .help(
                "write the earlier moment as `from`; without `to` the end is when the step begins",
            ),
        );
        return None;
    }
    let timeout = positive(&form.timeout, PATIENCE, problems);
    let replay = Replay { route: route?, archive: archive?, rule: rule?, from: from?, to };
    Some(Draft { verb: Verb::Replay(replay), timeout: Some(timeout), span: *span })
}

/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html>
fn named(
    name: &Spanned<String>,
    what: &str,
    longest: usize,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=longest).contains(&name.value.len()) && name.value.chars().all(allowed) {
        return Some(name.value.clone());
    }
    let message = format!("`{}` cannot be the name of an {what}", name.value);
    problems.push(Problem::error("plan::member", message).at(name.span, "not possible").help(
        format!("write its name (letters, digits, dots, hyphens and underscores, at most {longest}), not its ARN"),
    ));
    None
}

/// A replay is named after its run and route, so there is one of each; and only a bus has archives.
pub(super) fn check(
    drafts: &[DraftComponent],
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) {
    let mut before: BTreeMap<&RouteName, Span> = BTreeMap::new();
    for step in drafts.iter().flat_map(|draft| &draft.steps) {
        let Verb::Replay(Replay { route, .. }) = &step.verb else { continue };
        if let Some(first) = before.insert(route, step.span) {
            problems.push(
                Problem::error("plan::replay", format!("`{route}` has events replayed twice"))
                    .at(step.span, "the same again")
                    .at(first, "first")
                    .help("replay a longer time in one step"),
            );
        }
        let Some((declared, span)) = routes.get(route) else { continue };
        if declared.kind.traits().keeps != Keeps::Events {
            problems.push(
                Problem::error("plan::replay", format!("`{route}` has no events to replay"))
                    .at(step.span, "replays archived events of a bus")
                    .at(*span, "no target of a rule")
                    .help("replay to the candidate of an `event-bus` route"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        PastMoment, Verb, expand_to_yaml,
        sample::{codes, read_with},
    };

    const NEW: &str = "arn:aws:lambda:eu-west-1:111122223333:function:orders:7";
    const REPLAY: &str = "replay: { route: a, archive: shop, rule: rehearsal, from: 30m ago }";

    fn plan(steps: &[&str]) -> String {
        let steps = steps.join("\n  - ");
        format!(
            "tidegate: 1\nname: x\nroutes:\n  a: {{ event-bus: {{ bus: shop, rule: orders, target: t, candidate: '{NEW}' }} }}\n  \
             f: {{ lambda: {{ function: f, alias: live, candidate: 7 }} }}\n\
             gates: {{ errors: {{ alarms: {{ names: [a] }} }} }}\nsteps:\n  - {steps}\n  \
             - shift: {{ route: a, candidate: 100%, bake: 10m, gates: [errors] }}\n  \
             - shift: {{ route: f, candidate: 100%, bake: 10m, gates: [errors] }}\n"
        )
    }

    #[test]
    fn a_replay_is_of_a_time_that_is_over_and_reads_back_as_it_was_written() {
        let read = read_with(&plan(&[REPLAY]), &[]).unwrap().plan;
        let Verb::Replay(replay) = &read.components[0].steps[0].verb else { panic!("a replay") };
        assert_eq!(replay.to, PastMoment::NOW);
        let written = expand_to_yaml(&read);
        assert!(written.contains("30m ago"), "{written}");
        assert_eq!(read_with(&written, &[]).unwrap().plan, read);
        let at = REPLAY.replace("30m ago", "2026-03-01T09:00:00Z, to: 2026-03-01T10:00:00Z");
        assert_eq!(codes(&plan(&[&at])), [""; 0]);
    }

    #[test]
    fn what_cannot_be_replayed_is_told() {
        let with = |from: &str, to: &str| REPLAY.replace(from, to);
        for (steps, code) in [
            (vec![with("30m ago", "yesterday")], "plan::moment"),
            (vec![with("30m ago", "10m ago, to: 20m ago")], "plan::moment"),
            (vec![with("archive: shop", "archive: 'arn:x'")], "plan::member"),
            (vec![with("route: a", "route: f")], "plan::replay"),
            (vec![with("", ""), with("30m", "40m")], "plan::replay"),
        ] {
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            let codes = codes(&plan(&steps));
            assert_eq!(codes.first(), Some(&code), "{steps:?}: {codes:?}");
        }
    }
}

//! Steps that delete old versions of a function: they come at the end, when nobody needs the versions any more, and what is
//! deleted stays so. A route that says how many are left gets such a step by itself.

use std::collections::BTreeMap;

use super::{
    draft::{Draft, DraftComponent},
    scope::{Scope, positive},
};
use crate::plan::{
    conduct::Aim,
    defaults::PATIENCE,
    model::Verb,
    names::RouteName,
    problem::Problem,
    route_kind::{Keeps, Route},
    span::{Span, Spanned},
    step_form::PruneForm,
};

type Routes = BTreeMap<RouteName, (Route, Span)>;

pub(super) fn prune(
    form: &Spanned<PruneForm>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let Spanned { value: form, span } = form;
    let route = scope.route(&form.route, problems);
    let timeout = positive(&form.timeout, PATIENCE, problems);
    let verb = Verb::Prune { route: route?, keep: form.keep.value()?.0 };
    Some(Draft { verb, timeout: Some(timeout), span: *span })
}

/// Whether a step moves the users of a route.
fn shifts(step: &Draft, route: &RouteName) -> bool {
    matches!(step.verb.conduct().aim, Aim::Weights { route: of, .. } if of == route)
}

fn prunes(step: &Draft, route: &RouteName) -> bool {
    matches!(step.verb.conduct().aim, Aim::OldVersions { route: of, .. } if of == route)
}

/// Gives each route that says how many versions are left the step for it, where the plan does not write it.
pub(super) fn complete(
    drafts: &mut [DraftComponent],
    routes: &Routes,
    problems: &mut Vec<Problem>,
) {
    for (name, (route, span)) in routes {
        let Some(keep) = route.keep else { continue };
        let written = |draft: &DraftComponent| draft.steps.iter().any(|step| prunes(step, name));
        if drafts.iter().any(written) {
            continue;
        }
        let moves = |draft: &&mut DraftComponent| draft.steps.iter().any(|step| shifts(step, name));
        let has_gaps = drafts.iter().any(|draft| draft.gaps);
        match drafts.iter_mut().find(moves) {
            Some(draft) => {
                let verb = Verb::Prune { route: name.clone(), keep };
                draft.steps.push(Draft { verb, timeout: Some(PATIENCE), span: *span });
            }
            None if has_gaps => {}
            None => problems.push(
                Problem::error("plan::prune", format!("no step moves `{name}`"))
                    .at(*span, "its versions are never deleted")
                    .help("add a `shift` of this route, or remove its `versions`"),
            ),
        }
    }
}

/// Whether what is pruned is a function, and nothing of the route comes afterwards.
pub(super) fn check(drafts: &[DraftComponent], routes: &Routes, problems: &mut Vec<Problem>) {
    for draft in drafts {
        for (at, step) in draft.steps.iter().enumerate() {
            let Aim::OldVersions { route, .. } = step.verb.conduct().aim else { continue };
            let Some((declared, span)) = routes.get(route) else { continue };
            if declared.kind.traits().keeps != Keeps::Versions {
                problems.push(
                    Problem::error("plan::prune", format!("`{route}` has no versions to delete"))
                        .at(step.span, "only functions have")
                        .at(*span, "this route")
                        .help("name a route of kind `lambda`, or remove this step"),
                );
            }
            let later = draft.steps.iter().skip(at + 1).find(|later| shifts(later, route));
            problems.extend(later.map(|later| {
                Problem::error("plan::prune", format!("`{route}` is pruned while it is rolled out"))
                    .at(step.span, "deletes versions for good")
                    .at(later.span, "moved only here")
                    .help("put the `prune` behind the last `shift`")
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        expand_to_yaml,
        sample::{codes, read_with},
    };

    const SHIFT: &str = "shift: { route: f, candidate: 100%, bake: 10m, gates: [errors] }";
    const PRUNE: &str = "prune: { route: f, keep: 5 }";

    fn plan(versions: &str, steps: &[&str]) -> String {
        let steps = steps.join("\n  - ");
        format!(
            "tidegate: 1\nname: x\nroutes: {{ f: {{ lambda: {{ function: f, alias: live, candidate: 7{versions} }} }} }}\n\
             gates: {{ errors: {{ alarms: {{ names: [a] }} }} }}\nsteps:\n  - {steps}\n"
        )
    }

    #[test]
    fn a_route_that_says_how_many_versions_are_left_ends_with_a_step_for_it() {
        let read = |text: &str| read_with(text, &[]).unwrap().plan;
        let short = read(&plan(", versions: { keep: 5 }", &[SHIFT]));
        let ids: Vec<&str> = short.steps().map(|(_, step)| step.id.as_str()).collect();
        assert_eq!(ids, ["main/1-shift", "main/2-prune"]);
        let written = read(&plan(", versions: { keep: 5 }", &[SHIFT, PRUNE]));
        assert_eq!(written.components, short.components);
        assert_eq!(read(&expand_to_yaml(&short)), short);
    }

    #[test]
    fn versions_are_deleted_behind_the_last_shift_of_a_function_and_never_to_one() {
        for (versions, steps, code) in [
            ("", vec![PRUNE, SHIFT], "plan::prune"),
            (", versions: { keep: 5 }", vec!["probe: errors"], "plan::prune"),
            (", versions: { keep: 1 }", vec![SHIFT], "plan::out-of-range"),
        ] {
            let told = codes(&plan(versions, &steps));
            assert!(told.contains(&code), "{versions} {steps:?}: {told:?}");
        }
    }
}

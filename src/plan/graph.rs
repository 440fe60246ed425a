//! Which component comes after which. A circle is told by naming everyone in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    check::DraftComponent,
    names::ComponentName,
    problem::{Problem, did_you_mean, enough, listed},
    span::Spanned,
};

/// The components in an order in which each follows all it needs, and otherwise as written.
pub(super) fn in_order(
    mut components: Vec<DraftComponent>,
    declared: &[String],
    problems: &mut Vec<Problem>,
) -> Vec<DraftComponent> {
    let known: BTreeSet<&str> = declared.iter().map(String::as_str).collect();
    for need in components.iter().flat_map(|component| &component.needs) {
        if !known.contains(need.value.as_str()) && !enough(problems) {
            problems.push(unknown(need, declared));
        }
    }
    let mut left: BTreeSet<_> = components.iter().map(|c| c.name.value.clone()).collect();
    let mut ordered: Vec<DraftComponent> = Vec::new();
    while !components.is_empty() {
        let waits = |component: &DraftComponent| {
            component.needs.iter().any(|need| left.contains(&need.value))
        };
        let Some(ready) = components.iter().position(|component| !waits(component)) else {
            problems.extend(circle(&components));
            break;
        };
        let ready = components.remove(ready);
        left.remove(&ready.name.value);
        ordered.push(ready);
    }
    ordered
}

fn unknown(need: &Spanned<ComponentName>, declared: &[String]) -> Problem {
    let names = || declared.iter().map(String::as_str);
    let meant = did_you_mean(need.value.as_str(), names())
        .map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
    Problem::error("plan::unknown-component", format!("there is no component `{}`", need.value))
        .at(need.span, "not declared")
        .help(format!("{meant}declared are {}", listed(names())))
}

/// One circle among components that all wait: following any need of any of them leads into one.
fn circle(waiting: &[DraftComponent]) -> Option<Problem> {
    let by_name: BTreeMap<_, _> = waiting.iter().map(|c| (&c.name.value, c)).collect();
    let mut path: Vec<&Spanned<ComponentName>> = Vec::new();
    let mut at = waiting.first()?;
    loop {
        let need = at.needs.iter().find(|need| by_name.contains_key(&need.value))?;
        if let Some(start) = path.iter().position(|seen| seen.value == need.value) {
            let circle = path.get(start..)?;
            let names = circle.iter().chain([&need]).map(|need| format!("`{}`", need.value));
            let problem = Problem::error(
                "plan::circle",
                format!(
                    "these components wait for each other: {}",
                    names.collect::<Vec<_>>().join(" needs ")
                ),
            );
            let labelled = circle.iter().skip(1).chain([&need]).fold(problem, |problem, need| {
                problem.at(need.span, format!("needs `{}`", need.value))
            });
            return Some(labelled.help("remove one of these needs"));
        }
        path.push(need);
        at = by_name.get(&need.value)?;
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        FailureScope, Others, expand_to_yaml,
        sample::{HEAD, codes, codes_with, plan, read_with},
    };

    const PAUSE: &str = "steps: [{ pause: 1m }]";

    #[test]
    fn how_many_components_are_under_way_at_once_may_be_told() {
        let text = |most: &str| {
            format!(
                "{HEAD}max-parallel: {most}\ncomponents:\n  a: {{ {PAUSE} }}\n  b: {{ {PAUSE} }}\n  c: {{ {PAUSE} }}\n"
            )
        };
        let checked = read_with(&text("2"), &[]).unwrap();
        assert_eq!(checked.plan.max_parallel.map(std::num::NonZeroU32::get), Some(2));
        assert_eq!(read_with(&expand_to_yaml(&checked.plan), &[]).unwrap().plan, checked.plan);
        assert_eq!(codes(&text("0")), ["plan::out-of-range"]);
        assert!(codes(&text("3")).contains(&"lint::max-parallel"), "it holds nothing back");
    }

    #[test]
    fn how_far_a_failure_reaches_is_read_and_written_back_where_it_is_not_as_ever() {
        let text = |more: &str| {
            format!("{HEAD}{more}components:\n  a: {{ {PAUSE} }}\n  b: {{ needs: [a], {PAUSE} }}\n")
        };
        let usual = plan(&text(""));
        assert_eq!(plan(&text("failure-scope: dependents\nothers: hold\n")).digest, usual.digest);
        assert!(!expand_to_yaml(&usual).contains("others"));
        let checked = read_with(&text("failure-scope: component\nothers: go-on\n"), &[]).unwrap();
        assert_eq!(
            (checked.plan.failure_scope, checked.plan.others),
            (FailureScope::Component, Others::GoOn)
        );
        assert_ne!(checked.plan.digest, usual.digest);
        assert_eq!(read_with(&expand_to_yaml(&checked.plan), &[]).unwrap().plan, checked.plan);
        let told =
            |text: &str| codes(text).iter().filter(|code| **code == "lint::failure-scope").count();
        assert_eq!(told(&text("failure-scope: component\nothers: go-on\n")), 0);
        assert_eq!(told(&text("failure-scope: all\nothers: go-on\n")), 1, "nobody is left");
        let alone = format!("{HEAD}failure-scope: component\nothers: go-on\n{PAUSE}\n");
        assert_eq!(told(&alone), 2, "there is one component");
        assert_eq!(codes(&text("failure-scope: some\n")).len(), 1);
    }

    #[test]
    fn what_plans_share_by_name_is_read_and_written_back() {
        let text = |locks: &str| format!("{HEAD}locks: {locks}\n{PAUSE}\n");
        let checked = read_with(&text("[prod-eu, payments]"), &[]).unwrap();
        let names: Vec<String> = checked.plan.locks.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["payments", "prod-eu"]);
        assert_eq!(read_with(&expand_to_yaml(&checked.plan), &[]).unwrap().plan, checked.plan);
        assert_eq!(codes(&text("[Prod EU]")), ["plan::name"]);
        assert!(codes(&text("[prod, prod]")).contains(&"lint::lock-twice"));
    }

    #[test]
    fn a_component_comes_after_what_it_needs_and_else_as_written() {
        let text = format!(
            "{HEAD}components:\n  c: {{ needs: [a, b], {PAUSE} }}\n  b: {{ needs: [a], {PAUSE} }}\n  \
             d: {{ {PAUSE} }}\n  a: {{ {PAUSE} }}\n"
        );
        let order: Vec<_> = plan(&text).components.iter().map(|c| c.name.to_string()).collect();
        assert_eq!(order, ["d", "a", "b", "c"]);
    }

    #[test]
    fn a_circle_is_spelled_out() {
        let text = format!(
            "{HEAD}components:\n  x: {{ needs: [a], {PAUSE} }}\n  a: {{ needs: [b], {PAUSE} }}\n  \
             b: {{ needs: [a], {PAUSE} }}\n"
        );
        let problems = read_with(&text, &[]).unwrap_err();
        let messages: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(messages, ["these components wait for each other: `a` needs `b` needs `a`"]);
    }

    #[test]
    fn a_component_that_needs_itself_or_a_stranger_is_told() {
        let one = |needs: &str| {
            codes_with(&format!("components:\n  a: {{ needs: [{needs}], {PAUSE} }}\n"))
        };
        assert_eq!(one("a"), ["plan::circle"]);
        assert_eq!(one("z"), ["plan::unknown-component"]);
    }
}

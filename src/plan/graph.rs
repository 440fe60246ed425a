//! Which component comes after which. A circle is told by naming everyone in it.

use std::collections::BTreeMap;

use super::{
    check::DraftComponent,
    model::ComponentName,
    problem::{Problem, did_you_mean, listed},
    source::Spanned,
};

/// The components in an order in which each follows all it needs, and otherwise as written.
pub(super) fn in_order(
    mut components: Vec<DraftComponent>,
    declared: &[String],
    problems: &mut Vec<Problem>,
) -> Vec<DraftComponent> {
    for need in components.iter().flat_map(|component| &component.needs) {
        if !declared.iter().any(|name| name == need.value.as_str()) {
            problems.push(unknown(need, declared));
        }
    }
    let mut ordered: Vec<DraftComponent> = Vec::new();
    while !components.is_empty() {
        let waits = |component: &DraftComponent| {
            component.needs.iter().any(|need| components.iter().any(|c| c.name.value == need.value))
        };
        let Some(ready) = components.iter().position(|component| !waits(component)) else {
            problems.extend(circle(&components));
            break;
        };
        ordered.push(components.remove(ready));
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

//! Where each of several components stands, and how they hang together: a line each, below one that it needs. Which part of a
//! run went back, which is promoted and which waits is what somebody asks first who has more than one.

use super::{ComponentStanding, ComponentView, RunView, StepStanding, Style, style::Sign};
use crate::{
    plan::{Component, ComponentName, Plan, Step},
    rollout::{Beside, Mode, Restore, Scope, Stage, State},
};

/// Where a component stands, from the state and its plan alone.
pub(super) fn component_standing(
    plan: &Plan,
    state: &State,
    component: &Component,
) -> ComponentStanding {
    let reached = |step: &Step| state.steps.get(&step.id).map(|step| &step.stage);
    let mut stages = component.steps.iter().filter_map(reached);
    let has_begun = stages.next().is_some();
    if state.reach.covers(&component.name) {
        return gone_back(state, component, has_begun);
    }
    if component.steps.iter().any(|step| matches!(reached(step), Some(Stage::Failed(_)))) {
        return ComponentStanding::Failed;
    }
    if component.steps.iter().all(|step| reached(step) == Some(&Stage::Done)) {
        return ComponentStanding::Promoted;
    }
    match (&state.mode, has_begun) {
        (Mode::Ended(_), false) => ComponentStanding::NotBegun,
        (_, false) if is_cut_off(plan, state, component) => ComponentStanding::NotBegun,
        (Mode::Held(_) | Mode::RollingBack { beside: Beside::Held(_), .. }, false | true) => {
            ComponentStanding::Held
        }
        (_, false) => ComponentStanding::Waiting,
        (_, true) => ComponentStanding::UnderWay,
    }
}

fn gone_back(state: &State, component: &Component, has_begun: bool) -> ComponentStanding {
    let is_own = |id: Option<&str>| id == Some(component.name.as_str());
    let trails = state
        .trails
        .iter()
        .filter(|(_, trail)| is_own(trail.steps.first().and_then(|step| step.component())));
    let restores: Vec<Option<Restore>> =
        trails.map(|(target, _)| state.restores.get(target).copied()).collect();
    if restores.contains(&Some(Restore::NeedsAttention)) {
        ComponentStanding::NeedsAttention
    } else if restores.iter().any(|restore| *restore != Some(Restore::Restored)) {
        ComponentStanding::GoingBack
    } else if has_begun {
        ComponentStanding::TakenBack
    } else {
        ComponentStanding::NotBegun
    }
}

/// Whether what a component needs went back, so that it does not begin any more. The plan has no cycles.
fn is_cut_off(plan: &Plan, state: &State, component: &Component) -> bool {
    component.needs.iter().any(|need| {
        state.reach.covers(need)
            || plan.components.named(need).is_some_and(|needed| {
                let has_begun = needed.steps.iter().any(|step| state.steps.contains_key(&step.id));
                !has_begun && is_cut_off(plan, state, needed)
            })
    })
}

/// The components as a tree; nothing where there is only one.
pub(super) fn tree(view: &RunView, style: Style) -> Vec<String> {
    if view.components.len() < 2 {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let roots = view.components.iter().filter(|component| component.needs.is_empty());
    for root in roots {
        branch(view, style, root, ("", ""), &mut lines);
    }
    lines
}

/// A component with all that hang on it; each hangs on the last of those it needs, and names the others.
fn branch(
    view: &RunView,
    style: Style,
    component: &ComponentView,
    (mark, margin): (&str, &str),
    lines: &mut Vec<String>,
) {
    let sign = component.standing.map_or(Sign::None, ComponentStanding::sign);
    let also: Vec<&str> = component.needs.iter().rev().skip(1).map(ComponentName::as_str).collect();
    let also = if also.is_empty() {
        String::new()
    } else {
        format!(" (needs {} as well)", also.join(", "))
    };
    lines.push(format!(
        "{mark}{} {}: {}{also}",
        sign.glyph(style.signs),
        component.name,
        told(view, component)
    ));
    let below: Vec<&ComponentView> = view
        .components
        .iter()
        .filter(|other| other.needs.last() == Some(&component.name))
        .collect();
    let (corner, fork, line) = style.branches();
    for (i, other) in below.iter().enumerate() {
        let (mark, more) = if i + 1 == below.len() { (corner, "  ") } else { (fork, line) };
        let (mark, margin) = (format!("{margin}{mark}"), format!("{margin}{more}"));
        branch(view, style, other, (&mark, &margin), lines);
    }
}

/// Where it stands, with the step it is at or what it waits for.
fn told(view: &RunView, component: &ComponentView) -> String {
    let Some(standing) = component.standing else { return String::new() };
    let word = standing.word();
    let at = |state: StepStanding| {
        let mut steps = component.steps.iter();
        let step = steps.find(|step| step.state == state)?;
        Some(format!(" at {} {}", step.place, step.what))
    };
    let done = |need: &&ComponentName| {
        let needed = view.components.iter().find(|other| other.name == **need);
        needed.is_some_and(|needed| needed.standing == Some(ComponentStanding::Promoted))
    };
    let open: Vec<&str> =
        component.needs.iter().filter(|need| !done(need)).map(ComponentName::as_str).collect();
    match standing {
        ComponentStanding::Waiting if open.is_empty() => "waits to begin".to_owned(),
        ComponentStanding::Waiting => format!("waits for {}", open.join(", ")),
        ComponentStanding::NotBegun if !open.is_empty() => {
            format!("{word}, needs {}", open.join(", "))
        }
        ComponentStanding::UnderWay | ComponentStanding::Held => {
            let step = at(StepStanding::Active).or_else(|| {
                let mut steps = component.steps.iter();
                let next = steps.find(|step| step.state == StepStanding::Pending)?;
                Some(format!(" before {} {}", next.place, next.what))
            });
            format!("{word}{}", step.unwrap_or_default())
        }
        ComponentStanding::Failed => {
            format!("{word}{}", at(StepStanding::Failed).unwrap_or_default())
        }
        ComponentStanding::NotBegun
        | ComponentStanding::Promoted
        | ComponentStanding::GoingBack
        | ComponentStanding::TakenBack
        | ComponentStanding::NeedsAttention => word.to_owned(),
    }
}

/// In words, which components go back with which, and what becomes of the others.
pub(super) fn part_goes_back(plan: &Plan, state: &State, scope: &Scope) -> (String, String) {
    let names = |names: Vec<&ComponentName>| -> String {
        names.into_iter().map(ComponentName::as_str).collect::<Vec<_>>().join(", ")
    };
    let failed = names(scope.failed.iter().collect());
    let with = scope.components.iter().filter(|name| !scope.failed.contains(name));
    let with = names(with.collect());
    let back = match (failed.is_empty(), with.is_empty()) {
        (true, _) => with,
        (false, true) => failed,
        (false, false) => format!("{failed}, and with it {with}"),
    };
    let then = match &state.mode {
        Mode::RollingBack { beside: Beside::Forward, .. } => "go on",
        Mode::RollingBack { beside: Beside::Held(_) | Beside::Nobody, .. }
        | Mode::NotStarted
        | Mode::Forward
        | Mode::Held(_)
        | Mode::Ended(_) => "stand still where they are",
    };
    let (_, rest) = parted(plan, state);
    (format!("rolling back {back}"), format!("the others {then}: {}", rest.join(", ")))
}

/// The components that go back, or have gone, and the others with where they stand.
pub(super) fn parted(plan: &Plan, state: &State) -> (Vec<String>, Vec<String>) {
    let (back, rest): (Vec<&Component>, Vec<&Component>) =
        plan.components.iter().partition(|component| state.reach.covers(&component.name));
    let told = |component: &Component| {
        let standing = component_standing(plan, state, component);
        format!("{} {}", component.name, standing.word())
    };
    let back = back.into_iter().map(|component| component.name.to_string());
    (back.collect(), rest.into_iter().map(told).collect())
}

//! The plan as a whole: its head, its parts in the order in which they refer to each other, its components.

use super::{
    aliases,
    draft::{Draft, DraftComponent},
    gates, measure, replacement, routes,
    scope::{Scope, keys, positive},
    shares, steps, strategy, targets, test_route, traffic,
};
use crate::plan::{
    defaults::ROLL_BACK_FOR,
    digest::digest,
    form::List,
    form::{Named, Slot, check_name},
    graph,
    lint::{self, Declared},
    model::{AwsTarget, Component, OnFailure, OnInterrupt, Plan, Step},
    names::{ComponentName, PlanName, StepId},
    problem::Problem,
    span::{Span, Spanned},
    syntax::{AwsForm, ComponentForm, PlanForm, StepForm, StrategyForm},
};

/// The name of the one component of a plan without components.
const ONLY: &str = "main";

/// The plan, if nothing was wrong in it. `root` is where the file begins.
pub(in crate::plan) fn check(
    form: &PlanForm,
    root: Span,
    problems: &mut Vec<Problem>,
) -> Option<Plan> {
    if let Some(name) = form.name.given() {
        check_name(name, problems);
    }
    let aws = aws(&form.aws, problems);
    let scope = Scope::of(form);
    let routes = routes::routes(&form.routes, problems);
    let fleets = targets::fleets(&form.fleets, &scope, &routes, problems);
    aliases::without_fleets(&fleets, &routes, problems);
    let gates = gates::gates(&form.gates, &scope, problems);
    measure::published(&gates, &routes, problems);
    measure::paired(&gates, &routes, problems);
    let drafts = components(form, &scope, root, problems);
    traffic::check(&drafts, &fleets, problems);
    replacement::check(&drafts, &fleets, problems);
    shares::check(&drafts, &routes, problems);
    test_route::check(&drafts, &routes, &fleets, problems);
    let names = keys(&form.components);
    let whole = [
        ("routes", keys(&form.routes).len() == routes.len()),
        ("fleets", keys(&form.fleets).len() == fleets.len()),
        ("gates", keys(&form.gates).len() == gates.len()),
        ("steps", drafts.iter().all(|component| !component.gaps)),
    ];
    let drafts = graph::in_order(drafts, &names, problems);
    let roll_back_for = positive(&form.roll_back_for, ROLL_BACK_FOR, problems);
    own_up(&whole, root, problems);
    if problems.iter().any(Problem::is_error) {
        return None;
    }
    let declared = Declared { routes: &routes, fleets: &fleets, gates: &gates };
    lint::check(&drafts, &declared, problems);
    let mut plan = Plan {
        name: PlanName::new(form.name.value()?),
        digest: String::new(),
        aws,
        routes: routes.into_iter().map(|(name, (route, _))| (name, route)).collect(),
        fleets: fleets.into_iter().map(|(name, (fleet, _))| (name, fleet)).collect(),
        gates: gates.into_iter().map(|(name, (gate, _))| (name, gate)).collect(),
        components: drafts.into_iter().map(numbered).collect(),
        on_failure: form.on_failure.value_or(OnFailure::RollBack),
        on_interrupt: form.on_interrupt.value_or(OnInterrupt::Hold),
        roll_back_for,
    };
    plan.digest = digest(&plan);
    Some(plan)
}

/// What was written and came to nothing has been told of: a plan that is silently without one of its steps or gates is the
/// worst that could be run. Should a kind be read and not checked, this is an error of ours, and said as one.
fn own_up(parts: &[(&str, bool)], root: Span, problems: &mut Vec<Problem>) {
    if problems.iter().any(Problem::is_error) {
        return;
    }
    for (what, _) in parts.iter().filter(|(_, is_whole)| !is_whole) {
        problems.push(
            Problem::error("plan::internal", format!("some of the {what} came to nothing"))
                .at(root, "of this plan")
                .help(
                    "this is a fault of tidegate, not of the plan: please report it with the plan",
                ),
        );
    }
}

fn aws(form: &Slot<AwsForm>, problems: &mut Vec<Problem>) -> AwsTarget {
    let Some(Spanned { value: form, .. }) = form.given() else { return AwsTarget::default() };
    if let Some(region) = form.region.given().filter(|region| !is_region(&region.value)) {
        problems.push(
            Problem::error(
                "plan::region",
                format!("`{}` is not the name of a region", region.value),
            )
            .at(region.span, "not a region")
            .help("write it as AWS does, such as `eu-west-1`"),
        );
    }
    let digits = |account: &str| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    if let Some(account) = form.account.given().filter(|account| !digits(&account.value.0)) {
        problems.push(
            Problem::error(
                "plan::account",
                format!("`{}` is not the number of an account", account.value.0),
            )
            .at(account.span, "not twelve digits")
            .help("write its twelve digits in quotes, such as \"111122223333\""),
        );
    }
    let account = form.account.value().map(|account| account.0);
    AwsTarget { region: form.region.value(), account }
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.as_slice() {
        [words @ .., number] if words.len() >= 2 => {
            words.iter().all(letters)
                && number.len() == 1
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    }
}

/// Every component with its steps; one called `main` where the plan has none.
fn components(
    form: &PlanForm,
    scope: &Scope,
    root: Span,
    problems: &mut Vec<Problem>,
) -> Vec<DraftComponent> {
    let Some(Spanned { value: Named(components), span }) = form.components.given() else {
        let name = Spanned::new(ComponentName::new(ONLY), root);
        return vec![component(name, None, &form.steps, &form.strategy, scope, problems)];
    };
    if components.is_empty() {
        problems.push(
            Problem::error("plan::no-steps", "a plan without components does nothing")
                .at(*span, "no components")
                .help("add a component with its `steps:`, or write `steps:` in its place"),
        );
    }
    let read = |(name, form): &(Spanned<String>, Option<ComponentForm>)| {
        let form = form.as_ref()?;
        let name = component_name(name);
        Some(component(name, form.needs.given(), &form.steps, &form.strategy, scope, problems))
    };
    components.iter().filter_map(read).collect()
}

fn component_name(name: &Spanned<String>) -> Spanned<ComponentName> {
    Spanned::new(ComponentName::new(name.value.as_str()), name.span)
}

/// A component with its steps, written out or expanded.
fn component(
    name: Spanned<ComponentName>,
    needs: Option<&Spanned<List<String>>>,
    steps: &Slot<List<StepForm>>,
    strategy: &Slot<StrategyForm>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> DraftComponent {
    let needs = needs.map_or(&[][..], |needs| &needs.value).iter().map(component_name).collect();
    let drafts: Vec<Option<Draft>> = if let Some(strategy) = strategy.given() {
        let drafts = strategy::steps(&strategy.value, scope, problems);
        drafts.map_or_else(|| vec![None], |drafts| drafts.into_iter().map(Some).collect())
    } else if let Some(Spanned { value: steps, span }) = steps.given() {
        if steps.is_empty() {
            problems.push(
                Problem::error("plan::no-steps", "without steps there is nothing to do")
                    .at(*span, "no steps")
                    .help("add a step: `- shift: { route: web, candidate: 5%, bake: 10m }`"),
            );
        }
        steps.iter().map(|step| steps::step(&step.value, scope, problems)).collect()
    } else {
        vec![None]
    };
    let gaps = drafts.iter().any(Option::is_none);
    DraftComponent { name, needs, steps: drafts.into_iter().flatten().collect(), gaps }
}

/// Gives the steps their ids.
fn numbered(draft: DraftComponent) -> Component {
    let name = draft.name.value;
    let step = |(i, draft): (usize, Draft)| Step {
        id: StepId::of(&name, i + 1, draft.verb.name()),
        verb: draft.verb,
        timeout: draft.timeout,
    };
    let steps = draft.steps.into_iter().enumerate().map(step).collect();
    Component { steps, needs: draft.needs.into_iter().map(|need| need.value).collect(), name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_to_nothing_without_a_word_is_an_error_of_ours() {
        let told = |mut problems: Vec<Problem>| {
            own_up(&[("routes", true), ("steps", false)], Span::default(), &mut problems);
            problems.iter().map(|problem| problem.code).collect::<Vec<_>>()
        };
        assert_eq!(told(Vec::new()), ["plan::internal"]);
        let said = Problem::error("plan::blank", "no steps").at(Span::default(), "here").help("");
        assert_eq!(told(vec![said]), ["plan::blank"], "it has been told of");
    }
}

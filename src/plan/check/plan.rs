//! The plan as a whole: its head, its parts in the order in which they refer to each other, its components.

use std::{collections::BTreeSet, num::NonZeroU32};

use super::{
    aliases,
    draft::{Draft, DraftComponent},
    gates, invoke,
    lost::made,
    measure,
    places::{self, Parts},
    pruning, publishing, replacement, replays, routes,
    scope::{Scope, keys, positive},
    shares, steps, strategy, targets, test_route, traffic,
};
use crate::plan::{
    attached::Attached,
    defaults::{ONLY, ROLL_BACK_FOR},
    digest::digest,
    form::{List, Named, check_name},
    graph,
    lint::{self, Declared},
    model::{Component, Step},
    names::{ComponentName, LockName, PlanName, StepId},
    on_failure::{FailureScope, OnFailure, OnInterrupt, Others},
    plan_form::{ComponentChoice, ComponentForm, PlanChoice, PlanForm},
    problem::Problem,
    span::{Span, Spanned},
    step_form::StepForm,
    strategy_form::StrategyForm,
    whole::Plan,
};

/// The plan, if nothing was wrong in it. `root` is where the file begins, `files` what stood in those that it names.
pub(in crate::plan) fn check(
    form: &PlanForm,
    root: Span,
    files: Attached,
    problems: &mut Vec<Problem>,
) -> Option<Plan> {
    if let Some(name) = form.name.given() {
        check_name(name, problems);
    }
    let aws = places::place(&form.aws, problems);
    let scope = Scope::of(form, files);
    let mut routes = routes::routes(&form.routes, problems);
    let mut fleets = targets::fleets(&form.fleets, &scope, &routes, problems);
    aliases::without_fleets(&fleets, &routes, problems);
    let mut gates = gates::gates(&form.gates, &scope, problems);
    let mut drafts = components(form, &scope, root, problems);
    pruning::complete(&mut drafts, &routes, problems);
    let parts = Parts { routes: &mut routes, fleets: &mut fleets, gates: &mut gates };
    places::settle(form, &aws, &drafts, parts, problems);
    routes::twins(&routes, problems);
    targets::twins(&fleets, problems);
    measure::published(&gates, &routes, problems);
    invoke::only_functions(&gates, &routes, problems);
    measure::paired(&gates, &routes, problems);
    traffic::check(&drafts, &fleets, problems);
    replacement::check(&drafts, &fleets, problems);
    shares::check(&drafts, &routes, problems);
    let others = publishing::Others { fleets: &fleets, gates: &gates };
    publishing::check(&drafts, (&routes, others), problems);
    pruning::check(&drafts, &routes, problems);
    replays::check(&drafts, &routes, problems);
    test_route::check(&drafts, &routes, &fleets, problems);
    let names = keys(&form.components);
    let drafts = graph::in_order(drafts, &names, problems);
    let roll_back_for = positive(&form.roll_back_for, ROLL_BACK_FOR, problems);
    let locks = locks(form, problems);
    let max_parallel = max_parallel(form, drafts.len(), problems);
    reach(form, drafts.len(), problems);
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
        max_parallel,
        locks,
        on_failure: form.on_failure.value_or(OnFailure::RollBack),
        failure_scope: form.failure_scope.value_or(FailureScope::default()),
        others: form.others.value_or(Others::default()),
        on_interrupt: form.on_interrupt.value_or(OnInterrupt::Hold),
        roll_back_for,
    };
    plan.digest = digest(&plan);
    Some(plan)
}

fn locks(form: &PlanForm, problems: &mut Vec<Problem>) -> BTreeSet<LockName> {
    let mut locks = BTreeSet::new();
    for name in form.locks.given().into_iter().flat_map(|given| &given.value) {
        check_name(name, problems);
        if !locks.insert(LockName::new(name.value.as_str())) {
            problems.push(
                Problem::warning("lint::lock-twice", format!("`{}` is named twice", name.value))
                    .at(name.span, "the same again")
                    .help("remove one of them"),
            );
        }
    }
    locks
}

fn max_parallel(
    form: &PlanForm,
    components: usize,
    problems: &mut Vec<Problem>,
) -> Option<NonZeroU32> {
    let given = form.max_parallel.given()?;
    if usize::try_from(given.value.0).is_ok_and(|most| most >= components) {
        let message = format!("there are no more than {components} components");
        problems.push(
            Problem::warning("lint::max-parallel", message)
                .at(given.span, "holds nothing back")
                .help("write a smaller number, or leave `max-parallel` out"),
        );
    }
    NonZeroU32::new(given.value.0)
}

/// How far a failure reaches says nothing where nobody is left.
fn reach(form: &PlanForm, components: usize, problems: &mut Vec<Problem>) {
    let (scope, others) = (form.failure_scope.given(), form.others.given());
    let mut told = |key: &str, span, why: &str, help: &str| {
        problems.push(
            Problem::warning("lint::failure-scope", format!("`{key}` decides nothing: {why}"))
                .at(span, "decides nothing")
                .help(help),
        );
    };
    if components < 2 {
        let (why, help) =
            ("there is one component", "leave it out; what fails goes back as a whole");
        if let Some(scope) = scope {
            told("failure-scope", scope.span, why, help);
        }
        if let Some(others) = others {
            told("others", others.span, why, help);
        }
    } else if let (Some(scope), Some(others)) = (scope, others)
        && scope.value == FailureScope::All
    {
        let help = "leave it out, or write `failure-scope: dependents`";
        told("others", others.span, "everything goes back", help);
    }
}

/// What a component does, as it is written.
#[derive(Clone, Copy)]
enum Work<'form> {
    Steps(&'form Spanned<List<StepForm>>),
    Strategy(&'form Spanned<StrategyForm>),
}

/// Every component with its steps; one called `main` where the plan has none.
fn components(
    form: &PlanForm,
    scope: &Scope,
    root: Span,
    problems: &mut Vec<Problem>,
) -> Vec<DraftComponent> {
    let only = |work, problems: &mut Vec<Problem>| {
        let name = Spanned::new(ComponentName::new(ONLY), root);
        vec![component(name, None, work, scope, problems)]
    };
    match made("plan", root, Some(form), problems, |form, _| form.chosen()) {
        None => only(None, problems),
        Some(PlanChoice::Steps(steps)) => only(Some(Work::Steps(steps)), problems),
        Some(PlanChoice::Strategy(strategy)) => only(Some(Work::Strategy(strategy)), problems),
        Some(PlanChoice::Components(components)) => named(components, scope, problems),
    }
}

fn named(
    components: &Spanned<Named<ComponentForm>>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Vec<DraftComponent> {
    let Spanned { value: Named(components), span } = components;
    if components.is_empty() {
        problems.push(
            Problem::error("plan::no-steps", "a plan without components does nothing")
                .at(*span, "no components")
                .help("add a component with its `steps:`, or write `steps:` in its place"),
        );
    }
    let read = |(name, form): &(Spanned<String>, Option<ComponentForm>)| {
        made("component", name.span, form.as_ref(), problems, |form, problems| {
            let chosen =
                made("component", name.span, Some(form), problems, |form, _| form.chosen());
            let work = chosen.map(|chosen| match chosen {
                ComponentChoice::Steps(steps) => Work::Steps(steps),
                ComponentChoice::Strategy(strategy) => Work::Strategy(strategy),
            });
            Some(component(component_name(name), form.needs.given(), work, scope, problems))
        })
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
    work: Option<Work>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> DraftComponent {
    let needs = needs.map_or(&[][..], |needs| &needs.value).iter().map(component_name).collect();
    let drafts: Vec<Option<Draft>> = match work {
        None => vec![None],
        Some(Work::Strategy(strategy)) => {
            let Spanned { value: form, span } = strategy;
            let drafts = made("strategy", *span, Some(form), problems, |form, problems| {
                strategy::steps(form, scope, problems)
            });
            drafts.map_or_else(|| vec![None], |drafts| drafts.into_iter().map(Some).collect())
        }
        Some(Work::Steps(Spanned { value: steps, span })) => {
            if steps.is_empty() {
                problems.push(
                    Problem::error("plan::no-steps", "without steps there is nothing to do")
                        .at(*span, "no steps")
                        .help("add a step: `- shift: { route: web, candidate: 5%, bake: 10m }`"),
                );
            }
            let draft = |step: &Spanned<StepForm>| {
                made("step", step.span, Some(&step.value), problems, |form, problems| {
                    steps::step(form, scope, problems)
                })
            };
            steps.iter().map(draft).collect()
        }
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

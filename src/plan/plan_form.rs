//! What a person may write: a plan as a whole, with its components and parameters. Which names exist and which
//! combinations make sense is `check`'s business. And how a plan is written back: parameters filled in, strategies as
//! steps, every default spelled out.

use std::time::Duration;

use super::{
    defaults::{ONLY, ROLL_BACK_FOR},
    fleet_form::FleetForm,
    form::{Definitions, Form, List, Named, Slot, unplaced},
    gate_form::GateForm,
    model::Component,
    on_failure::{FailureScope, OnFailure, OnInterrupt, Others},
    place::Place,
    place_form::AwsForm,
    problem::Problem,
    record::record,
    route_form::RouteForm,
    scalar::{Literal, Whole, words},
    step_form::StepForm,
    strategy_form::StrategyForm,
    tree::Node,
    whole::Plan,
};

record! {
    /// A tidegate plan: how production traffic moves from one version to the next.
    PlanForm, "a plan", choice "`steps`, `strategy` or `components`" "plan::unknown-field" as PlanChoice in lines {
        /// The version of the language; always 1.
        "tidegate" tidegate: Required Version,
        /// Names the plan, such as `checkout`; part of every run's id.
        "name" name: Required String,
        /// Where the plan is meant to run.
        "aws" aws: Optional AwsForm,
        /// Values given at the start of a run (`--param name=value`) and used as `${name}` inside any value; `$${`
        /// stands for `${` itself.
        "params" params: Optional ParamsForm,
        /// Places where traffic is split between two sides.
        "routes" routes: Optional Named<RouteForm>,
        /// What runs the software.
        "fleets" fleets: Optional Named<FleetForm>,
        /// Conditions that let a step pass.
        "gates" gates: Optional Named<GateForm>,
        /// What is done, one after the other.
        "steps" steps: Choice as Steps List<StepForm>,
        /// A well-known order of steps, in place of `steps`. `tidegate plan --expand` shows them.
        "strategy" strategy: Choice as Strategy StrategyForm,
        /// Several services, each with its own steps; `needs` puts them in order.
        "components" components: Choice as Components Named<ComponentForm>,
        /// How many components may be under way at once; as many as their needs allow unless told.
        "max-parallel" max_parallel: Optional Whole<1, { u32::MAX }>,
        /// Names that plans share, such as `prod-eu`: of all that name one, one run is under way at a time, as far as they
        /// keep the same journal.
        "locks" locks: Optional List<String>,
        /// When a step or gate fails: roll back (the default), or hold for a person to decide.
        "on-failure" on_failure: Optional OnFailure,
        /// What goes back when one of several components fails: `component`, that one alone; `dependents` (the default), with
        /// all that need it, directly or through others; `all`, the whole run. Whoever moves the same things goes with it.
        "failure-scope" failure_scope: Optional FailureScope,
        /// What becomes of the components that do not go back: hold, for a person to decide (the default), or go on to their
        /// end.
        "others" others: Optional Others,
        /// On Ctrl-C or SIGTERM: hold, to be resumed (the default), or roll back.
        "on-interrupt" on_interrupt: Optional OnInterrupt,
        /// How long a roll-back goes on against throttling and failures of AWS before a person is called; 1h unless told.
        "roll-back-for" roll_back_for: Optional Duration,
    }
}

record! {
    /// A parameter. One without a default has to be given at every run.
    ParamForm, "a parameter" {
        /// Whether it has to be given; one without a default has to be anyway.
        "required" required: Optional bool,
        /// A regular expression the whole value has to match.
        "pattern" pattern: Optional String,
        /// Used where no value is given.
        "default" default: Optional Literal,
        /// What the parameter is for.
        "description" description: Optional String,
    }
}

record! {
    /// One service with its own routes, fleets and steps.
    ComponentForm, "a component", choice "`steps` or `strategy`" "plan::unknown-field" as ComponentChoice in lines {
        /// Where all that it uses is which does not say so itself, if not where the rest of the plan is.
        "aws" aws: Optional AwsForm,
        /// The components that have to be done before this one begins.
        "needs" needs: Optional List<String>,
        /// What is done, one after the other.
        "steps" steps: Choice as Steps List<StepForm>,
        /// A well-known order of steps, in place of `steps`.
        "strategy" strategy: Choice as Strategy StrategyForm,
    }
}

/// The version of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version;

impl Form for Version {
    const WHAT: &'static str = "the version `1`";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = node.scalar(Self::WHAT, problems)?;
        if text == "1" {
            return Some(Self);
        }
        problems.push(
            Problem::error("plan::version", format!("version `{text}` of the language is unknown"))
                .at(node.span, "this tidegate reads version 1")
                .help("write `tidegate: 1`"),
        );
        None
    }

    fn write(&self) -> String {
        "1".to_owned()
    }

    fn schema(_: &mut Definitions) -> serde_json::Value {
        serde_json::json!({ "enum": [1, "1"] })
    }
}

/// The parameters, in the schema only: they are read before all else, because their values stand in all else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ParamsForm {}

impl Form for ParamsForm {
    const WHAT: &'static str = Named::<ParamForm>::WHAT;

    fn read(_: &Node, _: &mut Vec<Problem>) -> Option<Self> {
        None
    }

    fn write(&self) -> String {
        match *self {}
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        Named::<ParamForm>::schema(definitions)
    }
}

words! {
    FailureScope, "a part of the run" {
        "component" => FailureScope::Component,
        "dependents" => FailureScope::Dependents,
        "all" => FailureScope::All,
    }
}

words! {
    Others, "a way to react" { "hold" => Others::Hold, "go-on" => Others::GoOn }
}

words! {
    OnInterrupt, "a way to react" { "hold" => OnInterrupt::Hold, "roll-back" => OnInterrupt::RollBack }
}

impl PlanForm {
    pub(super) fn of(plan: &Plan) -> Self {
        let around = &plan.aws;
        let routes =
            plan.routes.iter().map(|(name, one)| (name.as_str(), RouteForm::of(one, around)));
        let fleets =
            plan.fleets.iter().map(|(name, one)| (name.as_str(), FleetForm::of(one, around)));
        let gates = plan.gates.iter().map(|(name, one)| (name.as_str(), GateForm::of(one, around)));
        let mut form = Self {
            tidegate: Slot::of(Version),
            name: Slot::of(plan.name.to_string()),
            aws: AwsForm::of(around, &Place::default()),
            params: Slot::Absent,
            routes: unless_empty(Named::of(routes)),
            fleets: unless_empty(Named::of(fleets)),
            gates: unless_empty(Named::of(gates)),
            steps: Slot::Absent,
            strategy: Slot::Absent,
            components: Slot::Absent,
            max_parallel: Slot::of_some(plan.max_parallel.map(|most| Whole(most.get()))),
            locks: if plan.locks.is_empty() {
                Slot::Absent
            } else {
                Slot::of(unplaced(plan.locks.iter().map(ToString::to_string)))
            },
            on_failure: Slot::of(plan.on_failure),
            failure_scope: unless_usual(plan.failure_scope),
            others: unless_usual(plan.others),
            on_interrupt: Slot::of(plan.on_interrupt),
            // A plan that leaves it out is still the plan it was before there was such a key, with the same digest.
            roll_back_for: if plan.roll_back_for == ROLL_BACK_FOR {
                Slot::Absent
            } else {
                Slot::of(plan.roll_back_for)
            },
        };
        match &*plan.components {
            [only] if only.name.as_str() == ONLY && only.needs.is_empty() => {
                form.steps = steps(only);
            }
            several => {
                let named = several.iter().map(|one| (one.name.as_str(), ComponentForm::of(one)));
                form.components = Slot::of(Named::of(named));
            }
        }
        form
    }
}

/// What is as ever is left out, so that plans from before there was such a key keep their digests.
fn unless_usual<T: Default + PartialEq>(value: T) -> Slot<T> {
    if value == T::default() { Slot::Absent } else { Slot::of(value) }
}

fn unless_empty<T>(named: Named<T>) -> Slot<Named<T>> {
    if named.0.is_empty() { Slot::Absent } else { Slot::of(named) }
}

impl ComponentForm {
    fn of(component: &Component) -> Self {
        let needs = unplaced(component.needs.iter().map(ToString::to_string));
        Self {
            // What it uses says itself where it is.
            aws: Slot::Absent,
            needs: if needs.is_empty() { Slot::Absent } else { Slot::of(needs) },
            steps: steps(component),
            strategy: Slot::Absent,
        }
    }
}

fn steps(component: &Component) -> Slot<List<StepForm>> {
    Slot::of(unplaced(component.steps.iter().map(StepForm::of)))
}

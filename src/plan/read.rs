//! The way from a file to a plan: text, tree, parameters, form, checks. Everything wrong on the way is told at once.

use std::collections::BTreeMap;

use super::{
    check::check,
    form::Form,
    model::Plan,
    params,
    problem::{Problem, Problems},
    source::{SourceFile, parse},
    syntax::PlanForm,
};

/// A plan that can run, with what is doubtful about it.
#[derive(Clone, Debug)]
pub struct Checked {
    pub plan: Plan,
    /// Empty most of the time.
    pub warnings: Problems,
}

/// Reads a plan with these parameters: the plan, or every error in it. (With errors there are no warnings; a doubt
/// about a plan that cannot run is noise.)
pub fn read(source: &SourceFile, params: &BTreeMap<String, String>) -> Result<Checked, Problems> {
    let mut problems = Vec::new();
    let plan = plan(source, params, &mut problems);
    match plan {
        Some(plan) if !problems.iter().any(Problem::is_error) => {
            Ok(Checked { plan, warnings: Problems::new(source, problems) })
        }
        Some(_) | None => {
            problems.retain(Problem::is_error);
            Err(Problems::new(source, problems))
        }
    }
}

fn plan(
    source: &SourceFile,
    params: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Option<Plan> {
    let mut root = parse(source, problems)?;
    params::fill_in(&mut root, params, problems);
    let form = PlanForm::read(&root, problems)?;
    check(&form, root.span, problems)
}

//! `tidegate check`: everything that is wrong with a plan, at once, without asking any cloud.

use std::collections::BTreeMap;

use anyhow::anyhow;

use crate::{
    cli::{
        args::{Format, PlanFile},
        exit::{Exit, Failure},
        files,
        output::Output,
        settings,
    },
    plan::{self, Checked, Problems, SourceFile},
};

pub(super) fn check(file: &PlanFile, output: &Output) -> Result<Exit, Failure> {
    let (source, params) = open(file)?;
    let checked = plan::read(&source, &params).map_err(|problems| refuse(&problems, output))?;
    warn(&checked.warnings, output);
    match output.format {
        Format::Json => {}
        Format::Text => {
            let steps = checked.plan.steps().count();
            output.data(&format!(
                "{}: plan {} is valid: {steps} steps, {} routes, {} fleets, {} gates",
                file.plan.display(),
                checked.plan.name,
                checked.plan.routes.len(),
                checked.plan.fleets.len(),
                checked.plan.gates.len(),
            ));
        }
    }
    Ok(Exit::Success)
}

/// A plan file and the values for its parameters.
pub(super) fn open(file: &PlanFile) -> Result<(SourceFile, BTreeMap<String, String>), Failure> {
    let bytes = files::read(&file.plan)?;
    let name = file.plan.display().to_string();
    let source = SourceFile::new(name, &bytes).map_err(|problems| invalid(&problems))?;
    Ok((source, settings::params(file)))
}

/// Reads a plan that is meant to be run; its warnings are told, its problems end the command.
pub(super) fn read(
    source: &SourceFile,
    params: &BTreeMap<String, String>,
    output: &Output,
) -> Result<Checked, Failure> {
    let checked = plan::read(source, params).map_err(|problems| refuse(&problems, output))?;
    warn(&checked.warnings, output);
    Ok(checked)
}

fn refuse(problems: &Problems, output: &Output) -> Failure {
    if output.format == Format::Json {
        for problem in problems.to_json() {
            output.json(&problem);
        }
    }
    invalid(problems)
}

fn warn(warnings: &Problems, output: &Output) {
    match output.format {
        Format::Json => warnings.to_json().iter().for_each(|problem| output.json(problem)),
        Format::Text if warnings.is_empty() => {}
        Format::Text => output.talk(&warnings.render()),
    }
}

/// The end of a command whose plan or scenario is invalid.
pub(in crate::cli) fn invalid(problems: &Problems) -> Failure {
    Failure { exit: Exit::Usage, error: anyhow!(problems.render()), hint: None }
}

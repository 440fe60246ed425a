//! `tidegate check`: everything that is wrong with a plan, at once, without asking any cloud.

use std::collections::BTreeMap;

use anyhow::anyhow;
use miette::GraphicalTheme;
use serde::Serialize;

use crate::{
    cli::{
        args::{Format, PlanFile},
        exit::{Exit, Failure},
        files,
        output::{Drawn, Output},
        settings,
    },
    plan::{self, Checked, Label, Problem, Problems, Severity, SourceFile},
    printable, report,
    simulation::Scenario,
};

pub(super) async fn check(file: &PlanFile, output: &Output) -> Result<Exit, Failure> {
    let (source, params) = open(file).await?;
    let checked = plan::read(&source, &params).map_err(|problems| refuse(&problems, output))?;
    warn(&checked.warnings, output);
    match output.format {
        Format::Json => {}
        Format::Text => {
            let plan = &checked.plan;
            let parts = [
                count(plan.steps().count(), "step"),
                count(plan.routes.len(), "route"),
                count(plan.fleets.len(), "fleet"),
                count(plan.gates.len(), "gate"),
            ];
            let (file, parts) = (file.plan.display(), parts.join(", "));
            output.line(&format!("{file}: plan {} is valid: {parts}", plan.name));
            if let Some(words) = report::reach_of_failure(plan) {
                output.line(&words);
            }
        }
    }
    Ok(Exit::Success)
}

/// `1 route`, `2 routes`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A plan file with the files that it names, and the values for its parameters.
pub(super) async fn open(
    file: &PlanFile,
) -> Result<(SourceFile, BTreeMap<String, String>), Failure> {
    let mut given = BTreeMap::new();
    for (name, value) in &file.params {
        if let Some(first) = given.insert(name, value) {
            return Err(Failure::usage(
                format!("the parameter {name} is given twice, as `{first}` and as `{value}`"),
                "give each parameter once",
            ));
        }
    }
    let bytes = files::read(&file.plan).await?;
    let name = file.plan.display().to_string();
    let source = SourceFile::new(name, &bytes);
    let params = settings::params(&file.params, &plan::declared(&source));
    let files = files::beside(&file.plan, plan::files_named(&source, &params)).await?;
    Ok((source.with(files), params))
}

/// Reads a plan that is meant to be run; its warnings are told, its problems end the command.
pub(super) fn read(
    source: &SourceFile,
    params: &BTreeMap<String, String>,
    output: &Output,
) -> Result<Checked, Failure> {
    let checked = plan::read(source, params).map_err(|problems| refuse(&problems, output))?;
    match output.format {
        Format::Json => print_json(&checked.warnings, output),
        Format::Text => checked.warnings.iter().for_each(|warning| {
            output.talk(&in_short(warning, checked.warnings.source_file()));
        }),
    }
    Ok(checked)
}

/// What, where and what to do, a line each: whoever runs a plan has checked it before, and `check` draws the places.
fn in_short(warning: &Problem, source: &SourceFile) -> String {
    let place = |label: &Label| {
        let at = source.position(label.span.start);
        format!("{}:{}:{}: {}", source.name(), at.line, at.column, label.text)
    };
    let more = match warning.labels.len().saturating_sub(1) {
        0 => String::new(),
        n => format!(", and {}", count(n, "more place")),
    };
    let at = warning.labels.first().map(|label| format!("   {}{more}", place(label)));
    let help = warning.help.as_ref().map(|help| format!("   hint: {help}"));
    let what = format!("warning: {} ({})", warning.message, warning.code);
    let lines = [Some(what), at, help].into_iter().flatten();
    lines.map(|line| printable::line(&line)).collect::<Vec<_>>().join("\n")
}

fn refuse(problems: &Problems, output: &Output) -> Failure {
    if output.format == Format::Json {
        print_json(problems, output);
    } else {
        output.drawn(&drawn(problems));
    }
    let failure = counted(problems);
    if !is_scenario(problems.source_file()) {
        return failure;
    }
    let hint =
        "this is a scenario, not a plan: `tidegate run PLAN --simulate --scenario FILE` plays it";
    Failure { hint: Some(hint.to_owned()), ..failure }
}

fn is_scenario(source: &SourceFile) -> bool {
    plan::read_document::<Scenario>(source).is_ok_and(|read| read != Scenario::default())
}

fn warn(warnings: &Problems, output: &Output) {
    match output.format {
        Format::Json => print_json(warnings, output),
        Format::Text if warnings.is_empty() => {}
        Format::Text => output.drawn(&drawn(warnings)),
    }
}

fn counted(problems: &Problems) -> Failure {
    Failure::new(Exit::Usage, anyhow!(problems.to_string()), None)
}

/// The end of a command whose scenario or journaled plan is invalid.
pub(in crate::cli) fn invalid(problems: &Problems) -> Failure {
    let drawn = Drawn { words: problems.to_string(), page: drawn(problems) };
    Failure::new(Exit::Usage, drawn.into(), None)
}

/// With excerpts. Colour is taken out again where it does not belong.
fn drawn(problems: &Problems) -> String {
    problems.render(GraphicalTheme::unicode())
}

/// A problem as pipelines and editors want it.
#[derive(Serialize)]
struct ProblemRow<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    severity: Severity,
    code: &'a str,
    message: &'a str,
    help: Option<&'a str>,
}

fn print_json(problems: &Problems, output: &Output) {
    let source = problems.source_file();
    for problem in problems {
        let start = problem.labels.first().map_or(0, |label| label.span.start);
        let position = source.position(start);
        output.json(&ProblemRow {
            file: source.name(),
            line: position.line,
            column: position.column,
            severity: problem.severity,
            code: problem.code,
            message: &problem.message,
            help: problem.help.as_deref(),
        });
    }
}

//! `tidegate plan`: what a run would do, from before to after, with clients that cannot change anything.

use std::{collections::BTreeMap, time::Duration};

use anyhow::anyhow;
use serde::Serialize;

use super::{attempts, check};
use crate::{
    action::{Planned, Settled, permissions, preflight, preview},
    cli::{
        args::{Format, Global, PlanCommand},
        exit::{Exit, Failure},
        output::Output,
        wire,
    },
    plan::{GateName, Plan, expand_to_yaml, units::format_duration},
    report::{attempts_line, describe},
    rollout::{Attempts, Bindings},
};

pub(super) async fn plan(
    command: &PlanCommand,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    let (source, params) = check::open(&command.file)?;
    let plan = check::read(&source, &params, output)?.plan;
    if command.expand {
        Output::raw(&expand_to_yaml(&plan));
        return Ok(Exit::Success);
    }
    let reads = wire::reads(&plan, global, &command.simulation).await?;
    let settled = match preflight(&plan, &reads).await {
        Ok(settled) => settled,
        Err(objections) => {
            for objection in &objections {
                output
                    .talk(&format!("refused: {}\n   hint: {}", objection.problem, objection.hint));
            }
            return Err(Failure {
                exit: Exit::Refused,
                error: anyhow!("a run of plan {} would be refused", plan.name),
                hint: None,
            });
        }
    };
    // A simulated run has a journal of its own.
    let attempts = if command.simulation.simulate {
        BTreeMap::new()
    } else {
        attempts::earlier(&plan, wire::files_of(global).as_ref(), output)?
    };
    let preview = Preview::of(&plan, &settled, &attempts);
    match output.format {
        Format::Json => output.json(&preview),
        Format::Text => tell(&plan, &preview, output),
    }
    Ok(Exit::Success)
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Preview<'a> {
    plan: &'a str,
    digest: &'a str,
    bindings: &'a Bindings,
    calls: Vec<Planned>,
    /// Seconds, if nothing fails and every step takes as long as it may; nothing where a person is waited for.
    at_most: Option<u64>,
    permissions: Vec<String>,
    warnings: &'a [String],
    /// What earlier runs found of the same artifact, by gate.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attempts: &'a BTreeMap<GateName, Attempts>,
}

impl<'a> Preview<'a> {
    fn of(
        plan: &'a Plan,
        settled: &'a Settled,
        attempts: &'a BTreeMap<GateName, Attempts>,
    ) -> Self {
        let limits: Option<Vec<Duration>> = plan.steps().map(|(_, step)| step.timeout).collect();
        Self {
            plan: plan.name.as_str(),
            digest: &plan.digest,
            bindings: &settled.bindings,
            calls: preview(plan, settled),
            at_most: limits.map(|limits| limits.iter().sum::<Duration>().as_secs()),
            permissions: permissions(plan),
            warnings: &settled.warnings,
            attempts,
        }
    }
}

fn tell(plan: &Plan, preview: &Preview, output: &Output) {
    for warning in preview.warnings {
        output.talk(&format!("warning: {warning}"));
    }
    output.data(&format!("plan {} ({})", plan.name, preview.digest.get(..12).unwrap_or_default()));
    output.data("\nsides");
    for (route, bound) in &preview.bindings.routes {
        let baseline = bound.baseline.as_ref().map(|group| format!(", {group} its baseline"));
        output.data(&format!(
            "  route {route}: {} is stable, {} the candidate{}",
            bound.stable,
            bound.candidate,
            baseline.unwrap_or_default()
        ));
        for place in bound.places() {
            output.data(&format!("    at {place}"));
        }
    }
    for (fleet, bound) in &preview.bindings.fleets {
        output.data(&format!(
            "  fleet {fleet}: {} is stable, {} the candidate",
            bound.stable, bound.candidate
        ));
    }
    let earlier = preview.attempts.iter();
    let mut earlier = earlier.filter_map(|(gate, past)| attempts_line(plan, gate, past)).peekable();
    if earlier.peek().is_some() {
        output.data("\nearlier tries of the same artifact");
        earlier.for_each(|line| output.data(&format!("  {line}")));
    }
    output.data("\nsteps");
    for (component, step) in plan.steps() {
        let name =
            if plan.components.len() > 1 { format!("{}: ", component.name) } else { String::new() };
        output.data(&format!("  {}  {name}{}", step.id, describe(step)));
        for call in preview.calls.iter().filter(|call| call.step == step.id) {
            output.data(&format!(
                "      {}\n        before  {}\n        after   {}",
                call.target, call.before, call.after
            ));
        }
    }
    match preview.at_most {
        Some(seconds) => {
            let limit = format_duration(Duration::from_secs(seconds));
            output.data(&format!(
                "\n{} changes, at most {limit}; nothing was touched",
                preview.calls.len()
            ));
        }
        None => output.data(&format!(
            "\n{} changes; a person is waited for on the way; nothing was touched",
            preview.calls.len()
        )),
    }
    output.data("\npermissions needed");
    for permission in &preview.permissions {
        output.data(&format!("  {permission}"));
    }
}

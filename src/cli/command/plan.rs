//! `tidegate plan`: what a run would do, from before to after, with clients that cannot change anything.

use std::{collections::BTreeMap, time::Duration};

use anyhow::anyhow;
use serde::Serialize;

use super::{attempts, check, marks, preface};
use crate::{
    action::{
        LedTo, Objection, Planned, Settled, Unsettled, optional_permissions, permissions, preview,
        settle,
    },
    cli::{
        args::{Format, Global, PlanCommand},
        exit::{Exit, Failure},
        output::Output,
        wire,
    },
    journal::Store,
    plan::{GateName, Plan, expand_to_yaml, units::format_duration},
    report::{attempts_line, describe, reach_of_failure},
    rollout::{ActingAs, Attempts, Bindings},
};

pub(super) async fn plan(
    command: &PlanCommand,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    let (source, params) = check::open(&command.file).await?;
    let plan = check::read(&source, &params, output)?.plan;
    if command.expand {
        output.raw(&expand_to_yaml(&plan));
        return Ok(Exit::Success);
    }
    let (reads, clock) = wire::reads_and_clock(&plan, global, &command.simulation).await?;
    let acting_as = if command.simulation.simulate {
        None
    } else {
        match preface::acting_as(&reads, output).await {
            Ok(told) => Some(told),
            Err(error) => {
                return Err(refused(
                    &plan,
                    &reads.home().region,
                    None,
                    &[Objection::from(&error)],
                    output,
                ));
            }
        }
    };
    let mut settled = match settle(&plan, &reads).await {
        Ok(settled) => settled,
        Err(Unsettled { objections, bindings }) => {
            for warning in marks::foreseen(&reads, &bindings, clock.now()).await {
                output.say("warning", &warning);
            }
            let acting_as = acting_as.and_then(Result::ok);
            return Err(refused(&plan, &reads.home().region, acting_as, &objections, output));
        }
    };
    settled.warnings.extend(marks::foreseen(&reads, &settled.bindings, clock.now()).await);
    // A simulated run has a journal of its own.
    let attempts = if command.simulation.simulate {
        BTreeMap::new()
    } else {
        attempts::earlier(&plan, &Store::new(wire::files_of(global)), output).await?
    };
    let region = reads.home().region.as_str();
    let acting_as = match acting_as {
        Some(Ok(acting_as)) => Some(acting_as),
        Some(Err(unknown)) => {
            settled.warnings.insert(0, unknown);
            None
        }
        None => None,
    };
    let preview = Preview { region, acting_as, ..Preview::of(&settled, &attempts) };
    match output.format {
        Format::Json => output.json(&preview),
        Format::Text => tell(&settled.plan, &preview, output),
    }
    Ok(if command.detailed_exitcode && !preview.calls.is_empty() {
        Exit::WouldChange
    } else {
        Exit::Success
    })
}

/// Why there is no preview.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Refused<'a> {
    plan: &'a str,
    digest: &'a str,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    acting_as: Option<ActingAs>,
    #[serde(rename = "refused")]
    objections: &'a [Objection],
}

fn refused(
    plan: &Plan,
    region: &str,
    acting_as: Option<ActingAs>,
    objections: &[Objection],
    output: &Output,
) -> Failure {
    for objection in objections {
        output.advise("refused", &objection.problem, Some(&objection.hint));
    }
    if output.format == Format::Json {
        let (plan, digest) = (plan.name.as_str(), plan.digest.as_str());
        output.json(&Refused { plan, digest, region, acting_as, objections });
    }
    Failure::new(Exit::Refused, anyhow!("a run of plan {} would be refused", plan.name), None)
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
    region: &'a str,
    /// Whose credentials these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    acting_as: Option<ActingAs>,
    permissions: Vec<String>,
    /// Those a run can do without, for its marks in AWS.
    optional_permissions: Vec<String>,
    warnings: &'a [String],
    /// What leads to a side and is not moved.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    leads: &'a [LedTo],
    /// What earlier runs found of the same artifact, by gate.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attempts: &'a BTreeMap<GateName, Attempts>,
}

impl<'a> Preview<'a> {
    fn of(settled: &'a Settled, attempts: &'a BTreeMap<GateName, Attempts>) -> Self {
        let plan = &settled.plan;
        let limits: Option<Vec<Duration>> = plan.steps().map(|(_, step)| step.timeout).collect();
        Self {
            plan: plan.name.as_str(),
            digest: &plan.digest,
            bindings: &settled.bindings,
            calls: preview(plan, settled),
            at_most: limits.map(|limits| limits.iter().sum::<Duration>().as_secs()),
            region: "",
            acting_as: None,
            permissions: permissions(plan),
            optional_permissions: optional_permissions(plan),
            warnings: &settled.warnings,
            leads: &settled.leads,
            attempts,
        }
    }
}

fn tell(plan: &Plan, preview: &Preview, output: &Output) {
    for warning in preview.warnings {
        output.say("warning", warning);
    }
    output.line(&format!("plan {} ({})", plan.name, preview.digest.get(..12).unwrap_or_default()));
    output.data("\nsides");
    for (route, bound) in &preview.bindings.routes {
        let baseline = bound.baseline.as_ref().map(|group| format!(", {group} its baseline"));
        output.line(&format!(
            "  route {route}: {} is stable, {}{}",
            bound.stable,
            match &bound.candidate {
                Some(candidate) => format!("{candidate} the candidate"),
                None => "the candidate is published by a step".to_owned(),
            },
            baseline.unwrap_or_default()
        ));
        for place in bound.places() {
            output.line(&format!("    at {place}"));
        }
    }
    for (fleet, bound) in &preview.bindings.fleets {
        output.line(&format!(
            "  fleet {fleet}: {} is stable, {}",
            bound.stable,
            match &bound.candidate {
                Some(candidate) => format!("{candidate} the candidate"),
                None => "the candidate is published by a step".to_owned(),
            }
        ));
    }
    if !preview.leads.is_empty() {
        output.data("\nother ways to the sides, which are not moved");
        for side in preview.leads {
            for lead in &side.leads {
                output.line(&format!("  {} ({}): {}", side.member, side.side, lead.words));
            }
        }
    }
    let earlier = preview.attempts.iter();
    let mut earlier = earlier.filter_map(|(gate, past)| attempts_line(plan, gate, past)).peekable();
    if earlier.peek().is_some() {
        output.data("\nearlier tries of the same artifact");
        earlier.for_each(|line| output.line(&format!("  {line}")));
    }
    output.data("\nsteps");
    for (component, step) in plan.steps() {
        let name =
            if plan.components.len() > 1 { format!("{}: ", component.name) } else { String::new() };
        output.line(&format!("  {}  {name}{}", step.id, describe(step)));
        for call in preview.calls.iter().filter(|call| call.step == step.id) {
            output.line(&format!("      {}", call.target));
            output.line(&format!("        before  {}", call.before));
            output.line(&format!("        after   {}", call.after));
        }
    }
    if let Some(words) = reach_of_failure(plan) {
        output.data(&format!("\n{words}"));
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
        output.line(&format!("  {permission}"));
    }
    output.data("\nand, to keep other folders from running the same plan meanwhile");
    for permission in &preview.optional_permissions {
        output.line(&format!("  {permission}"));
    }
}

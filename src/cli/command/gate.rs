//! `tidegate gate test`: what the gates of a plan say now, and with `--since` what they would have said. Nothing is
//! changed; an `http` or `command` gate is asked as a run would ask it.

use std::time::Duration;

use anyhow::anyhow;
use serde::Serialize;

use super::check;
use crate::{
    action::{Settled, preflight},
    cli::{
        args::{Format, GateTestCommand, Global},
        exit::{Exit, Failure},
        output::Output,
        wire,
    },
    cloud::{Error, Places, Reads},
    gate::{
        Excuses, Judgements, PastExposure, Replay, past_exposures, past_readings, poll, replay,
        unknown,
    },
    plan::{CompareGate, Gate, GateKind, GateName, Plan},
    report,
    rollout::{Actor, Bindings, Check, Event, Outcome, Reading, Splits, Timestamp},
    runner::{Due, Histories, poll_alarms},
};

/// How far back figures count for a reading that belongs to no run.
const LOOK_BACK: Duration = Duration::from_hours(1);

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Tested<'a> {
    gate: &'a GateName,
    #[serde(flatten)]
    reading: Reading,
    #[serde(skip_serializing_if = "Option::is_none")]
    past: Option<Past>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "replay")]
enum Past {
    Replayed {
        readings: usize,
        failed: usize,
        unknown: usize,
        /// When a run would have stopped, and why.
        stopped: Option<Reading>,
    },
    /// A comparison, by the spells in which both sides had requests.
    Exposed { exposures: Vec<PastExposure>, stopped: Option<Reading> },
    /// In words, why there is none.
    None { because: String },
}

impl Past {
    /// The reading at which a run would have stopped.
    fn stopped(&self) -> Option<&Reading> {
        match self {
            Self::Replayed { stopped, .. } | Self::Exposed { stopped, .. } => stopped.as_ref(),
            Self::None { .. } => None,
        }
    }
}

pub(super) async fn test(
    command: &GateTestCommand,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    let (source, params) = check::open(&command.file).await?;
    let plan = check::read(&source, &params, output)?.plan;
    let chosen = chosen(&plan, command.gate.as_deref())?;
    let (reads, clock) = wire::reads_and_clock(&plan, global, &command.simulation).await?;
    let since = command.since.unwrap_or(LOOK_BACK);
    if command.simulation.simulate {
        // A world that has only begun has no past.
        clock.sleep(since).await;
    }
    let settled = settled(&plan, &reads, output).await?;
    let now = clock.now();
    let from = now.before(since);
    let mut splits = Splits::default();
    let begun = Event::RunStarted {
        plan: plan.name.clone(),
        digest: plan.digest.clone(),
        params,
        by: Actor(String::new()),
        bindings: settled.bindings.clone(),
        found: settled.found,
        excused: Vec::new(),
        attempts: std::collections::BTreeMap::new(),
        acting_as: None,
    };
    splits.apply(&begun, from);
    let mut outcomes = Vec::new();
    for (name, gate) in chosen {
        let reading = read(&plan, &reads, (&settled.bindings, &splits), name, gate, now).await;
        let past = match command.since {
            None => None,
            Some(_) => Some(past(&reads, &settled.bindings, gate, from, now).await),
        };
        outcomes.push(reading.outcome);
        outcomes.extend(past.as_ref().and_then(Past::stopped).map(|stopped| stopped.outcome));
        tell(&Tested { gate: name, reading, past }, output);
    }
    Ok(exit(&outcomes))
}

/// Routes and fleets as they stand; whether a run might start is not the question.
pub(super) async fn settled(
    plan: &Plan,
    reads: &Places<Reads>,
    output: &Output,
) -> Result<Settled, Failure> {
    let gates = std::collections::BTreeMap::new();
    let bare = Plan { gates, components: Vec::new().into(), ..plan.clone() };
    preflight(&bare, reads).await.map_err(|objections| {
        for objection in &objections {
            output.advise("refused", &objection.problem, Some(&objection.hint));
        }
        let error = anyhow!("the gates of plan {} cannot be read", plan.name);
        Failure::new(Exit::Refused, error, None)
    })
}

fn chosen<'a>(
    plan: &'a Plan,
    name: Option<&str>,
) -> Result<Vec<(&'a GateName, &'a Gate)>, Failure> {
    let chosen: Vec<_> =
        plan.gates.iter().filter(|(n, _)| name.is_none_or(|name| n.as_str() == name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = plan.gates.keys().map(GateName::as_str).collect();
        return Err(Failure::usage(
            name.map_or("the plan has no gates".to_owned(), |n| {
                format!("the plan has no gate {n}")
            }),
            format!("its gates: {}", names.join(", ")),
        ));
    }
    Ok(chosen)
}

async fn read(
    plan: &Plan,
    reads: &Places<Reads>,
    (bindings, splits): (&Bindings, &Splits),
    name: &GateName,
    gate: &Gate,
    now: Timestamp,
) -> Reading {
    match &gate.kind {
        GateKind::Alarms(_) => {
            let due = [Due { gate: name.clone(), covering: now, excuses: Excuses::new() }];
            let answers = match reads.at(&gate.place) {
                Ok(reads) => {
                    let alarms = reads.alarms.as_ref();
                    poll_alarms(plan, alarms, &due, Histories::default(), now).await.0
                }
                Err(error) => return unknown(&error, now),
            };
            let reading = answers.into_iter().next().map(|(_, reading)| reading);
            reading.unwrap_or_else(|| Reading::new(Outcome::Unknown, now, "not answered"))
        }
        GateKind::Healthy { .. }
        | GateKind::Http(_)
        | GateKind::Metric(_)
        | GateKind::Compare(_)
        | GateKind::ErrorBudget(_)
        | GateKind::Command(_)
        | GateKind::Lambda(_)
        | GateKind::Queue(_)
        | GateKind::Stream(_)
        | GateKind::Invoke(_)
        | GateKind::Window(_) => {
            let run = (bindings, splits, &Judgements::default());
            poll(plan, reads, run, &Check::Gate(name.clone()), now).await
        }
    }
}

async fn past(
    reads: &Places<Reads>,
    bindings: &Bindings,
    gate: &Gate,
    from: Timestamp,
    now: Timestamp,
) -> Past {
    let past = match gate.kind.compare() {
        Some(compare) => exposed(reads, bindings, (gate, compare), from, now).await,
        None => replayed(reads, bindings, gate, from, now).await,
    };
    past.unwrap_or_else(|error| Past::None { because: error.to_string() })
}

async fn replayed(
    reads: &Places<Reads>,
    bindings: &Bindings,
    gate: &Gate,
    from: Timestamp,
    now: Timestamp,
) -> Result<Past, Error> {
    Ok(match past_readings(reads.at(&gate.place)?, bindings, gate, from, now).await? {
        Some(readings) => {
            let Replay { readings, failed, unknown, stops } = replay(readings, &gate.tolerance);
            Past::Replayed { readings, failed, unknown, stopped: stops }
        }
        None => Past::None { because: "nobody keeps what it would have said".to_owned() },
    })
}

async fn exposed(
    reads: &Places<Reads>,
    bindings: &Bindings,
    (gate, compare): (&Gate, &CompareGate),
    from: Timestamp,
    now: Timestamp,
) -> Result<Past, Error> {
    let route = &compare.route;
    let bound = bindings
        .routes
        .get(route)
        .ok_or_else(|| Error::Absent { what: format!("route {route}") })?;
    let exposures = past_exposures(reads.at(&gate.place)?, compare, bound, from, now).await?;
    let stopped = exposures.iter().find_map(PastExposure::failure).cloned();
    Ok(Past::Exposed { exposures, stopped })
}

fn tell(tested: &Tested<'_>, output: &Output) {
    match output.format {
        Format::Json => output.json(tested),
        Format::Text => {
            let Tested { gate, reading, past } = tested;
            for line in told(gate, reading) {
                output.line(&line);
            }
            for line in past.iter().flat_map(past_lines) {
                output.line(&format!("  {line}"));
            }
        }
    }
}

fn past_lines(past: &Past) -> Vec<String> {
    let stop = |stopped: &Option<Reading>| match stopped {
        None => "no run would have stopped".to_owned(),
        Some(r) => format!("a run would have stopped at {}: {}", r.at, r.because),
    };
    match past {
        Past::None { because } => vec![format!("no replay: {because}")],
        Past::Replayed { readings, failed, unknown, stopped } => vec![
            format!("replay: {readings} readings, {failed} failed, {unknown} unknown"),
            stop(stopped),
        ],
        Past::Exposed { exposures, .. } if exposures.is_empty() => {
            vec!["replay: at no time had both sides requests".to_owned()]
        }
        Past::Exposed { exposures, stopped } => {
            let mut lines = Vec::new();
            for exposure in exposures {
                let PastExposure { from, to, candidate, baseline, said } = exposure;
                lines.push(format!("replay: {from} to {to}, {candidate} beside {baseline}"));
                let said =
                    said.iter().map(|r| format!("  {} at {}: {}", r.outcome, r.at, r.because));
                lines.extend(said);
            }
            lines.push(stop(stopped));
            lines
        }
    }
}

/// A sentence; figures that are more than a few, and plots, stand below it.
fn told(gate: &GateName, reading: &Reading) -> Vec<String> {
    let sentence = format!("{gate}: {}, {}", reading.outcome, report::evidence(reading));
    let below = report::figures(reading).into_iter().map(|line| format!("  {line}"));
    std::iter::once(sentence).chain(below).collect()
}

/// As a run would end: 4 when a gate fails or would have failed, 7 when one waits or is unknown.
fn exit(outcomes: &[Outcome]) -> Exit {
    if outcomes.contains(&Outcome::Fail) {
        Exit::RolledBack
    } else if outcomes.iter().all(|outcome| *outcome == Outcome::Pass) {
        Exit::Success
    } else {
        Exit::Held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_follows_the_sentence_and_the_figures() {
        let reading = Reading::new(Outcome::Fail, Timestamp::from_millis(0), "errors: worse")
            .with("canary errors", "3 of 9")
            .with("plot of errors, canary", "\u{2581}\u{2588} (full bar: 3.0 %)");
        let lines = [
            "judge: fail, errors: worse",
            "  canary errors  3 of 9",
            "  errors, canary  \u{2581}\u{2588} (full bar: 3.0 %)",
        ];
        assert_eq!(told(&GateName::new("judge"), &reading), lines);
    }

    #[test]
    fn the_worst_reading_decides_the_exit_code() {
        use Outcome::{Fail, Pass, Unknown, Wait};
        assert_eq!(exit(&[Pass, Pass]), Exit::Success);
        assert_eq!(exit(&[Pass, Wait]), Exit::Held);
        assert_eq!(exit(&[Unknown]), Exit::Held);
        assert_eq!(exit(&[Unknown, Fail, Pass]), Exit::RolledBack);
    }
}

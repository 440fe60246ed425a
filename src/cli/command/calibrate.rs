//! `tidegate judge calibrate`: how often the `compare` gates of a plan would have failed a harmless candidate on this
//! service, by its stable side's past. Nothing is changed.

use anyhow::anyhow;
use serde::Serialize;

use super::{check, gate::settled};
use crate::{
    cli::{
        args::{CalibrateCommand, Format, Global},
        exit::{Exit, Failure},
        output::Output,
        wire,
    },
    cloud::Error,
    gate::{Calibrated, Choice, LONGEST_PAST, Level, calibrate_compare},
    plan::{CompareGate, GateName, Plan},
    rollout::Timestamp,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    gate: &'a GateName,
    route: &'a str,
    since: Timestamp,
    #[serde(flatten)]
    calibrated: Calibrated,
}

pub(super) async fn calibrate(
    command: &CalibrateCommand,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    if command.since > LONGEST_PAST {
        return Err(Failure::usage(
            "minutes are not kept for so long",
            "write at most `--since 15d`",
        ));
    }
    let (source, params) = check::open(&command.file).await?;
    let plan = check::read(&source, &params, output)?.plan;
    let chosen = comparisons(&plan, command.gate.as_deref())?;
    let (reads, clock) = wire::reads_and_clock(&plan, global, &command.simulation).await?;
    if command.simulation.simulate {
        // A world that has only begun has no past.
        clock.sleep(command.since).await;
    }
    let settled = settled(&plan, &reads, output).await?;
    let now = clock.now();
    let since = now.before(command.since);
    for (name, gate) in chosen {
        let route = &gate.route;
        let bound = settled
            .bindings
            .routes
            .get(route)
            .ok_or_else(|| Error::Absent { what: format!("route {route}") })?;
        let calibrated =
            calibrate_compare(reads.at(&bound.place)?, gate, bound, since, now).await?;
        let told = Told { gate: name, route: route.as_str(), since, calibrated };
        match output.format {
            Format::Json => output.json(&told),
            Format::Text => output.data(&text(&told)),
        }
    }
    Ok(Exit::Success)
}

pub(super) fn comparisons<'a>(
    plan: &'a Plan,
    wanted: Option<&str>,
) -> Result<Vec<(&'a GateName, &'a CompareGate)>, Failure> {
    let mut chosen = Vec::new();
    for (name, gate) in &plan.gates {
        if let Some(gate) = gate.kind.compare()
            && wanted.is_none_or(|wanted| name.as_str() == wanted)
        {
            chosen.push((name, gate));
        }
    }
    if chosen.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            anyhow!(wanted.map_or("the plan has no compare gate".to_owned(), |name| {
                format!("the plan has no compare gate {name}")
            })),
            Some("only `compare` gates judge a candidate by its requests".to_owned()),
        ));
    }
    Ok(chosen)
}

fn text(told: &Told<'_>) -> String {
    let Told { gate, route, since, calibrated } = told;
    let mut lines = vec![format!(
        "{gate}: {} minutes of the stable side of {route} since {since}, each held against the next",
        calibrated.minutes
    )];
    let Some(Level { calibration, .. }) = calibrated.levels.first() else {
        return lines.join("\n");
    };
    if calibration.judgements == 0 {
        lines.push(format!("  too little for one comparison of {}", calibration.window));
        return lines.join("\n");
    }
    lines.push(format!(
        "  {} comparisons of {} each; both sides ran the same, so that every FAIL is a false alarm",
        calibration.judgements, calibration.window
    ));
    lines.push(format!(
        "  {:>6} {:>16} {:>16} {:>8} {:>8}",
        "alpha", "FAIL", "without guards", "PASS", "no data"
    ));
    for level in &calibrated.levels {
        let Level { alpha, choice, calibration } = level;
        let share = |count: u32| {
            let rate = f64::from(count) / f64::from(calibration.judgements) * 100.0;
            format!("{count} ({rate:.1} %)")
        };
        let own = match choice {
            Choice::Own => "  this gate",
            Choice::Other => "",
        };
        let beyond = calibration.alarm_rate().is_some_and(|rate| rate > *alpha);
        let warning = if beyond { "  more than alpha" } else { "" };
        lines.push(format!(
            "  {:>6} {:>16} {:>16} {:>8} {:>8}{own}{warning}",
            format!("{} %", alpha * 100.0),
            share(calibration.alarms),
            share(calibration.alarms_without_guards),
            calibration.passes,
            calibration.no_data,
        ));
    }
    lines.extend(calibration.metrics.iter().map(|metric| {
        format!(
            "  {}: dispersion between minutes {:.1} in the median, {:.1} at worst (independent requests: 1)",
            metric.metric, metric.median_dispersion, metric.worst_dispersion
        )
    }));
    lines.join("\n")
}

//! `tidegate judge`: the judge without a rollout. Kayenta's judgement of a file, and a forecast of how long a `compare`
//! gate takes at some traffic. Only `calibrate` asks a cloud.

use anyhow::anyhow;
use serde::Serialize;

use super::{
    calibrate::{calibrate, comparisons},
    check,
};
use crate::{
    cli::{
        args::{ForecastCommand, Format, Global, JudgeCommand, JudgeMode, JudgeVerb, PlanFile},
        exit::{Exit, Failure},
        files,
        output::Output,
    },
    gate::judge_config,
    judge::{
        Alpha, Config, Delay, Forecast, Metric, Outlook, Pace, Problem, Share, Standard, forecast,
        kayenta,
    },
    plan::{Aim, GateName, Plan, units::Percent},
};

pub(super) async fn judge(
    command: &JudgeCommand,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    match (&command.verb, &command.mode, &command.file) {
        (Some(JudgeVerb::Plan(outlook)), _, _) => plan(outlook, output).await,
        (Some(JudgeVerb::Calibrate(past)), _, _) => calibrate(past, global, output).await,
        (None, Some(JudgeMode::Kayenta), Some(file)) => {
            let refuse = |words: String| {
                Failure::usage(
                    words,
                    "write what Kayenta sends to a remote judge: `canaryConfig` and `metricSetPairList`",
                )
            };
            let request: kayenta::Request = serde_json::from_slice(&files::read(file).await?)
                .map_err(|error| refuse(format!("cannot read {}: {error}", file.display())))?;
            let response = kayenta::judge(&request).map_err(|error| refuse(error.to_string()))?;
            output.json(&response);
            Ok(match response.score.classification {
                kayenta::ScoreClass::Pass => Exit::Success,
                kayenta::ScoreClass::Marginal => Exit::Held,
                kayenta::ScoreClass::Fail => Exit::RolledBack,
            })
        }
        (None, _, _) => Err(Failure::usage(
            "nothing to judge",
            "write `tidegate judge --mode kayenta FILE`, `tidegate judge plan` or `tidegate judge calibrate PLAN`",
        )),
    }
}

/// A gate that is forecast, and the candidate's share.
struct Asked {
    gate: Option<GateName>,
    config: Config,
    share: Percent,
}

async fn plan(command: &ForecastCommand, output: &Output) -> Result<Exit, Failure> {
    let wrong = |error: Problem| {
        Failure::new(Exit::Usage, anyhow!(error), Some("write `--share 5% --rate 1%`".to_owned()))
    };
    for asked in gates(command, output).await? {
        let outlook = Outlook {
            requests_per_minute: f64::from(command.requests_per_minute),
            share: share_of(asked.share).map_err(wrong)?,
            rate: share_of(command.rate).map_err(wrong)?,
        };
        let told = Told::of(command, &asked, &outlook);
        match output.format {
            Format::Json => output.json(&told),
            Format::Text => output.data(&text(&told)),
        }
    }
    Ok(Exit::Success)
}

/// Without a plan, one with everything left at its default.
async fn gates(command: &ForecastCommand, output: &Output) -> Result<Vec<Asked>, Failure> {
    let unfit = |error: Problem| {
        Failure::new(
            Exit::Usage,
            anyhow!(error),
            Some("`tidegate check` tells what is wrong with the plan".to_owned()),
        )
    };
    let Some(plan) = &command.plan else {
        let level = Alpha::FIVE_PERCENT;
        let errors = Metric::new("errors", 1.0, Standard::usual()).map_err(unfit)?;
        let config = Config::new(vec![errors], level, level, Pace::default()).map_err(unfit)?;
        return Ok(vec![Asked { gate: None, config, share: command.share.unwrap_or(USUAL_SHARE) }]);
    };
    let file = PlanFile { plan: plan.clone(), params: command.params.clone() };
    let (source, params) = check::open(&file).await?;
    let plan = check::read(&source, &params, output)?.plan;
    let mut asked = Vec::new();
    for (name, gate) in comparisons(&plan, command.gate.as_deref())? {
        let share = command.share.or_else(|| first_share(&plan, name)).unwrap_or(USUAL_SHARE);
        let config = judge_config(gate).map_err(unfit)?;
        asked.push(Asked { gate: Some(name.clone()), config, share });
    }
    Ok(asked)
}

const USUAL_SHARE: Percent = Percent::FIVE;

/// The first share at which a plan's gate has both sides to compare.
fn first_share(plan: &Plan, of: &GateName) -> Option<Percent> {
    plan.steps().find_map(|(_, step)| {
        let conduct = step.conduct();
        match conduct.aim {
            Aim::Weights { candidate, .. }
                if conduct.gates.contains(of)
                    && candidate > Percent::ZERO
                    && candidate < Percent::HUNDRED =>
            {
                Some(candidate)
            }
            _ => None,
        }
    })
}

fn share_of(percent: Percent) -> Result<Share, Problem> {
    Share::new(f64::from(percent.basis_points()) / 10_000.0)
}

/// A forecast as it is told, text and JSON alike: every time is counted from the shift on.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<GateName>,
    requests_per_minute: u32,
    share: String,
    rate: String,
    /// Minutes after a shift that are not judged; part of all below.
    unjudged: u32,
    /// After so long a gate that cannot tell comes to no end.
    deadline: u32,
    metrics: Vec<OfMetric>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct OfMetric {
    metric: String,
    /// By how many times as many as the stable side's.
    fail: Vec<Fail>,
    pass: Option<Within>,
}

#[derive(Serialize)]
struct Fail {
    times: f64,
    #[serde(flatten)]
    within: Option<Within>,
}

/// Minutes since the shift.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Within {
    likely: u32,
    nine_of_ten: u32,
    candidate_requests: u64,
}

impl Told {
    fn of(command: &ForecastCommand, asked: &Asked, outlook: &Outlook) -> Self {
        let Asked { gate, config, share } = asked;
        let forecasts: Vec<Forecast> =
            config.metrics().iter().map(|metric| forecast(config, metric, outlook)).collect();
        let unjudged = forecasts.first().map_or(0, |forecast| forecast.overhead.0);
        let within = |delay: Delay| Within {
            likely: delay.likely.0.saturating_add(unjudged),
            nine_of_ten: delay.at_most.0.saturating_add(unjudged),
            candidate_requests: delay.requests,
        };
        let metrics = forecasts.into_iter().map(|forecast| OfMetric {
            metric: forecast.metric.to_string(),
            fail: forecast
                .fail
                .into_iter()
                .map(|(times, delay)| Fail { times, within: delay.map(within) })
                .collect(),
            pass: forecast.pass.map(within),
        });
        Self {
            gate: gate.clone(),
            requests_per_minute: command.requests_per_minute,
            share: share.to_string(),
            rate: command.rate.to_string(),
            unjudged,
            deadline: config.pace().deadline.0,
            metrics: metrics.collect(),
        }
    }
}

fn text(told: &Told) -> String {
    let Told { gate, requests_per_minute, share, rate, unjudged, deadline, metrics } = told;
    let mut lines = Vec::new();
    if let Some(gate) = gate {
        lines.push(format!("gate {gate}"));
    }
    lines.push(format!(
        "{requests_per_minute} requests a minute, {share} of them to the candidate, {rate} of stable's bad;"
    ));
    lines.push(format!("times count from the shift on; its first {unjudged} min are not judged"));
    for OfMetric { metric, fail, pass } in metrics {
        let rows = fail
            .iter()
            .map(|Fail { times, within }| (format!("FAIL of {times} times as many"), *within))
            .chain([("PASS of one as good".to_owned(), *pass)]);
        lines.push(String::new());
        lines.push(format!(
            "{metric:24} {:>12} {:>14} {:>18}",
            "likely after", "9 of 10 within", "candidate requests"
        ));
        lines.extend(rows.map(|(name, within)| match within {
            None => format!("{name:24} {:>12}", "never"),
            Some(Within { likely, nine_of_ten, candidate_requests }) => format!(
                "{name:24} {:>12} {:>14} {candidate_requests:>18}",
                about(likely),
                about(nine_of_ten)
            ),
        }));
        if let Some(late) = pass.filter(|pass| pass.likely > *deadline) {
            lines.push(format!(
                "too little traffic: about {} to a PASS, and the gate's deadline is {}",
                about(late.likely),
                about(*deadline)
            ));
        }
    }
    lines.join("\n")
}

/// In the unit in which it is felt: `35 min`, `9 hours`, `7 days`.
fn about(minutes: u32) -> String {
    const HOUR: u32 = 60;
    const DAY: u32 = 24 * HOUR;
    let rounded = |unit: u32| minutes.saturating_add(unit / 2) / unit;
    if minutes < 3 * HOUR {
        format!("{minutes} min")
    } else if minutes < 2 * DAY {
        format!("{} hours", rounded(HOUR))
    } else {
        format!("{} days", rounded(DAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_are_told_in_the_unit_in_which_they_are_felt() {
        let told = [35, 179, 180, 540, 10_080, 525_600].map(about);
        assert_eq!(told, ["35 min", "179 min", "3 hours", "9 hours", "7 days", "365 days"]);
    }
}

//! `tidegate judge`: the judge without a rollout. Kayenta's judgement of a file, and a forecast of how long a `compare`
//! gate takes at some traffic. Only `calibrate` asks a cloud.

use anyhow::anyhow;

use super::calibrate::calibrate;
use crate::{
    cli::{
        args::{ForecastCommand, Format, Global, JudgeCommand, JudgeMode, JudgeVerb},
        exit::{Exit, Failure},
        files,
        output::Output,
    },
    judge::{
        Alpha, Config, Delay, Forecast, Metric, Outlook, Pace, Problem, Share, Standard, forecast,
        kayenta,
    },
};

pub(super) async fn judge(
    command: &JudgeCommand,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    match (&command.verb, &command.mode, &command.file) {
        (Some(JudgeVerb::Plan(outlook)), _, _) => plan(outlook, output),
        (Some(JudgeVerb::Calibrate(past)), _, _) => calibrate(past, global, output).await,
        (None, Some(JudgeMode::Kayenta), Some(file)) => {
            let refuse = |words: String| {
                Failure::usage(
                    words,
                    "write what Kayenta sends to a remote judge: `canaryConfig` and `metricSetPairList`",
                )
            };
            let request: kayenta::Request = serde_json::from_slice(&files::read(file)?)
                .map_err(|error| refuse(format!("cannot read {}: {error}", file.display())))?;
            let response = kayenta::judge(&request).map_err(|error| refuse(error.to_string()))?;
            output.json(&response);
            Ok(Exit::Success)
        }
        (None, _, _) => Err(Failure::usage(
            "nothing to judge",
            "write `tidegate judge --mode kayenta FILE`, `tidegate judge plan` or `tidegate judge calibrate PLAN`",
        )),
    }
}

fn plan(asked: &ForecastCommand, output: &Output) -> Result<Exit, Failure> {
    let wrong = |error: Problem| Failure {
        exit: Exit::Usage,
        error: anyhow!(error),
        hint: Some("write percentages, such as `--share 5 --rate 1`".to_owned()),
    };
    let forecast = forecast_of(asked).map_err(wrong)?;
    match output.format {
        Format::Json => output.json(&forecast),
        Format::Text => output.data(&told(asked, &forecast)),
    }
    Ok(Exit::Success)
}

/// Of a gate with everything left at its default.
fn forecast_of(asked: &ForecastCommand) -> Result<Forecast, Problem> {
    let errors = Metric::new("errors", 1.0, Standard::usual())?;
    let level = Alpha::FIVE_PERCENT;
    let config = Config::new(vec![errors.clone()], level, level, Pace::default())?;
    let outlook = Outlook {
        requests_per_minute: f64::from(asked.requests_per_minute),
        share: Share::new(asked.share / 100.0)?,
        rate: Share::new(asked.rate / 100.0)?,
    };
    Ok(forecast(&config, &errors, &outlook))
}

fn told(asked: &ForecastCommand, forecast: &Forecast) -> String {
    let ForecastCommand { requests_per_minute, share, rate } = asked;
    let mut lines = vec![
        format!(
            "{requests_per_minute} requests a minute, {share}% of them to the candidate, {rate}% of stable's fail;"
        ),
        format!(
            "the first {} after a shift are not judged yet and are included below",
            forecast.overhead
        ),
        format!(
            "{:28} {:>12} {:>14} {:>20}",
            "", "likely after", "9 of 10 within", "candidate requests"
        ),
    ];
    let mut line = |name: String, delay: Option<Delay>| {
        lines.push(match delay {
            None => format!("{name:28} {:>12}", "never"),
            Some(delay) => {
                let minutes = |m: u32| format!("{} min", m.saturating_add(forecast.overhead.0));
                let (likely, most) = (minutes(delay.likely.0), minutes(delay.at_most.0));
                format!("{name:28} {likely:>12} {most:>14} {:>20}", delay.requests)
            }
        });
    };
    for (times, delay) in &forecast.fail {
        line(format!("FAIL of {times} times as many"), *delay);
    }
    line("PASS of one as good".to_owned(), forecast.pass);
    lines.join("\n")
}

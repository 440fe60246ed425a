//! How often the judge is wrong: goals G1, G2, G5 and G8.

use super::{
    bound::upper_limit,
    stream::{Scenario, Weather},
    table::{Effort, Finding, Unit},
    trial::{AS_SHIPPED, NO_WORSE, exact, exact_pass, gate, guarded, judged},
};
use crate::judge::{Allowance, Alpha, Case, Earlier, Minute, Pair, Problem, random::Random};

/// How often something happens in runs of a scenario, as the upper limit of its probability.
fn frequency(scenario: &Scenario, effort: Effort, happens: impl Fn(&[Pair]) -> bool) -> f64 {
    let hits = (0..effort.runs)
        .filter(|run| happens(&scenario.draw(&mut Random::new(effort.seed, u64::from(*run)))))
        .count();
    upper_limit(u32::try_from(hits).unwrap_or(u32::MAX), effort.runs)
}

fn share_of_runs(goal: &'static str, what: String, figure: f64, effort: Effort) -> Finding {
    Finding {
        goal,
        what,
        figure,
        bound: Alpha::FIVE_PERCENT.get(),
        unit: Unit::Percent,
        runs: effort.runs,
        seed: effort.seed,
    }
}

/// G1: two equal arms, a look every minute for three hours. The exact test without any tolerance alarms in at most 5 %
/// of runs, whatever the traffic, the rate, the share and the weather. One row per weather or share, with the worst.
pub fn false_alarms(effort: Effort) -> Vec<Finding> {
    let alarms = |scenario: &Scenario| {
        frequency(scenario, effort, |stream| exact(stream, NO_WORSE, AS_SHIPPED).is_some())
    };
    let mut findings = Vec::new();
    for share in [0.01, 0.05, 0.5] {
        let mut worst = (0.0, Scenario::at(10.0));
        for rps in [10.0, 200.0, 5000.0] {
            for rate in [0.0001, 0.001, 0.01, 0.1, 0.5] {
                let scenario = Scenario::at(rps).share(share).rate(rate);
                let figure = alarms(&scenario);
                if figure > worst.0 {
                    worst = (figure, scenario);
                }
            }
        }
        let what = format!(
            "A/A, exact test, share {:.0} %, 10 to 5,000 rps, 0.01 to 50 % bad: worst ({} rps, {} %)",
            share * 100.0,
            worst.1.rps,
            worst.1.rate * 100.0
        );
        findings.push(share_of_runs("G1", what, worst.0, effort));
    }
    let weathers = [
        ("seasonal", Weather::Seasonal),
        ("share in steps", Weather::Steps),
        ("incident on both arms", Weather::SharedIncident),
    ];
    for (name, weather) in weathers {
        let figures = [50.0, 1000.0].map(|rps| alarms(&Scenario::at(rps).in_weather(weather)));
        let figure = figures.into_iter().fold(0.0, f64::max);
        let what = format!("A/A, exact test, {name}, 50 and 1,000 rps: worst");
        findings.push(share_of_runs("G1", what, figure, effort));
    }
    findings
}

/// G2: noise that only the canary has, which breaks the independence the exact test needs. With all guards at most 5 %.
pub fn noise(effort: Effort) -> Result<Vec<Finding>, Problem> {
    let config = gate()?;
    let situations = [
        ("gamma noise of variation 0.3", Weather::CanaryNoise(0.3)),
        ("gamma noise of variation 0.6", Weather::CanaryNoise(0.6)),
        ("gamma noise of variation 1.0", Weather::CanaryNoise(1.0)),
        ("one minute with 20 % bad", Weather::CanaryBurst),
    ];
    Ok(situations
        .into_iter()
        .map(|(name, weather)| {
            let scenario = Scenario::at(200.0).in_weather(weather);
            let figure = frequency(&scenario, effort, |stream| guarded(&config, stream).is_some());
            let what = format!("A/A, all guards, canary only: {name}, 200 rps");
            share_of_runs("G2", what, figure, effort)
        })
        .collect())
}

/// G5: a canary exactly at the margin passes at any of 180 looks in at most 5 % of runs.
pub fn wrong_passes(effort: Effort) -> Vec<Finding> {
    let margin = Allowance::MARGIN;
    [(50.0, 0.01), (1000.0, 0.01), (1000.0, 0.0001)]
        .into_iter()
        .map(|(rps, rate)| {
            let scenario = Scenario::at(rps).rate(rate).worse(margin.ratio(), margin.absolute());
            let figure =
                frequency(&scenario, effort, |stream| exact_pass(stream, margin).is_some());
            let what = format!(
                "PASS of a canary exactly at {margin}, {rps} rps, {} % bad, any of 180 looks",
                rate * 100.0
            );
            share_of_runs("G5", what, figure, effort)
        })
        .collect()
}

/// G8: rows in another order and in pieces give the same report, to the byte of its JSON.
pub fn rows_do_not_matter(effort: Effort) -> Result<Finding, Problem> {
    let config = gate()?;
    let scenario = Scenario { minutes: 60, ..Scenario::at(50.0).worse(1.5, 0.0) };
    let figure = frequency(&scenario, effort, |stream| {
        let as_drawn = judged(&config, stream);
        let mut series = super::stream::series("errors", stream);
        series.rows =
            series.rows.iter().rev().flat_map(|row| super::stream::halves(*row)).collect();
        let case = Case {
            exposure: &super::stream::exposure(stream),
            now: Minute(60),
            series: &[series],
            earlier: &Earlier::Nothing,
        };
        let in_pieces = crate::judge::compare::judge(&config, &case);
        serde_json::to_string(&as_drawn).ok() != serde_json::to_string(&in_pieces).ok()
    });
    let at_best = upper_limit(0, effort.runs);
    Ok(Finding {
        goal: "G8",
        what: "reports that change when rows are reversed and cut in two (limit for none seen)"
            .into(),
        figure,
        bound: at_best,
        unit: Unit::Percent,
        runs: effort.runs,
        seed: effort.seed,
    })
}

//! How often the judge is wrong: goals G1, G2, G5 and G8.

use super::{
    bound::upper_limit,
    stream::{Arms, Scenario, Unrest, Weather},
    table::{Effort, Finding, Unit},
    trial::{AS_SHIPPED, NO_WORSE, exact, exact_pass, gate, guarded, judged, passes, quantile},
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

/// Weather in which errors do not fall independently, with how often a gate may be deceived in it.
///
/// Noise that lasts for the better part of ten minutes cannot be told from a canary that is as good or as bad as it
/// looks, nor can one be known to burst before it has: that weather has a bound of its own. It was read off the figures
/// of other seeds, states what is the case and promises nothing.
fn restless() -> Vec<(String, Weather, Bounds)> {
    let mut weathers = Vec::new();
    let mut with = |name: String, unrest: Unrest, whose: &[Arms], bounds: Bounds| {
        for arms in whose {
            let of = match arms {
                Arms::Canary => "canary",
                Arms::Baseline => "baseline",
                Arms::Apart => "each arm",
                Arms::Together => "both alike",
            };
            weathers.push((format!("{name}, {of}"), Weather::Restless(unrest, *arms), bounds));
        }
    };
    let apart = [Arms::Canary, Arms::Baseline, Arms::Apart];
    let all = [Arms::Canary, Arms::Baseline, Arms::Apart, Arms::Together];
    for times in [2.0, 3.0, 5.0, 10.0] {
        with(format!("dispersion {times}"), Unrest::Overdispersed(times), &apart, USUAL);
    }
    for variation in [0.3, 0.6, 1.0] {
        with(format!("gamma noise {variation}"), Unrest::Gamma(variation), &apart, USUAL);
    }
    let but_canary = [Arms::Baseline, Arms::Apart, Arms::Together];
    with("bursts, 4x in a minute of ten".into(), Unrest::Bursts, &but_canary, USUAL);
    with("bursts, 4x in a minute of ten".into(), Unrest::Bursts, &[Arms::Canary], RARE_BURSTS);
    with("lasting 0.5".into(), Unrest::Lasting(0.5), &all, USUAL);
    with("lasting 0.7".into(), Unrest::Lasting(0.7), &apart, LASTING_0_7);
    with("lasting 0.9".into(), Unrest::Lasting(0.9), &apart, LASTING_0_9);
    let alike = [Arms::Together];
    with("lasting 0.7".into(), Unrest::Lasting(0.7), &alike, USUAL);
    with("lasting 0.9".into(), Unrest::Lasting(0.9), &alike, USUAL);
    weathers
}

/// How often a canary at the margin may pass and a harmless one may fail.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    pass: f64,
    fail: f64,
}

const USUAL: Bounds = Bounds { pass: 0.05, fail: 0.05 };
/// A canary that reaches its margin by such bursts alone is better than it before the first one.
const RARE_BURSTS: Bounds = Bounds { pass: 0.45, fail: 0.05 };
const LASTING_0_7: Bounds = Bounds { pass: 0.15, fail: 0.3 };
const LASTING_0_9: Bounds = Bounds { pass: 0.35, fail: 0.65 };

/// The traffic that restless weather is simulated at: 2 to 48 errors of the canary a minute.
const TRAFFIC: [f64; 3] = [50.0, 200.0, 1000.0];

/// The worst figure over the traffic, and where it was.
fn worst_of(figure: impl Fn(f64) -> f64) -> (f64, f64) {
    TRAFFIC
        .into_iter()
        .map(|rps| (figure(rps), rps))
        .fold((0.0, 0.0), |worst, at| if at.0 > worst.0 { at } else { worst })
}

/// G5: a canary exactly at the margin passes the gate as it is shipped, at any of 180 looks, in at most 5 % of runs,
/// whatever the weather. Each row takes a minute or so with 10,000 runs, and is simulated when it is asked for.
pub fn wrong_passes(effort: Effort) -> Result<impl Iterator<Item = Finding>, Problem> {
    let config = gate()?;
    let margin = Allowance::MARGIN;
    let passing = move |scenario: Scenario| {
        let scenario = scenario.worse(margin.ratio(), margin.absolute());
        frequency(&scenario, effort, |stream| passes(&config, stream).is_some())
    };
    let in_calm = passing.clone();
    let calm =
        [(50.0, 0.01), (1000.0, 0.01), (1000.0, 0.0001)].into_iter().map(move |(rps, rate)| {
            let figure = in_calm(Scenario::at(rps).rate(rate));
            let what =
                format!("PASS at the margin of {margin}, calm, {rps} rps, {} % bad", rate * 100.0);
            share_of_runs("G5", what, figure, effort)
        });
    let in_step = [
        ("diurnal".to_owned(), Weather::Seasonal, USUAL),
        ("incident on both arms".to_owned(), Weather::SharedIncident, USUAL),
        ("share in steps".to_owned(), Weather::Steps, USUAL),
    ];
    let weathers = in_step.into_iter().chain(restless()).map(move |(name, weather, bounds)| {
        let (figure, rps) = worst_of(|rps| passing(Scenario::at(rps).in_weather(weather)));
        let what = format!("PASS at the margin, {name}: worst of 50, 200, 1,000 rps ({rps})");
        Finding { bound: bounds.pass, ..share_of_runs("G5", what, figure, effort) }
    });
    Ok(calm.chain(weathers))
}

/// G2 in the weather of G5: a canary as good as its baseline fails in at most 5 % of runs. Each row is simulated when it
/// is asked for.
pub fn wrong_fails(effort: Effort) -> Result<impl Iterator<Item = Finding>, Problem> {
    let config = gate()?;
    Ok(restless().into_iter().map(move |(name, weather, bounds)| {
        let (figure, rps) = worst_of(|rps| {
            let scenario = Scenario::at(rps).in_weather(weather);
            frequency(&scenario, effort, |stream| guarded(&config, stream).is_some())
        });
        let what = format!("FAIL of equal arms, {name}: worst of 50, 200, 1,000 rps ({rps})");
        Finding { bound: bounds.fail, ..share_of_runs("G2", what, figure, effort) }
    }))
}

/// What the care for noise costs: the medians and 90th percentiles of minutes until a canary as good as its baseline
/// passes, as shipped and by the exact test alone. The bounds are two and a half times the exact test's and five minutes.
pub fn cost_of_care(effort: Effort) -> Result<Vec<Finding>, Problem> {
    let config = gate()?;
    let least = config.pace().min_data.0;
    let mut findings = Vec::new();
    for (rps, rate) in [(50.0, 0.01), (200.0, 0.01), (1000.0, 0.01), (50.0, 0.0), (200.0, 0.001)] {
        let scenario = Scenario::at(rps).rate(rate);
        let (mut shipped, mut exact) = (Vec::new(), Vec::new());
        for run in 0..u64::from(effort.runs) {
            let stream = scenario.draw(&mut Random::new(effort.seed, run));
            shipped.push(passes(&config, &stream));
            exact.push(exact_pass(&stream, Allowance::MARGIN).map(|minutes| minutes.max(least)));
        }
        for (name, part) in [("median", 0.5), ("90th percentile", 0.9)] {
            let exact = quantile(&mut exact, part);
            findings.push(Finding {
                goal: "cost",
                what: format!(
                    "PASS of equal arms, calm, {rps} rps, {} % bad, {name} (exact test alone: {exact} min)",
                    rate * 100.0
                ),
                figure: quantile(&mut shipped, part),
                bound: 2.5 * exact + 5.0,
                unit: Unit::Minutes,
                runs: effort.runs,
                seed: effort.seed,
            });
        }
    }
    Ok(findings)
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

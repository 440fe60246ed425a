//! How long a regression takes to be found: goals G3, G4 and G6.

use super::{
    rivals::{Against, fixed_horizon, kayenta, total},
    stream::Scenario,
    table::{Effort, Finding, Unit},
    trial::{AS_SHIPPED, NO_WORSE, exact, gate, guarded, quantile},
};
use crate::judge::{
    Allowance, Pair, Problem,
    evidence::{Hypothesis, Restarts},
    random::Random,
};

fn streams(scenario: &Scenario, effort: Effort) -> Vec<Vec<Pair>> {
    let runs = 0..u64::from(effort.runs);
    runs.map(|run| scenario.draw(&mut Random::new(effort.seed, run))).collect()
}

fn times(goal: &'static str, what: String, (figure, bound): (f64, f64), effort: Effort) -> Finding {
    Finding { goal, what, figure, bound, unit: Unit::Times, runs: effort.runs, seed: effort.seed }
}

/// G3: canary requests until the exact test fails, against what one look at a fixed horizon needs for 80 % power; and
/// what tolerance and guards add, in minutes.
pub fn against_fixed_horizon(effort: Effort) -> Result<Vec<Finding>, Problem> {
    let mut findings = Vec::new();
    for ratio in [2.0, 3.0] {
        // So little traffic that whole minutes do not matter: two canary requests in each.
        let scenario = Scenario { minutes: 2700, ..Scenario::at(2.0 / 3.0).worse(ratio, 0.0) };
        let needed = fixed_horizon(scenario.rate, ratio, scenario.share);
        let restarts = slower(AS_SHIPPED);
        let mut requests: Vec<Option<u32>> = streams(&scenario, effort)
            .iter()
            .map(|stream| {
                let end = usize::try_from(exact(stream, NO_WORSE, restarts)?).ok()?;
                u32::try_from(total(stream.get(..end)?).canary.total()).ok()
            })
            .collect();
        for (name, part, bound) in [("median", 0.5, 1.2), ("90th percentile", 0.9, 3.0)] {
            let figure = quantile(&mut requests, part) / needed;
            let what = format!(
                "requests to FAIL at {ratio}x of 1 %, exact test, {name}, over fixed horizon ({needed:.0})"
            );
            findings.push(times("G3", what, (figure, bound), effort));
        }
    }
    let config = gate()?;
    for rps in [50.0, 200.0] {
        let streams = streams(&Scenario::at(rps).worse(2.0, 0.0), effort);
        let tolerance = Hypothesis::from(Allowance::TOLERANCE);
        let median = |find: &dyn Fn(&[Pair]) -> Option<u32>| {
            quantile(&mut streams.iter().map(|s| find(s)).collect::<Vec<_>>(), 0.5)
        };
        let exact = median(&|s| exact(s, tolerance, AS_SHIPPED));
        let guarded = median(&|s| guarded(&config, s));
        findings.push(Finding {
            goal: "G3",
            what: format!("what guards add to the median of {exact} min, 1 % -> 2 %, {rps} rps"),
            figure: guarded - exact,
            bound: 3.0,
            unit: Unit::Minutes,
            runs: effort.runs,
            seed: effort.seed,
        });
    }
    Ok(findings)
}

/// The same parts of the reserve in time stretched fifteenfold.
fn slower(restarts: Restarts) -> Restarts {
    match restarts {
        Restarts::Never => Restarts::Never,
        Restarts::Every { minutes, parts, reserve } => {
            Restarts::Every { minutes: crate::judge::Minutes(minutes.0 * 15), parts, reserve }
        }
    }
}

/// G4: the median delay of a doubling, over that of Kayenta with the equal baseline it asks for.
pub fn against_kayenta(effort: Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rps in [10.0, 50.0, 200.0] {
        let streams = streams(&Scenario::at(rps).worse(2.0, 0.0), effort);
        let mut ours: Vec<_> =
            streams.iter().map(|stream| exact(stream, NO_WORSE, AS_SHIPPED)).collect();
        let ours = quantile(&mut ours, 0.5);
        for (every, bound) in [(10, 0.4), (60, 0.25)] {
            let mut theirs: Vec<_> = (0..)
                .zip(&streams)
                .map(|(run, stream)| {
                    kayenta(stream, every, Against::Equal, &mut Random::new(effort.seed + 1, run))
                })
                .collect();
            let theirs = quantile(&mut theirs, 0.5);
            let what = format!(
                "median delay of 1 % -> 2 %, {rps} rps: {ours} min, over Kayenta every {every} min: {theirs}"
            );
            findings.push(times("G4", what, (ours / theirs, bound), effort));
        }
    }
    findings
}

/// G6: a doubling that begins after an hour: the median delay over that of a single start. With the usual tolerance, as
/// every gate has one, at a moment of a restart and between two; and without any, where the single start suffers less.
pub fn late_onset(effort: Effort) -> Vec<Finding> {
    let usual = Hypothesis::from(Allowance::TOLERANCE);
    let situations =
        [(usual, 60, "1.1x + 0.05 pp"), (usual, 63, "1.1x + 0.05 pp"), (NO_WORSE, 60, "none")];
    let mut findings = Vec::new();
    for rps in [50.0, 200.0] {
        for (hypothesis, onset, tolerated) in situations {
            let streams = streams(&Scenario::at(rps).worse(2.0, 0.0).from(onset), effort);
            let median = |restarts: Restarts| {
                let after = |minute: u32| minute.saturating_sub(onset);
                let found = streams.iter().map(|s| exact(s, hypothesis, restarts).map(after));
                quantile(&mut found.collect::<Vec<_>>(), 0.5)
            };
            let (ours, single) = (median(AS_SHIPPED), median(Restarts::Never));
            let what = format!(
                "1 % -> 2 % from minute {onset}, {rps} rps, tolerance {tolerated}: median {ours} over single start {single} min"
            );
            findings.push(times("G6", what, (ours / single, 0.5), effort));
        }
    }
    findings
}

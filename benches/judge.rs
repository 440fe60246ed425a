//! Puts the judge on trial and prints what was found: goals G1 to G6 and G8 with figure, bound, runs and seed, then the
//! detection table, then how long judging takes. `cargo bench --bench judge`; after `--` a number of runs (without one
//! 10,000 for error rates and 2,000 for delays), `seed=N`, and names of parts: `-- G5 cost seed=4` runs these two.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(clippy::print_stdout, reason = "the tables are the point")]

use std::time::Instant;

use tidegate::judge::{
    Alpha, Case, Config, Earlier, Metric, Minute, Minutes, Pace, Problem, Standard, judge,
    study::{self, Effort, Finding},
};

/// Three hours for each of so many gates should take well under 0.3 s on one core.
const GATES: u32 = 1000;

/// What can be asked for by name.
const PARTS: [&str; 9] = ["G1", "G2", "G2-restless", "G3", "G4", "G5", "G6", "G8", "cost"];

fn main() -> Result<(), Problem> {
    // Test runners start every target to ask for its tests; this one has none, and takes minutes.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let runs = asked.iter().find_map(|argument| argument.parse().ok());
    let seed = |usual| {
        let given = asked.iter().find_map(|argument| argument.strip_prefix("seed=")?.parse().ok());
        given.unwrap_or(usual)
    };
    let errors = Effort { runs: runs.unwrap_or(10_000), seed: seed(1) };
    let delays = Effort { runs: runs.unwrap_or(2_000), seed: seed(2) };
    let named = |part: &str| asked.iter().any(|argument| argument == part);
    let all = !PARTS.iter().any(|part| named(part));
    for part in PARTS.into_iter().filter(|part| all || named(part)) {
        let findings: Box<dyn Iterator<Item = Finding>> = match part {
            "G1" => all_of(study::false_alarms(errors)),
            "G2" => all_of(study::noise(errors)?),
            "G2-restless" => Box::new(study::wrong_fails(errors)?),
            "G3" => all_of(study::against_fixed_horizon(delays)?),
            "G4" => all_of(study::against_kayenta(delays)),
            "G5" => Box::new(study::wrong_passes(errors)?),
            "G6" => all_of(study::late_onset(delays)),
            "G8" => all_of(vec![study::rows_do_not_matter(delays)?]),
            _ => all_of(study::cost_of_care(delays)?),
        };
        println!("{}", study::heading());
        findings.for_each(|finding| println!("{finding}"));
        println!();
    }
    if runs.is_some() {
        println!(
            "(the goals ask for 10,000 and 2,000 runs: fewer widen the limits of G1, G2 and G5 and scatter medians)\n"
        );
    }
    if !all {
        return Ok(());
    }
    println!("{}", study::detection(Effort { seed: 3, ..delays })?);
    println!("{GATES} gates of 180 minutes judged in {:.3} s", timing()?);
    Ok(())
}

fn all_of(findings: Vec<Finding>) -> Box<dyn Iterator<Item = Finding>> {
    Box::new(findings.into_iter())
}

/// Seconds for all gates, the best of five rounds.
fn timing() -> Result<f64, Problem> {
    let config = Config::new(
        vec![Metric::new("errors", 1.0, Standard::usual())?],
        Alpha::FIVE_PERCENT,
        Alpha::FIVE_PERCENT,
        Pace { deadline: Minutes(180), ..Pace::default() },
    )?;
    let gates = study::gates(GATES);
    let round = || {
        let start = Instant::now();
        for (exposure, series) in &gates {
            let case = Case { exposure, now: Minute(182), series, earlier: &Earlier::Nothing };
            std::hint::black_box(judge(&config, &case));
        }
        start.elapsed().as_secs_f64()
    };
    Ok((0..5).map(|_| round()).fold(f64::INFINITY, f64::min))
}

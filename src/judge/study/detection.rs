//! Who finds a doubling of 1 % at 5 % share, how soon, and how often each cries wolf: ours beside its rivals, all on the
//! same simulated streams.

use std::fmt::Write;

use super::{
    rivals::{Against, fixed_horizon, kayenta, threshold_and_count, z_once, z_peeked},
    stream::Scenario,
    table::Effort,
    trial::{AS_SHIPPED, NO_WORSE, exact, gate, guarded, quantile},
};
use crate::judge::{Pair, Problem, quantity::size, random::Random};

type Find<'a> = Box<dyn Fn(&[Pair], &mut Random) -> Option<u32> + 'a>;

/// One row per judge, one column per traffic: the share of A/A runs that signalled, then the median and the 90th
/// percentile of minutes of data until the doubling was found (a dash where it was not within three hours).
pub fn detection(effort: Effort) -> Result<String, Problem> {
    let config = gate()?;
    let horizon = fixed_horizon(0.01, 2.0, 0.05);
    let judges: Vec<(&str, Find<'_>)> = vec![
        ("ours: exact test, no tolerance", Box::new(|s, _| exact(s, NO_WORSE, AS_SHIPPED))),
        ("ours: as shipped (1.1x + 0.05 pp, guards)", Box::new(|s, _| guarded(&config, s))),
        ("z-test, one look at the horizon", Box::new(|s, _| z_once(s, horizon))),
        ("z-test, peeked every minute", Box::new(|s, _| z_peeked(s))),
        (
            "Kayenta every 10 min, equal baseline",
            Box::new(|s, r| kayenta(s, 10, Against::Equal, r)),
        ),
        (
            "Kayenta every 10 min, against the rest",
            Box::new(|s, r| kayenta(s, 10, Against::Rest, r)),
        ),
        (
            "Kayenta every 60 min, equal baseline",
            Box::new(|s, r| kayenta(s, 60, Against::Equal, r)),
        ),
        ("five minutes below 98.5 % success", Box::new(|s, _| threshold_and_count(s))),
    ];
    let columns = [10.0, 50.0, 200.0];
    let mut text = format!("{:<44}", "1 % -> 2 % at 5 % share: A/A; median/p90 min");
    for rps in columns {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:>24}", format!("{rps} rps"));
    }
    let streams = columns.map(|rps| {
        [1.0, 2.0].map(|ratio| {
            let scenario = Scenario::at(rps).worse(ratio, 0.0);
            let runs = 0..u64::from(effort.runs);
            runs.map(|run| scenario.draw(&mut Random::new(effort.seed, run))).collect::<Vec<_>>()
        })
    });
    for (name, find) in judges {
        let _ = write!(text, "\n{name:<44}");
        for [same, worse] in &streams {
            let delays = |streams: &[Vec<Pair>]| -> Vec<Option<u32>> {
                let each = (0..).zip(streams);
                each.map(|(run, s)| find(s, &mut Random::new(effort.seed + 1, run))).collect()
            };
            let alarms = delays(same).iter().flatten().count();
            let mut found = delays(worse);
            let cell = format!(
                "{:.1} %; {}/{}",
                size(alarms) / f64::from(effort.runs) * 100.0,
                minutes(quantile(&mut found, 0.5)),
                minutes(quantile(&mut found, 0.9)),
            );
            let _ = write!(text, "{cell:>24}");
        }
    }
    let _ = writeln!(text, "\n({} runs each, seed {})", effort.runs, effort.seed);
    Ok(text)
}

fn minutes(delay: f64) -> String {
    if delay.is_finite() { format!("{delay:.0}") } else { "-".to_owned() }
}

//! Whether the candidate has been given enough requests to be judged by, and whether its share of them is what was set:
//! sticky clients, cached names and connections kept open do not follow weights.

use std::time::Duration;

use super::measured::{Source, attributed, lacking, last_whole, standing};
use crate::{
    cloud::{Error, Reads, Series},
    plan::{Member, Side},
    rollout::{Outcome, Reading, RouteBound, Split, Timestamp},
};

const MINUTE: Duration = Duration::from_mins(1);
/// Standard errors that chance may be off by: once in some 15,000 looks.
const CHANCE: f64 = 4.0;
/// What is borne beyond chance, as a share: nodes take a while to apply weights.
const SLACK: f64 = 0.005;

/// Counts the requests of every group of the route in the whole minutes since a shift, with one call.
pub async fn poll_requests(
    reads: &Reads,
    bound: &RouteBound,
    split: Option<&Split>,
    (since, at_least): (Timestamp, u32),
    at: Timestamp,
) -> Result<Reading, Error> {
    let (from, to) = (first_whole(since), last_whole(at, MINUTE));
    if from >= to {
        return Ok(Reading::new(Outcome::Wait, at, "no whole minute has passed since the shift"));
    }
    let mut queries = Vec::new();
    let candidate = standing(bound, Side::Candidate)?;
    for group in std::iter::once(candidate).chain(beside(bound)) {
        queries.push(Source::of_member(reads, bound, group).await?.requests());
    }
    let answers = reads.metrics.series(&queries, from, to, MINUTE).await?;
    if let Some(words) = lacking(&queries, &answers) {
        return Ok(Reading::new(Outcome::Unknown, at, format!("cannot be measured: {words}")));
    }
    let sum = |series: &Series| series.points.iter().map(|(_, value)| value).sum::<f64>();
    let mut seen = answers.iter().map(sum);
    let candidate = seen.next().unwrap_or(0.0);
    let share = split.and_then(|split| expected(split, bound));
    let reading = judge_requests(candidate, seen.sum(), share, at_least, at)
        .with("window", format!("{from} to {to}"));
    Ok(attributed(reading, &queries, &answers))
}

/// Whoever shares the requests with the candidate.
fn beside(bound: &RouteBound) -> impl Iterator<Item = &Member> {
    bound.members().filter(|member| Some(*member) != bound.candidate.as_ref())
}

fn first_whole(since: Timestamp) -> Timestamp {
    let begun = last_whole(since, MINUTE);
    if begun == since { since } else { begun.plus(MINUTE) }
}

/// The candidate's share by its weight.
fn expected(split: &Split, bound: &RouteBound) -> Option<f64> {
    let weight = |member| f64::from(split.weight(member).get());
    let all: f64 = bound.members().map(weight).sum();
    (all > 0.0).then(|| f64::from(bound.weight(split, Side::Candidate).get()) / all)
}

/// Passes with enough requests to the candidate. A share that is off stops nothing, but is said.
pub fn judge_requests(
    candidate: f64,
    others: f64,
    expected: Option<f64>,
    at_least: u32,
    at: Timestamp,
) -> Reading {
    let enough = candidate >= f64::from(at_least);
    let outcome = if enough { Outcome::Pass } else { Outcome::Wait };
    let needed = if enough { String::new() } else { format!(", {at_least} are needed") };
    let because = format!("{candidate} requests to the candidate since the shift{needed}");
    let all = candidate + others;
    let Some(expected) = expected.filter(|_| all > 0.0) else {
        return Reading::new(outcome, at, because);
    };
    let observed = candidate / all;
    let band = CHANCE * (expected * (1.0 - expected) / all).sqrt() + SLACK;
    let percent = |share: f64| format!("{}%", (share * 10_000.0).round() / 100.0);
    let share = format!("{} of {all} requests, {} expected", percent(observed), percent(expected));
    let off = if (observed - expected).abs() > band {
        format!(
            "; warning: its share is {share}, which is not chance (sticky clients, DNS, kept connections?)"
        )
    } else {
        String::new()
    };
    Reading::new(outcome, at, because + &off).with("share", share)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{plan::units::Percent, testkit::rule_bound};

    fn read(candidate: f64, stable: f64, expected: f64) -> Reading {
        judge_requests(candidate, stable, Some(expected), 500, Timestamp::default())
    }

    #[test]
    fn enough_requests_pass_and_too_few_wait() {
        assert_eq!(read(499.0, 9_500.0, 0.05).outcome, Outcome::Wait);
        assert_eq!(read(500.0, 9_500.0, 0.05).outcome, Outcome::Pass);
        assert_eq!(read(0.0, 0.0, 0.05).outcome, Outcome::Wait);
    }

    #[test]
    fn a_share_that_is_off_is_told_and_chance_is_not() {
        let warns = |reading: Reading| reading.because.contains("warning");
        assert!(!warns(read(540.0, 9_460.0, 0.05)));
        assert!(warns(read(300.0, 9_700.0, 0.05)), "sticky clients stay away");
        assert!(!warns(read(1.0, 9.0, 0.05)), "too few to tell");
        assert!(warns(read(9_000.0, 1_000.0, 1.0)), "not everybody has moved");
    }

    #[test]
    fn a_share_is_of_all_requests_those_to_a_baseline_included() {
        let bound = |baseline: Option<&str>| RouteBound {
            baseline: baseline.map(Member::new),
            ..rule_bound("", "blue", "green")
        };
        let share: Percent = "10%".parse().unwrap();
        for bound in [bound(None), bound(Some("fresh"))] {
            let split = bound.shifted(&Split::default(), share).unwrap();
            assert_eq!(expected(&split, &bound), Some(0.1), "{split}");
            let others: u32 = beside(&bound).map(|group| split.share(group)).sum();
            assert_eq!(others, 9_000, "{split}");
        }
    }

    #[test]
    fn the_minute_of_the_shift_is_left_out() {
        let at = Timestamp::from_millis;
        assert_eq!(first_whole(at(60_001)), at(120_000));
        assert_eq!(first_whole(at(60_000)), at(60_000));
    }

    proptest! {
        #[test]
        fn nothing_seen_never_passes(stable in 0.0..1e9f64, expected in 0.0..=1.0f64, n in 1u32..1_000) {
            let reading = judge_requests(0.0, stable, Some(expected), n, Timestamp::default());
            prop_assert_eq!(reading.outcome, Outcome::Wait);
        }
    }
}

//! What a comparison would have said of past canaries. No run tells here which weights there were, so an exposure is
//! taken as it was observed: a spell in which both sides had requests. The counts and the judge are those of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    compare::{Seen, baseline_of, counts_of_both, judge_compare, judge_config},
    measured::{last_whole, standing},
    rows::{MINUTE, minute_of, start_of},
};
use crate::{
    cloud::{Error, Operation, Reads},
    judge::{
        self, Arm, Case, Config, Counts, Earlier, Exposure, Judgement, Minute, Minutes, Report,
        Row, Share, Step, Verdict,
    },
    plan::{CompareGate, Member, Side},
    rollout::{Outcome, Reading, RouteBound, Timestamp},
};

/// A spell in which both sides had requests, and what the gate would have said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PastExposure {
    pub from: Timestamp,
    /// The end of the last minute in which both had requests.
    pub to: Timestamp,
    /// The side that had none before, whatever it is called by now.
    pub candidate: Member,
    pub baseline: Member,
    /// At most two: when it first passed or ended undecided, at its deadline or with the spell; and when it failed.
    pub said: Vec<Reading>,
}

impl PastExposure {
    /// The reading that would have failed.
    pub fn failure(&self) -> Option<&Reading> {
        self.said.iter().find(|reading| reading.outcome == Outcome::Fail)
    }
}

/// Reads both sides' counts from `since` on, with one call, and judges each exposure among them.
pub async fn past_exposures(
    reads: &Reads,
    gate: &CompareGate,
    bound: &RouteBound,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<PastExposure>, Error> {
    let refused =
        |message: String| Error::Rejected { operation: Operation::GetMetricData, message };
    let (from, to) = (last_whole(since, MINUTE), last_whole(now.before(gate.settle), MINUTE));
    if from >= to {
        return Err(refused("no minute of the past has settled".to_owned()));
    }
    let counts =
        counts_of_both(reads, gate, bound, (from, to)).await?.rows(gate).map_err(refused)?;
    let config = judge_config(gate).map_err(|problem| refused(problem.to_string()))?;
    let groups = (baseline_of(gate, bound)?, standing(bound, Side::Candidate)?);
    Ok(exposures(gate, &config, groups, &counts, minute_of(to)))
}

/// `end` is the minute after the last that is known.
fn exposures(
    gate: &CompareGate,
    config: &Config,
    (baseline, candidate): (&Member, &Member),
    counts: &[judge::Series],
    end: Minute,
) -> Vec<PastExposure> {
    let traffic = traffic(counts);
    let spells = spells(&traffic, config.pace().no_data_after);
    let exposure = |spell: &Spell| {
        let (candidate, baseline) = match spell.candidate {
            Side::Candidate => (candidate, baseline),
            Side::Stable => (baseline, candidate),
        };
        PastExposure {
            from: start_of(spell.first),
            to: start_of(spell.end()),
            candidate: candidate.clone(),
            baseline: baseline.clone(),
            said: said(gate, config, spell, &spell.of(counts), end),
        }
    };
    spells.iter().map(exposure).collect()
}

/// Requests of both sides in each minute that has any, as the metric that saw the most of them counts.
fn traffic(counts: &[judge::Series]) -> BTreeMap<Minute, judge::Pair> {
    let mut traffic: BTreeMap<Minute, judge::Pair> = BTreeMap::new();
    for row in counts.iter().flat_map(|series| &series.rows) {
        let pair = traffic.entry(row.minute).or_default();
        let arm = match row.arm {
            Arm::Baseline => &mut pair.baseline,
            Arm::Canary => &mut pair.canary,
        };
        let total = arm.total().max(row.counts.total());
        *arm = Counts::new(total, 0);
    }
    traffic
}

/// From the first to the last minute in which both sides had requests.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spell {
    first: Minute,
    last: Minute,
    /// What is called so now and was the candidate then: after a promotion the two have changed places.
    candidate: Side,
    share: Share,
}

impl Spell {
    fn end(&self) -> Minute {
        self.last.plus(Minutes(1))
    }

    /// What was counted in it, by the part each side had then.
    fn of(&self, counts: &[judge::Series]) -> Vec<judge::Series> {
        let arm = |arm| match (self.candidate, arm) {
            (Side::Candidate, arm) => arm,
            (Side::Stable, Arm::Canary) => Arm::Baseline,
            (Side::Stable, Arm::Baseline) => Arm::Canary,
        };
        let within = |row: &&Row| (self.first..=self.last).contains(&row.minute);
        let series = |series: &judge::Series| judge::Series {
            metric: series.metric.clone(),
            rows: series
                .rows
                .iter()
                .filter(within)
                .map(|row| Row { arm: arm(row.arm), ..*row })
                .collect(),
        };
        counts.iter().map(series).collect()
    }
}

/// Minutes with requests to both sides, cut where there were none for so long. Whoever was alone before is the baseline.
fn spells(traffic: &BTreeMap<Minute, judge::Pair>, gap: Minutes) -> Vec<Spell> {
    let mut spells: Vec<(Spell, judge::Pair)> = Vec::new();
    let mut alone = Side::Stable;
    for (minute, pair) in traffic {
        match (pair.baseline.total() > 0, pair.canary.total() > 0) {
            (true, true) => match spells.last_mut() {
                Some((spell, sum)) if minute.since(spell.end()) < gap => {
                    spell.last = *minute;
                    *sum = sum.plus(*pair);
                }
                Some(_) | None => {
                    let candidate = match alone {
                        Side::Stable => Side::Candidate,
                        Side::Candidate => Side::Stable,
                    };
                    let share = Share::HALF;
                    spells.push((Spell { first: *minute, last: *minute, candidate, share }, *pair));
                }
            },
            (true, false) => alone = Side::Stable,
            (false, true) => alone = Side::Candidate,
            (false, false) => {}
        }
    }
    let with_share = |(spell, sum): (Spell, judge::Pair)| {
        let sum = match spell.candidate {
            Side::Candidate => sum,
            Side::Stable => sum.swapped(),
        };
        let share = sum.share().and_then(|share| Share::new(share).ok());
        Spell { share: share.unwrap_or(Share::HALF), ..spell }
    };
    spells.into_iter().map(with_share).collect()
}

/// What a gate that looks every minute would have said first, and when it would have failed. Its failure is found by
/// one judgement, which replays every look. A pass needs one for each look that may be it, up to the deadline at most.
fn said(
    gate: &CompareGate,
    config: &Config,
    spell: &Spell,
    counts: &[judge::Series],
    known: Minute,
) -> Vec<Reading> {
    let pace = config.pace();
    let exposure = Exposure::new(Step { at: spell.first, share: spell.share });
    let over = spell.end().min(known).plus(pace.settle);
    let case = Case { exposure: &exposure, now: over, series: counts, earlier: &Earlier::Nothing };
    let report = judge::judge(config, &case);
    let read = |look: Minute, alone_since| {
        let seen = Seen::observed(exposure.clone(), alone_since);
        judge_compare(counts, gate, (&seen, None), &mut Judgement::default(), start_of(look))
    };
    let look_after = |minute: Minute| minute.plus(Minutes(1)).plus(pace.settle);
    let failure = match report.verdict {
        Verdict::Fail => report.until.map(look_after),
        Verdict::Running | Verdict::Pass | Verdict::Inconclusive(_) | Verdict::NoData(_) => None,
    };
    let last = over.min(spell.first.plus(pace.deadline));
    let pass = may_pass(&report)
        .map(look_after)
        .take_while(|look| *look <= last && failure.is_none_or(|failure| *look < failure))
        .map(|look| read(look, None))
        .find(|reading| reading.outcome == Outcome::Pass);
    let undecided =
        || failure.is_none_or(|failure| last < failure).then(|| read(last, Some(spell.end())));
    let failure = failure.map(|look| read(look, None));
    pass.or_else(undecided).into_iter().chain(failure).collect()
}

/// The minutes after which every metric had enough evidence before the guards, which only ever take away.
fn may_pass(report: &Report) -> impl Iterator<Item = Minute> {
    let mut minutes: BTreeMap<Minute, Vec<(usize, f64)>> = BTreeMap::new();
    for (metric, found) in report.metrics.iter().enumerate() {
        for point in found.trace.iter() {
            minutes.entry(point.minute).or_default().push((metric, point.pass));
        }
    }
    let mut latest = vec![0.0; report.metrics.len()];
    let line = report.pass_line;
    minutes.into_iter().filter_map(move |(minute, points)| {
        for (metric, pass) in points {
            if let Some(latest) = latest.get_mut(metric) {
                *latest = pass;
            }
        }
        latest.iter().all(|pass| *pass >= line).then_some(minute)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::sample_compare;

    /// From a minute to another: requests of blue and of green in each, and how many of a thousand fail there.
    type Stretch = (std::ops::Range<i64>, [u64; 2], [u64; 2]);

    fn exposed(stretches: &[Stretch], end: i64) -> Vec<PastExposure> {
        let rows = stretches.iter().flat_map(|(minutes, requests, errors)| {
            minutes.clone().flat_map(move |minute| {
                [(Arm::Baseline, 0), (Arm::Canary, 1)].map(|(arm, side): (Arm, usize)| Row {
                    minute: Minute(minute),
                    arm,
                    counts: Counts::new(requests[side], requests[side] * errors[side] / 1_000),
                })
            })
        });
        let metric = judge_config(&sample_compare()).unwrap().metrics()[0].name().clone();
        let counts = [judge::Series { metric, rows: rows.collect() }];
        let groups = [Member::new("blue"), Member::new("green")];
        let config = judge_config(&sample_compare()).unwrap();
        exposures(&sample_compare(), &config, (&groups[0], &groups[1]), &counts, Minute(end))
    }

    fn outcomes(exposure: &PastExposure) -> Vec<(Outcome, i64)> {
        exposure.said.iter().map(|r| (r.outcome, r.at.as_millis() / 60_000)).collect()
    }

    const ALONE: Stretch = (0..30, [3_000, 0], [10, 0]);

    #[test]
    fn a_worse_canary_fails_when_a_run_would_have_seen_it() {
        let canary = (30..70, [1_500, 1_500], [10, 30]);
        let told = exposed(&[ALONE, canary, (70..90, [3_000, 0], [10, 0])], 90);
        let [only] = &told[..] else { panic!("{told:?}") };
        assert_eq!((only.from, only.to), (start_of(Minute(30)), start_of(Minute(70))));
        assert_eq!((only.candidate.as_str(), only.baseline.as_str()), ("green", "blue"));
        let failed = only.failure().unwrap();
        let judged: Vec<_> = outcomes(only);
        assert!((34..45).contains(&judged[0].1), "after the warm-up, once settled: {judged:?}");
        // What a run that looks at just that moment is told, from no more than it could know.
        let known = exposed(&[ALONE, (30..judged[0].1 - 2, [1_500, 1_500], [10, 30])], 90);
        assert_eq!(
            known[0].failure().map(|r| (r.at, &r.because)),
            Some((failed.at, &failed.because))
        );
        let less = exposed(&[ALONE, (30..judged[0].1 - 3, [1_500, 1_500], [10, 30])], 90);
        assert_eq!(less[0].failure(), None, "a minute less does not suffice");
    }

    #[test]
    fn an_equal_canary_passes_once_and_may_fail_later() {
        let equal = (30..120, [1_500, 1_500], [10, 10]);
        let told = exposed(&[ALONE, equal.clone()], 130);
        let passed = outcomes(&told[0]);
        assert!(matches!(passed[..], [(Outcome::Pass, 35..=60)]), "{passed:?}");
        let late = (120..200, [1_500, 1_500], [10, 60]);
        let then = outcomes(&exposed(&[ALONE, equal, late], 200)[0]);
        assert_eq!(then[..1], passed[..], "what comes later changes nothing before it");
        assert!(matches!(then[1..], [(Outcome::Fail, 122..=140)]), "{then:?}");
    }

    #[test]
    fn too_little_traffic_stays_undecided_until_its_deadline_or_its_end() {
        let few = |minutes| exposed(&[ALONE, (minutes, [90, 5], [0, 0])], 300);
        assert_eq!(outcomes(&few(30..200)[0]), [(Outcome::Unknown, 90)], "an hour from 30 on");
        assert_eq!(outcomes(&few(30..50)[0]), [(Outcome::Unknown, 52)]);
    }

    #[test]
    fn who_served_alone_before_is_the_baseline_though_the_sides_have_changed_places_since() {
        let promoted = [
            (0..30, [0, 3_000], [0, 10]),
            (30..70, [1_500, 1_500], [30, 10]),
            (70..90, [3_000, 0], [30, 0]),
        ];
        let told = exposed(&promoted, 90);
        assert_eq!(told[0].candidate.as_str(), "blue");
        assert!(told[0].failure().is_some(), "{told:?}");
    }

    #[test]
    fn a_pause_without_canary_traffic_ends_an_exposure_and_a_gap_does_not() {
        let canary = |minutes| (minutes, [1_500, 1_500], [10, 10]);
        let with_gap = |gap: i64| {
            let again = 40 + gap;
            let told = exposed(&[ALONE, canary(30..40), canary(again..again + 9)], 90);
            told.len()
        };
        assert_eq!(with_gap(4), 1);
        assert_eq!(with_gap(5), 2);
        assert_eq!(exposed(&[ALONE], 90), []);
    }
}

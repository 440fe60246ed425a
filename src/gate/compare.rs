//! From two sides' counts to a reading, through the judge. The judge is told every minute since the candidate's first
//! traffic, whatever was read before, so that a verdict is the same after a crash as without one.
//!
//! Two fifths of the file are tests of what is private here: how a report becomes a reading.

use super::{
    measured::{Source, attributed, lacking, last_whole, standing},
    rows::{ERRORS, MINUTE, counted, minute_of, slower_than, start_of},
};
use crate::{
    cloud::{Error, Query, Reads, Series},
    judge::{
        self, Absence, Alpha, Arm, Case, Config, Counts, Earlier, Exposure, Judgement, Metric,
        Minute, Minutes, Pace, Problem, Report, Share, SplitFinding, Standard, Step, Verdict,
    },
    plan::{
        Allowance, Baseline, CompareGate, Comparison, Member, Side,
        units::{Weight, format_duration},
    },
    rollout::{Attempts, Carried, Outcome, Reading, RouteBound, Split, Timestamp},
};

/// Reads the counts of baseline and candidate since the candidate's first traffic, with one call, and lets the judge judge
/// them, going on from the last poll's `judgement`.
pub async fn poll_compare(
    reads: &Reads,
    gate: &CompareGate,
    bound: &RouteBound,
    (splits, attempts): (&[(Timestamp, Split)], Option<&Attempts>),
    judgement: &mut Judgement,
    at: Timestamp,
) -> Result<Reading, Error> {
    let baseline = baseline_of(gate, bound)?;
    let Some(seen) = Seen::of(bound, baseline, splits) else {
        let waits = format!(
            "the candidate, {}, has had no traffic yet beside the baseline, {baseline}",
            standing(bound, Side::Candidate)?
        );
        return Ok(Reading::new(Outcome::Wait, at, waits));
    };
    let (from, to) = (start_of(seen.exposure.began()), last_whole(at, MINUTE));
    if from >= to {
        return Ok(Reading::new(Outcome::Wait, at, "no whole minute with traffic has passed yet"));
    }
    let counts = counts_of_both(reads, gate, bound, (from, to)).await?;
    let reading = match counts.rows(gate) {
        Ok(series) => judge_compare(&series, gate, (&seen, attempts), judgement, at),
        Err(words) => Reading::new(Outcome::Unknown, at, format!("cannot be measured: {words}")),
    };
    Ok(attributed(reading, &counts.queries, &counts.answers))
}

/// The group that the candidate is compared with.
pub(super) fn baseline_of<'a>(
    gate: &CompareGate,
    bound: &'a RouteBound,
) -> Result<&'a Member, Error> {
    match gate.baseline {
        Baseline::Stable => Ok(&bound.stable),
        Baseline::Paired => bound.baseline.as_ref().ok_or_else(|| Error::Absent {
            what: format!("baseline group beside {}", bound.stable),
        }),
    }
}

/// What baseline and candidate were asked, in this order, and what they answered.
pub(super) struct OfBoth {
    queries: Vec<Query>,
    answers: Vec<Series>,
}

impl OfBoth {
    /// The rows of each metric; in words, what the answer lacks.
    pub(super) fn rows(&self, gate: &CompareGate) -> Result<Vec<judge::Series>, String> {
        if let Some(words) = lacking(&self.queries, &self.answers) {
            return Err(words);
        }
        let (baseline, candidate) = self.answers.split_at(self.answers.len() / 2);
        let mut series = counted(gate, Arm::Baseline, baseline);
        series.extend(counted(gate, Arm::Canary, candidate));
        Ok(series)
    }
}

/// Asks for the counts of both with one call.
pub(super) async fn counts_of_both(
    reads: &Reads,
    gate: &CompareGate,
    bound: &RouteBound,
    (from, to): (Timestamp, Timestamp),
) -> Result<OfBoth, Error> {
    let mut queries = Vec::new();
    for group in [baseline_of(gate, bound)?, standing(bound, Side::Candidate)?] {
        queries.extend(counts(&Source::of_member(reads, bound, group).await?, gate));
    }
    let answers = reads.metrics.series(&queries, from, to, MINUTE).await?;
    Ok(OfBoth { queries, answers })
}

/// What is asked of a side, for `counted` to read.
pub(super) fn counts(source: &Source, gate: &CompareGate) -> Vec<Query> {
    let mut queries = vec![source.requests(), source.server_errors()];
    if let Some(latency) = gate.latency {
        queries.extend(source.slower_and_quicker(latency.threshold));
    }
    queries
}

/// What the candidate was given, and when there was no more to compare it with.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    exposure: Exposure,
    /// Since when the baseline has had no traffic.
    alone_since: Option<Minute>,
}

impl Seen {
    /// What was observed, and from when on one side had no more traffic.
    pub(super) fn observed(exposure: Exposure, alone_since: Option<Minute>) -> Self {
        Self { exposure, alone_since }
    }

    /// From the splits of a route, oldest first; `None` while the candidate has no traffic.
    pub fn of(
        bound: &RouteBound,
        baseline: &Member,
        splits: &[(Timestamp, Split)],
    ) -> Option<Self> {
        let mut seen: Option<Self> = None;
        for (at, split) in splits {
            let (baseline, candidate) =
                (split.weight(baseline), bound.weight(split, Side::Candidate));
            let at = minute_of(*at);
            if candidate == Weight::ZERO {
                seen = None;
            } else if baseline == Weight::ZERO {
                seen = seen.map(|s| Self { alone_since: s.alone_since.or(Some(at)), ..s });
            } else {
                let (baseline, candidate) = (f64::from(baseline.get()), f64::from(candidate.get()));
                let share = Share::new(candidate / (baseline + candidate)).ok()?;
                let step = Step { at, share };
                let exposure = match seen {
                    None => Exposure::new(step),
                    Some(Self { exposure, .. }) => exposure.then(step),
                };
                seen = Some(Self { exposure, alone_since: None });
            }
        }
        seen
    }
}

/// Judges the counts. What happened since the baseline has had no traffic is not compared: the verdict that stood
/// then stands, and an undecided one is unknown.
pub fn judge_compare(
    series: &[judge::Series],
    gate: &CompareGate,
    (seen, attempts): (&Seen, Option<&Attempts>),
    judgement: &mut Judgement,
    at: Timestamp,
) -> Reading {
    let config = match judge_config(gate) {
        Ok(config) => config,
        Err(problem) => {
            return Reading::new(Outcome::Unknown, at, format!("cannot be judged: {problem}"));
        }
    };
    let settle = config.pace().settle;
    let last = seen.alone_since.map(|alone| alone.plus(settle));
    let now = last.map_or(minute_of(at), |last| last.min(minute_of(at)));
    let case = Case { exposure: &seen.exposure, now, series, earlier: &earlier(attempts) };
    let report = judgement.judge(&config, &case);
    let outcome = match report.verdict {
        Verdict::Fail => Outcome::Fail,
        Verdict::Pass => Outcome::Pass,
        // What nobody counts will not come by waiting.
        Verdict::Inconclusive(_) | Verdict::NoData(Absence::MetricSilent) => Outcome::Unknown,
        Verdict::Running | Verdict::NoData(_) if last.is_some_and(|last| now >= last) => {
            Outcome::Unknown
        }
        Verdict::Running | Verdict::NoData(_) => Outcome::Wait,
    };
    let reading = Reading::new(outcome, at, sentence(&report));
    let reading = match (report.verdict, gate.latency) {
        (Verdict::NoData(Absence::MetricSilent), Some(latency)) => {
            let than = format_duration(latency.threshold);
            reading.with(
                "asked for",
                format!("how many answers took longer than {than}, and how many did not"),
            )
        }
        _ => reading,
    };
    let reading = match seen.alone_since {
        Some(alone) => reading.with("compared until", alone),
        None => reading,
    };
    let reading = with_figures(reading, &report);
    let carried = match outcome {
        Outcome::Wait | Outcome::Unknown => carried(&report),
        // A verdict leaves nothing to go on from.
        Outcome::Pass | Outcome::Fail => Vec::new(),
    };
    let reading = Reading { carried, ..reading };
    match outcome {
        Outcome::Fail | Outcome::Unknown => {
            report.plots().into_iter().fold(reading, |reading, (name, line)| {
                reading.with(&format!("{}{name}", Reading::PLOT), line)
            })
        }
        Outcome::Pass | Outcome::Wait => reading,
    }
}

/// log10 is kept in ten-thousandths, which is as exact as the judge has it.
const PARTS: f64 = 10_000.0;

fn earlier(attempts: Option<&Attempts>) -> Earlier {
    match attempts {
        None => Earlier::Nothing,
        Some(Attempts::Failed { times, .. }) => Earlier::Failed { retry: *times },
        Some(Attempts::Undecided { evidence, .. }) => Earlier::Undecided(
            evidence
                .iter()
                .map(|Carried { metric, fail, pass }| judge::Carried {
                    metric: metric.as_str().into(),
                    fail: log10_of(*fail),
                    pass: log10_of(*pass),
                })
                .collect(),
        ),
    }
}

/// Nothing where no minute was judged.
fn carried(report: &Report) -> Vec<Carried> {
    let carried = report.carried.iter().map(|evidence| Carried {
        metric: evidence.metric.to_string(),
        fail: parts_of(evidence.fail),
        pass: parts_of(evidence.pass),
    });
    let carried: Vec<Carried> = carried.collect();
    let is_nothing = |c: &Carried| c.fail == 0 && c.pass == 0;
    if carried.iter().all(is_nothing) { Vec::new() } else { carried }
}

#[expect(clippy::cast_precision_loss, reason = "evidence stays far below 2^53 ten-thousandths")]
fn log10_of(parts: i64) -> f64 {
    parts as f64 / PARTS
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn parts_of(log10: f64) -> i64 {
    (log10 * PARTS).round() as i64
}

/// The judge's sentence without the verdict, which the reading has, and with a warning when the candidate was not given
/// the share that was set. The counts are compared all the same: the judge goes by what was observed.
fn sentence(report: &Report) -> String {
    let sentence = report.sentence();
    let words = sentence.split_once("  ").map_or(sentence.as_str(), |(_, words)| words);
    let words = words.trim_end_matches('.');
    match report.split.finding {
        SplitFinding::AsConfigured => words.to_owned(),
        SplitFinding::Off | SplitFinding::Extreme => {
            format!("{words}; warning: {} (sticky clients?)", report.split_words())
        }
    }
}

fn with_figures(reading: Reading, report: &Report) -> Reading {
    let arm = |counts: Counts| format!("{} of {}", counts.bad(), counts.total());
    let evidence = |guarded: f64, line: f64| format!("{:.2} of {line:.2} (log10)", guarded + 0.0);
    let reading = reading
        .with("judged", report.judged)
        .with("evidence to fail", evidence(report.fail.guarded, report.fail_line))
        .with("evidence to pass", evidence(report.pass.guarded, report.pass_line));
    report.metrics.iter().fold(reading, |reading, metric| {
        let (name, counts) = (&metric.name, metric.counts);
        let reading = reading
            .with(&format!("canary {name}"), arm(counts.canary))
            .with(&format!("baseline {name}"), arm(counts.baseline));
        let Some(ratio) = metric.ratio else { return reading };
        let range = match ratio.high {
            Some(high) => format!("between {:.2} and {high:.2}", ratio.low),
            None if ratio.low >= 0.01 => format!("at least {:.2}", ratio.low),
            // It could be anything, and no figure says so.
            None => return reading,
        };
        reading.with(&format!("ratio of {name}"), format!("{:.2}, {range}", ratio.estimate))
    })
}

/// The judge's configuration for a gate; a checked plan has a consistent one.
pub fn judge_config(gate: &CompareGate) -> Result<Config, Problem> {
    let mut metrics = vec![metric(ERRORS.to_owned(), gate.errors)?];
    if let Some(latency) = gate.latency {
        metrics.push(metric(slower_than(latency), latency.compared)?);
    }
    let pace = Pace {
        warmup: Minutes::covering(gate.warmup),
        settle: Minutes::covering(gate.settle),
        min_canary_requests: u64::from(gate.min_canary_requests),
        deadline: Minutes::covering(gate.deadline),
        ..Pace::default()
    };
    let alpha = Alpha::new(f64::from(gate.alpha.basis_points()) / 10_000.0)?;
    Config::new(metrics, alpha, Alpha::FIVE_PERCENT, pace)
}

fn metric(name: String, of: Comparison) -> Result<Metric, Problem> {
    let (tolerance, margin) = (allowance(of.tolerance)?, allowance(of.margin)?);
    Metric::new(name, f64::from(of.weight), Standard::Baseline { tolerance, margin })
}

fn allowance(of: Allowance) -> Result<judge::Allowance, Problem> {
    judge::Allowance::new(f64::from(of.ratio) / 1_000.0, f64::from(of.absolute) / 1_000_000.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        judge::Row,
        plan::LatencyAbove,
        testkit::{rule_bound, sample_compare},
    };

    fn bound() -> RouteBound {
        rule_bound("", "blue", "green")
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * 60_000)
    }

    fn split(stable: u16, candidate: u16) -> Split {
        let weight = |w| Weight::new(w).unwrap();
        let (blue, green) = (Member::new("blue"), Member::new("green"));
        Split::default().with((&blue, weight(stable)), (&green, weight(candidate)))
    }

    fn seen(splits: &[(i64, u16, u16)]) -> Option<Seen> {
        let splits: Vec<_> =
            splits.iter().map(|(minute, s, c)| (at(*minute), split(*s, *c))).collect();
        Seen::of(&bound(), &bound().stable, &splits)
    }

    /// 3000 requests a minute, shared equally, of which so many in a thousand fail.
    fn counts(minutes: i64, canary: u64, baseline: u64) -> Vec<Row> {
        let row = |minute, arm, bad| Row {
            minute: Minute(minute),
            arm,
            counts: Counts::new(1_500, bad * 3 / 2),
        };
        let both = |m| [row(m, Arm::Canary, canary), row(m, Arm::Baseline, baseline)];
        (0..minutes).flat_map(both).collect()
    }

    fn read(rows: Vec<Row>, splits: &[(i64, u16, u16)], now: i64) -> Reading {
        let errors = judge::Series { metric: ERRORS.into(), rows };
        judge_compare(
            &[errors],
            &sample_compare(),
            (&seen(splits).unwrap(), None),
            &mut Judgement::default(),
            at(now),
        )
    }

    #[test]
    fn a_share_that_is_off_is_said_whatever_the_verdict() {
        let tenth = read(counts(30, 30, 10), &[(0, 900, 100)], 30);
        assert_eq!(tenth.outcome, Outcome::Fail, "{tenth:?}");
        assert!(tenth.because.contains("warning: split 50 % instead of 10 %"), "{tenth:?}");
        assert!(!read(counts(30, 30, 10), &[HALF], 30).because.contains("warning"));
    }

    const HALF: (i64, u16, u16) = (0, 500, 500);

    #[test]
    fn a_worse_candidate_fails_and_an_equal_one_passes() {
        let worse = read(counts(30, 30, 10), &[HALF], 30);
        assert_eq!(worse.outcome, Outcome::Fail, "{worse:?}");
        assert!(worse.evidence.contains_key("canary errors"), "{worse:?}");
        let plots = |reading: &Reading| {
            reading.evidence.keys().filter(|name| name.starts_with(Reading::PLOT)).count()
        };
        assert_eq!(plots(&worse), 4, "rates of both, evidence to fail and to pass");
        assert_eq!(worse, read(counts(30, 30, 10), &[HALF], 30), "the same rows, the same bytes");
        let equal = read(counts(50, 10, 10), &[HALF], 50);
        assert_eq!(equal.outcome, Outcome::Pass, "{equal:?}");
        assert_eq!(plots(&equal), 0, "what passes needs no plot");
    }

    #[test]
    fn an_artifact_that_failed_is_tested_anew_with_half_of_alpha() {
        let read = |attempts: Option<&Attempts>| {
            let errors = judge::Series { metric: ERRORS.into(), rows: counts(30, 30, 10) };
            judge_compare(
                &[errors],
                &sample_compare(),
                (&seen(&[HALF]).unwrap(), attempts),
                &mut Judgement::default(),
                at(30),
            )
        };
        let line = |reading: &Reading| reading.evidence["evidence to fail"].clone();
        let first = read(None);
        assert!(line(&first).ends_with("of 1.30 (log10)"), "20 to 1: {first:?}");
        let failed = |times| Attempts::Failed { times, run: "r1".into() };
        let second = read(Some(&failed(1)));
        assert_eq!(second.outcome, Outcome::Fail, "it is as bad as it was");
        assert!(line(&second).ends_with("of 1.60 (log10)"), "40 to 1: {second:?}");
        assert!(line(&read(Some(&failed(2)))).ends_with("of 1.90 (log10)"));
    }

    #[test]
    fn evidence_of_an_undecided_attempt_is_carried_to_the_next() {
        let read = |minutes, attempts: Option<&Attempts>| {
            let errors = judge::Series { metric: ERRORS.into(), rows: counts(minutes, 12, 10) };
            judge_compare(
                &[errors],
                &sample_compare(),
                (&seen(&[HALF]).unwrap(), attempts),
                &mut Judgement::default(),
                at(minutes),
            )
        };
        let first = read(8, None);
        assert_eq!(first.outcome, Outcome::Wait, "{first:?}");
        let stands = first.carried[0].clone();
        assert!(stands.pass > 0, "{first:?}");
        let attempts = Attempts::Undecided { run: "r1".into(), evidence: first.carried };
        let second = read(8, Some(&attempts));
        assert!((second.carried[0].pass - 2 * stands.pass).abs() <= 1, "{stands:?} {second:?}");
        let told: Reading = serde_json::from_str(&serde_json::to_string(&second).unwrap()).unwrap();
        assert_eq!(told, second, "the journal keeps it");
        assert_eq!(read(3, None).carried, [], "nothing was judged yet");
    }

    #[test]
    fn a_baseline_of_its_own_is_compared_with_by_its_own_weights() {
        let paired = CompareGate { baseline: Baseline::Paired, ..sample_compare() };
        assert!(baseline_of(&paired, &bound()).is_err(), "the stable side would not do instead");
        let fresh = Member::new("fresh");
        let bound = RouteBound { baseline: Some(fresh.clone()), ..bound() };
        assert_eq!(baseline_of(&paired, &bound).unwrap(), &fresh);
        assert_eq!(baseline_of(&sample_compare(), &bound).unwrap(), &bound.stable);
        let at_share =
            |share: &str| bound.shifted(&Split::default(), share.parse().unwrap()).unwrap();
        let shares = ["5%", "50%", "100%"].map(at_share);
        let splits: Vec<_> =
            (0..).zip(shares).map(|(hour, split)| (at(hour * 60), split)).collect();
        let seen = |baseline, splits| Seen::of(&bound, baseline, splits).unwrap();
        let half = Step { at: Minute(0), share: Share::HALF };
        assert_eq!(seen(&fresh, &splits[..1]).exposure, Exposure::new(half));
        let expected = Share::new(50.0 / 950.0).unwrap();
        let beside = Exposure::new(Step { at: Minute(0), share: expected });
        assert_eq!(seen(&bound.stable, &splits[..1]).exposure, beside);
        let two_thirds = Step { at: Minute(60), share: Share::new(500.0 / 750.0).unwrap() };
        let both = Seen { exposure: Exposure::new(half).then(two_thirds), alone_since: None };
        assert_eq!(seen(&fresh, &splits[..2]), both);
        let alone = Seen { alone_since: Some(Minute(120)), ..both };
        assert_eq!(seen(&fresh, &splits), alone, "nothing is left to compare with");
    }

    #[test]
    fn silence_and_haste_wait() {
        assert_eq!(read(Vec::new(), &[HALF], 30).outcome, Outcome::Wait);
        assert_eq!(read(counts(3, 10, 10), &[HALF], 3).outcome, Outcome::Wait);
    }

    #[test]
    fn an_undecided_comparison_is_unknown_after_its_deadline() {
        let few = |minutes: i64| -> Vec<Row> {
            let row =
                |minute, arm, n| Row { minute: Minute(minute), arm, counts: Counts::new(n, 0) };
            let both = |m| [row(m, Arm::Canary, 5), row(m, Arm::Baseline, 5)];
            (0..minutes).flat_map(both).collect()
        };
        assert_eq!(read(few(59), &[HALF], 59).outcome, Outcome::Wait);
        assert_eq!(read(few(61), &[HALF], 61).outcome, Outcome::Unknown);
    }

    #[test]
    fn a_verdict_stands_when_nothing_is_left_to_compare_with() {
        let all = (50, 0, 999);
        assert_eq!(read(counts(50, 10, 10), &[HALF, all], 90).outcome, Outcome::Pass);
        assert_eq!(read(counts(50, 30, 10), &[HALF, all], 90).outcome, Outcome::Fail);
        let early = (4, 0, 999);
        assert_eq!(read(counts(4, 10, 10), &[HALF, early], 90).outcome, Outcome::Unknown);
    }

    #[test]
    fn only_what_follows_the_last_time_without_traffic_is_compared() {
        assert_eq!(seen(&[(0, 999, 0)]), None);
        assert_eq!(seen(&[(0, 500, 500), (9, 999, 0)]), None);
        let again = seen(&[(0, 500, 500), (9, 999, 0), (20, 950, 50)]).unwrap();
        assert_eq!(again.exposure.began(), Minute(20));
    }

    fn both(errors: Vec<Row>, slow: Vec<Row>, now: i64) -> Reading {
        let threshold = Duration::from_millis(500);
        let latency = LatencyAbove { threshold, compared: Comparison::USUAL };
        let gate = CompareGate { latency: Some(latency), ..sample_compare() };
        let series = [
            judge::Series { metric: ERRORS.into(), rows: errors },
            judge::Series { metric: slower_than(latency).into(), rows: slow },
        ];
        judge_compare(
            &series,
            &gate,
            (&seen(&[HALF]).unwrap(), None),
            &mut Judgement::default(),
            at(now),
        )
    }

    #[test]
    fn a_slower_candidate_fails_though_it_has_no_more_errors() {
        let slower = both(counts(30, 10, 10), counts(30, 30, 10), 30);
        assert_eq!(slower.outcome, Outcome::Fail, "{slower:?}");
        assert!(slower.because.starts_with("answers slower than 500ms"), "{slower:?}");
        let as_quick = both(counts(50, 10, 10), counts(50, 10, 10), 50);
        assert_eq!(as_quick.outcome, Outcome::Pass, "{as_quick:?}");
    }

    #[test]
    fn answers_that_nobody_counts_are_unknown_and_never_hide_errors() {
        let uncounted = both(counts(50, 10, 10), Vec::new(), 50);
        assert_eq!(uncounted.outcome, Outcome::Unknown, "{uncounted:?}");
        assert!(uncounted.because.contains("answers slower than 500ms"), "{uncounted:?}");
        assert_eq!(both(counts(50, 30, 10), Vec::new(), 50).outcome, Outcome::Fail);
    }
}

//! How whole gates are judged: what must hold for every table of counts, whatever the figures.

use proptest::prelude::*;

use super::{
    quantity::{float, whole},
    *,
};

const DAY: i64 = 29_000_000;

fn config(metrics: &[(&str, f64)]) -> Config {
    let metrics = metrics
        .iter()
        .map(|(name, weight)| Metric::new(*name, *weight, Standard::usual()).unwrap());
    Config::new(metrics.collect(), Alpha::FIVE_PERCENT, Alpha::FIVE_PERCENT, Pace::default())
        .unwrap()
}

fn exposure(share: f64) -> Exposure {
    Exposure::new(Step { at: Minute(DAY), share: Share::new(share).unwrap() })
}

fn rows(minute: i64, canary: (u64, u64), baseline: (u64, u64)) -> [Row; 2] {
    [(Arm::Canary, canary), (Arm::Baseline, baseline)].map(|(arm, (total, bad))| Row {
        minute: Minute(DAY + minute),
        arm,
        counts: Counts::new(total, bad),
    })
}

fn series(metric: &str, rows: impl IntoIterator<Item = [Row; 2]>) -> Series {
    Series { metric: metric.into(), rows: rows.into_iter().flatten().collect() }
}

/// `minutes` minutes of 200 canary and 3,800 baseline requests, 1 % of the latter bad.
fn steady(metric: &str, minutes: i64, canary_bad: u64) -> Series {
    series(metric, (0..minutes).map(|m| rows(m, (200, canary_bad), (3800, 38))))
}

fn judged(config: &Config, exposure: &Exposure, now: i64, series: &[Series]) -> Report {
    let now = Minute(DAY + now);
    judge(config, &Case { exposure, now, series, earlier: &Earlier::Nothing })
}

#[test]
fn a_canary_that_errs_three_times_as_often_fails() {
    let report =
        judged(&config(&[("errors", 1.0)]), &exposure(0.05), 30, &[steady("errors", 30, 6)]);
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.metrics[0].blame, Blame::Alone);
}

#[test]
fn a_canary_like_its_baseline_passes() {
    let report =
        judged(&config(&[("errors", 1.0)]), &exposure(0.05), 58, &[steady("errors", 58, 2)]);
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.explanation());
}

#[test]
fn a_failure_stays_the_same_report_whatever_is_observed_later() {
    let config = config(&[("errors", 1.0)]);
    let early = judged(&config, &exposure(0.05), 30, &[steady("errors", 30, 6)]);
    let mut all = steady("errors", 30, 6);
    all.rows.extend((30..50).flat_map(|m| rows(m, (200, 0), (3800, 90))));
    let later = judged(&config, &exposure(0.05), 50, &[all]);
    assert_eq!(serde_json::to_string(&early).unwrap(), serde_json::to_string(&later).unwrap());
}

#[test]
fn the_warm_up_and_unsettled_minutes_are_not_judged() {
    let catastrophic = |m| rows(m, (200, 150), (3800, 38));
    let spoiled = [0, 1, 28, 29].map(catastrophic);
    let fine = (2..28).map(|m| rows(m, (200, 2), (3800, 38)));
    let series = series("errors", spoiled.into_iter().chain(fine));
    let report = judged(&config(&[("errors", 1.0)]), &exposure(0.05), 30, &[series]);
    assert_ne!(report.verdict, Verdict::Fail);
    assert_eq!(report.judged, Minutes(26));
}

#[test]
fn one_bad_minute_does_not_fail_a_gate_and_is_named_at_the_deadline() {
    let burst = |m| rows(m, (200, if m == 20 { 60 } else { 2 }), (3800, 38));
    let series = [series("errors", (0..62).map(burst))];
    let report = judged(&config(&[("errors", 1.0)]), &exposure(0.05), 62, &series);
    assert_eq!(report.verdict, Verdict::Inconclusive(Reason::Spike), "{}", report.explanation());
    assert_eq!(report.metrics[0].worst_minute.unwrap().minute, Minute(DAY + 20));
}

#[test]
fn errors_in_bursts_do_not_fail_a_gate_and_are_called_noise_at_the_deadline() {
    let bursts = |m| rows(m, (200, if m % 4 == 0 { 14 } else { 0 }), (3800, 38));
    let series = [series("errors", (0..62).map(bursts))];
    let report = judged(&config(&[("errors", 1.0)]), &exposure(0.05), 62, &series);
    assert_eq!(report.verdict, Verdict::Inconclusive(Reason::Noisy), "{}", report.explanation());
    assert!(report.fail.exact >= report.fail_line);
}

#[test]
fn noise_that_lasts_is_named_beside_the_verdict() {
    let named = |bad: fn(i64) -> u64| {
        let series = series("errors", (0..62).map(|m| rows(m, (200, bad(m)), (3800, 38))));
        let report = judged(&config(&[("errors", 1.0)]), &exposure(0.05), 62, &[series]);
        report.sentence().contains("errors of neighbouring minutes are alike")
    };
    assert!(named(|m| if m / 10 % 2 == 0 { 1 } else { 3 }));
    assert!(!named(|m| if m % 2 == 0 { 1 } else { 3 }));
    assert!(!named(|_| 2));
}

#[test]
fn silence_never_passes() {
    let config = config(&[("errors", 1.0)]);
    let exposure = exposure(0.05);
    let nothing = judged(&config, &exposure, 30, &[]);
    assert_eq!(nothing.verdict, Verdict::NoData(Absence::NoTraffic));
    let baseline_only = series("errors", (0..30).map(|m| rows(m, (0, 0), (4000, 40))));
    let silent = judged(&config, &exposure, 30, &[baseline_only]);
    assert_eq!(silent.verdict, Verdict::NoData(Absence::CanarySilent));
    let mut stopped = steady("errors", 58, 2);
    stopped.rows.retain(|row| row.arm == Arm::Baseline || row.minute < Minute(DAY + 50));
    let stopped = judged(&config, &exposure, 58, &[stopped]);
    assert_eq!(stopped.verdict, Verdict::NoData(Absence::CanarySilent));
}

#[test]
fn a_metric_that_never_existed_is_no_data_although_the_other_would_pass() {
    let config = config(&[("errors", 1.0), ("latency", 1.0)]);
    let report = judged(&config, &exposure(0.05), 58, &[steady("errors", 58, 2)]);
    assert_eq!(report.verdict, Verdict::NoData(Absence::MetricSilent));
}

#[test]
fn a_failing_metric_fails_the_gate_although_another_has_no_data() {
    let config = config(&[("errors", 1.0), ("latency", 1.0)]);
    let report = judged(&config, &exposure(0.05), 40, &[steady("errors", 40, 8)]);
    assert_eq!(report.verdict, Verdict::Fail);
}

#[test]
fn a_crashed_canary_counted_only_by_its_connection_errors_fails() {
    let crashed = series("errors", (0..30).map(|m| rows(m, (0, 200), (3800, 38))));
    let report = judged(&config(&[("errors", 1.0)]), &exposure(0.05), 30, &[crashed]);
    assert_eq!(report.verdict, Verdict::Fail);
}

#[test]
fn an_undecided_gate_is_running_until_its_deadline_and_then_says_what_it_lacks() {
    let thin = series("errors", (0..62).map(|m| rows(m, (5, u64::from(m == 30)), (95, 1))));
    let config = config(&[("errors", 1.0)]);
    let before = judged(&config, &exposure(0.05), 59, std::slice::from_ref(&thin));
    let after = judged(&config, &exposure(0.05), 60, &[thin]);
    assert_eq!(before.verdict, Verdict::Running);
    assert_eq!(after.verdict, Verdict::Inconclusive(Reason::Underpowered));
    assert!(after.to_pass.unwrap() > Minutes(60));
}

#[test]
fn a_new_weight_must_be_seen_for_a_while_although_the_evidence_is_kept() {
    let config = config(&[("errors", 1.0)]);
    let step = Step { at: Minute(DAY + 56), share: Share::new(0.25).unwrap() };
    let fine = steady("errors", 70, 2);
    let stepped = exposure(0.05).then(step);
    let right_after = judged(&config, &stepped, 59, std::slice::from_ref(&fine));
    assert_eq!(right_after.verdict, Verdict::Running);
    assert!(right_after.pass.guarded >= right_after.pass_line);
}

#[test]
fn a_split_far_from_the_configured_one_holds_a_pass() {
    let series = [steady("errors", 58, 2)];
    let report = judged(&config(&[("errors", 1.0)]), &exposure(0.2), 58, &series);
    assert_eq!(report.split.finding, SplitFinding::Extreme);
    assert_eq!(report.verdict, Verdict::Running);
    let late = judged(&config(&[("errors", 1.0)]), &exposure(0.2), 62, &series);
    assert_eq!(late.verdict, Verdict::Inconclusive(Reason::Split));
    let near = judged(&config(&[("errors", 1.0)]), &exposure(0.06), 58, &series);
    assert_eq!((near.split.finding, near.verdict), (SplitFinding::Off, Verdict::Pass));
}

#[test]
fn a_retry_goes_on_from_the_evidence_of_the_first_attempt() {
    let config = config(&[("errors", 1.0)]);
    let exposure = exposure(0.05);
    let suspicious = [steady("errors", 12, 4)];
    let attempt = |earlier: Earlier| {
        let now = Minute(DAY + 12);
        judge(&config, &Case { exposure: &exposure, now, series: &suspicious, earlier: &earlier })
    };
    let first = attempt(Earlier::Nothing);
    assert_eq!(first.verdict, Verdict::Running);
    let second = attempt(Earlier::Undecided(first.carried.clone()));
    assert_eq!(second.verdict, Verdict::Fail, "{}", first.explanation());
    let retried = attempt(Earlier::Failed { retry: 1 });
    assert!(retried.fail_line > first.fail_line);
}

#[test]
fn a_fixed_limit_is_judged_without_a_baseline() {
    let share = |rate| Share::new(rate).unwrap();
    let standard = Standard::Fixed { limit: share(0.01), margin: share(0.02) };
    let metric = Metric::new("errors", 1.0, standard).unwrap();
    let config =
        Config::new(vec![metric], Alpha::FIVE_PERCENT, Alpha::FIVE_PERCENT, Pace::default());
    let config = config.unwrap();
    let after_switch = |bad| series("errors", (0..40).map(move |m| rows(m, (1000, bad), (0, 0))));
    let verdict = |bad| judged(&config, &exposure(1.0), 40, &[after_switch(bad)]).verdict;
    assert_eq!(verdict(30), Verdict::Fail);
    assert_eq!(verdict(5), Verdict::Pass);
}

#[test]
fn contradictory_configurations_are_refused() {
    let wide = Allowance::new(1.5, 0.001).unwrap();
    let narrow = Allowance::new(1.1, 0.0005).unwrap();
    let metric =
        |tolerance, margin| Metric::new("errors", 1.0, Standard::Baseline { tolerance, margin });
    assert!(metric(wide, narrow).is_err());
    assert_eq!(metric(Allowance::new(1.0, 0.0).unwrap(), wide), Err(Problem::NoTolerance));
    let hasty = Pace { min_data: Minutes(3), ..Pace::default() };
    let metrics = vec![metric(narrow, wide).unwrap()];
    let config = Config::new(metrics, Alpha::FIVE_PERCENT, Alpha::FIVE_PERCENT, hasty);
    assert_eq!(config, Err(Problem::TooLittleData(Minutes(5))));
}

#[test]
fn an_explanation_begins_with_a_sentence_and_ends_with_a_plot() {
    let bad = [2, 4, 3, 3, 5, 2, 3, 4];
    let minute = |m| rows(m, (150, bad[usize::try_from(m).unwrap() % 8]), (2850, 28));
    let series = [series("errors", (0..40).map(minute))];
    let report = judged(&config(&[("errors", 1.0)]), &exposure(0.05), 40, &series);
    insta::assert_snapshot!(report.explanation(), @r"
    FAIL  errors: the canary fails 2.2 times as often as the baseline.
      errors: canary 26 of 1,200 (2.2 %), baseline 224 of 22,800 (0.98 %), 8 min judged, split 5.0 % as configured
        ratio 2.21, between 1.08 and 4.01 whenever you look (95 %); tolerated 1.1x + 0.05 pp, excluded before PASS 1.5x + 0.1 pp
        a harmless canary would look this bad at some point in fewer than 1 of 26 rollouts (limit 1 of 20)
        evidence to fail 10^1.41 (1.41 without guards, line 1.30), to pass 10^-0.99 (line 1.30)
        without its worst minute 21:24: 10^0.76; dispersion between minutes 1.0 (1 is none)
        rate      baseline ▃▃▃▃▃▃▃▃ (full bar: 3.3 %)
                  canary   ▅▅█▃▅▆▃▆ (full bar: 3.3 %)
        evidence  to fail  ▁▁▅▄▄▇▆█ (full bar: the line)
                  to pass  ▁▁▁▁▁▁▁▁ (full bar: the line)
    ");
}

proptest! {
    /// G8: the evidence depends on sums and shares per minute only.
    #[test]
    fn order_and_pieces_of_a_minutes_rows_do_not_matter(
        minutes in prop::collection::vec((0u64..400, 0u64..12, 0u64..4000, 0u64..80), 8..70),
        cut in 0.0..1.0f64,
        seed in any::<u64>(),
    ) {
        let table = minutes.iter().enumerate().map(|(m, (n_c, x_c, n_b, x_b))| {
            rows(i64::try_from(m).unwrap(), (*n_c, *x_c), (*n_b, *x_b))
        });
        let uncut = series("errors", table);
        let mut pieces: Vec<Row> = uncut.rows.iter().flat_map(|row| {
            let (total, bad) = (row.counts.total(), row.counts.bad());
            let good = whole((float(total - bad) * cut).floor());
            let some = whole((float(bad) * (1.0 - cut)).floor());
            [(good + some, some), (total - good - some, bad - some)]
                .map(|(total, bad)| Row { counts: Counts::new(total, bad), ..*row })
        }).collect();
        pieces.sort_by_key(|row| (row.counts.total() ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let pieces = Series { rows: pieces, ..uncut.clone() };
        let config = config(&[("errors", 1.0)]);
        let now = i64::try_from(minutes.len()).unwrap();
        let exposure = exposure(0.05);
        prop_assert_eq!(
            judged(&config, &exposure, now, &[uncut]),
            judged(&config, &exposure, now, &[pieces])
        );
    }

    #[test]
    fn no_counts_make_the_judge_or_its_words_fail(
        minutes in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()), 0..70),
        share in 0.0..=1.0f64,
    ) {
        let table = minutes.iter().enumerate().map(|(m, (n_c, x_c, n_b, x_b))| {
            let (n_c, n_b) = (u64::from(*n_c), u64::from(*n_b));
            rows(i64::try_from(m).unwrap(), (n_c, u64::from(*x_c) % (n_c + 1)), (n_b, u64::from(*x_b) % (n_b + 1)))
        });
        let series = [series("errors", table)];
        let report = judged(&config(&[("errors", 1.0)]), &exposure(share), 65, &series);
        prop_assert!(!report.explanation().contains("NaN"));
        prop_assert!(report.fail.exact.is_finite() && report.pass.exact.is_finite());
    }
}

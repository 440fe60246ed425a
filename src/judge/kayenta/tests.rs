//! Kayenta's rules, one by one: its own suite's labels, the figures of scipy and numpy, and the order of its shortcuts.

use serde::Deserialize;
use serde_json::json;

use super::{
    classify::{cles, label},
    cleaning::cleaned,
    mann_whitney::{QUANTILE_98, shift, standardised},
    model::{Analysis, Outliers},
    *,
};

#[test]
fn labels_are_those_its_own_suite_asserts() {
    #[derive(Deserialize)]
    struct Suite {
        cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        name: String,
        experiment: Vec<f64>,
        control: Vec<f64>,
        tolerance: f64,
        confidence: f64,
        canary: Analysis,
        label: String,
        critical: Option<bool>,
    }
    let text = include_str!("../../../tests/fixtures/judge/kayenta_suite.json");
    let suite: Suite = serde_json::from_str(text).unwrap();
    assert_eq!(suite.cases.len(), 30);
    for case in suite.cases {
        // Normal quantiles of 0.975 and 0.99.
        let quantile = if case.confidence > 0.96 { QUANTILE_98 } else { 1.959_963_984_540_05 };
        let (control, experiment) = (&case.control, &case.experiment);
        let found =
            label("metric", control, experiment, &case.canary, case.tolerance, quantile).unwrap();
        assert_eq!(format!("{:?}", found.classification), case.label, "{}", case.name);
        assert!(case.critical.is_none_or(|critical| critical == found.critical), "{}", case.name);
    }
}

#[derive(Deserialize)]
struct Vectors {
    tolerance: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    control: Vec<f64>,
    experiment: Vec<f64>,
    standardised: std::collections::BTreeMap<String, f64>,
    low: f64,
    estimate: f64,
    high: f64,
    cles: f64,
    percentiles: [f64; 4],
}

#[test]
fn statistics_are_those_of_scipy_and_numpy() {
    let text = include_str!("../../../tests/fixtures/judge/mann_whitney.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    for case in vectors.cases {
        let (control, experiment) = (&case.control, &case.experiment);
        for (mu, z) in case.standardised {
            let ours = standardised(experiment, control, mu.parse().unwrap()).unwrap();
            assert!((ours - z).abs() <= 1e3 * vectors.tolerance, "{ours} instead of {z} at {mu}");
        }
        // Its solver stops within 1e-4 of the root: on a step function, of the jump. Between the two middle jumps
        // every point is a root, so that the estimate is only known to lie there.
        let found = shift(experiment, control, QUANTILE_98).unwrap();
        for (ours, theirs) in [(found.low, case.low), (found.high, case.high)] {
            assert!((ours - theirs).abs() <= 1e-4, "{ours} instead of {theirs}");
        }
        for root in [found.estimate, case.estimate] {
            let near = |mu| standardised(experiment, control, root + mu).unwrap();
            assert!(near(-1e-4) >= 0.0 && near(1e-4) <= 0.0, "{root}");
        }
        assert!((cles(control, experiment) - case.cles).abs() <= vectors.tolerance);
        let [p01, q1, q3, p99] = case.percentiles;
        let analysis = removing_outliers(1.5);
        let (low, high) = (p01.min(q1 - 1.5 * (q3 - q1)), p99.max(q3 + 1.5 * (q3 - q1)));
        let kept = control.iter().copied().filter(|x| (low..=high).contains(x));
        assert_eq!(cleaned(control, &analysis), kept.collect::<Vec<_>>());
    }
}

fn removing_outliers(factor: f64) -> Analysis {
    let outliers = Outliers { strategy: "remove".into(), outlier_factor: Some(factor) };
    Analysis { outliers, ..Analysis::default() }
}

/// A request of one metric per triple of groups, control and experiment, under this analysis.
fn judged(analysis: &serde_json::Value, metrics: &[(&str, &[f64], &[f64])]) -> Response {
    let names = 0..metrics.len();
    let request = json!({
        "canaryConfig": {
            "name": "ignored", "configVersion": "1",
            "metrics": names.clone().zip(metrics).map(|(n, m)| json!({
                "name": format!("m{n}"), "query": {"type": "atlas"}, "groups": [m.0],
                "analysisConfigurations": {"canary": analysis},
            })).collect::<Vec<_>>(),
            "classifier": {"groupWeights": {"a": 60.0}},
        },
        "scoreThresholds": {"pass": 95.0, "marginal": 40.0},
        "metricSetPairList": names.zip(metrics).map(|(n, m)| json!({
            "name": format!("m{n}"), "id": "x", "tags": {},
            "values": {"control": m.1, "experiment": m.2},
        })).collect::<Vec<_>>(),
    });
    judge(&serde_json::from_value(request).unwrap()).unwrap()
}

const LOW: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
const HIGH: &[f64] = &[21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0, 28.0];

#[test]
fn groups_without_a_weight_share_the_rest() {
    let both = judged(&json!({}), &[("a", LOW, LOW), ("b", LOW, HIGH)]);
    assert!((both.score.score - 60.0).abs() < 1e-9);
    let classes: Vec<_> = both.results.iter().map(|result| result.classification).collect();
    assert_eq!(classes, [Classification::Pass, Classification::High]);
    assert_eq!(serde_json::to_value(&both.score).unwrap()["classification"], "Marginal");
}

#[test]
fn one_critical_failure_is_a_score_of_zero() {
    let response = judged(&json!({"critical": true}), &[("a", LOW, LOW), ("b", LOW, HIGH)]);
    assert!(response.score.score < 1e-9);
    assert_eq!(
        response.score.classification_reason,
        "Canary Failed: The metric m1 was classified as High (Critical)"
    );
}

#[test]
fn half_of_the_metrics_without_data_is_a_score_of_zero_and_less_is_none() {
    let half = judged(&json!({}), &[("a", LOW, LOW), ("a", LOW, &[])]);
    assert!(half.score.score < 1e-9);
    let third = judged(&json!({}), &[("a", LOW, LOW), ("a", LOW, LOW), ("b", LOW, &[])]);
    assert!((third.score.score - 100.0).abs() < 1e-9, "an empty group counts 100");
    let required = judged(
        &json!({"mustHaveData": true}),
        &[("a", LOW, LOW), ("a", LOW, LOW), ("b", LOW, &[])],
    );
    assert_eq!(required.results[2].classification, Classification::NodataFailMetric);
    assert!((required.score.score - 60.0).abs() < 1e-9);
}

#[test]
fn a_metric_whose_test_throws_is_an_error_and_its_group_counts_a_hundred() {
    let response = judged(&json!({"critical": true}), &[("a", LOW, LOW), ("b", &[1.0], &[2.0])]);
    assert_eq!(response.results[1].classification, Classification::Error);
    assert!((response.score.score - 100.0).abs() < 1e-9);
}

#[test]
fn a_muted_metric_is_labelled_and_does_not_count() {
    let response = judged(&json!({"muted": true}), &[("a", LOW, HIGH)]);
    assert_eq!(response.results[0].classification, Classification::High);
    assert_eq!(response.group_scores, []);
}

#[test]
fn gaps_are_removed_or_become_zero() {
    let text = r#"{"control": [1, null, 2.5, "NaN"], "experiment": []}"#;
    let values: Values = serde_json::from_str(text).unwrap();
    assert_eq!(cleaned(&values.control, &Analysis::default()), [1.0, 2.5]);
    let replacing = Analysis { nan_strategy: "replace".into(), ..Analysis::default() };
    assert_eq!(cleaned(&values.padded(5).control, &replacing), [1.0, 0.0, 2.5, 0.0, 0.0]);
}

#[test]
fn constant_arms_are_told_apart_the_same_way_every_time() {
    let constant = |value: f64| vec![value; 20];
    let response = || judged(&json!({}), &[("a", &constant(1.0), &constant(2.0))]);
    assert_eq!(response().results[0].classification, Classification::High);
    assert_eq!(response(), response());
}

#[test]
fn a_shift_in_small_units_is_missed_as_kayenta_misses_it() {
    let label = |scale: f64| {
        let control: Vec<f64> = LOW.iter().map(|x| x * scale).collect();
        let experiment: Vec<f64> = LOW.iter().map(|x| (x + 6.0) * scale).collect();
        judged(&json!({}), &[("a", &control, &experiment)]).results[0].classification
    };
    assert_eq!((label(1.0), label(1e-6)), (Classification::High, Classification::Pass));
}

#[test]
fn the_answer_has_kayentas_shape() {
    let response = judged(&json!({"direction": "increase"}), &[("a", LOW, HIGH)]);
    insta::assert_snapshot!(serde_json::to_string(&response).unwrap(), @r#"{"judgeName":"NetflixACAJudge-v1.0","results":[{"name":"m0","id":"x","tags":{},"classification":"High","classificationReason":"m0 was classified as High","groups":["a"],"experimentMetadata":{"stats":{"min":21.0,"max":28.0,"mean":24.5,"std":2.449489742783178,"count":8}},"controlMetadata":{"stats":{"min":1.0,"max":8.0,"mean":4.5,"std":2.449489742783178,"count":8}},"resultMetadata":{"ratio":5.444444444444445},"critical":false,"muted":false}],"groupScores":[{"name":"a","score":0.0,"classification":"","classificationReason":""}],"score":{"score":0.0,"classification":"Fail","classificationReason":""}}"#);
}

#[test]
fn a_pair_without_configuration_is_refused() {
    let request = json!({
        "canaryConfig": {"metrics": []},
        "metricSetPairList": [{"name": "m", "values": {"control": [], "experiment": []}}],
    });
    let answer = judge(&serde_json::from_value(request).unwrap());
    assert_eq!(answer, Err(KayentaError::UnknownMetric("m".into())));
}

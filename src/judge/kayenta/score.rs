//! From labels to a score: the share of passes per group, groups weighted, thresholds on the sum.

use std::collections::BTreeMap;

use super::model::{
    Classification, GroupScore, MetricResult, Response, Score, ScoreClass, Thresholds,
};
use crate::judge::quantity::size;

pub(super) fn scored(
    weights: &BTreeMap<String, f64>,
    thresholds: Thresholds,
    results: Vec<MetricResult>,
) -> Response {
    let counted: Vec<&MetricResult> = results.iter().filter(|result| !result.muted).collect();
    let groups = groups(&counted);
    let failure = counted
        .iter()
        .find(|result| result.critical && result.classification != Classification::Pass);
    let (score, reason) = if let Some(result) = failure {
        let reason = result.classification_reason.as_deref().unwrap_or_default();
        (0.0, format!("Canary Failed: {reason}"))
    } else if too_many_nodata(&counted) {
        (0.0, "Canary Failed: 50% or more metrics returned NODATA".to_owned())
    } else {
        (summary(weights, &groups), String::new())
    };
    let classification = if score >= thresholds.pass {
        ScoreClass::Pass
    } else if score >= thresholds.marginal {
        ScoreClass::Marginal
    } else {
        ScoreClass::Fail
    };
    Response {
        judge_name: "NetflixACAJudge-v1.0",
        group_scores: groups
            .into_iter()
            .map(|(name, passes)| GroupScore {
                name: name.to_owned(),
                score: passes.unwrap_or(0.0),
                classification: "",
                classification_reason: "",
            })
            .collect(),
        score: Score { score, classification, classification_reason: reason },
        results,
    }
}

/// Per group the percentage of passes among the metrics that count; `None` where none does.
fn groups<'a>(results: &[&'a MetricResult]) -> BTreeMap<&'a str, Option<f64>> {
    let mut labels: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for result in results {
        let (passes, counts) = match result.classification {
            Classification::Pass => (1.0, 1.0),
            Classification::High | Classification::Low | Classification::NodataFailMetric => {
                (0.0, 1.0)
            }
            Classification::Nodata | Classification::Error => (0.0, 0.0),
        };
        for group in &result.groups {
            let sums = labels.entry(group).or_default();
            sums.0 += passes;
            sums.1 += counts;
        }
    }
    let percentage = |(passes, counts): (f64, f64)| (counts > 0.0).then(|| passes / counts * 100.0);
    labels.into_iter().map(|(group, sums)| (group, percentage(sums))).collect()
}

fn too_many_nodata(results: &[&MetricResult]) -> bool {
    let nodata = results.iter().filter(|r| r.classification == Classification::Nodata).count();
    size(nodata) / size(results.len()) * 100.0 >= 50.0
}

/// The weighted sum, rounded half up to two places; a group in which nothing counts scores 100.
fn summary(weights: &BTreeMap<String, f64>, groups: &BTreeMap<&str, Option<f64>>) -> f64 {
    let unweighted = groups.keys().filter(|group| !weights.contains_key(**group)).count();
    let shared = (100.0 - weights.values().sum::<f64>()) / size(unweighted);
    let sum: f64 = groups
        .iter()
        .map(|(group, passes)| {
            passes.unwrap_or(100.0) * (weights.get(*group).copied().unwrap_or(shared) / 100.0)
        })
        .sum();
    half_up(sum)
}

/// Half up in decimals, as Java's `BigDecimal` of the shortest text: 1.005 becomes 1.01 although its binary value lies
/// below. Ten more decimals are enough to tell such a half from a true "just below".
fn half_up(score: f64) -> f64 {
    let cents = (score * 100.0 * 1e10).round() / 1e10;
    (cents + 0.5).floor() / 100.0
}

//! From points to labels, in Kayenta's order: shortcuts first, then the test with its tolerance, then effect sizes.

use super::{
    cleaning::{NanStrategy, cleaned, mean, stats},
    mann_whitney::{AllTied, QUANTILE_98, RankSum, shift},
    model::{
        Analysis, Classification, Metadata, MetricConfig, MetricPair, MetricResult, Ratio, Request,
        Response,
    },
    score::scored,
};
use crate::judge::{quantity::size, random::Random};

/// The shift must exceed this part of its own estimate. Kayenta's literal; its property for it is never read.
const TOLERANCE: f64 = 0.25;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KayentaError {
    #[error("no configuration for metric {0}")]
    UnknownMetric(String),
}

/// Judges a request as `NetflixACAJudge-v1.0` does.
pub fn judge(request: &Request) -> Result<Response, KayentaError> {
    let results = request
        .metric_set_pair_list
        .iter()
        .map(|pair| {
            let mut configs = request.canary_config.metrics.iter();
            let config = configs.find(|config| config.name == pair.name);
            config
                .map(|config| classified(config, pair))
                .ok_or_else(|| KayentaError::UnknownMetric(pair.name.clone()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let thresholds = request
        .score_thresholds
        .or(request.canary_config.classifier.score_thresholds)
        .unwrap_or_default();
    Ok(scored(&request.canary_config.classifier.group_weights, thresholds, results))
}

/// The label of two arms' points under the default configuration, but for increases only.
pub(in crate::judge) fn label_of(control: &[f64], experiment: &[f64]) -> Classification {
    let analysis = Analysis { direction: "increase".to_owned(), ..Analysis::default() };
    label("", control, experiment, &analysis, TOLERANCE, QUANTILE_98)
        .map_or(Classification::Error, |finding| finding.classification)
}

fn classified(config: &MetricConfig, pair: &MetricPair) -> MetricResult {
    let analysis = &config.analysis_configurations.canary;
    let control = cleaned(&pair.values.control, analysis);
    let experiment = cleaned(&pair.values.experiment, analysis);
    let finding = label(&pair.name, &control, &experiment, analysis, TOLERANCE, QUANTILE_98);
    let (classification, reason, ratio, critical) = match finding {
        Ok(found) => (found.classification, found.reason, Some(found.ratio), found.critical),
        // Kayenta catches what its test throws; such a metric is never critical and counts nowhere.
        Err(AllTied) => {
            (Classification::Error, Some("Metric Classification Failed".to_owned()), None, false)
        }
    };
    MetricResult {
        name: pair.name.clone(),
        id: pair.id.clone(),
        tags: pair.tags.clone(),
        classification,
        classification_reason: reason,
        groups: config.groups.clone(),
        experiment_metadata: Metadata { stats: stats(&experiment) },
        control_metadata: Metadata { stats: stats(&control) },
        result_metadata: ratio.map(|ratio| Ratio { ratio }),
        critical,
        muted: analysis.muted,
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    pub(super) classification: Classification,
    reason: Option<String>,
    ratio: f64,
    pub(super) critical: bool,
}

/// Labels cleaned points. `quantile` is the normal one of the interval.
pub(super) fn label(
    name: &str,
    control: &[f64],
    experiment: &[f64],
    analysis: &Analysis,
    tolerance: f64,
    quantile: f64,
) -> Result<Finding, AllTied> {
    let finding =
        |classification, reason, critical| Finding { classification, reason, ratio: 1.0, critical };
    if control.is_empty() || experiment.is_empty() {
        let reason = Some(format!("Missing data for {name}"));
        return Ok(match (NanStrategy::of(analysis), analysis.must_have_data) {
            (NanStrategy::Remove, true) if !analysis.critical => {
                finding(Classification::NodataFailMetric, reason, false)
            }
            (NanStrategy::Remove, _) => finding(Classification::Nodata, reason, analysis.critical),
            (NanStrategy::Replace, _) => finding(Classification::Pass, None, false),
        });
    }
    if sorted(control) == sorted(experiment) {
        let reason = "The Canary and Baseline data are identical".to_owned();
        return Ok(finding(Classification::Pass, Some(reason), false));
    }
    if is_constant(control.iter().chain(experiment)) {
        return Ok(finding(Classification::Pass, None, false));
    }
    compare(name, control, experiment, analysis, tolerance, quantile)
}

fn compare(
    name: &str,
    control: &[f64],
    experiment: &[f64],
    analysis: &Analysis,
    tolerance: f64,
    quantile: f64,
) -> Result<Finding, AllTied> {
    let noise = is_constant(control.iter()) && is_constant(experiment.iter());
    let (control, experiment) = if noise {
        (blurred(control, 0), blurred(experiment, 1))
    } else {
        (control.to_vec(), experiment.to_vec())
    };
    let shift = shift(&experiment, &control, quantile)?;
    let ratio = mean_ratio(&control, &experiment);
    let effects = &analysis.effect_size;
    let (effect, no_check) =
        if effects.measure == "cles" { (cles(&control, &experiment), 0.5) } else { (ratio, 1.0) };
    // An effect that cannot be computed is not checked.
    let at_least = |bound: Option<f64>| effect.is_nan() || effect >= bound.unwrap_or(no_check);
    let at_most = |bound: Option<f64>| effect.is_nan() || effect <= bound.unwrap_or(no_check);
    let beyond = tolerance * shift.estimate.abs();
    let found = |classification, word: &str, is_critical: bool| {
        let critical = analysis.critical && is_critical;
        let reason = if critical {
            format!("The metric {name} was classified as {word} (Critical)")
        } else {
            format!("{name} was classified as {word}")
        };
        Finding { classification, reason: Some(reason), ratio, critical }
    };
    Ok(
        if analysis.direction != "decrease"
            && shift.low > beyond
            && at_least(effects.allowed_increase)
        {
            found(Classification::High, "High", at_least(effects.critical_increase))
        } else if analysis.direction != "increase"
            && shift.high < -beyond
            && at_most(effects.allowed_decrease)
        {
            found(Classification::Low, "Low", at_most(effects.critical_decrease))
        } else {
            Finding { classification: Classification::Pass, reason: None, ratio, critical: false }
        },
    )
}

fn sorted(points: &[f64]) -> Vec<f64> {
    let mut points = points.to_vec();
    points.sort_by(f64::total_cmp);
    points
}

fn is_constant<'a>(mut points: impl Iterator<Item = &'a f64>) -> bool {
    let first = points.next();
    points.all(|point| Some(point) == first)
}

/// Two constant arms cannot be ranked, so noise a hundred-thousandth of their value is added. Kayenta's differs from
/// run to run; this one is always the same.
fn blurred(points: &[f64], arm: u64) -> Vec<f64> {
    let mut random = Random::new(1, arm);
    points.iter().map(|x| x + x * 1e-5 * random.normal()).collect()
}

/// Not a number when either mean is 0.
fn mean_ratio(control: &[f64], experiment: &[f64]) -> f64 {
    let (control, experiment) = (mean(control), mean(experiment));
    if control.abs() > 0.0 && experiment.abs() > 0.0 { experiment / control } else { f64::NAN }
}

/// How likely a point of the experiment is above one of the control, ties counting half (Vargha and Delaney 2000).
pub(super) fn cles(control: &[f64], experiment: &[f64]) -> f64 {
    let (m, n) = (size(experiment.len()), size(control.len()));
    let ranks = RankSum::of(experiment.iter().copied(), control);
    (2.0 * ranks.first - m * (m + 1.0)) / (2.0 * n * m)
}

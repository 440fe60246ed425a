//! The JSON of Kayenta's judge: what it sends to a remote judge, and what it takes back. Fields it has and a judgement
//! does not need are skipped, so that a stored canary configuration can be used as it is.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, de};

/// `RemoteJudgeRequest`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub canary_config: RequestConfig,
    /// The configuration's own thresholds are used where these are absent.
    pub score_thresholds: Option<Thresholds>,
    pub metric_set_pair_list: Vec<MetricPair>,
}

/// `CanaryConfig`, as far as the judge reads it.
#[derive(Clone, Debug, Deserialize)]
pub struct RequestConfig {
    pub metrics: Vec<MetricConfig>,
    #[serde(default)]
    pub classifier: Classifier,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Classifier {
    /// Percent per group; groups without one share what is left of 100 equally.
    #[serde(default)]
    pub group_weights: BTreeMap<String, f64>,
    pub score_thresholds: Option<Thresholds>,
}

/// Scores from 0 to 100: at least `pass` passes, at least `marginal` is marginal.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Thresholds {
    pub pass: f64,
    pub marginal: f64,
}

impl Default for Thresholds {
    /// What Spinnaker's documentation advises.
    fn default() -> Self {
        Self { pass: 95.0, marginal: 75.0 }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricConfig {
    pub name: String,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub analysis_configurations: AnalysisConfigurations,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct AnalysisConfigurations {
    #[serde(default)]
    pub canary: Analysis,
}

/// How one metric is judged. Unknown words mean the default, as in Kayenta.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Analysis {
    /// `increase`, `decrease`, or else `either`.
    pub direction: String,
    /// `replace` (by 0), or else `remove`.
    pub nan_strategy: String,
    pub outliers: Outliers,
    pub critical: bool,
    pub must_have_data: bool,
    pub muted: bool,
    pub effect_size: EffectSize,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outliers {
    /// `remove`, or else `keep`.
    pub strategy: String,
    /// Fences stand so many interquartile ranges beyond the quartiles; 3 when absent.
    pub outlier_factor: Option<f64>,
}

/// Thresholds on the effect; absent ones are no check at all (1, or 0.5 for `cles`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EffectSize {
    /// `cles`, or else `meanRatio`.
    pub measure: String,
    pub allowed_increase: Option<f64>,
    pub allowed_decrease: Option<f64>,
    pub critical_increase: Option<f64>,
    pub critical_decrease: Option<f64>,
}

/// `MetricSetPair`: the points of both arms.
#[derive(Clone, Debug, Deserialize)]
pub struct MetricPair {
    pub name: String,
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    pub values: Values,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Values {
    #[serde(deserialize_with = "points")]
    pub control: Vec<f64>,
    #[serde(deserialize_with = "points")]
    pub experiment: Vec<f64>,
}

impl Values {
    /// Kayenta's mixing step: an arm with fewer points than the window has steps is filled up with gaps. The arms are
    /// not paired in time beyond that.
    #[must_use]
    pub fn padded(mut self, expected: usize) -> Self {
        for arm in [&mut self.control, &mut self.experiment] {
            if arm.len() < expected {
                arm.resize(expected, f64::NAN);
            }
        }
        self
    }
}

/// JSON has no number for a gap; Jackson writes `"NaN"`, others `null`.
fn points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    struct Point(f64);
    struct PointVisitor;

    impl de::Visitor<'_> for PointVisitor {
        type Value = Point;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, null or \"NaN\"")
        }

        fn visit_f64<E>(self, value: f64) -> Result<Point, E> {
            Ok(Point(value))
        }

        fn visit_i64<E: de::Error>(self, value: i64) -> Result<Point, E> {
            self.visit_str(&value.to_string())
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<Point, E> {
            self.visit_str(&value.to_string())
        }

        fn visit_unit<E>(self) -> Result<Point, E> {
            Ok(Point(f64::NAN))
        }

        fn visit_str<E: de::Error>(self, value: &str) -> Result<Point, E> {
            let number = value.parse();
            number.map(Point).map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
        }
    }

    impl<'de> Deserialize<'de> for Point {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(PointVisitor)
        }
    }

    Ok(Vec::<Point>::deserialize(deserializer)?.into_iter().map(|point| point.0).collect())
}

/// `CanaryJudgeResult`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub judge_name: &'static str,
    pub results: Vec<MetricResult>,
    pub group_scores: Vec<GroupScore>,
    pub score: Score,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricResult {
    pub name: String,
    pub id: String,
    pub tags: BTreeMap<String, String>,
    pub classification: Classification,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_reason: Option<String>,
    pub groups: Vec<String>,
    pub experiment_metadata: Metadata<MetricStats>,
    pub control_metadata: Metadata<MetricStats>,
    /// Absent for a metric that could not be classified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_metadata: Option<Ratio>,
    pub critical: bool,
    pub muted: bool,
}

/// The label of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Classification {
    Pass,
    High,
    Low,
    Nodata,
    NodataFailMetric,
    Error,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metadata<T> {
    pub stats: T,
}

/// After cleaning; all 0 without points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MetricStats {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    pub std: f64,
    pub count: usize,
}

/// The ratio of the means, experiment to control; null when one of them is 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    pub ratio: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupScore {
    pub name: String,
    pub score: f64,
    pub classification: &'static str,
    pub classification_reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// 0 to 100, two decimals.
    pub score: f64,
    pub classification: ScoreClass,
    pub classification_reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ScoreClass {
    Pass,
    Marginal,
    Fail,
}

//! The judgement of Netflix' Kayenta (`NetflixACAJudge-v1.0`), for people who migrate: the same JSON in, the same labels,
//! scores and thresholds out, quirks included. Not the default: it is slow at low traffic, blind to a metric that
//! throws, and never asks how many requests a point stands for. Written from a reading of spinnaker/kayenta at a69573be.

mod brent;
mod classify;
mod cleaning;
mod mann_whitney;
mod model;
mod score;
#[cfg(test)]
mod tests;

pub use classify::{KayentaError, judge};
pub use model::{
    Analysis, AnalysisConfigurations, Classification, Classifier, EffectSize, GroupScore, Metadata,
    MetricConfig, MetricPair, MetricResult, MetricStats, Outliers, Ratio, Request, RequestConfig,
    Response, Score, ScoreClass, Thresholds, Values,
};

/// What `study` runs as a rival: the label of one pair of arms.
pub(super) use classify::label_of;

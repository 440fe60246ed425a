//! What the judge hands back. Callers act on the verdict, a class and a reason; the figures are for people, who should
//! see what it rests on. (Google's CAS gives callers no score and no p-value either, deliberately: they get compared.)

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    config::Standard,
    counts::Pair,
    lasting::Lasting,
    quantity::{Alpha, Minute, Minutes, Share},
};

/// The class of an answer and, where it is not a decision, its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Undecided, and the deadline is not reached.
    Running,
    /// Every metric's evidence excludes a regression of the margin.
    Pass,
    /// Some metric is worse than its tolerance.
    Fail,
    /// Undecided at the deadline.
    Inconclusive(Reason),
    /// There is nothing to judge by. Never a pass.
    NoData(Absence),
}

/// Why a gate is still undecided at its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Too few minutes or canary requests were judged since the latest weight step.
    Warming,
    /// The canary gets more than twice or less than half of the traffic it is meant to get.
    Split,
    /// The evidence to fail hangs on a single minute.
    Spike,
    /// Errors vary between minutes so much more than independent requests would that evidence which would suffice does
    /// not, or that the dispersion is above 3.
    Noisy,
    /// Too few errors or requests to tell.
    Underpowered,
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// Neither arm has requests.
    NoTraffic,
    /// The baseline has requests and the canary has none.
    CanarySilent,
    /// The arms have requests and a metric has no data, or not of both arms.
    MetricSilent,
}

/// Everything the judge found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub verdict: Verdict,
    pub began: Minute,
    /// The last minute taken in; for FAIL the one that decided, whatever was observed later.
    pub until: Option<Minute>,
    pub judged: Minutes,
    /// log10 of the evidence that the canary is worse than tolerated, over all metrics: as the exact test has it, and
    /// behind the guards, which is what decides. FAIL at `fail_line`.
    pub fail: Evidence,
    /// log10 of the least evidence of any metric that the canary is better than the margin. PASS at `pass_line`.
    pub pass: Evidence,
    pub fail_line: f64,
    pub pass_line: f64,
    pub alpha: Alpha,
    pub metrics: Vec<MetricReport>,
    pub split: Split,
    /// For an undecided gate: how many more minutes of this traffic until PASS is likely if the canary is no worse
    /// than the baseline.
    pub to_pass: Option<Minutes>,
    /// What a later attempt with the same artifact goes on from.
    pub carried: Vec<Carried>,
}

/// log10 of an e-value: 0 says nothing, 1 is ten to one against the hypothesis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Evidence {
    pub exact: f64,
    pub guarded: f64,
}

/// What was found for one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricReport {
    pub name: Arc<str>,
    /// Its part of all weights, 0 to 1.
    pub part: f64,
    pub standard: Standard,
    /// All judged minutes together.
    pub counts: Pair,
    /// How many times more often the canary errs; `None` for a fixed standard.
    pub ratio: Option<Bounds>,
    pub fail: Evidence,
    pub pass: Evidence,
    /// Pearson's dispersion between minutes, at least 1.
    pub dispersion: f64,
    /// Where neighbouring minutes are more alike than chance makes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Lasting>,
    /// The minute that speaks loudest against the canary, and what log10 of the evidence is without it.
    pub worst_minute: Option<WorstMinute>,
    /// Whether this metric alone, with its part of alpha, suffices to fail.
    pub blame: Blame,
    /// Every judged minute, oldest first.
    pub trace: Arc<Vec<Point>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    None,
    /// Contributes most to a FAIL that no metric reaches alone.
    Most,
    Alone,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WorstMinute {
    pub minute: Minute,
    pub without: f64,
}

/// A ratio with the bounds that hold at every look with probability `1 - alpha`. An absent bound is one the counts do
/// not give yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounds {
    pub low: f64,
    pub estimate: f64,
    pub high: Option<f64>,
}

/// One minute of the plot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    pub minute: Minute,
    pub counts: Pair,
    /// log10 of the exact evidence after this minute.
    pub fail: f64,
    pub pass: f64,
}

/// Whether traffic is split as configured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Split {
    /// The configured share of the last judged minute.
    pub expected: Share,
    pub observed: Option<Share>,
    pub finding: SplitFinding,
}

/// Unlike errors, which are held against the observed share, this does not change what the error test says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitFinding {
    /// Not shown to be off by more than a tenth.
    AsConfigured,
    /// Off by more than a tenth: stickiness, long connections, DNS.
    Off,
    /// Off by more than a factor of two: no PASS.
    Extreme,
}

/// Evidence of one metric, as log10 behind the guards, for the next attempt with the same artifact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    pub metric: Arc<str>,
    pub fail: f64,
    pub pass: f64,
}

/// What happened to this artifact before.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Earlier {
    #[default]
    Nothing,
    /// An attempt that ended undecided: its evidence counts.
    Undecided(Vec<Carried>),
    /// It failed, and this is the so-manieth retry (from 1): a new test with `alpha / 2^retry`.
    Failed { retry: u32 },
}

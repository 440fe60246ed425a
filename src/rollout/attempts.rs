//! What earlier runs found of the same artifact. Whoever tries again until it passes would sooner or later get a wrong
//! answer, so an artifact that has failed is tested anew with less to spend, and evidence that came to no end is not
//! thrown away. `past.rs` finds it in earlier journals, once, when a run starts; it is a fact of that run from then on.

use serde::{Deserialize, Serialize};

/// What earlier runs came to in one `compare` gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attempts {
    /// The artifact failed there in so many runs, at least one.
    Failed {
        times: u32,
        /// The latest of them.
        run: String,
    },
    /// The latest run to ask came to no end.
    Undecided { run: String, evidence: Vec<Carried> },
}

/// The evidence of one metric that an undecided comparison had, in ten-thousandths of log10: 10000 is ten to one
/// against the hypothesis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Carried {
    pub metric: String,
    pub fail: i64,
    pub pass: i64,
}

/// Whether a comparison has found out so much since that it is worth a line in the journal: the evidence of a metric has
/// grown or shrunk threefold, within what can matter to anybody. A run that is cut short leaves all but that to the next.
pub(super) fn has_moved(before: &[Carried], after: &[Carried]) -> bool {
    const THREEFOLD: u64 = 5_000;
    let matters = |evidence: i64| evidence.clamp(-10_000, 20_000);
    let apart = |a: i64, b: i64| matters(a).abs_diff(matters(b)) >= THREEFOLD;
    after.iter().any(|now| {
        let then = before.iter().find(|then| then.metric == now.metric);
        let (fail, pass) = then.map_or((0, 0), |then| (then.fail, then.pass));
        apart(now.fail, fail) || apart(now.pass, pass)
    })
}

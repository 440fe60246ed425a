//! What a simulation found, as a row: the figure, the bound it is held against, how many runs, which seed.

use std::fmt::Write;

/// How hard to try.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Runs per situation.
    pub runs: u32,
    pub seed: u64,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Finding {
    /// `G1`.
    pub goal: &'static str,
    /// The situation, in words.
    pub what: String,
    pub figure: f64,
    /// The figure should be at most this.
    pub bound: f64,
    /// How figure and bound are written: a share of runs, or a ratio.
    pub unit: Unit,
    pub runs: u32,
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Percent,
    Times,
    Minutes,
}

impl Finding {
    pub fn is_met(&self) -> bool {
        self.figure <= self.bound
    }
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{:.2} %", value * 100.0),
            Self::Times => format!("{value:.2} x"),
            Self::Minutes => format!("{value:.0} min"),
        }
    }
}

/// Rows under a heading, for a terminal.
pub fn table(findings: &[Finding]) -> String {
    let mut text = format!(
        "{:<4} {:<92} {:>10} {:>10} {:>7} {:>6}\n",
        "goal", "situation", "figure", "bound", "runs", "seed"
    );
    for finding in findings {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<4} {:<92} {:>10} {:>10} {:>7} {:>6} {}",
            finding.goal,
            finding.what,
            finding.unit.write(finding.figure),
            finding.unit.write(finding.bound),
            finding.runs,
            finding.seed,
            if finding.is_met() { "met" } else { "MISSED" },
        );
    }
    text
}

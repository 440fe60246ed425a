//! What a simulation found, as a row: the figure, the bound it is held against, how many runs, which seed.

use std::fmt;

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

/// The heading that rows stand under.
pub fn heading() -> String {
    let columns = ["goal", "situation", "figure", "bound", "runs", "seed"];
    let [goal, what, figure, bound, runs, seed] = columns;
    format!("{goal:<4} {what:<92} {figure:>10} {bound:>10} {runs:>7} {seed:>6}")
}

/// A row under the heading, for a terminal.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { goal, what, runs, seed, .. } = self;
        let (figure, bound) = (self.unit.write(self.figure), self.unit.write(self.bound));
        let met = if self.is_met() { "met" } else { "MISSED" };
        write!(f, "{goal:<4} {what:<92} {figure:>10} {bound:>10} {runs:>7} {seed:>6} {met}")
    }
}

//! G7: the figures of other libraries. The vectors name theirs, its version, and how close one has to come.

use serde::Deserialize;

use super::{
    counts::{Counts, Pair},
    evidence::{Grid, Hypothesis, Process, Restarts},
    guard,
    interval::Likelihood,
    quantity::Alpha,
};

#[derive(Deserialize)]
struct Vectors<T> {
    tolerance: f64,
    cases: Vec<T>,
}

/// Canary requests and bad ones, then the baseline's.
type Row = (u64, u64, u64, u64);

fn pairs(rows: &[Row]) -> Vec<Pair> {
    let pair =
        |row: &Row| Pair { canary: Counts::new(row.0, row.1), baseline: Counts::new(row.2, row.3) };
    rows.iter().map(pair).collect()
}

fn assert_close(ours: f64, theirs: f64, tolerance: f64) {
    let off = (ours - theirs).abs() / theirs.abs().max(1.0);
    assert!(off <= tolerance, "{ours} instead of {theirs}: {off:e}");
}

#[test]
fn evidence_is_that_of_mpmath() {
    #[derive(Deserialize)]
    struct Case {
        rows: Vec<Row>,
        grid: String,
        ratio: f64,
        absolute: f64,
        ln_e: f64,
    }
    let text = include_str!("../../tests/fixtures/judge/evidence.json");
    let vectors: Vectors<Case> = serde_json::from_str(text).unwrap();
    for case in vectors.cases {
        let grid = if case.grid == "worse" { Grid::worse() } else { Grid::better() };
        let mut process = Process::new(grid, Restarts::Never);
        let hypothesis = Hypothesis::Ratio { ratio: case.ratio, absolute: case.absolute };
        for pair in pairs(&case.rows) {
            process.observe(hypothesis, pair);
        }
        assert_close(process.ln_value(), case.ln_e, vectors.tolerance);
    }
}

#[test]
fn bounds_and_dispersion_are_those_of_scipy() {
    #[derive(Deserialize)]
    struct Case {
        rows: Vec<Row>,
        low: f64,
        estimate: f64,
        high: f64,
        dispersion: f64,
    }
    let text = include_str!("../../tests/fixtures/judge/interval.json");
    let vectors: Vectors<Case> = serde_json::from_str(text).unwrap();
    for case in vectors.cases {
        let pairs = pairs(&case.rows);
        let errors = Likelihood::of_errors(pairs.iter().copied());
        let interval = errors.interval(Alpha::FIVE_PERCENT);
        assert_close(interval.low, case.low, vectors.tolerance);
        assert_close(interval.estimate, case.estimate, vectors.tolerance);
        assert_close(interval.high, case.high, vectors.tolerance);
        let dispersion = guard::dispersion(&errors, pairs.iter().copied());
        assert_close(dispersion, case.dispersion, vectors.tolerance);
    }
}

#[test]
fn the_worked_example_of_the_statistics_note_comes_out() {
    let pair = Pair { canary: Counts::new(1800, 36), baseline: Counts::new(34_200, 342) };
    let evidence = |ratio, absolute| {
        let mut process = Process::new(Grid::half_normal(), Restarts::Never);
        process.observe(Hypothesis::Ratio { ratio, absolute }, pair);
        process.ln_value().exp()
    };
    assert!((evidence(1.0, 0.0) - 187.0).abs() < 0.5);
    assert!((evidence(1.1, 0.0005) - 22.8).abs() < 0.05);
    let interval = Likelihood::of_errors([pair]).interval(Alpha::FIVE_PERCENT);
    assert!((interval.low - 1.10).abs() < 0.005 && (interval.high - 3.35).abs() < 0.005);
}

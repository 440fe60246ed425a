//! A small picture for a terminal: rates of both arms and the growth of the evidence, minute by minute, one line each.

use super::{
    counts::{Pair, sum},
    quantity::{size, whole},
    report::{Blame, MetricReport, Point, Report},
};

/// Columns of a line; longer traces are condensed.
const WIDTH: usize = 60;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The plot of one metric, two lines for rates and two for evidence, each ending in what a full bar stands for.
pub(super) fn plot(report: &Report, metric: &MetricReport) -> String {
    let Some(Lines { baseline, canary, fail, pass }) = lines(report, metric) else {
        return String::new();
    };
    format!(
        "    rate      baseline {baseline}\n              canary   {canary}\n    \
         evidence  to fail  {fail}\n              to pass  {pass}\n",
    )
}

impl Report {
    /// The plot as lines with a name each, for who has a place for lines only: of the metrics that a FAIL is laid to, of
    /// all when it is laid to none.
    pub fn plots(&self) -> Vec<(String, String)> {
        let blamed = self.metrics.iter().any(|metric| metric.blame != Blame::None);
        let shown = self.metrics.iter().filter(|m| !blamed || m.blame != Blame::None);
        let named = |metric: &MetricReport| {
            let Lines { baseline, canary, fail, pass } = lines(self, metric)?;
            let name = |what: &str| format!("{}, {what}", metric.name);
            let rates = [(name("baseline"), baseline), (name("canary"), canary)];
            Some(rates.into_iter().chain([(name("to fail"), fail), (name("to pass"), pass)]))
        };
        shown.filter_map(named).flatten().collect()
    }
}

struct Lines {
    baseline: String,
    canary: String,
    fail: String,
    pass: String,
}

/// `None` while nothing was judged.
fn lines(report: &Report, metric: &MetricReport) -> Option<Lines> {
    if metric.trace.is_empty() {
        return None;
    }
    let columns: Vec<&[Point]> = metric.trace.chunks(metric.trace.len().div_ceil(WIDTH)).collect();
    let rates = |of: fn(Pair) -> Option<f64>| -> Vec<f64> {
        let counts = columns.iter().map(|points| sum(points.iter().map(|p| p.counts)));
        counts.map(|pair| of(pair).unwrap_or(0.0)).collect()
    };
    let evidence = |of: fn(&Point) -> f64, line: f64| {
        let values: Vec<f64> = columns.iter().filter_map(|points| points.last()).map(of).collect();
        format!("{} (full bar: the line)", bars(&values, line))
    };
    let (baseline, canary) = (rates(|p| p.baseline.rate()), rates(|p| p.canary.rate()));
    let top = baseline.iter().chain(&canary).copied().fold(0.0, f64::max);
    let scaled = |values: &[f64]| format!("{} (full bar: {})", bars(values, top), percent(top));
    Some(Lines {
        baseline: scaled(&baseline),
        canary: scaled(&canary),
        fail: evidence(|p| p.fail, report.fail_line),
        pass: evidence(|p| p.pass, report.pass_line),
    })
}

/// Values from 0 to `top` as bars; what lies outside is drawn at the end it lies beyond.
fn bars(values: &[f64], top: f64) -> String {
    let highest = size(BARS.len() - 1);
    values
        .iter()
        .map(|value| {
            let height = whole((value / top * highest).floor().clamp(0.0, highest));
            usize::try_from(height).ok().and_then(|height| BARS.get(height)).unwrap_or(&'▁')
        })
        .collect()
}

/// A rate in percent, with as many decimals as it needs: `12 %`, `2.0 %`, `0.013 %`.
pub(super) fn percent(rate: f64) -> String {
    let percent = rate * 100.0;
    if percent >= 10.0 {
        format!("{percent:.0} %")
    } else if percent >= 1.0 || percent <= 0.0 {
        format!("{percent:.1} %")
    } else if percent >= 0.1 {
        format!("{percent:.2} %")
    } else {
        format!("{percent:.3} %")
    }
}

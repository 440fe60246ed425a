//! The report in words: a sentence that needs no statistics, then the figures behind it, then a small plot. (Google's CAS
//! found that conclusions have to be explained "in human-friendly terms that don't require knowledge of statistics".)

use std::fmt::Write;

use super::{
    config::Standard,
    plot::{percent, plot},
    report::{Absence, Blame, MetricReport, Reason, Report, SplitFinding, Verdict},
};

impl Report {
    /// One sentence: the verdict and its reason. A verdict is followed by what to know where noise lasts.
    pub fn sentence(&self) -> String {
        let mut words = self.verdict_words();
        match self.verdict {
            Verdict::Pass | Verdict::Fail | Verdict::Inconclusive(_) => {
                if let Some(lasting) = self.lasting_words() {
                    words.push(' ');
                    words.push_str(&lasting);
                }
            }
            Verdict::Running | Verdict::NoData(_) => {}
        }
        words
    }

    /// Names noise that lasts, which looks like a difference between the arms in either direction, and the remedy.
    fn lasting_words(&self) -> Option<String> {
        let alike = self.metrics.iter().filter(|metric| metric.lasting.is_some());
        let names: Vec<&str> = alike.map(|metric| metric.name.as_ref()).collect();
        (!names.is_empty()).then(|| {
            format!(
                "Note: {} of neighbouring minutes are alike, and noise that lasts for many minutes cannot be told from a \
                 regression, nor from a good canary: judge longer, or widen the tolerance if `judge calibrate` shows \
                 the same without a canary.",
                names.join(", ")
            )
        })
    }

    fn verdict_words(&self) -> String {
        match self.verdict {
            Verdict::Running => {
                let rest = self.to_pass.map_or(String::new(), |minutes| {
                    format!(
                        "; about {minutes} more to pass if the canary is as good as the baseline"
                    )
                });
                format!("RUNNING  undecided after {} judged{rest}.", self.judged)
            }
            Verdict::Pass => {
                let excluded: Vec<String> = self.metrics.iter().map(excluded).collect();
                format!("PASS  {}.", excluded.join("; "))
            }
            Verdict::Fail => {
                let blamed = self.metrics.iter().filter(|m| m.blame != Blame::None);
                let worse: Vec<String> = blamed.map(worse).collect();
                format!("FAIL  {}.", worse.join("; "))
            }
            Verdict::Inconclusive(reason) => format!("INCONCLUSIVE  {}.", self.undecided(reason)),
            Verdict::NoData(absence) => format!("NO DATA  {}.", self.missing(absence)),
        }
    }

    /// The sentence, the figures and the plot, as lines for a terminal.
    pub fn explanation(&self) -> String {
        let mut text = self.sentence();
        text.push('\n');
        for metric in &self.metrics {
            text.push_str(&self.figures(metric));
            text.push_str(&plot(self, metric));
        }
        text
    }

    fn figures(&self, metric: &MetricReport) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_figures(&mut text, metric);
        text
    }

    fn write_figures(&self, text: &mut String, metric: &MetricReport) -> std::fmt::Result {
        let (canary, baseline) = (metric.counts.canary, metric.counts.baseline);
        writeln!(
            text,
            "  {}: canary {} of {} ({}), baseline {} of {} ({}), {} judged, {}",
            metric.name,
            grouped(canary.bad()),
            grouped(canary.total()),
            percent(canary.rate().unwrap_or(0.0)),
            grouped(baseline.bad()),
            grouped(baseline.total()),
            percent(baseline.rate().unwrap_or(0.0)),
            self.judged,
            self.split_words(),
        )?;
        let sure = percent(1.0 - self.alpha.get());
        if let Some(ratio) = metric.ratio {
            let high = ratio.high.map_or("any number".to_owned(), |high| format!("{high:.2}"));
            writeln!(
                text,
                "    ratio {:.2}, between {:.2} and {high} whenever you look ({sure}); {}",
                ratio.estimate,
                ratio.low,
                standard(metric.standard),
            )?;
        } else {
            writeln!(text, "    {}", standard(metric.standard))?;
        }
        if self.verdict == Verdict::Fail && metric.blame != Blame::None {
            let odds = 10_f64.powf(self.fail.guarded.min(9.0));
            writeln!(
                text,
                "    a harmless canary would look this bad at some point in fewer than 1 of {odds:.0} \
                 rollouts (limit 1 of {:.0})",
                1.0 / self.alpha.get(),
            )?;
        }
        writeln!(
            text,
            "    evidence to fail 10^{:.2} ({:.2} without guards, line {:.2}), to pass 10^{:.2} (line {:.2})",
            metric.fail.guarded,
            metric.fail.exact,
            self.fail_line,
            metric.pass.guarded,
            self.pass_line,
        )?;
        if let Some(worst) = metric.worst_minute {
            writeln!(
                text,
                "    without its worst minute {}: 10^{:.2}; dispersion between minutes {:.1} (1 is none)",
                worst.minute, worst.without, metric.dispersion,
            )?;
        }
        Ok(())
    }

    /// The canary's share of requests beside the configured one.
    pub fn split_words(&self) -> String {
        let expected = percent(self.split.expected.get());
        match (self.split.observed, self.split.finding) {
            (None, _) => format!("no traffic (split {expected} expected)"),
            (Some(observed), SplitFinding::AsConfigured) => {
                format!("split {} as configured", percent(observed.get()))
            }
            (Some(observed), SplitFinding::Off) => {
                format!("split {} instead of {expected}", percent(observed.get()))
            }
            (Some(observed), SplitFinding::Extreme) => {
                format!("split {} instead of {expected}: no PASS", percent(observed.get()))
            }
        }
    }

    fn missing(&self, absence: Absence) -> String {
        match absence {
            Absence::NoTraffic => "neither arm has requests".to_owned(),
            Absence::CanarySilent => "the canary has no requests while the baseline has".to_owned(),
            Absence::MetricSilent => {
                let empty = |m: &&MetricReport| {
                    m.counts.canary.total() == 0 || m.counts.baseline.total() == 0
                };
                let silent: Vec<&str> =
                    self.metrics.iter().filter(empty).map(|m| m.name.as_ref()).collect();
                let whose = if silent.is_empty() {
                    "a metric has no data any more".to_owned()
                } else {
                    format!("no data of {}", silent.join(", "))
                };
                format!("{whose}, although there are requests")
            }
        }
    }

    fn undecided(&self, reason: Reason) -> String {
        match reason {
            Reason::Warming => {
                format!("only {} were judged, or too few canary requests", self.judged)
            }
            Reason::Split => format!("traffic is not split as configured: {}", self.split_words()),
            Reason::Spike => "the evidence against the canary hangs on a single minute".to_owned(),
            Reason::Noisy => {
                "errors vary between minutes far more than independent requests would".to_owned()
            }
            Reason::Underpowered => {
                let worst = self.metrics.iter().filter(|m| m.pass.guarded < self.pass_line);
                let open: Vec<String> = worst
                    .map(|metric| match metric.ratio.and_then(|ratio| ratio.high) {
                        Some(high) => {
                            format!("{} could still be {high:.1} times the baseline's", metric.name)
                        }
                        None => format!("{} could still be anything", metric.name),
                    })
                    .collect();
                let rest = match self.to_pass {
                    Some(minutes) => format!(
                        "; about {minutes} more of this traffic would settle it, or a larger share"
                    ),
                    None => "; a PASS is not to be expected at this rate of errors".to_owned(),
                };
                format!("too little traffic to tell: {}{rest}", open.join(", "))
            }
        }
    }
}

fn worse(metric: &MetricReport) -> String {
    let name = &metric.name;
    match metric.ratio {
        Some(ratio) if ratio.estimate < 100.0 => {
            format!("{name}: the canary fails {:.1} times as often as the baseline", ratio.estimate)
        }
        Some(_) => format!("{name}: the canary fails and the baseline hardly ever does"),
        None => format!("{name}: the canary fails more often than the limit"),
    }
}

fn excluded(metric: &MetricReport) -> String {
    match metric.standard {
        Standard::Baseline { margin, .. } => {
            format!("{}: the canary is not worse than {margin} of the baseline", metric.name)
        }
        Standard::Fixed { margin, .. } => {
            format!("{}: the canary stays below {}", metric.name, percent(margin.get()))
        }
    }
}

fn standard(standard: Standard) -> String {
    match standard {
        Standard::Baseline { tolerance, margin } => {
            format!("tolerated {tolerance}, excluded before PASS {margin}")
        }
        Standard::Fixed { limit, margin } => format!(
            "tolerated {}, excluded before PASS {}",
            percent(limit.get()),
            percent(margin.get())
        ),
    }
}

/// `34,200`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let lead = digits.len() % 3;
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 3 == lead {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

//! The judgement: replays every look, one per settled minute, and says what the first decisive one said. A pure function
//! of the counts, so that running it again over the same rows, or after a gap, gives the same report to the byte.

use super::{
    config::Config,
    counts::{Exposure, Series, Table, per_minute},
    elementary::{exp, ln},
    forecast,
    metric::{Found, LnEvidence, Observed, log10},
    presence::Presence,
    quantity::{Alpha, Minute, Minutes, float},
    report::{Blame, Earlier, Reason, Report, Split, SplitFinding, Verdict},
};

/// Dispersion above which an undecided gate is called noisy.
const NOISY: f64 = 3.0;

/// One gate at one moment.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    pub exposure: &'a Exposure,
    /// The minute it is now; minutes younger than the settling time are left out.
    pub now: Minute,
    pub series: &'a [Series],
    pub earlier: &'a Earlier,
}

/// Judges a gate.
///
/// FAIL when at any look since the warm-up the guarded evidence, weighted over the metrics, reached `1/alpha`: a
/// weighted mean of e-values is an e-value under any dependence (Vovk and Wang, "E-values", Annals of Statistics 2021).
/// PASS when at the latest look every metric's evidence against its margin reaches `1/beta`: an intersection-union
/// test needs no correction. FAIL comes before missing data, because evidence once decisive is not undone by silence;
/// everything else comes after it.
pub fn judge(config: &Config, case: &Case<'_>) -> Report {
    let pace = config.pace();
    let end = case.now.minus(pace.settle);
    let began = case.exposure.began();
    let alpha = match case.earlier {
        Earlier::Nothing | Earlier::Undecided(_) => config.alpha(),
        Earlier::Failed { retry } => config.alpha().for_retry(*retry),
    };
    let tables: Vec<Table> = config
        .metrics()
        .iter()
        .map(|metric| {
            let of_metric = case.series.iter().filter(|s| s.metric == *metric.name());
            per_minute(of_metric.flat_map(|s| &s.rows), began..end)
        })
        .collect();
    let presence = Presence::new(config, &tables, began..end);
    let warm = began.plus(pace.warmup);
    let mut looks = Looks {
        metrics: config
            .metrics()
            .iter()
            .zip(tables)
            .map(|(metric, mut table)| {
                table.retain(|(minute, _)| *minute >= warm);
                Observed::new(config, metric, table, case.earlier)
            })
            .collect(),
        seen: Vec::new(),
    };
    let decided = looks.run(case.exposure, alpha);
    let split = presence.split(case.exposure, looks.seen.last().copied());
    let found: Vec<Found> = looks.metrics.iter().map(Observed::found).collect();
    let fail = looks.weighted(&found);
    let pass = LnEvidence {
        exact: least(found.iter().map(|f| f.pass.exact)),
        guarded: least(found.iter().map(|f| f.pass.guarded)),
    };
    let readiness = looks.readiness(config, case.exposure.latest());
    let passes = pass.guarded >= config.beta().ln_threshold()
        && readiness == Readiness::Ready
        && split.finding < SplitFinding::Extreme;
    let exact = if fail.exact >= alpha.ln_threshold() { Exact::Decisive } else { Exact::Open };
    let verdict = match (decided, presence.absence()) {
        (Decided::Failed, _) => Verdict::Fail,
        (Decided::Nothing, Some(absence)) => Verdict::NoData(absence),
        (Decided::Nothing, None) if passes => Verdict::Pass,
        (Decided::Nothing, None) if case.now.since(case.exposure.latest()) < pace.deadline => {
            Verdict::Running
        }
        (Decided::Nothing, None) => Verdict::Inconclusive(reason(readiness, split, exact, &found)),
    };
    let to_pass = match verdict {
        Verdict::Running | Verdict::Inconclusive(_) => looks.to_pass(config, &found),
        Verdict::Pass | Verdict::Fail | Verdict::NoData(_) => None,
    };
    Report {
        verdict,
        began,
        until: looks.seen.last().copied(),
        judged: Minutes(u32::try_from(looks.seen.len()).unwrap_or(u32::MAX)),
        fail: fail.into(),
        pass: pass.into(),
        fail_line: log10(alpha.ln_threshold()),
        pass_line: log10(config.beta().ln_threshold()),
        alpha,
        carried: looks.metrics.iter().zip(&found).map(|(m, f)| m.carry(f)).collect(),
        split,
        to_pass,
        metrics: looks.into_reports(&found, alpha, decided),
    }
}

fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}

/// What the looks came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    Nothing,
    Failed,
}

/// Whether enough was judged for a PASS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    Warming,
    Ready,
}

/// What the test without guards says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exact {
    Open,
    Decisive,
}

fn reason(readiness: Readiness, split: Split, exact: Exact, found: &[Found]) -> Reason {
    if readiness == Readiness::Warming {
        Reason::Warming
    } else if split.finding == SplitFinding::Extreme {
        Reason::Split
    } else if exact == Exact::Decisive && found.iter().any(Found::hangs_on_one_minute) {
        Reason::Spike
    } else if exact == Exact::Decisive || found.iter().any(|f| f.dispersion > NOISY) {
        Reason::Noisy
    } else {
        Reason::Underpowered
    }
}

/// All metrics, as far as they are observed.
struct Looks<'a> {
    metrics: Vec<Observed<'a>>,
    seen: Vec<Minute>,
}

impl Looks<'_> {
    /// Looks after each minute until one is decisive.
    fn run(&mut self, exposure: &Exposure, alpha: Alpha) -> Decided {
        let mut steps = exposure.later().iter().peekable();
        while let Some(minute) = self.metrics.iter_mut().filter_map(Observed::next).min() {
            while steps.next_if(|step| step.at <= minute).is_some() {
                self.metrics.iter_mut().for_each(Observed::step);
            }
            self.metrics.iter_mut().for_each(|m| m.observe(minute));
            self.seen.push(minute);
            if self.is_decisive(alpha) {
                return Decided::Failed;
            }
        }
        Decided::Nothing
    }

    fn is_decisive(&self, alpha: Alpha) -> bool {
        // A mean is at most its largest part, and the guards, which are dear, only ever take away.
        let most = self.metrics.iter().map(Observed::ln_exact).fold(0.0, f64::max);
        most >= alpha.ln_threshold() && {
            let found: Vec<Found> = self.metrics.iter().map(Observed::found).collect();
            self.weighted(&found).guarded >= alpha.ln_threshold()
        }
    }

    /// The weighted mean over the metrics.
    fn weighted(&self, found: &[Found]) -> LnEvidence {
        let mean = |of: fn(&Found) -> f64| {
            let terms = || self.metrics.iter().zip(found).map(|(m, f)| ln(m.part) + of(f));
            let largest = terms().fold(f64::NEG_INFINITY, f64::max);
            largest + ln(terms().map(|term| exp(term - largest)).sum())
        };
        LnEvidence { exact: mean(|f| f.fail.exact), guarded: mean(|f| f.fail.guarded) }
    }

    /// Minutes and canary requests since the share was last raised: a regression may need that load.
    fn readiness(&self, config: &Config, since: Minute) -> Readiness {
        let minutes = self.seen.iter().filter(|minute| **minute >= since).count();
        let requests = self
            .metrics
            .iter()
            .map(|m| m.trace.iter().filter(|p| p.minute >= since))
            .map(|points| points.map(|p| p.counts.canary.total()).sum::<u64>())
            .max();
        let pace = config.pace();
        if u32::try_from(minutes).is_ok_and(|minutes| minutes < pace.min_data.0)
            || requests.is_none_or(|requests| requests < pace.min_canary_requests)
        {
            Readiness::Warming
        } else {
            Readiness::Ready
        }
    }

    /// Minutes until the slowest metric likely passes, if the canary is no worse than the baseline.
    fn to_pass(&self, config: &Config, found: &[Found]) -> Option<Minutes> {
        let minutes = float(u64::try_from(self.seen.len()).ok()?);
        self.metrics
            .iter()
            .zip(found)
            .map(|(m, f)| {
                let counts = m.counts();
                let growth = forecast::pass_growth(
                    m.metric.standard(),
                    m.base_rate()?.get(),
                    counts.share()?,
                );
                let per_minute = growth.mean * float(counts.canary.total()) / minutes;
                let unrest = m.unrest();
                let more = forecast::first_minute(|more| {
                    let needed = unrest.after(more).needed(config.beta().ln_threshold());
                    f.pass.exact + per_minute * more >= needed
                });
                (per_minute > 0.0).then_some(more).flatten()
            })
            .try_fold(Minutes(0), |most, minutes| Some(most.max(minutes?)))
    }

    fn into_reports(
        self,
        found: &[Found],
        alpha: Alpha,
        decided: Decided,
    ) -> Vec<super::report::MetricReport> {
        let strength = |m: &Observed<'_>, f: &Found| ln(m.part) + f.fail.guarded;
        let most = self
            .metrics
            .iter()
            .zip(found)
            .map(|(m, f)| strength(m, f))
            .fold(f64::NEG_INFINITY, f64::max);
        self.metrics
            .into_iter()
            .zip(found)
            .map(|(m, f)| {
                let own = strength(&m, f);
                let blame = match decided {
                    Decided::Failed if own >= alpha.ln_threshold() => Blame::Alone,
                    Decided::Failed if own >= most => Blame::Most,
                    Decided::Failed | Decided::Nothing => Blame::None,
                };
                m.report(f, alpha, blame)
            })
            .collect()
    }
}

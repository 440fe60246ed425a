//! The judgement: replays every look, one per settled minute, and says what the first decisive one said. A pure function
//! of the counts, so that running it again over the same rows, or after a gap, gives the same report to the byte. Whoever
//! judges a gate again and again keeps what was replayed (`Judgement`), so that a look costs what is new since the last.

use super::{
    config::Config,
    counts::{Exposure, Row, Series, Table, per_minute},
    looks::{Decided, Looks, Readiness},
    metric::{Found, LnEvidence, Observed, log10},
    presence::Presence,
    quantity::{Alpha, Minute, Minutes},
    report::{Earlier, Reason, Report, Split, SplitFinding, Verdict},
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
    Judgement::default().judge(config, case)
}

/// A gate that is judged again and again. Each report is that of [`judge`]; what has been replayed before is replayed
/// anew only where it has changed.
#[derive(Clone, Debug, Default)]
pub struct Judgement(Option<Replayed>);

impl Judgement {
    /// Judges a gate, going on from the last time where that was about the same minutes and more have settled since.
    pub fn judge(&mut self, config: &Config, case: &Case<'_>) -> Report {
        let end = case.now.minus(config.pace().settle).max(case.exposure.began());
        let replayed = match self.0.take() {
            Some(replayed) if replayed.goes_on_to(config, case, end) => replayed,
            Some(_) | None => Replayed::nothing(config, case),
        };
        let replayed = self.0.insert(replayed);
        replayed.replay(case, end);
        replayed.report(case)
    }
}

/// What has been replayed, and what it was taken from.
#[derive(Clone, Debug)]
struct Replayed {
    config: Config,
    exposure: Exposure,
    earlier: Earlier,
    alpha: Alpha,
    /// The rows of the minutes before `end`.
    series: Vec<Series>,
    end: Minute,
    presence: Presence,
    looks: Looks,
}

impl Replayed {
    fn nothing(config: &Config, case: &Case<'_>) -> Self {
        let began = case.exposure.began();
        let series = case.series.iter().map(|s| Series { metric: s.metric.clone(), rows: vec![] });
        Self {
            exposure: case.exposure.clone(),
            earlier: case.earlier.clone(),
            alpha: match case.earlier {
                Earlier::Nothing | Earlier::Undecided(_) => config.alpha(),
                Earlier::Failed { retry } => config.alpha().for_retry(*retry),
            },
            series: series.collect(),
            end: began,
            presence: Presence::new(config, began),
            looks: Looks::new(config, case.earlier),
            config: config.clone(),
        }
    }

    /// Whether all that was replayed would be the same in this case: that `end` is no earlier, and that nothing has come
    /// late or was corrected.
    fn goes_on_to(&self, config: &Config, case: &Case<'_>, end: Minute) -> bool {
        let replayed = self.exposure.began()..self.end;
        let is_same = |(before, now): (&Series, &Series)| {
            let rows = now.rows.iter().filter(|row| replayed.contains(&row.minute));
            before.metric == now.metric && before.rows.iter().eq(rows)
        };
        end >= self.end
            && *config == self.config
            && *case.earlier == self.earlier
            && case.exposure.agrees_with(&self.exposure, self.end)
            && case.series.len() == self.series.len()
            && self.series.iter().zip(case.series).all(is_same)
    }

    /// Looks after each minute that has settled since.
    fn replay(&mut self, case: &Case<'_>, end: Minute) {
        let settled = self.end..end;
        let table = |metric: &Observed| {
            let of_metric = case.series.iter().filter(|s| s.metric == *metric.metric.name());
            per_minute(of_metric.flat_map(|s| &s.rows), settled.clone())
        };
        let mut tables: Vec<Table> = self.looks.metrics.iter().map(table).collect();
        self.presence.take_in(&tables, end);
        let warm = case.exposure.began().plus(self.config.pace().warmup);
        for table in &mut tables {
            table.retain(|(minute, _)| *minute >= warm);
        }
        self.looks.run(tables, case.exposure, self.alpha);
        for (before, now) in self.series.iter_mut().zip(case.series) {
            let is_new = |row: &&Row| settled.contains(&row.minute);
            before.rows.extend(now.rows.iter().filter(is_new));
        }
        self.exposure = case.exposure.clone();
        self.end = end;
    }

    fn report(&mut self, case: &Case<'_>) -> Report {
        let (config, alpha, looks) = (&self.config, self.alpha, &mut self.looks);
        let until = looks.seen.last().copied();
        let split = self.presence.split(case.exposure, until);
        let found = looks.found();
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
        let deadline = config.pace().deadline;
        let verdict = match (looks.decided, self.presence.absence()) {
            (Decided::Failed, _) => Verdict::Fail,
            (Decided::Nothing, Some(absence)) => Verdict::NoData(absence),
            (Decided::Nothing, None) if passes => Verdict::Pass,
            (Decided::Nothing, None) if case.now.since(case.exposure.latest()) < deadline => {
                Verdict::Running
            }
            (Decided::Nothing, None) => {
                Verdict::Inconclusive(reason(readiness, split, exact, &found))
            }
        };
        let to_pass = match verdict {
            Verdict::Running | Verdict::Inconclusive(_) => looks.to_pass(config, &found),
            Verdict::Pass | Verdict::Fail | Verdict::NoData(_) => None,
        };
        Report {
            verdict,
            began: case.exposure.began(),
            until,
            judged: Minutes(u32::try_from(looks.seen.len()).unwrap_or(u32::MAX)),
            fail: fail.into(),
            pass: pass.into(),
            fail_line: log10(alpha.ln_threshold()),
            pass_line: log10(config.beta().ln_threshold()),
            alpha,
            carried: looks.metrics.iter().zip(&found).map(|(m, f)| m.carry(f)).collect(),
            split,
            to_pass,
            metrics: looks.reports(&found, alpha),
        }
    }
}

fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::judge::{Alpha, Arm, Counts, Metric, Pace, Share, Standard, Step};

    const BEGAN: i64 = 29_000_000;

    /// What may happen between two looks at a gate.
    #[derive(Clone, Debug)]
    enum Meanwhile {
        /// So many minutes pass, in which so many of 200 and of 3,800 requests go wrong.
        Minutes(Vec<(u64, u64)>),
        /// Time passes in which nobody counts anything.
        Silence(i64),
        /// A figure comes that belongs to a minute so long ago.
        Late(i64, u64),
        /// The last figure but so many is another.
        Corrected(usize, u64),
        /// The canary gets another share.
        Share(u32),
        /// An earlier attempt turns up.
        Attempt(u32),
        /// Somebody looks at a moment that has been looked at before.
        Back(i64),
    }

    fn meanwhile() -> impl Strategy<Value = Meanwhile> {
        let minute = || (0..14_u64, 20..60_u64);
        let calm = prop::collection::vec((1..4_u64, 34..42_u64), 1..30);
        prop_oneof![
            6 => prop::collection::vec(minute(), 1..6).prop_map(Meanwhile::Minutes),
            6 => calm.prop_map(Meanwhile::Minutes),
            1 => (1..9_i64).prop_map(Meanwhile::Silence),
            1 => (1..60_i64, 0..40_u64).prop_map(|(ago, bad)| Meanwhile::Late(ago, bad)),
            1 => (0..60_usize, 0..40_u64).prop_map(|(place, bad)| Meanwhile::Corrected(place, bad)),
            1 => (1..60_u32).prop_map(Meanwhile::Share),
            1 => (1..3_u32).prop_map(Meanwhile::Attempt),
            1 => (1..20_i64).prop_map(Meanwhile::Back),
        ]
    }

    /// A gate of two metrics with what it is told.
    struct Told {
        config: Config,
        exposure: Exposure,
        series: Vec<Series>,
        earlier: Earlier,
        now: i64,
    }

    fn share(percent: u32) -> Share {
        Share::new(f64::from(percent) / 100.0).unwrap()
    }

    impl Told {
        fn nothing() -> Self {
            let metric = |name, weight| Metric::new(name, weight, Standard::usual()).unwrap();
            let metrics = vec![metric("errors", 2.0), metric("slow", 1.0)];
            let pace = Pace { deadline: Minutes(90), ..Pace::default() };
            let series = |metric: &str| Series { metric: metric.into(), rows: Vec::new() };
            let first = Step { at: Minute(BEGAN), share: share(5) };
            Self {
                config: Config::new(metrics, Alpha::FIVE_PERCENT, Alpha::FIVE_PERCENT, pace)
                    .unwrap(),
                exposure: Exposure::new(first),
                // Each arm's figures come apart, as from a gate.
                series: ["errors", "errors", "slow", "slow"].map(series).into(),
                earlier: Earlier::Nothing,
                now: BEGAN,
            }
        }

        fn row(&mut self, place: usize, minute: i64, total: u64, bad: u64) {
            let arm = if place.is_multiple_of(2) { Arm::Baseline } else { Arm::Canary };
            let row = Row { minute: Minute(minute), arm, counts: Counts::new(total, bad) };
            self.series[place].rows.push(row);
        }

        fn follow(&mut self, meanwhile: &Meanwhile) {
            match meanwhile {
                Meanwhile::Minutes(minutes) => {
                    for (canary, baseline) in minutes {
                        self.row(0, self.now, 3800, *baseline);
                        self.row(1, self.now, 200, *canary);
                        self.row(2, self.now, 3700 + baseline, baseline / 2);
                        self.row(3, self.now, 190 + canary, canary / 2);
                        self.now += 1;
                    }
                }
                Meanwhile::Silence(minutes) => self.now += minutes,
                Meanwhile::Late(ago, bad) => {
                    self.row((bad % 4).try_into().unwrap(), self.now - ago, 50, *bad);
                }
                Meanwhile::Corrected(place, bad) => {
                    let rows = &mut self.series[1].rows;
                    if let Some(row) = rows.iter_mut().rev().nth(*place) {
                        row.counts = Counts::new(200, *bad);
                    }
                }
                Meanwhile::Share(percent) => {
                    let step = Step { at: Minute(self.now), share: share(*percent) };
                    self.exposure = self.exposure.clone().then(step);
                }
                Meanwhile::Attempt(retry) => self.earlier = Earlier::Failed { retry: *retry },
                Meanwhile::Back(minutes) => self.now = (self.now - minutes).max(BEGAN),
            }
        }

        fn case(&self) -> Case<'_> {
            let (exposure, series, earlier) = (&self.exposure, &self.series, &self.earlier);
            Case { exposure, now: Minute(self.now), series, earlier }
        }
    }

    proptest! {
        #[test]
        fn going_on_tells_what_judging_anew_does(all in prop::collection::vec(meanwhile(), 1..25)) {
            let (mut told, mut judgement) = (Told::nothing(), Judgement::default());
            for meanwhile in &all {
                told.follow(meanwhile);
                let anew = judge(&told.config, &told.case());
                let gone_on = judgement.judge(&told.config, &told.case());
                // Printed, every figure is told apart to its last digit, and what is no number is itself.
                prop_assert_eq!(format!("{gone_on:?}"), format!("{anew:?}"), "after {:?}", meanwhile);
            }
        }
    }

    /// Whether what was replayed serves after so many good minutes and what happens then.
    fn goes_on_after(meanwhile: &Meanwhile) -> bool {
        let (mut told, mut judgement) = (Told::nothing(), Judgement::default());
        told.follow(&Meanwhile::Minutes(vec![(2, 38); 30]));
        judgement.judge(&told.config, &told.case());
        told.follow(meanwhile);
        let end = told.case().now.minus(told.config.pace().settle);
        judgement.0.unwrap().goes_on_to(&told.config, &told.case(), end)
    }

    #[test]
    fn only_what_is_new_is_replayed_and_all_of_it_when_something_older_has_changed() {
        assert!(goes_on_after(&Meanwhile::Minutes(vec![(3, 40); 5])));
        assert!(goes_on_after(&Meanwhile::Silence(3)));
        assert!(goes_on_after(&Meanwhile::Share(20)));
        assert!(goes_on_after(&Meanwhile::Late(1, 3)), "that minute had not settled");
        assert!(!goes_on_after(&Meanwhile::Late(9, 3)));
        assert!(goes_on_after(&Meanwhile::Corrected(0, 3)), "nor had that");
        assert!(!goes_on_after(&Meanwhile::Corrected(5, 3)));
        assert!(!goes_on_after(&Meanwhile::Attempt(1)));
        assert!(!goes_on_after(&Meanwhile::Back(4)));
    }
}

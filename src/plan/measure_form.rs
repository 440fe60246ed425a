//! What a person may write in a gate that measures, and how one is written back.

use std::time::Duration;

use super::{
    calendar::{Dates, Day, Hours, Window, Zone},
    form::{Slot, unplaced},
    measure::{
        Allowance, Baseline, Bound, Burn, CompareGate, Comparison, ErrorBudgetGate, LatencyAbove,
        Limit, Measure, MetricGate, Periods, Statistic,
    },
    names::Side,
    record::record,
    scalar::{Literal, Whole, words},
    span::Spanned,
    units::Percent,
};

record! {
    /// A figure that the load balancer publishes for one side of a route, held against a limit. Only whole periods
    /// since the run began count; without requests it waits, and never passes.
    MetricForm, "a metric gate", choice "`name` or `ratio`" "plan::unknown-field" as MetricChoice {
        /// The route whose traffic is measured.
        "route" route: Required String,
        /// Whose: `stable` or `candidate`.
        "side" side: Required Side,
        /// The metric in `AWS/ApplicationELB`, such as `TargetResponseTime`, or of a function in `AWS/Lambda`; with
        /// `statistic`.
        "name" name: Choice as Name String,
        /// One count in relation to another, in place of `name`.
        "ratio" ratio: Choice as Ratio RatioForm,
        /// With `name`: `sum`, `average`, `minimum`, `maximum`, `sample-count`, or a percentile such as `p99`.
        "statistic" statistic: Optional Statistic,
        /// The most it may be: `500ms`, `1%` or a number.
        "below" below: Optional Limit,
        /// The least it may be, in place of `below`.
        "above" above: Optional Limit,
        /// How many of the latest periods have to be beyond the limit to fail; `2 of 3` unless told.
        "periods" periods: Optional Periods,
        /// The length of a period in whole minutes; `60s` unless told.
        "period" period: Optional Duration,
        /// Requests in these periods below which the gate waits; 100 unless told.
        "min-samples" min_samples: Optional Whole<1, 1_000_000_000>,
    }
}

record! {
    /// One count in relation to another, such as errors to requests.
    RatioForm, "a ratio" {
        /// What is counted, such as `HTTPCode_Target_5XX_Count`.
        "of" of: Required String,
        /// Out of what, such as `RequestCount`.
        "to" to: Required String,
    }
}

record! {
    /// Compares the candidate with the stable side, minute by minute: fails when the candidate is shown to be worse
    /// than tolerated, passes when worse than the margin is excluded. It may be looked at as often as one likes.
    CompareForm, "a compare gate" {
        /// The route whose sides are compared.
        "route" route: Required String,
        /// With what the candidate is compared: `stable`, unless told, or `paired`, the route's `baseline` group, whose
        /// instances are as fresh as the candidate's.
        "baseline" baseline: Optional Baseline,
        /// How many server errors more are tolerated, and how many more have to be excluded.
        "errors" errors: Optional ErrorsForm,
        /// Compares the share of slow answers too: the gate fails by both together, and passes when both pass.
        "latency-above" latency_above: Optional LatencyAboveForm,
        /// How often a harmless candidate may fail at all, at most `20%`; `5%` unless told.
        "alpha" alpha: Optional Percent,
        /// How old a minute has to be before it counts; `2m` unless told.
        "settle" settle: Optional Duration,
        /// How long after its first traffic the candidate is not judged yet; `2m` unless told.
        "warmup" warmup: Optional Duration,
        /// Requests to the candidate since the last change of weights before it can pass; 200 unless told.
        "min-canary-requests" min_canary_requests: Optional Whole<1, 1_000_000_000>,
        /// How long after the last change of weights an undecided gate becomes unknown; `60m` unless told.
        "deadline" deadline: Optional Duration,
        /// What tells the candidate's version, such as `${version}`. A run with the plan and parameters of one that failed
        /// here has half its `alpha`, and one that follows an undecided run goes on from its evidence, until a run is
        /// promoted. Unless told, every run starts anew.
        "artifact" artifact: Optional Literal,
    }
}

record! {
    /// Allowances such as `1.1x + 0.05pp`: a multiple of the stable side's error rate, and percentage points on top.
    ErrorsForm, "`errors`" {
        /// The gate fails when the candidate is shown to be worse than this; `1.1x + 0.05pp` unless told.
        "tolerance" tolerance: Optional Allowance,
        /// The gate passes when the candidate is shown to be better than this; `1.5x + 0.1pp` unless told.
        "margin" margin: Optional Allowance,
        /// How much of `alpha` it is given in relation to the other comparisons; 1 unless told.
        "weight" weight: Optional Whole<1, 1_000>,
    }
}

record! {
    /// Answers that take longer than the threshold, as a share of all answers.
    LatencyAboveForm, "`latency-above`" {
        /// From when on an answer is slow, such as `500ms`: a time that nine in ten of the stable side's answers keep.
        "threshold" threshold: Required Duration,
        /// The gate fails when the candidate is shown to be worse than this; `1.1x + 0.05pp` unless told.
        "tolerance" tolerance: Optional Allowance,
        /// The gate passes when the candidate is shown to be better than this; `1.5x + 0.1pp` unless told.
        "margin" margin: Optional Allowance,
        /// How much of `alpha` it is given in relation to the other comparisons; 1 unless told.
        "weight" weight: Optional Whole<1, 1_000>,
    }
}

record! {
    /// How fast the errors of one side use up the error budget of an objective, over a long and a short window at once:
    /// the gate fails when both are faster than the rate. Only whole minutes count, the candidate's since the run began.
    ErrorBudgetForm, "an error-budget gate" {
        /// The route whose traffic is measured.
        "route" route: Required String,
        /// Whose: `stable` or `candidate`.
        "side" side: Required Side,
        /// The share that has to go well, such as `99.9%`.
        "objective" objective: Required Percent,
        /// What goes wrong out of what; `HTTPCode_Target_5XX_Count` of `RequestCount`
        /// unless told, and of a function `Errors` of `Invocations`.
        "ratio" ratio: Optional RatioForm,
        /// Rates with their windows; `[14.4x in 1h and 5m, 6x in 6h and 30m]` unless told.
        "burn" burn: Optional Vec<Spanned<Burn>>,
        /// Requests in the longest window below which the gate waits; 100 unless told.
        "min-samples" min_samples: Optional Whole<1, 1_000_000_000>,
    }
}

record! {
    /// When the steps that name this gate may start. A step that has started is not stopped by it.
    WindowForm, "a window gate" {
        /// Days of the week, such as `[mon, tue, wed, thu]`; all of them unless told.
        "days" days: Optional Vec<Spanned<Day>>,
        /// Hours of the day, such as `09:00-16:30`, up to `24:00`; all day unless told. Those that end before they begin,
        /// such as `22:00-06:00`, end on the next day and belong to the day they began on.
        "hours" hours: Optional Hours,
        /// `UTC`, an offset such as `+02:00`, or a name such as `Europe/Berlin`; `UTC` unless told.
        "zone" zone: Optional Zone,
        /// Dates on which nothing starts, such as `[2026-12-24 to 2027-01-02]`.
        "except" except: Optional Vec<Spanned<Dates>>,
    }
}

words! {
    Baseline, "something to compare with" { "stable" => Baseline::Stable, "paired" => Baseline::Paired }
    Day, "a day of the week" {
        "mon" => Day::Mon, "tue" => Day::Tue, "wed" => Day::Wed, "thu" => Day::Thu, "fri" => Day::Fri,
        "sat" => Day::Sat, "sun" => Day::Sun,
    }
}

impl MetricForm {
    pub(super) fn of(gate: &MetricGate) -> Self {
        let (name, statistic, ratio) = match &gate.measure {
            Measure::One { name, statistic } => {
                (Slot::of(name.clone()), Slot::of(*statistic), Slot::Absent)
            }
            Measure::Ratio { of, to } => {
                (Slot::Absent, Slot::Absent, Slot::of(RatioForm::of(of, to)))
            }
        };
        let (below, above) = match gate.bound {
            Bound::Below => (Slot::of(gate.limit), Slot::Absent),
            Bound::Above => (Slot::Absent, Slot::of(gate.limit)),
        };
        Self {
            route: Slot::of(gate.route.to_string()),
            side: Slot::of(gate.side),
            name,
            ratio,
            statistic,
            below,
            above,
            periods: Slot::of(gate.periods),
            period: Slot::of(gate.period),
            min_samples: Slot::of(Whole(gate.min_samples)),
        }
    }
}

impl RatioForm {
    fn of(of: &str, to: &str) -> Self {
        Self { of: Slot::of(of.to_owned()), to: Slot::of(to.to_owned()) }
    }
}

impl CompareForm {
    pub(super) fn of(gate: &CompareGate) -> Self {
        // A weight means nothing alone; left out, the digests of older plans stay.
        let weight = match gate.latency {
            None => Slot::Absent,
            Some(_) => Slot::of(Whole(gate.errors.weight)),
        };
        let Comparison { tolerance, margin, weight: _ } = gate.errors;
        let (tolerance, margin) = (Slot::of(tolerance), Slot::of(margin));
        Self {
            route: Slot::of(gate.route.to_string()),
            // Not spelled out where it is as ever, so that the digests of older plans stay.
            baseline: match gate.baseline {
                Baseline::Stable => Slot::Absent,
                Baseline::Paired => Slot::of(Baseline::Paired),
            },
            errors: Slot::of(ErrorsForm { tolerance, margin, weight }),
            latency_above: Slot::of_some(gate.latency.map(LatencyAboveForm::of)),
            alpha: Slot::of(gate.alpha),
            settle: Slot::of(gate.settle),
            warmup: Slot::of(gate.warmup),
            min_canary_requests: Slot::of(Whole(gate.min_canary_requests)),
            deadline: Slot::of(gate.deadline),
            artifact: Slot::of_some(gate.artifact.clone().map(Literal)),
        }
    }
}

impl LatencyAboveForm {
    fn of(LatencyAbove { threshold, compared }: LatencyAbove) -> Self {
        let Comparison { tolerance, margin, weight } = compared;
        Self {
            threshold: Slot::of(threshold),
            tolerance: Slot::of(tolerance),
            margin: Slot::of(margin),
            weight: Slot::of(Whole(weight)),
        }
    }
}

impl ErrorBudgetForm {
    pub(super) fn of(gate: &ErrorBudgetGate) -> Self {
        Self {
            route: Slot::of(gate.route.to_string()),
            side: Slot::of(gate.side),
            objective: Slot::of(gate.objective),
            ratio: Slot::of(RatioForm::of(&gate.of, &gate.to)),
            burn: Slot::of(unplaced(gate.burns.iter().copied())),
            min_samples: Slot::of(Whole(gate.min_samples)),
        }
    }
}

impl WindowForm {
    pub(super) fn of(window: &Window) -> Self {
        let except = unplaced(window.except.iter().copied());
        Self {
            days: Slot::of(unplaced(window.days.iter().copied())),
            hours: Slot::of(window.hours),
            zone: Slot::of(window.zone.clone()),
            except: if except.is_empty() { Slot::Absent } else { Slot::of(except) },
        }
    }
}

//! Past runs in a table, newest wherever the caller puts it: what ran, when, and what came of it.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;

use super::{
    RunView, Sign, Standing, Style, Watch,
    view::millis,
    words::{printable, span},
};
use crate::{
    journal::{Envelope, RunId},
    plan::PlanName,
    rollout::{Event, State, Timestamp},
};

/// One run in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HistoryRow {
    pub run: RunId,
    pub plan: PlanName,
    pub started: Timestamp,
    #[serde(rename = "duration-ms", serialize_with = "millis")]
    pub duration: Duration,
    pub outcome: Standing,
}

impl HistoryRow {
    /// `None` for a run that has not started.
    pub fn of(view: &RunView) -> Option<Self> {
        Some(Self {
            run: view.run.clone()?,
            plan: view.plan.clone(),
            started: view.started?,
            duration: view.duration,
            outcome: view.standing,
        })
    }

    /// From the journal alone, for a run whose plan cannot be read any more; that it waits for an approval is not
    /// seen then.
    pub fn without_plan(envelopes: &[Envelope], watch: Watch, now: Timestamp) -> Option<Self> {
        let (first, last) = (envelopes.first()?, envelopes.last()?);
        let Event::RunStarted { plan, .. } = &first.event else { return None };
        let state = State::fold(envelopes.iter().map(|e| (&e.event, e.at)));
        let end = if matches!(last.event, Event::RunEnded { .. }) { last.at } else { now };
        Some(Self {
            run: first.run.clone(),
            plan: plan.clone(),
            started: first.at,
            duration: end.since(first.at),
            outcome: Standing::without_plan(&state).under(watch),
        })
    }
}

/// A run whose journal is damaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unreadable {
    pub run: RunId,
    /// In words, which file is damaged, and how.
    pub unreadable: String,
}

/// The table, in the order given, and below it what cannot be read.
pub fn history(rows: &[HistoryRow], unreadable: &[Unreadable], style: Style) -> String {
    let width = |cell: fn(&HistoryRow) -> usize, least: usize| {
        rows.iter().map(cell).max().unwrap_or(0).max(least)
    };
    let run = width(|row| row.run.as_str().chars().count(), 3);
    let plan = width(|row| row.plan.as_str().chars().count(), 4);
    let took = width(|row| span(row.duration).chars().count(), 4);
    let mut text =
        format!("{:run$}  {:plan$}  {:20}  {:took$}  OUTCOME\n", "RUN", "PLAN", "STARTED", "TOOK");
    for row in rows {
        let started = row.started.to_string();
        let sign = row.outcome.sign();
        let outcome = style.paint(sign.tone(), &row.outcome.to_string());
        let _ = writeln!(
            text,
            "{:run$}  {:plan$}  {started:20}  {:took$}  {} {outcome}",
            row.run,
            row.plan,
            span(row.duration),
            style.sign(sign),
        );
    }
    for Unreadable { run, unreadable } in unreadable {
        let sign = style.sign(Sign::Bad);
        let _ = writeln!(text, "{sign} {run} cannot be read: {}", printable(unreadable));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        report::sample::{Story, later},
        testkit::sample_plan,
    };

    #[test]
    fn history_is_a_table() {
        let journals = [Story::promoted(), Story::rolled_back(), Story::canary().told()];
        let row = |journal: &Vec<Envelope>| {
            let of = HistoryRow::of(&RunView::of(&sample_plan(), journal, later(123)));
            assert_eq!(of, HistoryRow::without_plan(journal, Watch::Somebody, later(123)));
            of.unwrap()
        };
        let rows: Vec<HistoryRow> = journals.iter().map(row).collect();
        insta::assert_snapshot!(history(&rows, &[], Style::PLAIN), @r#"
        RUN                          PLAN    STARTED               TOOK    OUTCOME
        sample-20260131-154502-09f3  sample  2026-01-31T15:45:02Z  10m48s  ✓ PROMOTED
        sample-20260131-154502-09f3  sample  2026-01-31T15:45:02Z  3m2s    ↩ ROLLED BACK
        sample-20260131-154502-09f3  sample  2026-01-31T15:45:02Z  2m3s    • RUNNING
        "#);
    }
}

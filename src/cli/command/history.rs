//! `tidegate history`: all runs, or one run's story told again, by the same words as while it happened.

use super::found::Found;
use crate::{
    cli::{
        args::{Format, Global, RunName},
        exit::{Exit, Failure},
        output::Output,
        wire::files_of,
    },
    journal::Store,
    report::{self, HistoryRow, RunView, Timeline},
    runner::Clock,
};

pub(super) fn history(name: &RunName, global: &Global, output: &Output) -> Result<Exit, Failure> {
    if name.run.is_some() {
        tell(&Found::find(name, global)?, output);
        return Ok(Exit::Success);
    }
    let files = files_of(global);
    let now = Clock::System.now();
    let mut rows = Vec::new();
    for run in files.runs()? {
        let journal = files.load(&run)?;
        let name = RunName { run: Some(run.to_string()) };
        // A plan that cannot be read any more does not take its run out of the list.
        rows.extend(match Found::find(&name, global) {
            Ok(found) => HistoryRow::of(&RunView::of(&found.plan, &journal, now)),
            Err(_) => HistoryRow::without_plan(&journal, now),
        });
    }
    match output.format {
        Format::Json => rows.iter().for_each(|row| output.json(row)),
        Format::Text => output.data(report::history(&rows, output.style).trim_end()),
    }
    Ok(Exit::Success)
}

fn tell(found: &Found, output: &Output) {
    let mut timeline = Timeline::new(&found.plan, output.style);
    for envelope in &found.journal {
        match output.format {
            Format::Json => output.json(envelope),
            Format::Text => output.data(&timeline.lines(envelope).join("\n")),
        }
    }
    if output.format == Format::Text {
        let view = RunView::of(&found.plan, &found.journal, Clock::System.now());
        output.data(&format!("\n{}", report::ending(&view, output.style).trim_end()));
    }
}

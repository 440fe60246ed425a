//! `tidegate history`: all runs, or one run's story told again, by the same words as while it happened.

use super::found::Found;
use crate::{
    cli::{
        args::{Format, Global, RunName},
        exit::{Exit, Failure},
        output::Output,
        wire::files_of,
    },
    journal::{Files, Liveness, Locks, RunId, Store},
    report::{self, HistoryRow, Timeline, Unreadable, Watch},
    runner::Clock,
};

pub(super) fn history(name: &RunName, global: &Global, output: &Output) -> Result<Exit, Failure> {
    if name.run.is_some() {
        tell(&Found::find(name, global)?, output);
        return Ok(Exit::Success);
    }
    let files = files_of(global);
    let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
    for run in files.runs()? {
        let name = RunName { run: Some(run.to_string()) };
        // What is wrong with one run does not take the others out of the list, nor itself.
        match Found::find(&name, global) {
            Ok(found) => rows.extend(HistoryRow::of(&found.view(output))),
            Err(_) => match files.load(&run) {
                Ok(journal) => {
                    let (watch, now) = (watch(&files, &run), Clock::system().now());
                    rows.extend(HistoryRow::without_plan(&journal, watch, now));
                }
                Err(error) => {
                    unreadable.push(Unreadable { run, unreadable: error.to_string() });
                }
            },
        }
    }
    match output.format {
        Format::Json => {
            for row in &rows {
                output.json(row);
            }
            for run in &unreadable {
                output.json(run);
            }
        }
        Format::Text => {
            output.page(report::history(&rows, &unreadable, output.style).trim_end());
        }
    }
    Ok(Exit::Success)
}

fn watch(files: &Files, run: &RunId) -> Watch {
    match files.driver(run) {
        Ok(Some(held)) if held.liveness == Liveness::Alive => Watch::Somebody,
        Ok(_) => Watch::Nobody,
        Err(_) => Watch::Somebody,
    }
}

fn tell(found: &Found, output: &Output) {
    let mut timeline = Timeline::new(&found.plan, output.style).within(output.width());
    for envelope in &found.journal {
        match output.format {
            Format::Json => output.json(envelope),
            Format::Text => output.page(&timeline.lines(envelope).join("\n")),
        }
    }
    if output.format == Format::Text {
        let view = found.view(output);
        output.page(&format!("\n{}", report::ending(&view, output.style).trim_end()));
    }
}

//! What a shell may complete where a run's name is due: the runs of the journal that is named on the same line, or else by
//! the environment, the latest first.

use std::ffi::OsStr;

use clap_complete::engine::CompletionCandidate;

use super::settings;
use crate::journal::{Files, Store};

pub(super) fn runs(begun: &OsStr) -> Vec<CompletionCandidate> {
    let Some(begun) = begun.to_str() else { return Vec::new() };
    let store = Store::new(Files::new(settings::journal_typed()));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runs = runtime.map(|runtime| runtime.block_on(store.runs()).unwrap_or_default());
    let runs = runs.unwrap_or_default();
    let fitting = runs.iter().rev().filter(|run| run.as_str().starts_with(begun));
    fitting
        .enumerate()
        .map(|(place, run)| CompletionCandidate::new(run.as_str()).display_order(Some(place)))
        .collect()
}

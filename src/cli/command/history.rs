//! `tidegate history`: all runs, or one run's story told again, by the same words as while it happened.

use super::found::{Found, none_in, watch};
use crate::{
    cli::{
        args::{Format, Global, RunName},
        exit::{Exit, Failure},
        output::Output,
        wire::files_of,
    },
    journal::{Files, Store},
    report::{self, HistoryRow, Timeline, Unreadable},
    runner::Clock,
};

pub(super) async fn history(
    name: &RunName,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    if name.run.is_some() {
        tell(&Found::find(name, global).await?, output).await;
        return Ok(Exit::Success);
    }
    let files = files_of(global);
    let (rows, unreadable) = all(&Store::new(files.clone()), &files, output).await?;
    if rows.is_empty() && unreadable.is_empty() {
        let words = none_in(&global.journal);
        match output.format {
            Format::Json => output.say("note", &words),
            Format::Text => output.line(&words),
        }
        return Ok(Exit::Success);
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

/// Every run of a folder, from one listing of them and one reading of each.
async fn all(
    store: &Store,
    files: &Files,
    output: &Output,
) -> Result<(Vec<HistoryRow>, Vec<Unreadable>), Failure> {
    let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
    for run in store.created().await? {
        // What is wrong with one run does not take the others out of the list, nor itself.
        match store.load(&run).await {
            Ok(journal) if journal.is_empty() => unreadable.push(Unreadable {
                run,
                unreadable: "it has no events: it never began, or somebody has removed them".into(),
            }),
            Ok(journal) => {
                let here = (store.clone(), files.clone());
                if let Ok(found) = Found::of(here, run.clone(), journal.clone()).await {
                    rows.extend(HistoryRow::of(&found.view(output).await));
                } else {
                    let (watch, now) = (watch(files, &run).await, Clock::system().now());
                    rows.extend(HistoryRow::without_plan(&journal, watch, now));
                }
            }
            Err(error) => unreadable.push(Unreadable { run, unreadable: error.to_string() }),
        }
    }
    Ok((rows, unreadable))
}

async fn tell(found: &Found, output: &Output) {
    let timeline = Timeline::new(&found.plan, output.style).offering(output.offers());
    let mut timeline = timeline.within(output.width());
    for envelope in &found.journal {
        match output.format {
            Format::Json => output.json(envelope),
            Format::Text => output.page(&timeline.lines(envelope).join("\n")),
        }
    }
    if output.format == Format::Text {
        let view = found.view(output).await;
        output.page(&format!("\n{}", report::ending(&view, output.style).trim_end()));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex},
    };

    use async_trait::async_trait;

    use super::*;
    use crate::{
        cli::args::Colour,
        journal::{Created, Envelope, Error, Objects, RunId, Seq},
        rollout::{Actor, Bindings, Ending, Event, Timestamp},
    };

    /// Counts what is asked of it.
    #[derive(Clone)]
    struct Counting {
        files: Files,
        asked: Arc<Mutex<BTreeMap<String, u32>>>,
    }

    impl Counting {
        fn count(&self, verb: &str, key: &str) {
            *self.asked.lock().unwrap().entry(format!("{verb} {key}")).or_default() += 1;
        }
    }

    #[async_trait]
    impl Objects for Counting {
        async fn put_absent(&self, key: &str, content: &str) -> Result<Created, Error> {
            self.files.put_absent(key, content).await
        }

        async fn put(&self, key: &str, content: &str) -> Result<(), Error> {
            self.files.put(key, content).await
        }

        async fn get(&self, key: &str) -> Result<Option<String>, Error> {
            self.count("get", key);
            self.files.get(key).await
        }

        async fn list(
            &self,
            folder: &str,
            after: Option<&str>,
            most: usize,
        ) -> Result<Vec<String>, Error> {
            self.count("list", folder);
            self.files.list(folder, after, most).await
        }

        async fn delete(&self, key: &str) -> Result<(), Error> {
            self.files.delete(key).await
        }

        fn place(&self, key: &str) -> String {
            self.files.place(key)
        }
    }

    const PLAN: &str = "tidegate: 1\nname: shop\nsteps: [pause: 1m]\n";

    async fn begun(store: &Store, number: u16, digest: &str) -> RunId {
        let plan = crate::plan::PlanName::new("shop");
        let at = Timestamp::from_millis(i64::from(number) * 60_000);
        let run = RunId::new(&plan, at, number);
        store.create(&run, PLAN).await.unwrap();
        let started = Event::RunStarted {
            plan,
            digest: digest.to_owned(),
            params: BTreeMap::new(),
            by: Actor("ann".into()),
            bindings: Bindings::default(),
            found: Vec::new(),
            excused: Vec::new(),
            attempts: BTreeMap::new(),
            acting_as: None,
        };
        let events = [started, Event::RunEnded { ending: Ending::Promoted }];
        for (seq, event) in (1..).filter_map(Seq::new).zip(events) {
            store.append(&Envelope::new(run.clone(), seq, at, event)).await.unwrap();
        }
        run
    }

    #[tokio::test]
    async fn a_history_lists_the_runs_once_and_reads_each_journal_once() {
        let folder = tempfile::tempdir().unwrap();
        let counting = Counting { files: Files::new(folder.path()), asked: Arc::default() };
        let store = Store::new(counting.clone());
        let source = crate::plan::SourceFile::new("shop.yaml", PLAN);
        let digest = crate::plan::read(&source, &BTreeMap::new()).unwrap().plan.digest;
        for number in 1..=3 {
            begun(&store, number, &digest).await;
        }
        begun(&store, 4, "of another plan").await;
        let damaged = begun(&store, 5, &digest).await;
        let key = format!("runs/{damaged}/events/000002.json");
        counting.put(&key, "{").await.unwrap();
        counting.asked.lock().unwrap().clear();
        let output = Output::new(Format::Text, Colour::Never);
        let told = all(&store, &counting.files, &output).await;
        let (rows, unreadable) = told.map_err(|failure| failure.error).unwrap();
        assert_eq!((rows.len(), unreadable.len()), (4, 1));
        let asked = counting.asked.lock().unwrap();
        assert_eq!(asked.get("list runs"), Some(&1));
        assert!(asked.values().all(|times| *times == 1), "{asked:#?}");
    }
}

//! Journals as folders: `runs/<run>/plan.yaml`, `runs/<run>/events/000001.json`, `runs/<run>/inbox/000001-<id>.json`.
//! An event's file name is its place, and creating it without clobbering is the fence.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    chain::{Link, linked},
    disk::{self, Created, Tightened},
};
use crate::{
    journal::{Envelope, Error, Looks, MOST_WAITING, Message, RunId, Seq, Store, Ticket},
    printable,
};

/// How often a place in an inbox is looked for that nobody else takes first.
const TRIES: u32 = 1_000;

/// A journal store in a folder of the local disk. Several processes may use it at once.
#[derive(Clone, Debug)]
pub struct Files {
    pub(super) root: PathBuf,
}

impl Files {
    /// A store in `root`, which is made when something is first written.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of a run.
    pub fn folder(&self, run: &RunId) -> PathBuf {
        self.root.join("runs").join(run.as_str())
    }

    /// Keeps others out of what was made before journals were their user's alone. The folders with our own names are
    /// taken from everybody else, and told of; the root may be any folder, and is left as it is.
    pub fn keep_others_out(&self) -> Vec<Result<PathBuf, Error>> {
        let ours = ["runs", "locks"].map(|name| self.root.join(name));
        let tightened = ours.into_iter().filter_map(|path| match disk::tighten(&path) {
            Ok(Tightened::Now) => Some(Ok(path)),
            Ok(Tightened::WasAlready) => None,
            Err(error) => Some(Err(error)),
        });
        tightened.collect()
    }

    fn event(&self, run: &RunId, seq: Seq) -> PathBuf {
        self.folder(run).join("events").join(file_name(seq))
    }

    fn message(&self, run: &RunId, ticket: &Ticket) -> PathBuf {
        self.folder(run).join("inbox").join(format!("{ticket}.json"))
    }

    fn looks(&self, run: &RunId) -> PathBuf {
        self.folder(run).join("looks.json")
    }

    fn exists(&self, run: &RunId) -> Result<(), Error> {
        if self.folder(run).is_dir() { Ok(()) } else { Err(Error::NoSuchRun(run.clone())) }
    }

    /// The place of the last event. Files that are not named like an event are none.
    fn last(&self, run: &RunId) -> Result<Option<Seq>, Error> {
        let names = disk::names(&self.folder(run).join("events"))?;
        Ok(names.iter().filter_map(|name| seq_of(name)).max())
    }

    pub(super) fn read_event(&self, run: &RunId, seq: Seq) -> Result<Envelope, Error> {
        self.parse(run, seq, &self.text_of(run, seq)?)
    }

    fn text_of(&self, run: &RunId, seq: Seq) -> Result<String, Error> {
        let path = self.event(run, seq);
        disk::read(&path)?.ok_or_else(|| Error::Gap { file: display(&path) })
    }

    fn parse(&self, run: &RunId, seq: Seq, text: &str) -> Result<Envelope, Error> {
        let file = display(&self.event(run, seq));
        let envelope = Envelope::from_line(text, &file)?;
        if (envelope.seq, &envelope.run) != (seq, run) {
            let problem = format!("it is event {} of run {}", envelope.seq, envelope.run);
            return Err(Error::Corrupt { file, problem });
        }
        Ok(envelope)
    }

    /// The last event alone; `NoSuchRun` becomes none.
    pub(super) fn last_event(&self, run: &RunId) -> Result<Option<Envelope>, Error> {
        self.last(run)?.map(|seq| self.read_event(run, seq)).transpose()
    }

    fn tickets(&self, run: &RunId) -> Result<Vec<Ticket>, Error> {
        let names = disk::names(&self.folder(run).join("inbox"))?;
        let ticket = |name: &String| name.strip_suffix(".json").and_then(|t| t.parse().ok());
        let mut tickets: Vec<Ticket> = names.iter().filter_map(ticket).collect();
        tickets.sort();
        Ok(tickets)
    }
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

/// Six digits sort and read well; a longer run simply has longer names.
fn file_name(seq: Seq) -> String {
    format!("{:06}.json", seq.get())
}

fn seq_of(name: &str) -> Option<Seq> {
    let seq = Seq::new(name.strip_suffix(".json")?.parse().ok()?)?;
    (file_name(seq) == name).then_some(seq)
}

impl Store for Files {
    fn create(&self, run: &RunId, plan: &str) -> Result<(), Error> {
        let folder = self.folder(run);
        disk::make_directories(&self.root.join("runs"))?;
        match disk::make_directory(&folder)? {
            Created::Now => {}
            Created::ExistsAlready => return Err(Error::RunExists(run.clone())),
        }
        disk::make_directory(&folder.join("events"))?;
        disk::make_directory(&folder.join("inbox"))?;
        disk::create(&folder.join("plan.yaml"), plan)?;
        self.make_reserve(run)
    }

    fn plan(&self, run: &RunId) -> Result<String, Error> {
        self.exists(run)?;
        let path = self.folder(run).join("plan.yaml");
        let lost = || Error::PlanLost { run: run.clone(), file: display(&path) };
        disk::read(&path)?.ok_or_else(lost)
    }

    fn append(&self, envelope: &Envelope) -> Result<(), Error> {
        let (run, seq) = (&envelope.run, envelope.seq);
        self.exists(run)?;
        // Events are never removed, so once the one before exists, "the next" can only be lost to another writer,
        // which creating without clobbering finds out.
        let follows = seq.previous().is_none_or(|before| self.event(run, before).is_file());
        if follows {
            let before = seq.previous().map(|before| self.text_of(run, before)).transpose()?;
            let end = before.map(|text| Link::of(&text).end()).unwrap_or_default();
            let line = linked(&envelope.to_line()?, &end) + "\n";
            let path = self.event(run, seq);
            match self.within_reserve(run, || disk::create(&path, &line))? {
                Created::Now => {
                    self.tend_reserve(run, &envelope.event);
                    return Ok(());
                }
                Created::ExistsAlready => {}
            }
        }
        let next = self.last(run)?.map_or(Seq::FIRST, Seq::next);
        Err(Error::Fenced { run: run.clone(), seq, next })
    }

    fn begun(&self, run: &RunId) -> Result<Vec<Envelope>, Error> {
        self.exists(run)?;
        let places = (1..).map_while(Seq::new);
        let readable = places.map_while(|seq| self.read_event(run, seq).ok());
        Ok(readable.collect())
    }

    fn load(&self, run: &RunId) -> Result<Vec<Envelope>, Error> {
        self.exists(run)?;
        // A listing taken while somebody appends may miss an event and show a later one; opening each by its name
        // does not.
        let Some(last) = self.last(run)? else { return Ok(Vec::new()) };
        let (mut journal, mut before) = (Vec::new(), None::<String>);
        for seq in (1..=last.get()).filter_map(Seq::new) {
            let text = self.text_of(run, seq)?;
            journal.push(self.parse(run, seq, &text)?);
            if !Link::of(&text).follows(before.as_deref().map(Link::of).as_ref()) {
                let problem = "it, or what it follows, was changed after it was written";
                let file = display(&self.event(run, seq));
                return Err(Error::Corrupt { file, problem: problem.to_owned() });
            }
            before = Some(text);
        }
        Ok(journal)
    }

    fn runs(&self) -> Result<Vec<RunId>, Error> {
        let names = disk::names(&self.root.join("runs"))?;
        let ids = names.iter().filter_map(|name| name.parse().ok());
        let mut runs: Vec<RunId> =
            ids.filter(|run| self.event(run, Seq::FIRST).is_file()).collect();
        runs.sort_by(|a, b| a.moment().cmp(b.moment()));
        Ok(runs)
    }

    fn put(&self, run: &RunId, id: &str, message: &Value) -> Result<Ticket, Error> {
        self.exists(run)?;
        let line = printable::json(&message.to_string()) + "\n";
        for _ in 0..TRIES {
            let ticket = Ticket::after(self.tickets(run)?.last(), id);
            let path = self.message(run, &ticket);
            match self.within_reserve(run, || disk::create(&path, &line))? {
                Created::Now => return Ok(ticket),
                Created::ExistsAlready => {}
            }
        }
        let file = display(&self.folder(run).join("inbox"));
        Err(Error::Corrupt { file, problem: "no place is free in it".to_owned() })
    }

    fn waiting(&self, run: &RunId) -> Result<Vec<Message>, Error> {
        self.exists(run)?;
        let mut waiting = Vec::new();
        for ticket in self.tickets(run)?.into_iter().take(MOST_WAITING) {
            let content = match disk::read(&self.message(run, &ticket)) {
                Ok(Some(text)) => serde_json::from_str(&text).map_err(|e| e.to_string()),
                // Somebody else may have discarded it meanwhile.
                Ok(None) => continue,
                // Anybody may have put it there; it is told and dropped.
                Err(Error::Corrupt { problem, .. }) => Err(problem),
                Err(error) => return Err(error),
            };
            waiting.push(Message { ticket, content });
        }
        Ok(waiting)
    }

    fn note(&self, run: &RunId, looks: &Looks) -> Result<(), Error> {
        let what = || format!("what run {run} has looked at");
        let text = serde_json::to_string(looks)
            .map_err(|source| Error::Unwritable { what: what(), source })?;
        disk::replace(&self.looks(run), &(text + "\n"))
    }

    fn noted(&self, run: &RunId) -> Option<Looks> {
        serde_json::from_str(&disk::read(&self.looks(run)).ok()??).ok()
    }

    fn is_waiting(&self, run: &RunId, ticket: &Ticket) -> Result<bool, Error> {
        self.exists(run)?;
        Ok(disk::exists(&self.message(run, ticket)))
    }

    fn is_short(&self, run: &RunId) -> bool {
        !self.reserve(run).is_file()
    }

    fn discard(&self, run: &RunId, ticket: &Ticket) -> Result<(), Error> {
        disk::remove(&self.message(run, ticket))
    }
}

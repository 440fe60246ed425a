//! Runs, kept in objects: `runs/<run>/plan.yaml` (beside it `files.json`, if the plan names files) and
//! `runs/<run>/events/000001.json`. An event's name is its place, and creating it only if absent is the fence. Written once
//! for every store; `inbox.rs` and `looks.rs` have what lies beside.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Created, Envelope, Error, Objects, RunId, Seq,
    chain::{Link, linked},
    lock::tells,
    objects::names,
};
use crate::rollout::Event;

const RUNS: &str = "runs";

/// Keeps journals, one per run, and beside each the text of its plan and an inbox for commands from outside.
#[derive(Clone)]
pub struct Store {
    pub(super) objects: Arc<dyn Objects>,
}

/// What can be read of a journal.
struct Legible {
    events: Vec<Envelope>,
    /// Why that is not all of it.
    damage: Option<Error>,
}

/// Everything of a run is below this.
pub(super) fn folder(run: &RunId) -> String {
    format!("{RUNS}/{run}")
}

fn events(run: &RunId) -> String {
    format!("{}/events", folder(run))
}

/// Six digits sort and read well; a longer run simply has longer names.
fn name(seq: Seq) -> String {
    format!("{:06}.json", seq.get())
}

fn seq_of(text: &str) -> Option<Seq> {
    let seq = Seq::new(text.strip_suffix(".json")?.parse().ok()?)?;
    (name(seq) == text).then_some(seq)
}

fn key(run: &RunId, seq: Seq) -> String {
    format!("{}/{}", events(run), name(seq))
}

fn plan_of(run: &RunId) -> String {
    format!("{}/plan.yaml", folder(run))
}

fn files_of(run: &RunId) -> String {
    format!("{}/files.json", folder(run))
}

impl Store {
    pub fn new(objects: impl Objects + 'static) -> Self {
        Self { objects: Arc::new(objects) }
    }

    /// Makes a run without events and keeps the plan's text with it. `RunExists` when the id is taken.
    pub async fn create(&self, run: &RunId, plan: &str) -> Result<(), Error> {
        match self.objects.put_absent(&plan_of(run), plan).await? {
            Created::Now => self.objects.prepare(&folder(run)).await,
            Created::ExistsAlready => Err(Error::RunExists(run.clone())),
        }
    }

    /// The text of the plan the run was created with. `PlanLost` when it is not there any more.
    pub async fn plan(&self, run: &RunId) -> Result<String, Error> {
        let key = plan_of(run);
        if let Some(text) = self.objects.get(&key).await? {
            return Ok(text);
        }
        self.must_exist(run).await?;
        Err(Error::PlanLost { run: run.clone(), file: self.objects.place(&key) })
    }

    /// Keeps the files that the plan of a run names with it, ahead of its first event, so that whoever takes the run over needs no
    /// others.
    pub async fn attach(&self, run: &RunId, files: &BTreeMap<&str, &str>) -> Result<(), Error> {
        if files.is_empty() {
            return Ok(());
        }
        let text = serde_json::json!(files).to_string();
        match self.objects.put_absent(&files_of(run), &text).await? {
            Created::Now => Ok(()),
            Created::ExistsAlready => Err(Error::RunExists(run.clone())),
        }
    }

    /// The files that were kept with the plan, by the names that it gives them; none where it names none, or they are lost.
    pub async fn attached(&self, run: &RunId) -> Result<BTreeMap<String, String>, Error> {
        let key = files_of(run);
        let Some(text) = self.objects.get(&key).await? else { return Ok(BTreeMap::new()) };
        serde_json::from_str(&text).map_err(|error| Error::Corrupt {
            file: self.objects.place(&key),
            problem: error.to_string(),
        })
    }

    /// Appends an event; when this returns `Ok`, it is durable. `Fenced` unless its place is exactly the next one.
    pub async fn append(&self, envelope: &Envelope) -> Result<(), Error> {
        let (run, seq) = (&envelope.run, envelope.seq);
        // Events are never removed, so once the one before exists, "the next" can only be lost to another writer,
        // which putting only what is absent finds out.
        let end = match seq.previous() {
            None => self.must_exist(run).await.map(|()| Some(String::new()))?,
            Some(before) => {
                let text = self.objects.get(&key(run, before)).await?;
                text.map(|text| Link::of(&text).end())
            }
        };
        if let Some(end) = end {
            let line = linked(&envelope.to_line()?, &end) + "\n";
            if self.objects.put_absent(&key(run, seq), &line).await? == Created::Now {
                self.tend_room(run, &envelope.event).await;
                return Ok(());
            }
        }
        self.must_exist(run).await?;
        let next = self.places(run).await?.into_iter().max().map_or(Seq::FIRST, Seq::next);
        Err(Error::Fenced { run: run.clone(), seq, next })
    }

    /// Whoever takes a run over keeps room anew if it is gone and there is some again; what has ended needs none.
    async fn tend_room(&self, run: &RunId, appended: &Event) {
        // The event is durable, which is what was asked for; without that room the run is short, and that is seen.
        let _ = match appended {
            Event::RunnerStarted { .. } => self.objects.prepare(&folder(run)).await,
            Event::RunEnded { .. } => self.objects.conclude(&folder(run)).await,
            _ => Ok(()),
        };
    }

    /// All events of a run in order; none for a run that has just been created. `Gap`, `Corrupt` or `UnknownFormat`
    /// name the file that is not as it was written.
    pub async fn load(&self, run: &RunId) -> Result<Vec<Envelope>, Error> {
        let Legible { events, damage } = self.read(run).await?;
        damage.map_or(Ok(events), Err)
    }

    /// The same, of a run that may have lost its last events, which nothing that follows shows: the runner has noted how many
    /// there were. `EventsLost` says so.
    pub async fn load_whole(&self, run: &RunId) -> Result<Vec<Envelope>, Error> {
        // Asked first: whoever drives the run may append meanwhile.
        let noted = self.noted(run).await.map_or(0, |looks| looks.events);
        let journal = self.load(run).await?;
        let last = journal.last().map_or(0, |last| last.seq.get());
        if last >= noted {
            return Ok(journal);
        }
        let how = format!("ends with event {last}, and {noted} were written");
        let folder = self.objects.place(&events(run));
        Err(Error::EventsLost { run: run.clone(), folder, how })
    }

    /// The events up to the first that cannot be read: all that is left of a damaged journal. Nobody may go on from them.
    pub async fn begun(&self, run: &RunId) -> Result<Vec<Envelope>, Error> {
        Ok(self.read(run).await?.events)
    }

    async fn read(&self, run: &RunId) -> Result<Legible, Error> {
        let (mut events, mut before) = (Vec::new(), None::<String>);
        // A listing taken while somebody appends may miss an event and show a later one; getting each by its name does
        // not.
        let Some(last) = self.places(run).await?.into_iter().max() else {
            return self.must_exist(run).await.map(|()| Legible { events, damage: None });
        };
        for seq in (1..=last.get()).filter_map(Seq::new) {
            match self.next_of(run, seq, before.as_deref()).await {
                Ok((envelope, text)) => {
                    events.push(envelope);
                    before = Some(text);
                }
                Err(damage) => return Ok(Legible { events, damage: Some(damage) }),
            }
        }
        Ok(Legible { events, damage: None })
    }

    async fn next_of(
        &self,
        run: &RunId,
        seq: Seq,
        before: Option<&str>,
    ) -> Result<(Envelope, String), Error> {
        let text = self.text_of(run, seq).await?;
        let envelope = self.parse(run, seq, &text)?;
        if Link::of(&text).follows(before.map(Link::of).as_ref()) {
            return Ok((envelope, text));
        }
        let problem = "it, or what it follows, was changed after it was written".to_owned();
        Err(Error::Corrupt { file: self.objects.place(&key(run, seq)), problem })
    }

    /// What has been appended from this place on, for whoever has read what is before.
    pub async fn from(&self, run: &RunId, mut seq: Seq) -> Result<Vec<Envelope>, Error> {
        let mut events = Vec::new();
        while let Some(text) = self.objects.get(&key(run, seq)).await? {
            events.push(self.parse(run, seq, &text)?);
            seq = seq.next();
        }
        Ok(events)
    }

    async fn text_of(&self, run: &RunId, seq: Seq) -> Result<String, Error> {
        let key = key(run, seq);
        let text = self.objects.get(&key).await?;
        text.ok_or_else(|| Error::Gap { file: self.objects.place(&key) })
    }

    fn parse(&self, run: &RunId, seq: Seq, text: &str) -> Result<Envelope, Error> {
        let file = self.objects.place(&key(run, seq));
        let envelope = Envelope::from_line(text, &file)?;
        if (envelope.seq, &envelope.run) == (seq, run) {
            return Ok(envelope);
        }
        let problem = format!("it is event {} of run {}", envelope.seq, envelope.run);
        Err(Error::Corrupt { file, problem })
    }

    /// The places of all events. Files that are not named like an event are none; where none is left of a run that has
    /// begun, that is an error.
    async fn places(&self, run: &RunId) -> Result<Vec<Seq>, Error> {
        let folder = events(run);
        let lost = |how| {
            let folder = self.objects.place(&folder);
            Err(Error::EventsLost { run: run.clone(), folder, how })
        };
        if let Some(how) = self.objects.damage(&folder).await? {
            return lost(how);
        }
        let names = names(self.objects.as_ref(), &folder).await?;
        let places: Vec<Seq> = names.iter().filter_map(|name| seq_of(name)).collect();
        // Whoever drives a run notes what it looks at once its first event is written.
        if places.is_empty() && self.has_looked(run).await {
            return lost("is empty".to_owned());
        }
        Ok(places)
    }

    pub(super) async fn must_exist(&self, run: &RunId) -> Result<(), Error> {
        let there = self.objects.list(&folder(run), None, 1).await?;
        if there.is_empty() { Err(Error::NoSuchRun(run.clone())) } else { Ok(()) }
    }

    /// All runs, oldest first, those included that have no event yet. One listing, for whoever reads them all.
    pub async fn created(&self) -> Result<Vec<RunId>, Error> {
        let names = names(self.objects.as_ref(), RUNS).await?;
        let mut runs: Vec<RunId> = Vec::new();
        for run in names.iter().filter_map(|name| name.parse().ok()) {
            if !self.objects.is_astray(&folder(&run)).await {
                runs.push(run);
            }
        }
        runs.sort_by(|a, b| a.moment().cmp(b.moment()));
        Ok(runs)
    }

    /// The runs that have at least one event, or had one, oldest first.
    pub async fn runs(&self) -> Result<Vec<RunId>, Error> {
        let mut runs = Vec::new();
        for run in self.created().await? {
            let places = self.places(&run).await;
            if places.is_err() || places.is_ok_and(|places| !places.is_empty()) {
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// Whether a run whose process is gone still owns what its locks name, judged by the last event that [`tells`]: it
    /// has done something and has not ended. (A run without events changed nothing; one that died between its last event
    /// and the release has ended all the same.)
    pub(super) async fn is_unfinished(&self, run: &RunId) -> Result<bool, Error> {
        let mut place = self.places(run).await?.into_iter().max();
        while let Some(seq) = place {
            let event = self.parse(run, seq, &self.text_of(run, seq).await?)?.event;
            place = seq.previous();
            if tells(&event) || place.is_none() {
                return Ok(!matches!(event, Event::RunEnded { .. }));
            }
        }
        Ok(false)
    }

    /// Whether only a little more can be appended: what was kept back for a roll-back is being used up. Whoever goes
    /// forward then takes back what was done while that can still be journaled.
    pub async fn is_short(&self, run: &RunId) -> bool {
        self.objects.is_short(&folder(run)).await
    }
}

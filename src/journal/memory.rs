//! The same contracts in memory, for simulations and tests: a clone is another process looking at the same disk.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use serde_json::Value;

use super::{
    Claim, Envelope, Error, Held, Hold, Liveness, LockInfo, Locks, MOST_WAITING, Message, RunId,
    Seq, Store, Ticket,
    lock::{is_unfinished, of_run, tells},
};
use crate::rollout::Timestamp;

/// A journal store without a disk.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    runs: BTreeMap<RunId, Run>,
    locks: BTreeMap<String, Entry>,
}

#[derive(Debug, Default)]
struct Run {
    plan: String,
    events: Vec<Envelope>,
    inbox: BTreeMap<Ticket, Value>,
}

#[derive(Debug)]
struct Entry {
    info: LockInfo,
    /// Points at the token of the hold, and at nothing once that is dropped.
    process: Weak<()>,
}

impl Entry {
    fn held(&self) -> Held {
        let liveness =
            if self.process.strong_count() > 0 { Liveness::Alive } else { Liveness::Gone };
        Held { info: self.info.clone(), liveness }
    }
}

impl Memory {
    /// Takes every lock away from whoever holds it, as an operator who deletes lock files would.
    pub fn break_locks(&self) {
        self.inner().locks.clear();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn run(&mut self, run: &RunId) -> Result<&mut Run, Error> {
        self.runs.get_mut(run).ok_or_else(|| Error::NoSuchRun(run.clone()))
    }

    fn in_force(&self, held: &Held) -> bool {
        let events = self.runs.get(&held.info.run).map_or(&[][..], |run| run.events.as_slice());
        let last = events.iter().rfind(|envelope| tells(&envelope.event)).or(events.first());
        held.liveness == Liveness::Alive || is_unfinished(last)
    }
}

impl Store for Memory {
    fn create(&self, run: &RunId, plan: &str) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.runs.contains_key(run) {
            return Err(Error::RunExists(run.clone()));
        }
        inner.runs.insert(run.clone(), Run { plan: plan.to_owned(), ..Run::default() });
        Ok(())
    }

    fn plan(&self, run: &RunId) -> Result<String, Error> {
        Ok(self.inner().run(run)?.plan.clone())
    }

    fn append(&self, envelope: &Envelope) -> Result<(), Error> {
        let (run, seq) = (&envelope.run, envelope.seq);
        let mut inner = self.inner();
        let events = &mut inner.run(run)?.events;
        let next = events.last().map_or(Seq::FIRST, |last| last.seq.next());
        if seq != next {
            return Err(Error::Fenced { run: run.clone(), seq, next });
        }
        events.push(envelope.clone());
        Ok(())
    }

    fn load(&self, run: &RunId) -> Result<Vec<Envelope>, Error> {
        Ok(self.inner().run(run)?.events.clone())
    }

    fn runs(&self) -> Result<Vec<RunId>, Error> {
        let inner = self.inner();
        let with_events = inner.runs.iter().filter(|(_, run)| !run.events.is_empty());
        let mut runs: Vec<RunId> = with_events.map(|(id, _)| id.clone()).collect();
        runs.sort_by(|a, b| a.moment().cmp(b.moment()));
        Ok(runs)
    }

    fn put(&self, run: &RunId, id: &str, message: &Value) -> Result<Ticket, Error> {
        let mut inner = self.inner();
        let inbox = &mut inner.run(run)?.inbox;
        let ticket = Ticket::after(inbox.keys().next_back(), id);
        inbox.insert(ticket.clone(), message.clone());
        Ok(ticket)
    }

    fn waiting(&self, run: &RunId) -> Result<Vec<Message>, Error> {
        let mut inner = self.inner();
        let message = |(ticket, content): (&Ticket, &Value)| Message {
            ticket: ticket.clone(),
            content: Ok(content.clone()),
        };
        Ok(inner.run(run)?.inbox.iter().take(MOST_WAITING).map(message).collect())
    }

    fn is_waiting(&self, run: &RunId, ticket: &Ticket) -> Result<bool, Error> {
        Ok(self.inner().run(run)?.inbox.contains_key(ticket))
    }

    fn discard(&self, run: &RunId, ticket: &Ticket) -> Result<(), Error> {
        self.inner().run(run)?.inbox.remove(ticket);
        Ok(())
    }
}

impl Locks for Memory {
    fn acquire(&self, claim: &Claim) -> Result<Box<dyn Hold>, Error> {
        let mut inner = self.inner();
        let mut wanted = Vec::new();
        for resource in claim.all() {
            let held = inner.locks.get(&resource).map(Entry::held).filter(|h| inner.in_force(h));
            let since = match held {
                Some(held) if held.liveness == Liveness::Gone && held.info.run == claim.run => {
                    held.info.since
                }
                Some(held) => return Err(Error::Owned(Box::new(held))),
                None => claim.at,
            };
            wanted.push(claim.info(&resource, since));
        }
        let process = Arc::new(());
        for info in wanted {
            let entry = Entry { info, process: Arc::downgrade(&process) };
            inner.locks.insert(entry.info.resource.clone(), entry);
        }
        Ok(Box::new(MemoryHold { memory: self.clone(), claim: claim.clone(), process }))
    }

    fn held(&self) -> Result<Vec<Held>, Error> {
        let inner = self.inner();
        Ok(inner.locks.values().map(Entry::held).filter(|held| inner.in_force(held)).collect())
    }

    fn driver(&self, run: &RunId) -> Result<Option<Held>, Error> {
        Ok(self.inner().locks.get(&of_run(run)).map(Entry::held))
    }
}

#[derive(Debug)]
struct MemoryHold {
    memory: Memory,
    claim: Claim,
    process: Arc<()>,
}

impl Hold for MemoryHold {
    fn still_ours(&self) -> Result<(), Error> {
        let inner = self.memory.inner();
        for resource in self.claim.all() {
            let found = match inner.locks.get(&resource) {
                Some(entry) if Weak::as_ptr(&entry.process) == Arc::as_ptr(&self.process) => {
                    continue;
                }
                Some(entry) => entry.held().to_string(),
                None => "it is gone".to_owned(),
            };
            return Err(Error::LockLost { resource, found });
        }
        Ok(())
    }

    fn beat(&self, now: Timestamp) -> Result<(), Error> {
        self.still_ours()?;
        let mut inner = self.memory.inner();
        for resource in self.claim.all() {
            if let Some(entry) = inner.locks.get_mut(&resource) {
                entry.info.heartbeat = now;
            }
        }
        Ok(())
    }

    fn release(self: Box<Self>) -> Result<(), Error> {
        self.still_ours()?;
        let mut inner = self.memory.inner();
        for resource in self.claim.all() {
            inner.locks.remove(&resource);
        }
        Ok(())
    }
}

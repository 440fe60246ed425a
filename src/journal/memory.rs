//! The same contracts in memory, for simulations and tests: a clone is another process looking at the same disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use async_trait::async_trait;

use super::{
    Claim, Created, Error, Held, Hold, Liveness, LockInfo, Locks, Objects, RunId, Store,
    lock::of_run,
};
use crate::rollout::Timestamp;

/// A journal store without a disk.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    objects: Mutex<BTreeMap<String, String>>,
    locks: Mutex<BTreeMap<String, Entry>>,
    /// Whoever takes locks.
    guard: tokio::sync::Mutex<()>,
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

fn opened<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// Takes every lock away from whoever holds it, as an operator who deletes lock files would.
    pub fn break_locks(&self) {
        self.locks().clear();
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        opened(&self.0.objects)
    }

    fn locks(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        opened(&self.0.locks)
    }

    async fn in_force(&self, held: &Held) -> Result<bool, Error> {
        Ok(held.liveness == Liveness::Alive
            || Store::new(self.clone()).is_unfinished(&held.info.run).await?)
    }

    /// What a lock says, if it is in force.
    async fn standing(&self, resource: &str) -> Result<Option<Held>, Error> {
        let held = self.locks().get(resource).map(Entry::held);
        let Some(held) = held else { return Ok(None) };
        Ok(self.in_force(&held).await?.then_some(held))
    }
}

#[async_trait]
impl Objects for Memory {
    async fn put_absent(&self, key: &str, content: &str) -> Result<Created, Error> {
        let mut objects = self.objects();
        if objects.contains_key(key) {
            return Ok(Created::ExistsAlready);
        }
        objects.insert(key.to_owned(), content.to_owned());
        Ok(Created::Now)
    }

    async fn put(&self, key: &str, content: &str) -> Result<(), Error> {
        self.objects().insert(key.to_owned(), content.to_owned());
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Error> {
        Ok(self.objects().get(key).cloned())
    }

    async fn list(
        &self,
        folder: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let (folder, objects) = (format!("{folder}/"), self.objects());
        let below = objects.range(folder.clone()..).map_while(|(key, _)| key.strip_prefix(&folder));
        let names: BTreeSet<&str> = below.filter_map(|key| key.split('/').next()).collect();
        let names = names.into_iter().filter(|name| after.is_none_or(|after| *name > after));
        Ok(names.take(most).map(str::to_owned).collect())
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.objects().remove(key);
        Ok(())
    }

    fn place(&self, key: &str) -> String {
        key.to_owned()
    }
}

#[async_trait]
impl Locks for Memory {
    async fn acquire(&self, claim: &Claim) -> Result<Box<dyn Hold>, Error> {
        let _guard = self.0.guard.lock().await;
        let mut wanted = Vec::new();
        for resource in claim.all() {
            let since = match self.standing(&resource).await? {
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
            self.locks().insert(entry.info.resource.clone(), entry);
        }
        Ok(Box::new(MemoryHold { memory: self.clone(), claim: claim.clone(), process }))
    }

    async fn held(&self) -> Result<Vec<Held>, Error> {
        let all: Vec<Held> = self.locks().values().map(Entry::held).collect();
        let mut in_force = Vec::new();
        for held in all {
            if self.in_force(&held).await? {
                in_force.push(held);
            }
        }
        Ok(in_force)
    }

    async fn driver(&self, run: &RunId) -> Result<Option<Held>, Error> {
        Ok(self.locks().get(&of_run(run)).map(Entry::held))
    }
}

#[derive(Debug)]
struct MemoryHold {
    memory: Memory,
    claim: Claim,
    process: Arc<()>,
}

impl MemoryHold {
    fn check(&self, locks: &BTreeMap<String, Entry>) -> Result<(), Error> {
        for resource in self.claim.all() {
            let found = match locks.get(&resource) {
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
}

#[async_trait]
impl Hold for MemoryHold {
    async fn still_ours(&self) -> Result<(), Error> {
        self.check(&self.memory.locks())
    }

    async fn beat(&self, now: Timestamp) -> Result<(), Error> {
        let mut locks = self.memory.locks();
        self.check(&locks)?;
        for resource in self.claim.all() {
            if let Some(entry) = locks.get_mut(&resource) {
                entry.info.heartbeat = now;
            }
        }
        Ok(())
    }

    async fn release(self: Box<Self>) -> Result<(), Error> {
        let mut locks = self.memory.locks();
        self.check(&locks)?;
        for resource in self.claim.all() {
            locks.remove(&resource);
        }
        Ok(())
    }
}

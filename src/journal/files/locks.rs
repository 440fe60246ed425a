//! Locks as pairs of files: `locks/<resource>.lock` carries a flock(2) of the living process, which the kernel drops
//! at its death, even by SIGKILL; `locks/<resource>.json` says which run owns the resource and outlives the process.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::{
    Files,
    disk::{self, Locked},
};
use crate::{
    journal::{
        Claim, Error, Held, Hold, Liveness, LockInfo, Locks, RunId, Store, lock::of_run,
        store::folder,
    },
    printable,
    rollout::Timestamp,
};

impl Files {
    fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Serialises taking and looking: whoever looks takes a flock for a moment, and must not be mistaken for an owner.
    async fn guard(&self) -> Result<Locked, Error> {
        let guard = |files: &Self| {
            disk::make_directories(&files.locks())?;
            Locked::wait_for(&files.locks().join(".guard"))
        };
        self.aside(guard).await
    }

    /// The same for whoever only looks, and may have no right to write here. Where there is no guard nobody has locked
    /// anything yet.
    async fn guard_to_look(&self) -> Result<Option<Locked>, Error> {
        self.aside(|files| Locked::wait_to_look(&files.locks().join(".guard"))).await
    }

    /// A name that people recognise and that no other resource shares.
    fn lock_path(&self, resource: &str) -> PathBuf {
        let digest = Sha256::digest(resource.as_bytes());
        let readable = resource.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        let mut name: String = readable.take(120).collect();
        name.push('-');
        for byte in digest.iter().take(6) {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        self.locks().join(name)
    }

    fn write_lock(&self, info: &LockInfo) -> Result<(), Error> {
        let line = serde_json::to_string(info).map_err(|source| Error::Unwritable {
            what: format!("the lock on {}", info.resource),
            source,
        })?;
        let path = self.lock_path(&info.resource).with_extension("json");
        let line = printable::json(&line) + "\n";
        disk::within_reserve(&self.reserve(&folder(&info.run)), || disk::replace(&path, &line))
    }

    /// What keeps a resource from being taken: a living process (its flock cannot be had), or an unfinished run.
    async fn in_force(&self, info: LockInfo, liveness: Liveness) -> Result<Option<Held>, Error> {
        let in_force = liveness == Liveness::Alive
            || Store::new(self.clone()).is_unfinished(&info.run).await?;
        Ok(in_force.then_some(Held { info, liveness }))
    }

    /// The resource's flock, and what is to be written beside it.
    async fn take(&self, claim: &Claim, resource: &str) -> Result<(Locked, LockInfo), Error> {
        let path = self.lock_path(resource);
        let attempt = move |_: &Self| {
            let flock = Locked::attempt(&path.with_extension("lock"))?;
            Ok((flock, read(&path.with_extension("json"))?))
        };
        let (flock, info) = self.aside(attempt).await?;
        let liveness = if flock.is_some() { Liveness::Gone } else { Liveness::Alive };
        let held = match info {
            Some(info) => self.in_force(info, liveness).await?,
            None => None,
        };
        match (flock, held) {
            (Some(flock), None) => Ok((flock, claim.info(resource, claim.at))),
            (Some(flock), Some(held)) if held.info.run == claim.run => {
                Ok((flock, claim.info(resource, held.info.since)))
            }
            (_, Some(held)) => Err(Error::Owned(Box::new(held))),
            (None, None) => Err(Error::Corrupt {
                file: self.lock_path(resource).with_extension("json").display().to_string(),
                problem: format!("a living process has {resource}, but the file naming it is gone"),
            }),
        }
    }

    /// All locks that are written down, in force or not.
    fn written(&self) -> Result<Vec<(LockInfo, Liveness)>, Error> {
        let mut all = Vec::new();
        for name in disk::names(&self.locks())? {
            let path = self.locks().join(&name);
            if path.extension().is_some_and(|e| e == "json")
                && let Some(info) = read(&path)?
            {
                all.push((info, liveness(&path)?));
            }
        }
        all.sort_by(|(a, _), (b, _)| a.resource.cmp(&b.resource));
        Ok(all)
    }
}

/// Whether a living process has the flock beside a lock's file.
fn liveness(path: &Path) -> Result<Liveness, Error> {
    let is_locked = disk::is_locked(&path.with_extension("lock"))?;
    Ok(if is_locked { Liveness::Alive } else { Liveness::Gone })
}

/// What a lock says; nothing when nobody owns the resource.
fn read(path: &Path) -> Result<Option<LockInfo>, Error> {
    let Some(text) = disk::read(path)? else { return Ok(None) };
    let corrupt = |e: serde_json::Error| Error::Corrupt {
        file: path.display().to_string(),
        problem: e.to_string(),
    };
    serde_json::from_str(&text).map(Some).map_err(corrupt)
}

#[async_trait]
impl Locks for Files {
    async fn acquire(&self, claim: &Claim) -> Result<Box<dyn Hold>, Error> {
        let _guard = self.guard().await?;
        let mut taken = Vec::new();
        for resource in claim.all() {
            taken.push(self.take(claim, &resource).await?);
        }
        let hold = FileHold { files: self.clone(), taken: Arc::new(taken) };
        // Only now that all of them are ours does anything say so.
        hold.say(claim.at).await?;
        Ok(Box::new(hold))
    }

    async fn held(&self) -> Result<Vec<Held>, Error> {
        // Looking makes no folders where nothing was ever locked.
        let Some(_guard) = self.guard_to_look().await? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for (info, liveness) in self.aside(Self::written).await? {
            all.extend(self.in_force(info, liveness).await?);
        }
        Ok(all)
    }

    async fn driver(&self, run: &RunId) -> Result<Option<Held>, Error> {
        let Some(_guard) = self.guard_to_look().await? else { return Ok(None) };
        let path = self.lock_path(&of_run(run));
        let look = move |_: &Self| {
            let Some(info) = read(&path.with_extension("json"))? else { return Ok(None) };
            Ok(Some(Held { info, liveness: liveness(&path)? }))
        };
        self.aside(look).await
    }
}

#[derive(Debug)]
struct FileHold {
    files: Files,
    taken: Arc<Vec<(Locked, LockInfo)>>,
}

impl FileHold {
    /// Writes down whose all this is, and that the process lives.
    async fn say(&self, now: Timestamp) -> Result<(), Error> {
        let taken = self.taken.clone();
        let say = move |files: &Files| {
            let infos = taken.iter().map(|(_, ours)| LockInfo { heartbeat: now, ..ours.clone() });
            infos.into_iter().try_for_each(|info| files.write_lock(&info))
        };
        self.files.aside(say).await
    }
}

/// Whether what is written and locked is still what was.
fn check(files: &Files, taken: &[(Locked, LockInfo)]) -> Result<(), Error> {
    for (flock, ours) in taken {
        let lost = |found: String| Error::LockLost { resource: ours.resource.clone(), found };
        let path = files.lock_path(&ours.resource).with_extension("json");
        match read(&path)? {
            Some(info) if (&info.run, &info.holder) != (&ours.run, &ours.holder) => {
                return Err(lost(format!("run {} has it ({})", info.run, info.holder)));
            }
            Some(_) if flock.is_in_place() => {}
            Some(_) | None => return Err(lost("its file was removed".to_owned())),
        }
    }
    Ok(())
}

#[async_trait]
impl Hold for FileHold {
    async fn still_ours(&self) -> Result<(), Error> {
        let taken = self.taken.clone();
        self.files.aside(move |files| check(files, &taken)).await
    }

    async fn beat(&self, now: Timestamp) -> Result<(), Error> {
        self.still_ours().await?;
        self.say(now).await
    }

    async fn release(self: Box<Self>) -> Result<(), Error> {
        // Files may go while the guard is held, because nobody opens or locks one without it.
        let _guard = self.files.guard().await?;
        let taken = self.taken.clone();
        let remove = move |files: &Files| {
            check(files, &taken)?;
            for (_, ours) in taken.iter() {
                let path = files.lock_path(&ours.resource);
                disk::remove(&path.with_extension("json"))?;
                disk::remove(&path.with_extension("lock"))?;
            }
            Ok(())
        };
        self.files.aside(remove).await
    }
}

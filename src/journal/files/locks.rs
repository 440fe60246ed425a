//! Locks as pairs of files: `locks/<resource>.lock` carries a flock(2) of the living process, which the kernel drops
//! at its death, even by SIGKILL; `locks/<resource>.json` says which run owns the resource and outlives the process.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    Files,
    disk::{self, Locked},
};
use crate::{
    journal::{
        Claim, Error, Held, Hold, Liveness, LockInfo, Locks, RunId,
        lock::{is_unfinished, of_run, tells},
    },
    printable,
    rollout::Timestamp,
};

impl Files {
    fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Serialises taking and looking: whoever looks takes a flock for a moment, and must not be mistaken for an owner.
    fn guard(&self) -> Result<Locked, Error> {
        disk::make_directories(&self.locks())?;
        Locked::wait_for(&self.locks().join(".guard"))
    }

    /// The same for whoever only looks, and may have no right to write here. Where there is no guard nobody has locked
    /// anything yet.
    fn guard_to_look(&self) -> Result<Option<Locked>, Error> {
        Locked::wait_to_look(&self.locks().join(".guard"))
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
        self.within_reserve(&info.run, || disk::replace(&path, &line))
    }

    /// What keeps a resource from being taken: a living process (its flock cannot be had), or an unfinished run.
    fn in_force(&self, info: LockInfo, liveness: Liveness) -> Result<Option<Held>, Error> {
        let in_force = liveness == Liveness::Alive || self.is_unfinished(&info.run)?;
        Ok(in_force.then_some(Held { info, liveness }))
    }

    fn is_unfinished(&self, run: &RunId) -> Result<bool, Error> {
        let mut last = self.last_event(run)?;
        while let Some(event) = &last
            && !tells(&event.event)
            && let Some(before) = event.seq.previous()
        {
            last = Some(self.read_event(run, before)?);
        }
        Ok(is_unfinished(last.as_ref()))
    }

    /// The resource's flock, and what is to be written beside it.
    fn take(&self, claim: &Claim, resource: &str) -> Result<(Locked, LockInfo), Error> {
        let path = self.lock_path(resource);
        let flock = Locked::attempt(&path.with_extension("lock"))?;
        let liveness = if flock.is_some() { Liveness::Gone } else { Liveness::Alive };
        let held = match read(&path.with_extension("json"))? {
            Some(info) => self.in_force(info, liveness)?,
            None => None,
        };
        match (flock, held) {
            (Some(flock), None) => Ok((flock, claim.info(resource, claim.at))),
            (Some(flock), Some(held)) if held.info.run == claim.run => {
                Ok((flock, claim.info(resource, held.info.since)))
            }
            (_, Some(held)) => Err(Error::Owned(Box::new(held))),
            (None, None) => Err(Error::Corrupt {
                file: path.with_extension("json").display().to_string(),
                problem: format!("a living process has {resource}, but the file naming it is gone"),
            }),
        }
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

impl Locks for Files {
    fn acquire(&self, claim: &Claim) -> Result<Box<dyn Hold>, Error> {
        let _guard = self.guard()?;
        let resources = claim.all();
        let taken: Vec<_> =
            resources.iter().map(|r| self.take(claim, r)).collect::<Result<_, _>>()?;
        // Only now that all of them are ours does anything say so.
        for (_, info) in &taken {
            self.write_lock(info)?;
        }
        Ok(Box::new(FileHold { files: self.clone(), taken }))
    }

    fn held(&self) -> Result<Vec<Held>, Error> {
        // Looking makes no folders where nothing was ever locked.
        let Some(_guard) = self.guard_to_look()? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for name in disk::names(&self.locks())? {
            let path = self.locks().join(&name);
            if path.extension().is_some_and(|e| e == "json")
                && let Some(info) = read(&path)?
            {
                let liveness = liveness(&path)?;
                all.extend(self.in_force(info, liveness)?);
            }
        }
        all.sort_by(|a, b| a.info.resource.cmp(&b.info.resource));
        Ok(all)
    }

    fn driver(&self, run: &RunId) -> Result<Option<Held>, Error> {
        let Some(_guard) = self.guard_to_look()? else { return Ok(None) };
        let path = self.lock_path(&of_run(run));
        let Some(info) = read(&path.with_extension("json"))? else { return Ok(None) };
        Ok(Some(Held { info, liveness: liveness(&path)? }))
    }
}

#[derive(Debug)]
struct FileHold {
    files: Files,
    taken: Vec<(Locked, LockInfo)>,
}

impl Hold for FileHold {
    fn still_ours(&self) -> Result<(), Error> {
        for (flock, ours) in &self.taken {
            let lost = |found: String| Error::LockLost { resource: ours.resource.clone(), found };
            let path = self.files.lock_path(&ours.resource).with_extension("json");
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

    fn beat(&self, now: Timestamp) -> Result<(), Error> {
        self.still_ours()?;
        for (_, ours) in &self.taken {
            self.files.write_lock(&LockInfo { heartbeat: now, ..ours.clone() })?;
        }
        Ok(())
    }

    fn release(self: Box<Self>) -> Result<(), Error> {
        // Files may go while the guard is held, because nobody opens or locks one without it.
        let _guard = self.files.guard()?;
        self.still_ours()?;
        for (_, ours) in &self.taken {
            let path = self.files.lock_path(&ours.resource);
            disk::remove(&path.with_extension("json"))?;
            disk::remove(&path.with_extension("lock"))?;
        }
        Ok(())
    }
}

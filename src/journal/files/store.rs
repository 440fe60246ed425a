//! Objects as files: a key is a path below the journal's folder, and a folder is a folder. Every touch of the disk happens on
//! a thread of its own kind, because a disk may take its time and the loop that asks has alarms to look at.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::disk::{self, Kind, Tightened};
use crate::journal::{Created, Error, Objects, RunId, store::folder};

/// What a run's folder has in it from the beginning.
const PARTS: [&str; 2] = ["events", "inbox"];

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
        self.path(&folder(run))
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
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

    /// Touches the disk where nobody else waits for it.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let files = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&files)).await;
        done.unwrap_or_else(|died| {
            let (path, source) = (self.root.clone(), std::io::Error::other(died));
            Err(Error::Io { operation: "finish what was begun in", path, source })
        })
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[async_trait]
impl Objects for Files {
    async fn put_absent(&self, key: &str, content: &str) -> Result<Created, Error> {
        let (key, content) = (key.to_owned(), content.to_owned());
        let put = move |files: &Self| {
            let path = files.path(&key);
            disk::make_directories(parent(&path))?;
            disk::within_reserve(&files.reserve_of(&key), || disk::create(&path, &content))
        };
        self.aside(put).await
    }

    async fn put(&self, key: &str, content: &str) -> Result<(), Error> {
        let (path, content) = (self.path(key), content.to_owned());
        self.aside(move |_| disk::replace(&path, &content)).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Error> {
        let path = self.path(key);
        self.aside(move |_| disk::read(&path)).await
    }

    async fn list(
        &self,
        folder: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let (path, after) = (self.path(folder), after.map(str::to_owned));
        let list = move |_: &Self| {
            let mut names = disk::names(&path)?;
            names.retain(|name| after.as_ref().is_none_or(|after| name > after));
            names.truncate(most);
            Ok(names)
        };
        self.aside(list).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let path = self.path(key);
        self.aside(move |_| disk::remove(&path)).await
    }

    fn place(&self, key: &str) -> String {
        self.path(key).display().to_string()
    }

    async fn prepare(&self, folder: &str) -> Result<(), Error> {
        let folder = folder.to_owned();
        let prepare = move |files: &Self| {
            for part in PARTS {
                disk::make_directories(&files.path(&folder).join(part))?;
            }
            files.make_reserve(&folder)
        };
        self.aside(prepare).await
    }

    async fn conclude(&self, folder: &str) -> Result<(), Error> {
        let folder = folder.to_owned();
        self.aside(move |files| disk::remove(&files.reserve(&folder))).await
    }

    async fn damage(&self, folder: &str) -> Result<Option<String>, Error> {
        let path = self.path(folder);
        let look = move |_: &Self| {
            // A process that dies while it makes a run has made none of the parts, or the first of them.
            let is_prepared =
                || PARTS.iter().any(|part| disk::kind(&parent(&path).join(part)) != Kind::Nothing);
            Ok(match disk::kind(&path) {
                Kind::Folder => None,
                Kind::Nothing => is_prepared().then(|| "is missing".to_owned()),
                Kind::DeadLink => Some("is a link that leads nowhere".to_owned()),
                Kind::Other(what) => Some(format!("is no folder: it is {what}")),
            })
        };
        self.aside(look).await
    }

    async fn is_astray(&self, key: &str) -> bool {
        let path = self.path(key);
        self.aside(move |_| Ok(path.is_file())).await.unwrap_or(false)
    }

    async fn is_short(&self, folder: &str) -> bool {
        let folder = folder.to_owned();
        let is_there = self.aside(move |files| Ok(files.reserve(&folder).is_file())).await;
        !is_there.unwrap_or(true)
    }
}

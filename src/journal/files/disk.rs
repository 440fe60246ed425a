//! The few things the journal does to a disk, each durable or not done at all. A file appears complete and under its
//! name, or it does not appear: it is written aside, synced, and then linked in without clobbering.

#![expect(clippy::disallowed_methods, reason = "this is the module the journal's files belong to")]

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::FlockOperation;
use tempfile::NamedTempFile;

use crate::journal::Error;

/// Files that are being written have names that begin like this; whatever a crash left of them is ignored.
const TEMPORARY: &str = ".tmp-";

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { operation, path, source }
}

/// What came of creating something that must not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Created {
    Now,
    ExistsAlready,
}

/// Makes a directory and all above it, and sees to it that they are still there after a power cut.
pub(super) fn make_directories(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        make_directories(parent)?;
    }
    make_directory(path).map(|_| ())
}

pub(super) fn make_directory(path: &Path) -> Result<Created, Error> {
    match fs::create_dir(path) {
        Ok(()) => sync_parent(path).map(|()| Created::Now),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(Created::ExistsAlready),
        Err(e) => Err(failed("create directory", path)(e)),
    }
}

/// Writes a file that must not exist yet. Of several that try at once, one gets `Created::Now`.
pub(super) fn create(path: &Path, content: &str) -> Result<Created, Error> {
    match write_aside(path, content)?.persist_noclobber(path) {
        Ok(_) => sync_parent(path).map(|()| Created::Now),
        Err(e) if e.error.kind() == ErrorKind::AlreadyExists => Ok(Created::ExistsAlready),
        Err(e) => Err(failed("create", path)(e.error)),
    }
}

/// Writes a file in the place of whatever was there.
pub(super) fn replace(path: &Path, content: &str) -> Result<(), Error> {
    write_aside(path, content)?.persist(path).map_err(|e| failed("replace", path)(e.error))?;
    sync_parent(path)
}

fn write_aside(path: &Path, content: &str) -> Result<NamedTempFile, Error> {
    use std::os::unix::fs::PermissionsExt;

    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY)
        // As any other file: the umask decides who may read it.
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(directory)
        .map_err(failed("create a file in", directory))?;
    file.write_all(content.as_bytes()).map_err(failed("write", path))?;
    file.as_file().sync_all().map_err(failed("sync", path))?;
    Ok(file)
}

fn sync_parent(path: &Path) -> Result<(), Error> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|d| d.sync_all()).map_err(failed("sync directory", directory))
}

/// The content of a file, or nothing when there is none. What is not UTF-8 shows as U+FFFD, and then fails to parse.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed("read", path)(e)),
    }
}

/// The names of what is in a directory, sorted, without temporary files; none when there is no such directory.
pub(super) fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed("list", directory)(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed("list", directory))?.file_name();
        names.extend(name.into_string().ok().filter(|name| !name.starts_with(TEMPORARY)));
    }
    names.sort();
    Ok(names)
}

/// Removes a file; it is no error when there is none.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(failed("remove", path)(e)),
    }
}

/// A file locked with flock(2). The kernel unlocks it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Locked {
    file: File,
    path: PathBuf,
}

impl Locked {
    /// Waits until the lock is free. For locks that everybody holds only for a moment.
    pub(super) fn wait_for(path: &Path) -> Result<Self, Error> {
        let file = open_for_lock(path)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)
            .map_err(|e| failed("lock", path)(e.into()))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// `None` when another holds it.
    pub(super) fn attempt(path: &Path) -> Result<Option<Self>, Error> {
        let file = open_for_lock(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { file, path: path.to_owned() })),
            Err(e) if e == rustix::io::Errno::WOULDBLOCK => Ok(None),
            Err(e) => Err(failed("lock", path)(e.into())),
        }
    }

    /// Whether the file under that name is still the one locked here.
    pub(super) fn is_in_place(&self) -> bool {
        let id = |m: fs::Metadata| (m.dev(), m.ino());
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(ours), Ok(there)) => id(ours) == id(there),
            _ => false,
        }
    }
}

fn open_for_lock(path: &Path) -> Result<File, Error> {
    File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed("open", path))
}

//! The few things the journal does to a disk, each durable or not done at all. A file appears complete and under its
//! name, or it does not appear: it is written aside, synced, and then linked in without clobbering. What is made here is
//! its user's alone, whatever the umask, because journals hold plans and parameters; and only plain files of a bounded
//! size are read, because a pipe never ends and a device need not.

#![expect(clippy::disallowed_methods, reason = "this is the module the journal's files belong to")]

use std::{
    fs::{self, File, FileType},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FlockOperation, OFlags};
use tempfile::NamedTempFile;

use crate::journal::{Created, Error};

/// Files that are being written have names that begin like this; whatever a crash left of them is ignored.
const TEMPORARY: &str = ".tmp-";

/// More than any event, message or plan has.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// Nobody honest holds a lock for a moment for so long.
const MOMENT: Duration = Duration::from_secs(5);

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { operation, path, source }
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
    match fs::DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Ok(()) => {
            fs::set_permissions(path, fs::Permissions::from_mode(FOLDER_MODE))
                .map_err(failed("create directory", path))?;
            sync_parent(path).map(|()| Created::Now)
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(Created::ExistsAlready),
        Err(e) => Err(failed("create directory", path)(e)),
    }
}

/// What came of taking a folder from everybody but its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tightened {
    Now,
    WasAlready,
}

/// A folder that is there becomes its owner's alone, with all that is in it; whoever has no way in reads nothing.
pub(super) fn tighten(path: &Path) -> Result<Tightened, Error> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(Tightened::WasAlready) };
    let others_may = found.permissions().mode() & 0o777 & !FOLDER_MODE;
    if !found.is_dir() || others_may == 0 {
        return Ok(Tightened::WasAlready);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(FOLDER_MODE))
        .map(|()| Tightened::Now)
        .map_err(failed("keep others out of", path))
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
    let aside = write_aside(path, content)?;
    #[cfg(test)]
    room::give(path);
    aside.persist(path).map_err(|e| failed("replace", path)(e.error))?;
    sync_parent(path)
}

fn write_aside(path: &Path, content: &str) -> Result<NamedTempFile, Error> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(directory)
        .map_err(failed("create a file in", directory))?;
    // An umask may take from its user what is the user's.
    let mode = fs::Permissions::from_mode(FILE_MODE);
    file.as_file().set_permissions(mode).map_err(failed("create", path))?;
    #[cfg(test)]
    room::take(path, content.len()).map_err(failed("write", path))?;
    file.write_all(content.as_bytes()).map_err(failed("write", path))?;
    file.as_file().sync_all().map_err(failed("sync", path))?;
    Ok(file)
}

fn sync_parent(path: &Path) -> Result<(), Error> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|d| d.sync_all()).map_err(failed("sync directory", directory))
}

/// The content of a file, or nothing when there is none. What is not UTF-8 shows as U+FFFD, and then fails to parse.
/// `Corrupt` when it is no plain file, or larger than any of ours.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
    let file = match open_plain(path, File::options().read(true)) {
        Ok(file) => file,
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(not_ours(path, format!("it is larger than {MOST_BYTES} bytes")));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn not_ours(path: &Path, problem: String) -> Error {
    Error::Corrupt { file: path.display().to_string(), problem }
}

/// Opens a plain file and nothing else, without waiting for anybody, and without following a link.
fn open_plain(path: &Path, how: &mut fs::OpenOptions) -> Result<File, Error> {
    // Looked at before, because opening some devices does something; and after, because somebody may be faster.
    if let Ok(found) = fs::symlink_metadata(path) {
        check_plain(path, &found)?;
    }
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = how.mode(FILE_MODE).custom_flags(flags).open(path).map_err(failed("open", path))?;
    check_plain(path, &file.metadata().map_err(failed("open", path))?)?;
    Ok(file)
}

fn check_plain(path: &Path, found: &fs::Metadata) -> Result<(), Error> {
    let kind = found.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(not_ours(path, format!("it is {}, not a plain file", in_words(kind))))
}

fn in_words(kind: FileType) -> &'static str {
    if kind.is_file() {
        "a plain file"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a link"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// What stands where a folder is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Itself, or behind a link.
    Folder,
    Nothing,
    DeadLink,
    Other(&'static str),
}

pub(super) fn kind(path: &Path) -> Kind {
    match (fs::metadata(path), fs::symlink_metadata(path)) {
        (Ok(found), _) if found.is_dir() => Kind::Folder,
        (Ok(found), _) => Kind::Other(in_words(found.file_type())),
        (Err(_), Ok(found)) if found.file_type().is_symlink() => Kind::DeadLink,
        // What may not be looked at is told by whoever lists it.
        (Err(error), _) if error.kind() != ErrorKind::NotFound => Kind::Folder,
        (Err(_), _) => Kind::Nothing,
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
    #[cfg(test)]
    room::give(path);
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        // A folder in the place of a file may hold anything: it is kept, under a name that is ignored.
        Err(_) if path.is_dir() => set_aside(path),
        Err(e) => Err(failed("remove", path)(e)),
    }
}

/// Writes, and once more when that fails for want of room that the reserve can give.
pub(super) fn within_reserve<T>(
    reserve: &Path,
    write: impl Fn() -> Result<T, Error>,
) -> Result<T, Error> {
    match write() {
        Err(error) if error.is_out_of_space() && reserve.is_file() => {
            remove(reserve)?;
            write()
        }
        other => other,
    }
}

fn set_aside(path: &Path) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!("{TEMPORARY}{name}"));
    fs::rename(path, aside).map_err(failed("set aside", path))
}

/// For tests: a disk with so much room, for what is written below a folder.
#[cfg(test)]
pub(super) mod room {
    use std::{
        collections::BTreeMap,
        fs, io,
        path::{Path, PathBuf},
        sync::Mutex,
    };

    const BLOCK: usize = 4096;

    static BLOCKS: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

    pub(in crate::journal::files) fn leave(folder: &Path, bytes: usize) {
        BLOCKS.lock().unwrap().insert(folder.to_owned(), bytes / BLOCK);
    }

    pub(in crate::journal::files) fn left(folder: &Path) -> usize {
        BLOCKS.lock().unwrap().get(folder).copied().unwrap_or_default() * BLOCK
    }

    /// Changes what is left for a path, where that is bounded.
    fn change(path: &Path, change: impl Fn(usize) -> Option<usize>) -> Option<()> {
        let mut all = BLOCKS.lock().unwrap();
        let bounded = all.iter_mut().find(|(folder, _)| path.starts_with(folder));
        let Some((_, left)) = bounded else { return Some(()) };
        *left = change(*left)?;
        Some(())
    }

    pub(super) fn take(path: &Path, bytes: usize) -> io::Result<()> {
        change(path, |left| left.checked_sub(bytes.div_ceil(BLOCK)))
            .ok_or_else(|| io::Error::from(rustix::io::Errno::NOSPC))
    }

    pub(super) fn give(path: &Path) {
        let freed = fs::metadata(path).map_or(0, |file| file.len());
        let freed = usize::try_from(freed).unwrap().div_ceil(BLOCK);
        change(path, |left| Some(left + freed));
    }
}

/// A file locked with flock(2). The kernel unlocks it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Locked {
    file: File,
    path: PathBuf,
}

impl Locked {
    /// Waits until the lock is free, for a while. For locks that everybody holds only for a moment.
    pub(super) fn wait_for(path: &Path) -> Result<Self, Error> {
        const PAUSE: Duration = Duration::from_millis(10);
        let mut waited = Duration::ZERO;
        loop {
            if let Some(locked) = Self::attempt(path)? {
                return Ok(locked);
            }
            if waited >= MOMENT {
                let source = ErrorKind::TimedOut.into();
                return Err(failed("get the lock, which somebody keeps:", path)(source));
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
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

    /// As [`Self::wait_for`], for whoever may only read; `None` when there is no such file.
    pub(super) fn wait_to_look(path: &Path) -> Result<Option<Self>, Error> {
        let Some(file) = open_to_look(path)? else { return Ok(None) };
        rustix::fs::flock(&file, FlockOperation::LockExclusive)
            .map_err(|e| failed("lock", path)(e.into()))?;
        Ok(Some(Self { file, path: path.to_owned() }))
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

/// Whether a living process has a file locked. Needs no right to write.
pub(super) fn is_locked(path: &Path) -> Result<bool, Error> {
    let Some(file) = open_to_look(path)? else { return Ok(false) };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(e) if e == rustix::io::Errno::WOULDBLOCK => Ok(true),
        Err(e) => Err(failed("lock", path)(e.into())),
    }
}

fn open_to_look(path: &Path) -> Result<Option<File>, Error> {
    match open_plain(path, File::options().read(true)) {
        Ok(file) => Ok(Some(file)),
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn open_for_lock(path: &Path) -> Result<File, Error> {
    open_plain(path, File::options().write(true).create(true).truncate(false))
}

//! What is particular to files: what a crash, a kill or a stranger leaves behind on the disk.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests put the disk into states no store would"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    journal::{Claim, Envelope, Error, Hold, Locks, RunId, Seq, Store},
    rollout::{Actor, Event, Timestamp},
};

fn run() -> RunId {
    "checkout-20260131-154502-0001".parse().unwrap()
}

fn envelope(seq: u64) -> Envelope {
    let event = Event::RunnerStarted { by: Actor("ann".to_owned()) };
    Envelope::new(run(), Seq::new(seq).unwrap(), Timestamp::from_millis(0), event)
}

/// A journal with two events.
fn journal() -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path());
    files.create(&run(), "tidegate: 1").unwrap();
    files.append(&envelope(1)).unwrap();
    files.append(&envelope(2)).unwrap();
    (folder, files)
}

fn claim() -> Claim {
    Claim {
        run: run(),
        resources: ["web".to_owned()].into(),
        holder: "ann@host pid 1".to_owned(),
        at: Timestamp::from_millis(0),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A writer that dies has left part or all of its next event under a temporary name, or has just linked it.
    #[test]
    fn a_crash_while_appending_leaves_all_or_nothing(written in 0..=200_usize, linked: bool) {
        let (_folder, files) = journal();
        let events = files.folder(&run()).join("events");
        let line = envelope(3).to_line().unwrap() + "\n";
        let part = &line[..written.min(line.len())];
        fs::write(events.join(".tmp-Xy12ab"), if linked { &line } else { part }).unwrap();
        if linked {
            fs::hard_link(events.join(".tmp-Xy12ab"), events.join("000003.json")).unwrap();
        }
        let expected = if linked { 3 } else { 2 };
        prop_assert_eq!(files.load(&run()).unwrap().len(), expected);
        files.append(&envelope(expected as u64 + 1)).unwrap();
        prop_assert_eq!(files.load(&run()).unwrap().len(), expected + 1);
    }

    #[test]
    fn a_file_that_is_not_named_like_an_event_is_none(name in "[a-z0-9.~-]{1,12}") {
        let (_folder, files) = journal();
        let is_event = name.strip_suffix(".json").is_some_and(|n| n.len() >= 6 && n.parse::<u64>().is_ok());
        prop_assume!(!is_event && name != "." && name != "..");
        fs::write(files.folder(&run()).join("events").join(name), "{").unwrap();
        prop_assert_eq!(files.load(&run()).unwrap().len(), 2);
    }
}

#[test]
fn an_event_is_one_line_under_its_number() {
    let (_folder, files) = journal();
    let text = fs::read_to_string(files.folder(&run()).join("events/000002.json")).unwrap();
    assert_eq!(text, envelope(2).to_line().unwrap() + "\n");
    let left: Vec<_> = fs::read_dir(files.folder(&run()).join("events")).unwrap().collect();
    assert_eq!(left.len(), 2, "no temporary file stays");
}

#[test]
fn a_journal_changed_from_outside_is_refused_by_naming_the_file() {
    let (_folder, files) = journal();
    let events = files.folder(&run()).join("events");
    files.append(&envelope(3)).unwrap();
    let damaged = |damage: &dyn Fn()| {
        damage();
        let error = files.load(&run()).unwrap_err().to_string();
        assert!(error.contains("events/000002.json"), "{error}");
        error
    };
    let truncated = damaged(&|| fs::write(events.join("000002.json"), "{\"format\":1,").unwrap());
    assert!(truncated.contains("EOF"), "{truncated}");
    let binary = damaged(&|| fs::write(events.join("000002.json"), [0xff, 0x00]).unwrap());
    assert!(binary.contains("is not a journal entry"), "{binary}");
    let moved = damaged(&|| {
        fs::copy(events.join("000001.json"), events.join("000002.json")).unwrap();
    });
    assert!(moved.ends_with("it is event 1 of run checkout-20260131-154502-0001"), "{moved}");
    let gap = damaged(&|| fs::remove_file(events.join("000002.json")).unwrap());
    assert!(gap.contains("is missing"), "{gap}");
}

#[test]
fn looking_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path().join("journal"));
    assert_eq!(files.runs().unwrap(), []);
    assert_eq!(files.held().unwrap(), []);
    assert!(files.load(&run()).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_message_is_shown_and_can_be_discarded() {
    let (_folder, files) = journal();
    fs::write(files.folder(&run()).join("inbox/000001-ab.json"), "{\"comm").unwrap();
    fs::write(files.folder(&run()).join("inbox/.tmp-zz"), "{\"comm").unwrap();
    let waiting = files.waiting(&run()).unwrap();
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].content.as_ref().unwrap_err().contains("EOF"));
    files.discard(&run(), &waiting[0].ticket).unwrap();
    assert_eq!(files.waiting(&run()).unwrap(), []);
}

#[test]
fn a_lock_whose_files_were_removed_or_rewritten_is_lost() {
    for suffix in ["json", "lock"] {
        let (folder, files) = journal();
        let hold = files.acquire(&claim()).unwrap();
        for file in fs::read_dir(folder.path().join("locks")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|e| e == suffix) {
                fs::remove_file(path).unwrap();
            }
        }
        let lost = hold.still_ours().unwrap_err();
        assert!(lost.is_fence() && lost.to_string().ends_with("its file was removed"), "{lost}");
    }
    let (folder, files) = journal();
    let hold = files.acquire(&claim()).unwrap();
    fs::remove_dir_all(folder.path().join("locks")).unwrap();
    let heir: Box<dyn Hold> =
        files.acquire(&Claim { holder: "bob@host pid 2".to_owned(), ..claim() }).unwrap();
    let lost = hold.beat(Timestamp::from_millis(1)).unwrap_err().to_string();
    assert!(lost.ends_with("run checkout-20260131-154502-0001 has it (bob@host pid 2)"), "{lost}");
    heir.still_ours().unwrap();
}

/// Not a test: the other process of the test below, which finds its folder in the environment.
#[test]
#[ignore = "is run by a_killed_holder_is_known_to_be_gone_at_once"]
fn hold_a_lock_until_killed() {
    let Ok(folder) = std::env::var("TIDEGATE_TEST_FOLDER") else { return };
    let _hold = Files::new(folder).acquire(&claim()).unwrap();
    println!("holding");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_killed_holder_is_known_to_be_gone_at_once() {
    let (folder, files) = journal();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("journal::files::crashes::hold_a_lock_until_killed")
        .env("TIDEGATE_TEST_FOLDER", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holding")));
    let stranger = Claim { run: "other-run".parse().unwrap(), ..claim() };
    let alive = files.acquire(&stranger).err().unwrap().to_string();
    assert!(alive.ends_with("which ann@host pid 1 is running"), "{alive}");

    other.kill().unwrap();
    other.wait().unwrap();
    let Err(Error::Owned(held)) = files.acquire(&stranger) else { panic!("not refused") };
    assert!(held.to_string().contains("its process (ann@host pid 1) is gone"), "{held}");
    files.acquire(&claim()).unwrap().still_ours().unwrap();
}

//! `abort` of a run that somebody else drives, by the real binary: the test is the driver. The exit code tells how the
//! run ended, not that the request was delivered.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tidegate::{
    journal::{Claim, Envelope, Files, Hold, Locks, RunId, Seq, Store, requests},
    plan::Plan,
    rollout::{Actor, Bindings, Cause, Command as Asked, Ending, Event, Timestamp},
};

use crate::stage::{read_plan, repository, wait_for};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// A run that the test drives.
struct Driven {
    folder: TempDir,
    files: Files,
    run: RunId,
    told: u64,
    hold: Box<dyn Hold>,
}

impl Driven {
    fn start() -> Self {
        let path = repository().join("plans/canary-alb.yaml");
        let plan: Plan = read_plan(&path);
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        let run = RunId::new(&plan.name, NOW, 7);
        let claim = Claim {
            run: run.clone(),
            resources: BTreeSet::new(),
            holder: "the test".into(),
            at: NOW,
        };
        let hold = wait_for(files.acquire(&claim)).unwrap();
        wait_for(Store::new(files.clone()).create(&run, &std::fs::read_to_string(&path).unwrap()))
            .unwrap();
        let mut driven = Self { folder, files, run, told: 0, hold };
        driven.tell(Event::RunStarted {
            plan: plan.name.clone(),
            digest: plan.digest,
            params: BTreeMap::new(),
            by: Actor("ann".into()),
            bindings: Bindings::default(),
            found: Vec::new(),
            excused: Vec::new(),
            attempts: BTreeMap::new(),
            acting_as: None,
        });
        driven
    }

    fn tell(&mut self, event: Event) {
        self.told += 1;
        let seq = Seq::new(self.told).unwrap();
        wait_for(Store::new(self.files.clone()).append(&Envelope::new(
            self.run.clone(),
            seq,
            NOW,
            event,
        )))
        .unwrap();
    }

    fn abort(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("--journal").arg(self.folder.path()).arg("abort");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Takes the request in, as a driver does.
    fn obey(&mut self) {
        for _ in 0..200 {
            if let Some(message) =
                wait_for(requests::<Asked>(&Store::new(self.files.clone()), &self.run))
                    .unwrap()
                    .pop()
            {
                let by = message.request.unwrap().by;
                self.tell(Event::RollbackStarted {
                    cause: Cause::Asked { by, reason: None },
                    scope: None,
                });
                return wait_for(
                    Store::new(self.files.clone()).discard(&self.run, &message.ticket),
                )
                .unwrap();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("nobody asked");
    }
}

#[test]
fn abort_ends_with_the_code_of_how_the_run_ended_whoever_drives_it() {
    for (ending, code) in [(Ending::RolledBack, 4), (Ending::NeedsAttention, 5)] {
        let mut driven = Driven::start();
        let mut abort = driven.abort();
        driven.obey();
        std::thread::sleep(Duration::from_millis(700));
        assert!(abort.try_wait().unwrap().is_none(), "it waits for the end");
        driven.tell(Event::RunEnded { ending });
        let ended = abort.wait_with_output().unwrap();
        let talk = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{talk}");
    }
}

#[test]
fn abort_of_a_run_whose_driver_goes_away_is_no_success() {
    let mut driven = Driven::start();
    let abort = driven.abort();
    driven.obey();
    let Driven { folder, hold, .. } = driven;
    drop(hold);
    let ended = abort.wait_with_output().unwrap();
    let talk = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(7), "{talk}");
    assert!(talk.contains("`tidegate resume"), "{talk}");
    drop(folder);
}

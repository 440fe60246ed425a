//! Every way a call can go wrong, at every operation that the adapter calls, over the wire: whatever happens, the run
//! ends in an exit code that says what the world looks like. (tests/suite does the same at every single call, in the
//! simulated cloud; here it is the SDK's own retries, errors and time-outs that are met.)

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tidegate::cloud::Operation;

use crate::{
    fault_stories::{Kind, Meanwhile, STORIES, Story, Thrown},
    sampled::Sampled,
    world::{Ended, World},
};

/// Runs side by side: they mostly wait.
const AT_ONCE: usize = 14;

/// As `/_tidegate/faults` takes them: refused a few times, broken for longer than the SDK tries, denied once, carried out
/// with the answer lost, and slower than one attempt may be.
const KINDS: [(&str, &str); 5] = [
    ("throttled", r#""kind": "throttle", "times": 3"#),
    ("broken", r#""kind": "error", "times": 7"#),
    ("denied", r#""kind": "deny", "times": 1"#),
    ("lost", r#""kind": "error", "times": 6, "after": true"#),
    ("slow", r#""kind": "delay", "times": 1, "delay_seconds": 11"#),
];

/// An attempt at a queue may take longer than at anything else, because it waits for messages.
const SLOW_QUEUE: &str = r#""kind": "delay", "times": 1, "delay_seconds": 31"#;

/// A world and what it looks like, which no run may leave otherwise without saying so.
struct Known {
    world: World,
    looks: String,
}

/// Worlds that look as they did at first, by kind: a run that left everything as it was leaves it to the next.
#[derive(Default)]
struct Worlds {
    free: Mutex<BTreeMap<Kind, Vec<Known>>>,
    made: AtomicUsize,
}

impl Worlds {
    fn take(&self, kind: Kind) -> Known {
        let free = self.free.lock().unwrap().entry(kind).or_default().pop();
        if let Some(Known { world, looks }) = free {
            return Known { world: world.with_new_journal(), looks };
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let world = kind.made(&format!("fault{number:03}"));
        Known { looks: kind.looks(&world), world }
    }

    fn give_back(&self, kind: Kind, known: Known) {
        self.free.lock().unwrap().entry(kind).or_default().push(known);
    }
}

/// One run with one fault, and whether its end is told truly.
fn tell(story: &Story, operation: &str, (name, fault): (&str, &str), worlds: &Worlds) -> i32 {
    let Known { world, looks: before } = worlds.take(story.kind);
    let plan = (story.plan)(&world);
    let slow_queue = name == "slow" && operation.starts_with("sqs.");
    let fault = if slow_queue { SLOW_QUEUE } else { fault };
    let (mut run, fault) = match story.thrown {
        Thrown::Before => {
            let fault = world.fault(operation, fault);
            (world.start(&["run", &plan]), fault)
        }
        Thrown::UnderWay => {
            let run = world.start(&["run", &plan]);
            world.wait_for("run-started");
            (run, world.fault(operation, fault))
        }
    };
    let load = story.meanwhile.begin(&world, &mut run);
    let ended = Ended::wait(run);
    story.meanwhile.end(&world, load);
    let struck = world.lift(&fault);
    let what = format!("{operation} {name}: {:?}\n{}\n{}", ended.code, ended.told, ended.talk);
    assert!(struck > 0, "it never met its fault: {what}");
    let mut after = story.kind.looks(&world);
    match (ended.code, story.thrown, story.meanwhile) {
        // Marks keep others away; no run of its own depends on them.
        (code, ..) if operation.contains("Tag") && code != Some(0) => panic!("stopped: {what}"),
        (Some(0), _, Meanwhile::AlarmGoesOff(_)) => panic!("promoted past an alarm: {what}"),
        (Some(0), ..) => assert_ne!(after, before, "promoted, and nothing has changed: {what}"),
        (Some(3), Thrown::Before, _) => {
            assert!(world.events().is_empty() && after == before, "not refused: {what}");
        }
        (Some(4), ..) => assert_eq!(after, before, "rolled back, and not as before: {what}"),
        (Some(5), ..) => assert!(ended.told.contains("needs attention"), "{what}"),
        // Drift: nobody else touches these worlds, but a slow call's first attempt may land after the next step's.
        (Some(code @ (7 | 8)), ..) if code == 7 || name == "slow" => {
            assert!(ended.told.contains("tidegate resume"), "{what}");
        }
        _ => panic!("{what}"),
    }
    if let Some(5 | 7 | 8) = ended.code {
        println!("to be read, since a person would be asked: {what}");
    }
    if let Some(0 | 7) = ended.code {
        world.run(&["rollback", "--reason", "the next run wants its world"]).expect(4);
        after = story.kind.looks(&world);
        assert_eq!(after, before, "taken back, and not as before: {what}");
    }
    if after == before {
        worlds.give_back(story.kind, Known { world, looks: before });
    }
    ended.code.unwrap()
}

/// Whether faults are to be met at an operation: at all, unless `TIDEGATE_FAULTS_AT` says at which.
fn is_asked_for(operation: &str) -> bool {
    std::env::var("TIDEGATE_FAULTS_AT")
        .map_or(true, |asked| asked.split(',').any(|it| it == operation))
}

#[test]
fn whatever_goes_wrong_at_whatever_operation_the_end_is_told_truly() {
    // All of them take up to half an hour: every operation meets one, and each strikes a fifth of the operations.
    let sampled = Sampled::one_of(KINDS.len(), "faults at each operation");
    let runs: Vec<(&Story, &str, (&str, &str))> = STORIES
        .iter()
        .flat_map(|story| story.operations.iter().map(move |name| (story, *name)))
        .enumerate()
        .filter(|(_, (_, name))| is_asked_for(name))
        .flat_map(|(at, (story, name))| {
            let kinds = KINDS.iter().enumerate();
            let taken = kinds.filter(move |(kind, _)| sampled.takes(at + KINDS.len() - kind));
            taken.map(move |(_, kind)| (story, name, *kind))
        })
        .collect();
    let (next, ends) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<i32, usize>::new()));
    let worlds = Worlds::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((story, operation, kind)) =
                    runs.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let code = tell(story, operation, *kind, &worlds);
                    *ends.lock().unwrap().entry(code).or_default() += 1;
                }
            });
        }
    });
    let (ends, made) = (ends.into_inner().unwrap(), worlds.made.into_inner());
    println!("faults on the wire: {} runs in {made} worlds, by exit code {ends:?}", runs.len());
}

#[test]
fn no_operation_that_the_adapter_calls_is_without_a_story() {
    let all =
        Operation::ALL.iter().filter(|operation| operation.is_of_aws() && operation.is_called());
    let called: BTreeSet<&str> = all.map(|operation| operation.name()).collect();
    let name = |name: &&'static str| name.split_once('.').unwrap().1;
    let told = STORIES.iter().flat_map(|story| story.operations.iter().map(name));
    assert_eq!(called, told.collect());
}

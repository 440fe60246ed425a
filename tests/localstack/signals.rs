//! Signals at any moment of runs on the wire, before their first event too: each ends its process soon, with its own code
//! and in words, and whoever resumes goes on. (tests/suite/rough.rs does the same in simulation, of which nothing is kept.)
//! It is a sample; with `TIDEGATE_SWEEP=all` there are a hundred.

use std::{
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tidegate::testkit::draw;

use crate::world::{Ended, World};

/// Worlds side by side, and signals in each.
fn worlds_and_moments() -> (u64, u64) {
    if std::env::var("TIDEGATE_SWEEP").is_ok_and(|sweep| sweep == "all") {
        (5, 20)
    } else {
        (2, 10)
    }
}

const SIGNALS: [(Signal, i32, &str); 4] = [
    (Signal::INT, 130, "SIGINT"),
    (Signal::TERM, 143, "SIGTERM"),
    (Signal::HUP, 143, "SIGHUP"),
    (Signal::QUIT, 143, "SIGQUIT"),
];

const RUN: [&str; 2] = ["run", "plans/canary-alb.yaml"];

/// Whoever runs the tests under `nohup` or in a shell's background has some of these ignored, and everything they start.
fn tidegate(world: &World, args: &[&str]) -> Command {
    let plain = world.tidegate(args);
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,QUIT").arg(plain.get_program()).args(plain.get_args());
    command.current_dir(plain.get_current_dir().unwrap());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What is to be typed next.
fn next(world: &World) -> &'static [&'static str] {
    if world.events().is_empty() { &RUN } else { &["resume"] }
}

#[derive(Default)]
struct Seen {
    /// In milliseconds.
    worst: AtomicU64,
    journaled: AtomicU64,
    before: AtomicU64,
    unborn: AtomicU64,
    over: AtomicU64,
}

/// Interrupts a run again and again, and lets it come to its end. How long each took to exit is told: two seconds are
/// promised on a machine that has time.
fn interrupt(number: u64, moments: u64, seen: &Seen) {
    let count = |of: &AtomicU64| of.fetch_add(1, Ordering::Relaxed);
    let world = World::new(&format!("signals{number}"));
    for moment in 0..moments {
        let nth = number * moments + moment;
        let (signal, code, name) = SIGNALS[usize::try_from(nth % 4).unwrap()];
        let after = Duration::from_millis(draw(7, nth) % 1_500);
        let args = next(&world);
        let known = world.events().len();
        let mut child = tidegate(&world, args).spawn().unwrap();
        // Every other is driven by then, however busy the machine is.
        let is_driven =
            |child: &mut Child| world.events().len() > known || child.try_wait().unwrap().is_some();
        while moment % 2 == 1 && !is_driven(&mut child) {
            sleep(Duration::from_millis(50));
        }
        sleep(after);
        let sent = Instant::now();
        // It may be over already.
        let _ = kill_process(Pid::from_child(&child), signal);
        let Ended { code: ended, told, talk } = Ended::wait(child);
        let took = sent.elapsed();
        let story =
            format!("{args:?}, {name} after {after:?}: {ended:?}, {took:?}\n{told}\n{talk}");
        match ended {
            Some(0) => {
                count(&seen.over);
                break;
            }
            // The system ended it, before it was up.
            None => {
                assert_eq!((told.as_str(), talk.as_str()), ("", ""), "{story}");
                assert_eq!(moment % 2, 0, "it was up: {story}");
                count(&seen.unborn);
                continue;
            }
            Some(found) => assert_eq!(found, code, "{story}"),
        }
        assert!((told + &talk).contains(name), "{story}");
        seen.worst.fetch_max(u64::try_from(took.as_millis()).unwrap(), Ordering::Relaxed);
        count(
            if story.contains("before anything was changed")
                || story.contains("before the run was taken over")
            {
                &seen.before
            } else {
                &seen.journaled
            },
        );
    }
    let last = world.events().last().is_some_and(|event| event.contains("run-ended"));
    if !last {
        world.run(next(&world)).expect(0);
    }
    assert_eq!(world.split().weight(&world.member("blue")).get(), 0, "it is promoted");
}

#[test]
fn a_run_that_is_interrupted_at_any_moment_is_resumed() {
    let (seen, (worlds, moments)) = (Seen::default(), worlds_and_moments());
    std::thread::scope(|scope| {
        for number in 0..worlds {
            let seen = &seen;
            scope.spawn(move || interrupt(number, moments, seen));
        }
    });
    let Seen { worst, journaled, before, unborn, over } = seen;
    let [worst, journaled, before, unborn, over] =
        [worst, journaled, before, unborn, over].map(AtomicU64::into_inner);
    println!(
        "signals on the wire: worst time to exit {worst} ms; {journaled} in good order, {before} before anything was done, \
         {unborn} before the process was up, {over} after its end; all resumed and promoted"
    );
    assert!(journaled > 0, "none met a run");
}

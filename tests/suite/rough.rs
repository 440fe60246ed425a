//! Rough handling of the real binary: output that cannot be written, and signals at any moment.

use std::{
    fs::File,
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tidegate::testkit::draw;

use crate::stage::repository;

fn tidegate(args: &[&str]) -> Command {
    // Whoever runs the tests under `nohup` or in a shell's background has these ignored, and everything they start.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT,QUIT", env!("CARGO_BIN_EXE_tidegate")]);
    command.current_dir(repository()).env_remove("AWS_ENDPOINT_URL").args(args);
    command.env("TIDEGATE_JOURNAL", std::env::temp_dir().join("tidegate-none"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A disk that is full, or a pipe whose reader has gone.
fn unwritable(kind: &str) -> Stdio {
    if kind == "full" {
        File::options().write(true).open("/dev/full").unwrap().into()
    } else {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer.into()
    }
}

#[test]
fn output_that_cannot_be_written_never_stops_a_run_and_is_a_failure_of_what_only_tells() {
    let bad = "plans/scenarios/candidate-errors.yaml";
    let eight = "tests/fixtures/plans/eight-mistakes.yaml";
    let run = &["run", "plans/canary-alb.yaml", "--simulate"][..];
    let json = [run, &["-o", "json", "--count-calls"]].concat();
    let failing = [run, &["--scenario", bad]].concat();
    // How each ends, and how where its output is lost.
    let cases: [(&[&str], i32, i32); 14] = [
        (run, 0, 0),
        (&json, 0, 0),
        (&failing, 4, 4),
        (&["plan", "plans/canary-alb.yaml", "--simulate"], 0, 1),
        (&["plan", "plans/canary-alb.yaml", "--expand"], 0, 1),
        (&["check", eight], 2, 2),
        (&["check", "plans/canary-alb.yaml"], 0, 1),
        (&["history"], 0, 1),
        (&["schema"], 0, 1),
        (&["completions", "bash"], 0, 1),
        (&["gate", "test", "plans/canary-alb.yaml", "--simulate"], 0, 1),
        (&["judge", "plan", "--requests-per-minute", "9"], 0, 1),
        (&["judge", "calibrate", "plans/canary-judged.yaml", "--simulate", "--since", "1h"], 0, 1),
        (&["status"], 2, 2),
    ];
    for (args, expected, lost) in cases {
        for kind in ["full", "closed"] {
            let silent = if kind == "full" { lost } else { expected };
            let out = tidegate(args).stdout(unwritable(kind)).output().unwrap();
            let talk = String::from_utf8_lossy(&out.stderr);
            assert_eq!(out.status.code(), Some(silent), "{args:?} {kind}: {talk}");
            let told = talk.matches("standard output").count();
            let has_data = expected != 2;
            assert_eq!(told, usize::from(has_data), "{args:?} {kind}: {talk}");
            let err = tidegate(args).stderr(unwritable(kind)).output().unwrap();
            assert_eq!(err.status.code(), Some(expected), "{args:?} without talk, {kind}");
            let mut both = tidegate(args);
            both.stdout(unwritable(kind)).stderr(unwritable(kind));
            assert_eq!(both.status().unwrap().code(), Some(silent), "{args:?} mute, {kind}");
        }
    }
    for args in [["--help"], ["--version"]] {
        for (kind, expected) in [("full", 1), ("closed", 0)] {
            let out = tidegate(&args).stdout(unwritable(kind)).output().unwrap();
            assert_eq!(out.status.code(), Some(expected), "{args:?} {kind}");
        }
    }
}

/// A plan that takes a second or more to be played: pauses with a gate that is read meanwhile.
fn long_plan(folder: &TempDir, hours: u32) -> String {
    let path = folder.path().join("long.yaml");
    let mut file = File::create(&path).unwrap();
    let head = "tidegate: 1\nname: long\n\
         routes: { web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } } }\n\
         gates: { up: { healthy: { route: web, side: candidate }, every: 1s } }\n\
         steps:\n- shift: { route: web, candidate: 5%, bake: 1m, gates: [up] }\n";
    file.write_all(head.as_bytes()).unwrap();
    for _ in 0..hours {
        file.write_all(b"- pause: 1h\n").unwrap();
    }
    path.display().to_string()
}

struct Ended {
    status: ExitStatus,
    took: Duration,
    told: String,
}

/// Sends a signal after a while and waits for the end.
fn interrupted(mut child: Child, after: Duration, signal: Signal) -> Ended {
    let mut out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut told = Vec::new();
        out.read_to_end(&mut told).unwrap();
        String::from_utf8_lossy(&told).into_owned()
    });
    std::thread::sleep(after);
    let sent = Instant::now();
    // It may be over already.
    let _ = kill_process(Pid::from_child(&child), signal);
    let mut talk = String::new();
    child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
    let status = child.wait().unwrap();
    let took = sent.elapsed();
    Ended { status, took, told: reader.join().unwrap() + &talk }
}

/// Two seconds are promised on a machine that has time; here a dozen threads of other tests run beside.
const AT_MOST: Duration = Duration::from_secs(10);

const SIGNALS: [(Signal, i32, &str); 4] = [
    (Signal::INT, 130, "SIGINT"),
    (Signal::TERM, 143, "SIGTERM"),
    (Signal::HUP, 143, "SIGHUP"),
    (Signal::QUIT, 143, "SIGQUIT"),
];

#[test]
fn a_signal_at_any_moment_ends_a_run_soon_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let plan = long_plan(&folder, 40);
    let (worst, counts) = (AtomicU64::new(0), [const { AtomicU64::new(0) }; 4]);
    let one = |number: u64| {
        let (signal, code, name) = SIGNALS[usize::try_from(number % 4).unwrap()];
        let after = Duration::from_micros(draw(7, number) % 500_000);
        let child = tidegate(&["run", &plan, "--simulate"]).spawn().unwrap();
        let Ended { status, took, told } = interrupted(child, after, signal);
        worst.fetch_max(u64::try_from(took.as_millis()).unwrap(), Ordering::Relaxed);
        let story = format!("{name} after {after:?}: {status}, {took:?}\n{told}");
        assert!(took < AT_MOST, "{story}");
        let how = match (status.code(), status.signal()) {
            // The system ended it, before it was up.
            (None, Some(by)) => {
                assert_eq!((by, told.as_str()), (signal.as_raw(), ""), "{story}");
                0
            }
            (Some(0), _) => 1,
            (Some(found), _) => {
                assert_eq!(found, code, "{story}");
                assert!(told.contains(name), "{story}");
                if told.contains("before anything was changed") {
                    2
                } else {
                    assert!(told.contains("INTERRUPTED"), "{story}");
                    assert!(!told.contains("tidegate resume"), "nothing is kept: {story}");
                    3
                }
            }
            (None, None) => panic!("{story}"),
        };
        counts[how].fetch_add(1, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        for lane in 0..4 {
            let one = &one;
            scope.spawn(move || (0..25).for_each(|n| one(n * 4 + (lane + n) % 4)));
        }
    });
    let [system, over, before, journaled] = counts.map(AtomicU64::into_inner);
    println!(
        "signals: 100 moments, worst time to exit {} ms; {journaled} in good order, {before} before the first \
         event, {system} before the process was up, {over} after its end",
        worst.into_inner()
    );
    assert!(journaled >= 40, "{journaled} of 100 met a run");
}

#[test]
fn whoever_asked_for_hangups_to_be_ignored_outlives_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let plan = long_plan(&folder, 1);
    let mut shell = Command::new("sh");
    let script =
        format!("trap '' HUP; exec {} run {plan} --simulate", env!("CARGO_BIN_EXE_tidegate"));
    shell.args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = interrupted(shell.spawn().unwrap(), Duration::from_millis(200), Signal::HUP);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.told);
}

/// Starts a program in a terminal of its own and closes that under it, as whoever shuts a window does: SIGHUP, and EIO for
/// whatever is written from then on. Prints the exit code and the milliseconds until then.
const CLOSED_TERMINAL: &str = r"
import os, pty, select, sys, time
told, program = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    if told:
        os.dup2(os.open(told, os.O_WRONLY | os.O_CREAT), 1)
    os.execvp(program[0], program)
select.select([terminal], [], [], 10)
os.read(terminal, 1)
time.sleep(0.2)
closed = time.time()
os.close(terminal)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(status, int((time.time() - closed) * 1000))
";

fn in_a_terminal_that_closes(signals: &str, told: &str, plan: &str) -> (i32, Duration) {
    let mut python = Command::new("python3");
    python.args(["-c", CLOSED_TERMINAL, told, "env", signals, env!("CARGO_BIN_EXE_tidegate")]);
    python.args(["run", plan, "--simulate"]).stderr(Stdio::inherit());
    let ended = python.output().unwrap();
    let line = String::from_utf8(ended.stdout).unwrap();
    let (code, millis) = line.trim().split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
    (code.parse().unwrap(), Duration::from_millis(millis.parse().unwrap()))
}

#[test]
fn a_terminal_that_is_closed_ends_a_run_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let plan = long_plan(&folder, 400);
    let told = folder.path().join("told").display().to_string();
    // With all of its output in the terminal, and with what can be read afterwards.
    for told in ["", &told] {
        let (code, took) = in_a_terminal_that_closes("--default-signal=HUP", told, &plan);
        assert_eq!(code, 143, "what is written into a closed terminal stops nobody");
        assert!(took < AT_MOST, "{took:?}");
    }
    let told = std::fs::read_to_string(told).unwrap();
    assert!(told.contains("INTERRUPTED") && told.contains("SIGHUP"), "{told}");
    // As under `nohup`.
    let short = long_plan(&folder, 8);
    let (code, _) = in_a_terminal_that_closes("--ignore-signal=HUP", "", &short);
    assert_eq!(code, 0, "it goes on without its terminal");
}

#[test]
fn ctrl_c_is_heard_while_a_plan_or_scenario_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from(0o600));
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
    let pipe = pipe.to_str().unwrap();
    let plan = "plans/canary-alb.yaml";
    let cases: [&[&str]; 3] = [
        &["run", pipe, "--simulate"],
        &["run", "-", "--simulate"],
        &["run", plan, "--simulate", "--scenario", pipe],
    ];
    for args in cases {
        let mut command = tidegate(args);
        command.stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _nobody_writes = child.stdin.take();
        let ended = interrupted(child, Duration::from_millis(700), Signal::INT);
        assert_eq!(ended.status.code(), Some(130), "{args:?}: {}", ended.told);
        assert!(ended.took < AT_MOST, "{:?}", ended.took);
        assert!(ended.told.contains("before anything was changed"), "{}", ended.told);
        assert!(!ended.told.contains("marks"), "nothing was called: {}", ended.told);
    }
}

/// An AWS that takes every connection and never answers.
#[cfg(feature = "aws")]
#[test]
fn ctrl_c_is_heard_while_preflight_hangs() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().map(Result::unwrap).collect::<Vec<_>>());
    let folder = tempfile::tempdir().unwrap();
    for (signal, code, name) in SIGNALS {
        let mut command = tidegate(&["run", "plans/canary-alb.yaml", "--endpoint-url", &url]);
        command.env("TIDEGATE_JOURNAL", folder.path());
        command.env("AWS_ACCESS_KEY_ID", "k").env("AWS_SECRET_ACCESS_KEY", "s");
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        let ended = interrupted(command.spawn().unwrap(), Duration::from_millis(1_500), signal);
        assert_eq!(ended.status.code(), Some(code), "{}", ended.told);
        assert!(ended.took < AT_MOST, "{:?}", ended.took);
        let told = format!("interrupted by {name} before anything was changed");
        assert!(ended.told.contains(&told), "{}", ended.told);
    }
}

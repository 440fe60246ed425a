//! A generator of hostile plans, scenarios, journals and answers, for the real binary: whatever it is given, each phase
//! ends soon, in bounded memory, and with words. What has once taken too long is a seed; the rest is chance that a number
//! repeats.
//!
//! Its length is that of the seeds, each of which was a fault once.

#![expect(
    clippy::format_collect,
    reason = "what is generated here is short of neither time nor memory"
)]

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tidegate::{
    journal::{Envelope, Files, RunId, Store},
    plan::PlanName,
    rollout::Timestamp,
    testkit::draw,
};

use crate::stage::{plans, repository, scenarios, wait_for};

/// For any plan of 1 MB, of the processor's time: the machine of a test is busy, and its binary not optimised.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 8 } else { 1 });
const MOST_KIB: u64 = 200 * 1024;
/// What takes no time of the processor may hang for all that.
const WATCHDOG: Duration = Duration::from_mins(3);

/// How far a command is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    ToItsEnd,
    /// Until it has said something on standard output, as a run does once it has begun.
    ToItsFirstWord,
}

/// The worst of each phase.
#[derive(Default)]
pub(crate) struct Worst {
    tried: BTreeMap<&'static str, u32>,
    time: BTreeMap<&'static str, (Duration, String)>,
    memory: BTreeMap<&'static str, (u64, String)>,
}

impl Worst {
    /// Runs the binary to its end and holds it to the bounds: exit code and what it said.
    pub(crate) fn call(
        &mut self,
        phase: &'static str,
        what: &str,
        args: &[&str],
        input: &[u8],
    ) -> (i32, String) {
        let (code, told) = self.measure((phase, what), args, input, Extent::ToItsEnd);
        (code.unwrap_or_else(|| panic!("{phase}, {what}: {told}")), told)
    }

    /// Lets a command begin, and ends it then; no exit code where it went on until then.
    pub(crate) fn begin(&mut self, phase: &'static str, what: &str, args: &[&str]) -> Option<i32> {
        self.measure((phase, what), args, b"", Extent::ToItsFirstWord).0
    }

    fn measure(
        &mut self,
        (phase, what): (&'static str, &str),
        args: &[&str],
        input: &[u8],
        extent: Extent,
    ) -> (Option<i32>, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .current_dir(repository())
            .env_remove("AWS_ENDPOINT_URL")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (pid, mut stdin, input) = (child.id(), child.stdin.take().unwrap(), input.to_vec());
        let watcher = std::thread::spawn(move || peak(pid));
        std::thread::spawn(move || stdin.write_all(&input));
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let talk = std::thread::spawn(move || {
            let mut talk = Vec::new();
            std::io::Read::read_to_end(&mut err, &mut talk).unwrap();
            talk
        });
        let mut told = Vec::new();
        if extent == Extent::ToItsFirstWord {
            let mut first = [0; 1];
            if std::io::Read::read(&mut out, &mut first).unwrap() > 0 {
                child.kill().unwrap();
            }
        }
        std::io::Read::read_to_end(&mut out, &mut told).unwrap();
        told.extend(talk.join().unwrap());
        // It has nothing more to say; what it has used can be read until somebody waits for it.
        let used = watcher.join().unwrap();
        let status = child.wait().unwrap();
        let told = String::from_utf8_lossy(&told).into_owned();
        let short: String = told.chars().take(2_000).collect();
        let code = status.code();
        assert!(!used.hung, "{phase}, {what}: no end in {WATCHDOG:?}: {short}");
        assert_ne!(code, Some(101), "{phase}, {what}: {short}");
        assert!(used.time < LONGEST, "{phase}, {what}: took {:?}: {short}", used.time);
        assert!(used.kib < MOST_KIB, "{phase}, {what}: {} KiB: {short}", used.kib);
        assert!(
            code == Some(0) || phase == "simulate" || told.len() < 300_000,
            "{phase}, {what}: tells {} bytes",
            told.len()
        );
        *self.tried.entry(phase).or_default() += 1;
        let worst = self.time.entry(phase).or_default();
        if used.time > worst.0 {
            *worst = (used.time, what.to_owned());
        }
        let worst = self.memory.entry(phase).or_default();
        if used.kib > worst.0 {
            *worst = (used.kib, what.to_owned());
        }
        (code, told)
    }

    pub(crate) fn print(&self) {
        for (phase, tried) in &self.tried {
            let ((time, slow), (kib, large)) = (&self.time[phase], &self.memory[phase]);
            println!(
                "hostile: {phase}: {tried} tried, worst {time:?} ({slow}), {kib} KiB ({large})"
            );
        }
    }
}

/// What a process has used.
struct Used {
    /// Of the processor, to the hundredth of a second.
    time: Duration,
    /// The most memory it had, as far as that was seen while it ran.
    kib: u64,
    hung: bool,
}

/// Looks at a process until it has ended, or has had long enough.
fn peak(pid: u32) -> Used {
    let begun = Instant::now();
    let mut kib = 0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        // What has ended has no memory any more.
        if let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            kib = kib.max(line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0));
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in parentheses may hold anything; the state follows it, and 11 fields on the times of user and system.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |nth: usize| fields.get(nth).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        let hung = begun.elapsed() > WATCHDOG;
        if hung {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
        if hung || matches!(fields.first(), None | Some(&"Z")) {
            let time = Duration::from_millis((ticks(11) + ticks(12)) * 10);
            return Used { time, kib, hung };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) const HEAD: &str = "tidegate: 1\nname: shop\n\
    routes: { web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } } }\n";
pub(crate) const STEPS: &str = "steps: [shift: { route: web, candidate: 5%, bake: 1m }]\n";

/// Plans that have once been too much, or would be without a bound; and the code of what is said of them.
#[expect(clippy::too_many_lines, reason = "a list")]
fn seeds() -> Vec<(&'static str, String, &'static str)> {
    let list = |item: &str, times: usize| vec![item; times].join(", ");
    let numbered =
        |line: &dyn Fn(usize) -> String, times: usize| (0..times).map(line).collect::<String>();
    let used = format!("{HEAD}params: {{ p: {{ default: '{}' }} }}\n", "x".repeat(100_000));
    vec![
        (
            "tags of 750 kB on one line",
            format!("{HEAD}x: [{}]\n", list("!a b", 125_000)),
            "plan::tag",
        ),
        ("tags within tags", format!("{HEAD}x: {}1\n", "!a [".repeat(180_000)), "plan::"),
        (
            "tags on lines of their own",
            format!("{HEAD}x:\n{}", "- !a b\n".repeat(10_000)),
            "plan::tag",
        ),
        (
            "40,000 doubled keys",
            numbered(&|n| format!("k{}: 1\n", n / 2), 80_000),
            "plan::duplicate-key",
        ),
        ("one key 40,000 times", "key: 1\n".repeat(40_000), "plan::duplicate-key"),
        (
            "9,000 unknown keys",
            format!("{HEAD}{}", numbered(&|n| format!("stepss{n}: 1\n"), 4_000)),
            "plan::unknown-field",
        ),
        (
            "a parameter of 100 kB 20,000 times in one text",
            format!("{used}x: \"{}\"\n", "${p}".repeat(20_000)),
            "plan::too-much-text",
        ),
        (
            "a parameter of 100 kB in 9,000 texts",
            format!("{used}x: [{}]\n", list("'${p}'", 9_000)),
            "plan::too-much-text",
        ),
        (
            "parameters that are not there",
            format!("{HEAD}x: [{}]\n", list("'${q}'", 9_000)),
            "plan::unknown-param",
        ),
        (
            "unknown parameters beside many",
            format!(
                "params: {{ {} }}\nx: [{}]\n",
                (0..2_000).map(|n| format!("param{n}: {{}}, ")).collect::<String>(),
                list("'${parameter}'", 2_000)
            ),
            "plan::",
        ),
        (
            "a name of 900 kB",
            format!("tidegate: 1\nname: {}\n{STEPS}", "a".repeat(900_000)),
            "plan::name",
        ),
        (
            "an unknown word of 900 kB",
            format!("{HEAD}on-failure: {}\n{STEPS}", "a".repeat(900_000)),
            "plan::unknown-word",
        ),
        (
            "a text of 900 kB a hundred times",
            format!("x: &x {}\ny: [{}]\n", "a".repeat(900_000), list("*x", 100)),
            "plan::too-much-text",
        ),
        (
            "anchors within anchors",
            format!(
                "x: {}{}{}\n",
                numbered(&|n| format!("&a{n} ["), 38),
                "a".repeat(900_000),
                "]".repeat(38)
            ),
            "plan::too-much-text",
        ),
        (
            "aliases that multiply",
            format!(
                "l0: &l0 [x]\n{}",
                numbered(
                    &|n| format!("l{}: &l{} [{}]\n", n + 1, n + 1, list(&format!("*l{n}"), 10)),
                    11
                )
            ),
            "plan::too-many-values",
        ),
        ("brackets without end", "[".repeat(1_000_000), "plan::too-deep"),
        ("mappings without end", "{a: ".repeat(250_000), "plan::too-deep"),
        ("dashes without end", "- ".repeat(500_000), "plan::too-deep"),
        ("a comment of 1 MB", format!("{HEAD}# {}\n{STEPS}", "x".repeat(1_000_000)), ""),
        ("a quoted text that never ends", format!("x: \"{}", "a".repeat(1_000_000)), "plan::yaml"),
        ("escapes", format!("x: \"{}\"\n", "\\u0041".repeat(170_000)), "plan::"),
        ("a block text of 1 MB", format!("x: |\n{}", "  a\n".repeat(250_000)), "plan::"),
        ("blank lines", format!("{HEAD}{}{STEPS}", "\n".repeat(1_000_000)), ""),
        ("spaces", format!("{HEAD}x:{}1\n", " ".repeat(1_000_000)), "plan::"),
        ("colons", ":".repeat(1_000_000), "plan::"),
        ("question marks", "? ".repeat(500_000), "plan::"),
        ("directives", "%TAG ! x\n".repeat(100_000), "plan::"),
        ("documents", "---\n".repeat(250_000), "plan::"),
        ("carriage returns", format!("{HEAD}{}", "x: 1\r".repeat(100_000)), "plan::"),
        (
            "text from right to left",
            format!("{HEAD}x: {}\n", "\u{202e}ב".repeat(150_000)),
            "plan::",
        ),
        (
            "600 components, each after the next",
            format!(
                "{HEAD}components:\n{}",
                numbered(
                    &|n| format!(
                        "  c{n}: {{ needs: [c{}], steps: [pause: 1m] }}\n",
                        (n + 1).min(599)
                    ),
                    600
                )
            ),
            "plan::circle",
        ),
        (
            "950 components in the wrong order",
            format!(
                "{HEAD}components:\n{}",
                numbered(
                    &|n| format!(
                        "  c{n}: {{ {}steps: [pause: 1m] }}\n",
                        if n < 949 { format!("needs: [c{}], ", n + 1) } else { String::new() }
                    ),
                    950
                )
            ),
            "",
        ),
        (
            "a circle of 950",
            format!(
                "{HEAD}components:\n{}",
                numbered(
                    &|n| format!("  c{n}: {{ needs: [c{}], steps: [pause: 1m] }}\n", (n + 1) % 950),
                    950
                )
            ),
            "plan::circle",
        ),
        (
            "900 shares with 4,000 gates",
            format!(
                "{HEAD}gates: {{ g: {{ http: {{ url: 'http://a/' }} }} }}\nstrategy: {{ canary: {{ route: web, bake: 1m, steps: [{}], gates: [{}] }} }}\n",
                (1..900).map(|n| format!("{}.{}%, ", n / 10, n % 10)).collect::<String>(),
                list("g", 4_000)
            ),
            "plan::too-many-shares",
        ),
        (
            "a gate named 9,000 times",
            format!(
                "{HEAD}gates: {{ g: {{ http: {{ url: 'http://a/' }} }} }}\nsteps: [shift: {{ route: web, candidate: 5%, bake: 1m, gates: [{}] }}]\n",
                list("g", 9_000)
            ),
            "plan::repeated",
        ),
        (
            "9,000 gates that are not there",
            format!(
                "{HEAD}steps: [shift: {{ route: web, candidate: 5%, bake: 1m, gates: [{}] }}]\n",
                (0..9_000).map(|n| format!("g{n}, ")).collect::<String>()
            ),
            "plan::unknown-gate",
        ),
        ("2,400 steps", format!("{HEAD}steps: [{}]\n", list("{ pause: 1m }", 2_400)), ""),
        (
            "1,500 gates",
            format!(
                "{HEAD}gates:\n{}steps: [probe: g0]\n",
                numbered(&|n| format!("  g{n}: {{ http: {{ url: 'http://a/{n}' }} }}\n"), 1_500)
            ),
            "",
        ),
        (
            "800 routes",
            format!(
                "tidegate: 1\nname: x\nroutes:\n{}{}",
                numbered(
                    &|n| format!(
                        "  r{n}: {{ alb: {{ load-balancer: l{n}, port: 1, pair: [a{n}, b{n}] }} }}\n"
                    ),
                    800
                ),
                STEPS.replace("web", "r0")
            ),
            "",
        ),
        (
            "a pattern that repeats repetitions",
            format!(
                "params: {{ p: {{ pattern: '(((a{{99}}){{99}}){{99}}){{99}}', default: a }} }}\n{HEAD}{STEPS}"
            ),
            "plan::param-pattern",
        ),
        (
            "a pattern against a long value",
            format!(
                "params: {{ p: {{ pattern: '(a*)*b', default: {} }} }}\n{HEAD}{STEPS}",
                "a".repeat(500_000)
            ),
            "plan::param-pattern",
        ),
        (
            "a window with 9,000 dates",
            format!(
                "{HEAD}gates: {{ w: {{ window: {{ except: [{}] }} }} }}\nsteps: [shift: {{ route: web, candidate: 5%, bake: 1m, gates: [w] }}]\n",
                list("2030-01-01", 9_000)
            ),
            "plan::too-many-dates",
        ),
        (
            "a window that never opens",
            format!(
                "{HEAD}gates: {{ w: {{ window: {{ except: ['2000-01-01 to 9999-12-30'] }} }} }}\nsteps: [shift: {{ route: web, candidate: 5%, bake: 1m, gates: [w] }}]\n"
            ),
            "plan::never-opens",
        ),
        (
            "a fleet of 4,294,967,295",
            format!(
                "{HEAD}fleets: {{ app: {{ autoscaling: {{ pair: [a, b] }}, behind: web }} }}\nsteps: [scale: {{ fleet: app, side: candidate, to: {{ min: 0, max: 4294967295, desired: 4294967295 }} }}]\n"
            ),
            "plan::out-of-range",
        ),
        (
            "a pause of a year",
            format!(
                "{HEAD}steps: [{{ pause: 365d }}, {{ shift: {{ route: web, candidate: 5%, bake: 1m }} }}]\n"
            ),
            "",
        ),
        (
            "a percentage of many digits",
            format!(
                "{HEAD}steps: [shift: {{ route: web, candidate: {}%, bake: 1m }}]\n",
                "9".repeat(900_000)
            ),
            "plan::",
        ),
        (
            "a duration of many parts",
            format!("{HEAD}steps: [pause: {}]\n", "1h1m".repeat(200_000)),
            "plan::",
        ),
    ]
}

/// What is done to honest files, by chance.
fn mutant(honest: &[PathBuf], seed: u64) -> Vec<u8> {
    const TOKENS: [&str; 24] = [
        "!!x ",
        "&a ",
        "*a ",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "? ",
        "|\n",
        "> ",
        "\"",
        "'",
        "#",
        "\n",
        "${p}",
        "${",
        "%",
        "\t",
        "\u{9b}2J",
        "\u{202e}",
        "4294967295",
        "99999999999999999999h",
    ];
    let pick =
        |nth: u64, below: usize| usize::try_from(draw(seed, nth) % below.max(1) as u64).unwrap();
    let mut bytes = std::fs::read(&honest[pick(0, honest.len())]).unwrap();
    for round in 0..=draw(seed, 1) % 4 {
        let nth = |n: u64| 10 + round * 10 + n;
        let at = pick(nth(0), bytes.len());
        let to = (at + pick(nth(1), 400)).min(bytes.len());
        match draw(seed, nth(2)) % 6 {
            0 => drop(bytes.drain(at..to)),
            1 => bytes.truncate(at),
            2 => {
                let token = TOKENS[pick(nth(3), TOKENS.len())].repeat(1 + pick(nth(4), 3));
                drop(bytes.splice(at..at, token.bytes()));
            }
            3 => {
                let token = TOKENS[pick(nth(3), TOKENS.len())];
                let many = token.repeat(pick(nth(4), 900_000 / token.len()));
                drop(bytes.splice(at..at, many.bytes()));
            }
            4 => {
                let part = bytes[at..to].to_vec();
                let many = part.repeat(pick(nth(3), 700_000 / part.len().max(1)));
                drop(bytes.splice(to..to, many));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(draw(seed, nth(3)) % 256).unwrap();
                }
            }
        }
        bytes.truncate(1024 * 1024);
    }
    bytes
}

pub(crate) fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn a_hostile_plan_is_refused_soon_and_in_bounded_memory() {
    let (folder, mut worst) = (tempfile::tempdir().unwrap(), Worst::default());
    for (what, text, code) in seeds() {
        assert!(text.len() <= 1_048_576, "{what}: {} bytes", text.len());
        let file = write(&folder, "plan.yaml", text.as_bytes());
        let (exit, told) = worst.call("check", what, &["check", &file], b"");
        let short: String = told.chars().take(1_000).collect();
        assert_eq!(exit, if code.is_empty() { 0 } else { 2 }, "{what}: {short}");
        assert!(told.contains(code), "{what}: {code} is not in {short}");
        if exit == 0 {
            worst.call("expand", what, &["plan", &file, "--expand"], b"");
        }
    }
    for seed in 0..60 {
        let file = write(&folder, "plan.yaml", &mutant(&plans(), seed));
        let what = format!("mutant {seed}");
        let (exit, _) = worst.call("check", &what, &["check", &file, "-o", "json"], b"");
        if exit == 0 {
            worst.call("expand", &what, &["plan", &file, "--expand"], b"");
            worst.call("simulate", &what, &["run", &file, "--simulate", "--no-wait"], b"");
        }
    }
    worst.print();
}

#[test]
fn a_simulation_ends_whatever_it_is_told() {
    let (folder, mut worst) = (tempfile::tempdir().unwrap(), Worst::default());
    let plan = "plans/canary-alb.yaml";
    let mut simulate = |what: &str, scenario: &[u8]| {
        let file = write(&folder, "scenario.yaml", scenario);
        worst
            .call(
                "scenario",
                what,
                &["run", plan, "--simulate", "--no-wait", "--scenario", &file],
                b"",
            )
            .0
    };
    for text in [
        "drift: [{ at: 1m, capacity: { side: stable, max: 4294967295, desired: 4294967295 } }]",
        "sides: { stable: { instances: 4294967295 } }",
        "sides: { candidate: { leftovers: 4294967295 } }",
        "sides: { stable: { schedule: [{ name: x, at: 1m, desired: 4294967295 }] } }",
    ] {
        assert_eq!(simulate(text, text.as_bytes()), 2, "{text}");
    }
    for seed in 0..40 {
        simulate(&format!("mutant {seed}"), &mutant(&scenarios(), 1_000 + seed));
    }
    worst.print();
}

/// A journal as a run leaves it, in a folder of its own.
fn journal(folder: &Path, lines: &str) -> PathBuf {
    let files = Files::new(folder);
    let run = RunId::new(&PlanName::new("checkout"), Timestamp::from_millis(1_769_874_302_000), 1);
    wait_for(Store::new(files.clone()).create(
        &run,
        &std::fs::read_to_string(repository().join("plans/canary-alb.yaml")).unwrap(),
    ))
    .unwrap();
    for line in lines.lines() {
        let envelope = Envelope::from_line(line, "run").unwrap();
        wait_for(Store::new(files.clone()).append(&Envelope { run: run.clone(), ..envelope }))
            .unwrap();
    }
    files.folder(&run)
}

#[test]
fn a_hostile_journal_hangs_no_command() {
    let mut worst = Worst::default();
    let args = ["run", "plans/canary-alb.yaml", "--simulate", "-o", "json"];
    let (_, lines) = worst.call("simulate", "as shipped", &args, b"");
    let lines: String = lines
        .lines()
        .filter(|line| line.starts_with('{'))
        .take(30)
        .map(|l| format!("{l}\n"))
        .collect();
    for seed in 0..24 {
        let folder = tempfile::tempdir().unwrap();
        let run = journal(folder.path(), &lines);
        let nth = 1 + draw(seed, 0) % 30;
        let event = run.join(format!("events/{nth:06}.json"));
        let inbox = run.join("inbox/000001-abort.json");
        let text = std::fs::read(&event).unwrap();
        let at = usize::try_from(draw(seed, 1)).unwrap_or(0) % text.len();
        let what = match seed % 8 {
            0 => {
                let changed = [&text[..at], &[text[at] ^ 1], &text[at + 1..]].concat();
                std::fs::write(&event, changed).unwrap();
                "a bit"
            }
            1 => {
                std::fs::write(&event, &text[..at]).unwrap();
                "cut"
            }
            2 => {
                std::fs::remove_file(&event).unwrap();
                assert!(Command::new("mkfifo").arg(&event).status().unwrap().success());
                "a pipe as event"
            }
            3 => {
                std::fs::remove_file(&event).unwrap();
                std::os::unix::fs::symlink("/dev/zero", &event).unwrap();
                "a device as event"
            }
            4 => {
                assert!(Command::new("mkfifo").arg(&inbox).status().unwrap().success());
                "a pipe as request"
            }
            5 => {
                for n in 1..20_000 {
                    std::fs::write(run.join(format!("inbox/{n:06}-pause.json")), "{\"x\":")
                        .unwrap();
                }
                "20,000 requests"
            }
            6 => {
                let large = std::fs::File::create(&event).unwrap();
                large.set_len(4 << 30).unwrap();
                "4 GiB as event"
            }
            _ => {
                std::fs::write(&event, "[".repeat(1_000_000)).unwrap();
                "brackets"
            }
        };
        let place = folder.path().display().to_string();
        for args in [
            &["status"][..],
            &["history"],
            &["history", "checkout"],
            &["pause"],
            &["status", "-o", "json"],
        ] {
            let args = [&["--journal", &place][..], args].concat();
            worst.call("journal", &format!("{what} {nth}: {}", args[2]), &args, b"");
        }
        // A changed digit is found by whoever would restore it.
        if seed % 8 == 0 {
            let (code, told) = worst.call("journal", what, &["--journal", &place, "rollback"], b"");
            assert!(
                code == 1 && told.contains(&format!("{nth:06}.json")),
                "{nth}, byte {at}: {code}: {told}"
            );
        }
    }
    worst.print();
}

#[test]
fn a_hostile_answer_is_read_within_bounds() {
    let mut worst = Worst::default();
    let pairs = |values: &str| {
        format!(
            "{{\"canaryConfig\":{{\"metrics\":[{{\"name\":\"e\",\"groups\":[\"g\"],\"analysisConfigurations\":{{}}}}],\"classifier\":{{\"groupWeights\":{{\"g\":100}}}}}},\"scoreThresholds\":{{\"pass\":95,\"marginal\":75}},\"metricSetPairList\":[{{\"name\":\"e\",\"id\":\"1\",\"values\":{{\"control\":[{values}],\"experiment\":[{values}]}}}}]}}"
        )
    };
    let answers = [
        ("deep", "[".repeat(1_000_000)),
        ("deep objects", "{\"a\":".repeat(170_000)),
        ("nothing", String::new()),
        ("a number", "1e999".to_owned()),
        ("a long text", format!("\"{}\"", "\\u202e".repeat(150_000))),
        ("100,000 values", pairs(&vec!["1.5"; 100_000].join(","))),
        ("huge values", pairs(&vec!["1e308"; 1_000].join(","))),
        ("nulls", pairs(&vec!["null"; 1_000].join(","))),
        (
            "a megabyte of keys",
            format!(
                "{{{}\"a\":1}}",
                (0..80_000).map(|n| format!("\"k{n}\":1,")).collect::<String>()
            ),
        ),
    ];
    for (what, text) in answers {
        let (code, told) =
            worst.call("answer", what, &["judge", "--mode", "kayenta", "-"], text.as_bytes());
        // 4 and 7 are its answers to what it could read.
        assert!([0, 2, 4, 7].contains(&code), "{what}: {code}: {told}");
    }
    worst.print();
}

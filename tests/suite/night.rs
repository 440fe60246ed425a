//! At three in the morning: what a person finds who was woken, from journals as a dead runner leaves them.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use tidegate::{
    journal::{Claim, Envelope, Files, Hold, Locks, RunId, Seq, Store},
    plan::{Member, RouteName, units::Weight},
    rollout::{
        self, Actor, Bindings, Ending, Event, Found, Picture, Split, Target, Timestamp, Written,
    },
    testkit::{Faults, rule_bound},
};

use crate::stage::{End, play_then, read_plan, read_scenario, repository, rest, wait_for};

const RULE: &str = "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/shop/1/2/3";

fn tidegate(journal: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.env("TIDEGATE_JOURNAL", journal).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A run of the shipped canary plan that was killed right after it had begun, and ended like this if it did.
fn run(journal: &Path, number: u16, ending: Option<Ending>) -> RunId {
    let path = repository().join("plans/nlb-canary.yaml");
    let plan = read_plan(&path);
    let files = Files::new(journal);
    let at = |seconds: i64| Timestamp::from_millis(1_769_874_302_000 + seconds * 1_000);
    let run = RunId::new(&plan.name, at(i64::from(number)), number);
    wait_for(Store::new(files.clone()).create(&run, &fs::read_to_string(path).unwrap())).unwrap();
    let bound = rule_bound(RULE, "blue", "green");
    let route = plan.routes.keys().next().cloned().unwrap_or_else(|| RouteName::new("web"));
    let weight = |weight| Weight::new(weight).unwrap();
    let split =
        Split([(Member::new("blue"), weight(999)), (Member::new("green"), weight(0))].into());
    let written = Written {
        json: r#"[{"Type":"forward","ForwardConfig":{}}]"#.into(),
        rule: None,
        arns: ["blue", "green"].map(|name| (Member::new(name), format!("arn:tg/{name}"))).into(),
    };
    let started = Event::RunStarted {
        plan: plan.name.clone(),
        digest: plan.digest.clone(),
        params: [].into(),
        by: Actor("ann".into()),
        bindings: Bindings {
            routes: [(route.clone(), bound)].into(),
            written: [(RULE.to_owned(), written)].into(),
            ..Bindings::default()
        },
        found: vec![Found { target: Target::Route(route), picture: Picture::Split(split) }],
        excused: Vec::new(),
        attempts: [].into(),
        acting_as: None,
    };
    let ended = ending.map(|ending| Event::RunEnded { ending });
    for (seq, event) in (1..).zip(std::iter::once(started).chain(ended)) {
        let envelope = Envelope::new(run.clone(), Seq::new(seq).unwrap(), at(0), event);
        wait_for(Store::new(files.clone()).append(&envelope)).unwrap();
    }
    run
}

#[test]
fn a_killed_run_is_abandoned_in_text_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), 1, None);
    let told = text(&tidegate(folder.path(), &["status"]).stdout);
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].contains("ABANDONED"), "{told}");
    assert!(lines[1].contains(&format!("tidegate resume {run}")), "{told}");
    let json = tidegate(folder.path(), &["status", "-o", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["standing"], "abandoned");
    assert_eq!(json["next"][0]["command"], format!("tidegate resume {run}"));
    assert!(json["unwatched-since"].is_i64(), "{json}");
    let history = text(&tidegate(folder.path(), &["history"]).stdout);
    assert!(history.contains("ABANDONED"), "{history}");
}

#[test]
fn one_damaged_event_blinds_neither_history_nor_the_other_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, damaged) = (run(folder.path(), 1, None), run(folder.path(), 2, None));
    let event = folder.path().join("runs").join(damaged.as_str()).join("events/000001.json");
    fs::write(event, "{").unwrap();
    let history = tidegate(folder.path(), &["history"]);
    let told = text(&history.stdout);
    assert_eq!(history.status.code(), Some(0), "{told}");
    assert!(told.contains(&format!("{damaged} cannot be read")), "{told}");
    assert!(told.contains("ABANDONED") && told.contains(sound.as_str()), "{told}");
    assert_eq!(tidegate(folder.path(), &["status", sound.as_str()]).status.code(), Some(0));
}

/// Whoever keeps notes among the runs, or has moved a run's archive there under its name.
#[test]
fn a_plain_file_among_the_runs_is_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), 1, None);
    fs::write(folder.path().join("runs/nlb-20991231-235959-0001"), "a note").unwrap();
    let history = text(&tidegate(folder.path(), &["history"]).stdout);
    assert!(!history.contains("nlb-20991231") && history.contains(run.as_str()), "{history}");
    let status = tidegate(folder.path(), &["status"]);
    assert_eq!(status.status.code(), Some(0), "{}", text(&status.stderr));
    assert!(text(&status.stdout).contains(run.as_str()), "{status:?}");
    // Only one run can be meant.
    let pause = text(&tidegate(folder.path(), &["pause"]).stderr);
    assert!(!pause.contains("may mean any of"), "{pause}");
}

#[test]
fn a_damaged_run_is_json_too_where_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (damaged, planless) = (run(folder.path(), 1, None), run(folder.path(), 2, None));
    let of = |run: &RunId| folder.path().join("runs").join(run.as_str());
    fs::write(of(&damaged).join("events/000001.json"), "{").unwrap();
    fs::remove_file(of(&planless).join("plan.yaml")).unwrap();
    for (run, words) in [(&damaged, "000001.json is not a journal entry"), (&planless, "is lost")] {
        // The latest has no plan; either by its name.
        for name in [Some(run.as_str()), None].into_iter().take(1 + usize::from(run == &planless)) {
            let args = [&["status", "-o", "json"][..], name.as_slice()].concat();
            let ended = tidegate(folder.path(), &args);
            assert_eq!(ended.status.code(), Some(1), "{ended:?}");
            let told: serde_json::Value = serde_json::from_slice(&ended.stdout)
                .unwrap_or_else(|error| panic!("{error}: {ended:?}"));
            assert_eq!(told["run"], run.as_str());
            assert!(told["unreadable"].as_str().unwrap().contains(words), "{told}");
            assert!(text(&ended.stderr).contains(words), "{ended:?}");
        }
    }
    // What can be put back by hand stands there to be pasted, as text.
    let told = tidegate(folder.path(), &["status", "-o", "json", planless.as_str()]).stdout;
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    let lines = told["by-hand"].as_array().unwrap();
    assert!(lines.iter().any(|line| line.as_str().unwrap().contains("modify-rule")), "{told}");
}

#[test]
fn a_lost_plan_is_told_as_that_with_how_everything_was() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), 1, None);
    fs::remove_file(folder.path().join("runs").join(run.as_str()).join("plan.yaml")).unwrap();
    for verb in ["status", "rollback"] {
        let ended = tidegate(folder.path(), &[verb, run.as_str()]);
        let talk = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{talk}");
        assert!(talk.contains(&format!("the plan of run {run} is lost")), "{talk}");
        assert!(talk.contains("aws elbv2 modify-rule") && talk.contains(RULE), "{talk}");
        let one_line: String = talk.split_whitespace().collect();
        let group = r#"{"TargetGroupArn":"arn:tg/blue","Weight":999}"#;
        assert!(one_line.contains(group), "{talk}");
        pasteable(&talk);
    }
}

/// The command begins a line of its own, and what goes on below it ends in a backslash.
fn pasteable(talk: &str) {
    let at = talk.lines().position(|line| line == "aws elbv2 modify-rule \\");
    let at = at.unwrap_or_else(|| panic!("{talk}"));
    assert!(talk.lines().nth(at + 1).unwrap().starts_with("  --rule-arn arn:"), "{talk}");
}

#[test]
fn a_journal_with_a_gap_is_told_with_how_everything_was() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), 1, Some(Ending::NeedsAttention));
    let events = folder.path().join("runs").join(run.as_str()).join("events");
    fs::rename(events.join("000002.json"), events.join("000003.json")).unwrap();
    for verb in ["status", "rollback"] {
        let ended = tidegate(folder.path(), &[verb, run.as_str()]);
        let talk = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{talk}");
        assert!(talk.contains("000002.json is missing"), "{talk}");
        pasteable(&talk);
    }
}

/// What somebody has done to the events of a run.
type Damage = fn(&Path);

#[test]
fn a_run_without_its_events_is_told_as_damaged_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let damage: [(&str, Damage); 6] = [
        ("is missing", |events| fs::remove_dir_all(events).unwrap()),
        ("is empty", |events| {
            fs::remove_file(events.join("000001.json")).unwrap();
            fs::write(events.parent().unwrap().join("looks.json"), "{}").unwrap();
        }),
        ("is a link that leads nowhere", |events| {
            fs::remove_dir_all(events).unwrap();
            std::os::unix::fs::symlink("/none", events).unwrap();
        }),
        ("it is a pipe", |events| {
            fs::remove_dir_all(events).unwrap();
            rustix::fs::mknodat(
                rustix::fs::CWD,
                events,
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::from(0o600),
                0,
            )
            .unwrap();
        }),
        ("000001.json is not a journal entry: it is a link", |events| {
            fs::remove_file(events.join("000001.json")).unwrap();
            std::os::unix::fs::symlink("/none", events.join("000001.json")).unwrap();
        }),
        ("000001.json is missing, though", |events| {
            fs::rename(events.join("000001.json"), events.join("000002.json")).unwrap();
        }),
    ];
    let mut number = 0;
    for (words, damage) in damage {
        number += 1;
        let run = run(folder.path(), number, None);
        damage(&folder.path().join("runs").join(run.as_str()).join("events"));
        let history = text(&tidegate(folder.path(), &["history"]).stdout);
        let line = history.lines().find(|line| line.contains(run.as_str())).unwrap_or_default();
        assert!(line.contains("cannot be read") && line.contains(words), "{words}: {history}");
        // The latest, and by its name.
        for args in [&["status"][..], &["status", run.as_str()]] {
            let status = tidegate(folder.path(), args);
            let talk = text(&status.stderr);
            assert_eq!(status.status.code(), Some(1), "{words}: {talk}");
            assert!(talk.contains(words), "{words}: {talk}");
        }
    }
    // One that was made and never began looks like one whose events were all removed.
    let unborn = "shop-20300101-000000-0001".parse().unwrap();
    wait_for(Store::new(Files::new(folder.path())).create(&unborn, "")).unwrap();
    let history = text(&tidegate(folder.path(), &["history"]).stdout);
    assert_eq!(history.matches("cannot be read").count(), 7, "{history}");
    assert!(history.contains("it never began, or somebody has removed them"), "{history}");
}

#[test]
fn a_run_that_cannot_be_read_may_be_meant_too() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, damaged) = (run(folder.path(), 1, None), run(folder.path(), 2, None));
    let event = folder.path().join("runs").join(damaged.as_str()).join("events/000001.json");
    fs::write(event, "{").unwrap();
    let ended = tidegate(folder.path(), &["abort"]);
    let talk = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{talk}");
    for line in [
        format!("  tidegate abort {sound}  # ABANDONED"),
        format!("  tidegate abort {damaged}  # cannot be read"),
    ] {
        assert!(talk.lines().any(|told| told == line), "{talk}");
    }
}

#[test]
fn a_folder_of_journals_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mistyped = folder.path().join("tidegate-journl");
    let words = format!("{} does not exist", mistyped.display());
    assert!(text(&tidegate(&mistyped, &["history"]).stdout).contains(&words));
    let json = tidegate(&mistyped, &["history", "-o", "json"]);
    assert!(json.stdout.is_empty() && text(&json.stderr).contains(&words), "{json:?}");
    assert!(text(&tidegate(&mistyped, &["status"]).stderr).contains(&words));
    let empty = text(&tidegate(folder.path(), &["history"]).stdout);
    assert_eq!(empty.trim_end(), format!("no runs yet in {}", folder.path().display()));
}

#[test]
fn a_command_without_a_name_acts_only_where_one_run_can_be_meant() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (run(folder.path(), 1, None), run(folder.path(), 2, None));
    for verb in ["rollback", "abort", "resume", "pause"] {
        let ended = tidegate(folder.path(), &[verb]);
        let talk = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{verb}: {talk}");
        for run in [&one, &two] {
            let line = format!("  tidegate {verb} {run}  # ABANDONED");
            assert!(talk.lines().any(|told| told == line), "{talk}");
        }
        let ended = tidegate(folder.path(), &[verb, "-o", "json"]);
        let choices = text(&ended.stdout);
        let choices: Vec<serde_json::Value> =
            choices.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(choices.len(), 2, "{choices:?}");
        assert_eq!(choices[0]["command"], format!("tidegate {verb} {two}"));
        assert_eq!(choices[0]["standing"], "abandoned");
    }
}

#[test]
fn what_can_be_typed_names_the_folder_of_journals_that_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), 1, None);
    let place = folder.path().display();
    let typed = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.env_remove("TIDEGATE_JOURNAL").arg("--journal").arg(folder.path());
        command.args(args).output().unwrap()
    };
    let status = text(&typed(&["status"]).stdout);
    let next = format!("next       tidegate resume --journal {place} {run}");
    assert!(status.lines().any(|line| line.trim() == next), "{status}");
    let json: serde_json::Value =
        serde_json::from_slice(&typed(&["status", "-o", "json"]).stdout).unwrap();
    assert_eq!(json["next"][0]["command"], format!("tidegate resume --journal {place} {run}"));
    let talk = text(&typed(&["status", "nobody"]).stderr);
    assert!(talk.contains(&format!("`tidegate history --journal {place}`")), "{talk}");
}

#[test]
fn of_runs_that_are_over_only_the_last_promoted_one_can_be_meant() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), 1, Some(Ending::Promoted));
    run(folder.path(), 2, Some(Ending::Promoted));
    let under_way = run(folder.path(), 3, None);
    let ended = tidegate(folder.path(), &["pause"]);
    let talk = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{talk}");
    assert!(talk.contains(under_way.as_str()), "{talk}");
}

#[test]
fn nothing_is_written_over_where_nothing_foreign_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), 1, None);
    for verb in ["resume", "rollback"] {
        let ended = tidegate(folder.path(), &[verb, run.as_str(), "--overwrite"]);
        assert_eq!(ended.status.code(), Some(2), "{}", text(&ended.stderr));
    }
}

#[test]
fn names_of_runs_complete_in_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), 1, None);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2").env("_CLAP_IFS", "\n");
    command.env("TIDEGATE_JOURNAL", folder.path());
    let told = command.args(["--", "tidegate", "status", ""]).output().unwrap();
    assert!(text(&told.stdout).contains(run.as_str()), "{told:?}");
    // What is typed on the line counts before the environment.
    let other = tempfile::tempdir().unwrap();
    let typed = self::run(other.path(), 2, None);
    let place = other.path().to_str().unwrap();
    for words in [
        vec!["--journal", place, "status", ""],
        vec!["status", "--journal", place, ""],
        vec![&format!("--journal={place}"), "rollback", ""],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.env("COMPLETE", "bash").env("_CLAP_IFS", "\n");
        command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
        command.env("TIDEGATE_JOURNAL", folder.path()).args(["--", "tidegate"]).args(&words);
        let told = text(&command.output().unwrap().stdout);
        assert!(told.contains(typed.as_str()) && !told.contains(run.as_str()), "{words:?}: {told}");
    }
    let script = tidegate(folder.path(), &["completions", "bash"]);
    assert!(text(&script.stdout).contains("COMPLETE="), "{script:?}");
}

/// A run that somebody's change of the weights has stopped, and then asked for this.
fn after_drift(asked: &[rollout::Command]) -> End {
    let plan = read_plan(&repository().join("plans/canary-alb.yaml"));
    let drift = read_scenario(&repository().join("plans/scenarios/drift.yaml"));
    play_then(&plan, &drift, &Faults::none(), asked)
}

fn allowed(end: &End) -> usize {
    let is = |event: &Event| matches!(event, Event::OverwriteAllowed { .. });
    end.journal.iter().filter(|envelope| is(&envelope.event)).count()
}

#[test]
fn what_somebody_else_has_changed_is_written_over_by_a_run_that_goes_on_once_that_is_allowed() {
    let end = after_drift(&[rollout::Command::Resume]);
    assert!(rest(&end.state).starts_with("Held(Drift"), "{}", end.story());
    let end = after_drift(&[rollout::Command::Overwrite, rollout::Command::Resume]);
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
    assert_eq!((allowed(&end), &end.violations[..]), (1, &[][..]), "{}", end.story());
}

#[test]
fn what_somebody_else_has_changed_goes_back_too_once_that_is_allowed() {
    let back = || rollout::Command::Rollback { reason: None };
    let end = after_drift(&[back()]);
    assert_eq!(rest(&end.state), "NeedsAttention", "{}", end.story());
    // Of a roll-back that left it alone, too.
    for asked in [vec![], vec![back()]] {
        let asked = [asked, vec![rollout::Command::Overwrite, back()]].concat();
        let end = after_drift(&asked);
        assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
        assert!(end.changed().is_empty(), "{:?}", end.changed());
        assert_eq!(allowed(&end), 1);
    }
}

#[test]
fn nothing_is_said_to_go_back_that_is_left_alone() {
    let end = after_drift(&[rollout::Command::Rollback { reason: None }]);
    let plan = read_plan(&repository().join("plans/canary-alb.yaml"));
    let mut timeline = tidegate::report::Timeline::new(&plan, tidegate::report::Style::PLAIN);
    let told: Vec<String> = end.journal.iter().flat_map(|e| timeline.lines(e)).collect();
    let left = told.iter().position(|line| line.contains("not overwritten")).unwrap();
    assert!(!told[..left].iter().any(|line| line.contains("web: back to")), "{told:#?}");
}

/// An `abort` that has put its request into the inbox of a run that this test drives, and then this happens.
fn abort_while(then: impl FnOnce(&Files, &RunId, Box<dyn Hold>)) -> (Output, usize) {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), 1, None);
    let files = Files::new(folder.path());
    let claim = Claim {
        run: run.clone(),
        resources: [RULE.to_owned()].into(),
        holder: "ann@host pid 1".into(),
        at: Timestamp::from_millis(0),
    };
    let hold = wait_for(files.acquire(&claim)).unwrap();
    let mut abort = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    abort.arg("--journal").arg(folder.path()).args([
        "abort",
        "--endpoint-url",
        "http://127.0.0.1:9",
    ]);
    let abort = abort.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while wait_for(Store::new(files.clone()).waiting(&run)).unwrap().is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    then(&files, &run, hold);
    (
        abort.wait_with_output().unwrap(),
        wait_for(Store::new(files.clone()).waiting(&run)).unwrap().len(),
    )
}

#[test]
fn an_abort_in_a_runs_last_moment_is_refused_and_not_left_in_the_inbox() {
    let (ended, left) = abort_while(|files, run, hold| {
        let event = Event::RunEnded { ending: Ending::Promoted };
        let at = Timestamp::from_millis(1_769_874_400_000);
        wait_for(Store::new(files.clone()).append(&Envelope::new(
            run.clone(),
            Seq::FIRST.next(),
            at,
            event,
        )))
        .unwrap();
        wait_for(hold.release()).unwrap();
    });
    let talk = text(&ended.stderr);
    assert_eq!((ended.status.code(), left), (Some(2), 0), "{talk}");
    assert!(talk.contains("is promoted"), "{talk}");
}

#[test]
fn an_abort_whose_run_is_killed_meanwhile_takes_the_run_over() {
    let (ended, left) = abort_while(|_, _, hold| drop(hold));
    // Nothing answers here, or it was built without AWS: what counts is that nobody believes it was obeyed.
    assert_ne!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    assert_eq!(left, 0);
}

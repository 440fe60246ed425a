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
        self, Actor, Bindings, Bound, Ending, Event, Found, Medium, Picture, Split, Target,
        Timestamp, Written,
    },
    testkit::Faults,
};

use crate::stage::{End, play_then, read_plan, read_scenario, repository, rest};

const RULE: &str = "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/shop/1/2/3";

fn tidegate(journal: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("--journal").arg(journal).args(args).output().unwrap()
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
    files.create(&run, &fs::read_to_string(path).unwrap()).unwrap();
    let bound = Bound {
        resource: RULE.into(),
        stable: Member::new("blue"),
        candidate: Member::new("green"),
        baseline: None,
        others: Vec::new(),
        medium: Medium::LoadBalancer,
    };
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
        files.append(&envelope).unwrap();
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
    }
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
            assert!(talk.contains(&format!("tidegate {verb} {run}")), "{talk}");
        }
    }
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
    let hold = files.acquire(&claim).unwrap();
    let mut abort = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    abort.arg("--journal").arg(folder.path()).args([
        "abort",
        "--endpoint-url",
        "http://127.0.0.1:9",
    ]);
    let abort = abort.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while files.waiting(&run).unwrap().is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    then(&files, &run, hold);
    (abort.wait_with_output().unwrap(), files.waiting(&run).unwrap().len())
}

#[test]
fn an_abort_in_a_runs_last_moment_is_refused_and_not_left_in_the_inbox() {
    let (ended, left) = abort_while(|files, run, hold| {
        let event = Event::RunEnded { ending: Ending::Promoted };
        let at = Timestamp::from_millis(1_769_874_400_000);
        files.append(&Envelope::new(run.clone(), Seq::FIRST.next(), at, event)).unwrap();
        hold.release().unwrap();
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

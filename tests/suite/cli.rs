//! What a person sees, from the real binary. Virtual time and a fixed run id make a simulated run's output the same
//! every time, so it can be compared letter by letter.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use insta::assert_snapshot;

use crate::stage::repository;

/// Exit code, standard output and standard error of one call.
fn tidegate(args: &[&str]) -> (i32, String, String) {
    with_input(args, b"")
}

fn with_input(args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .current_dir(repository())
        .env_remove("AWS_ENDPOINT_URL")
        .env("TIDEGATE_ACTOR", "ann@example.com")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has seen enough closes its input early.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_healthy_canary_is_told_calmly() {
    let (code, told, talk) = tidegate(&["run", "plans/canary-alb.yaml", "--simulate"]);
    assert_eq!(code, 0, "{talk}");
    assert_snapshot!(told);
}

#[test]
fn a_bad_candidate_is_rolled_back_and_the_reason_told() {
    let scenario = "plans/scenarios/candidate-errors.yaml";
    let args = ["run", "plans/canary-alb.yaml", "--simulate", "--scenario", scenario];
    let (code, told, talk) = tidegate(&args);
    assert_eq!(code, 4, "{talk}");
    assert_snapshot!(told);
}

#[test]
fn a_preview_shows_every_call_from_before_to_after() {
    let (code, told, talk) = tidegate(&["plan", "plans/canary-alb.yaml", "--simulate"]);
    assert_eq!(code, 0, "{talk}");
    assert_snapshot!(told);
}

#[test]
fn eight_mistakes_are_all_told_at_once() {
    let (code, _, talk) = tidegate(&["check", "tests/fixtures/plans/eight-mistakes.yaml"]);
    assert_eq!(code, 2);
    let headers = talk.matches("plan::").count();
    assert!(headers >= 8, "{headers} problems told:\n{talk}");
}

#[test]
fn bad_files_get_a_clear_error_and_exit_code_2() {
    let large = vec![b'#'; 10 * 1024 * 1024];
    let cut = b"tidegate: 1\nname: x\nroutes: { web: { alb: {";
    let cases: [(&[u8], &str); 4] =
        [(b"", "empty"), (b"tidegate: 1\nname: caf\xe9\n", "UTF-8"), (&large, "large"), (cut, "")];
    for (bytes, word) in cases {
        let (code, told, talk) = with_input(&["check", "-"], bytes);
        assert_eq!((code, told.as_str()), (2, ""), "{talk}");
        assert!(talk.contains(word), "{word:?} is not in {talk}");
        assert!(!talk.contains("panicked"), "{talk}");
    }
}

#[test]
fn a_plan_and_a_scenario_in_each_others_place_are_told_as_that() {
    let scenario = "plans/scenarios/drift.yaml";
    let (code, _, talk) = tidegate(&["check", scenario]);
    assert_eq!(code, 2, "{talk}");
    assert!(talk.contains("this is a scenario, not a plan"), "{talk}");
    let plan = "plans/canary-alb.yaml";
    let (code, _, talk) = tidegate(&["run", plan, "--simulate", "--scenario", plan]);
    assert_eq!(code, 2, "{talk}");
    assert!(talk.contains("this is a plan, not a scenario"), "{talk}");
    let (_, _, talk) = tidegate(&["check", "tests/fixtures/plans/eight-mistakes.yaml"]);
    assert!(!talk.contains("scenario"), "{talk}");
}

#[test]
fn a_parameter_that_is_given_twice_is_refused() {
    let args = ["check", "plans/canary-alb.yaml", "-p", "bake=1m", "-p", "bake=2m"];
    let (code, _, talk) = tidegate(&args);
    assert_eq!(code, 2, "{talk}");
    assert!(talk.contains("bake is given twice, as `1m` and as `2m`"), "{talk}");
}

#[test]
fn a_region_or_profile_that_is_none_is_refused_with_the_one_that_was_meant() {
    let plan = "plans/canary-alb.yaml";
    for (region, words) in [
        ("eu west", "did you mean `eu-west-1`?"),
        ("", "such as `eu-west-1`"),
        ("eu/west/1", "did you mean `eu-west-1`?"),
    ] {
        let (code, _, talk) = tidegate(&["plan", plan, "--region", region]);
        assert_eq!(code, 2, "{talk}");
        assert!(talk.contains("not the name of a region") && talk.contains(words), "{talk}");
    }
    let (code, _, talk) = tidegate(&["plan", plan, "--profile", ""]);
    assert_eq!(code, 2, "{talk}");
    assert!(talk.contains("a profile has a name"), "{talk}");
}

#[test]
fn a_simulated_run_offers_no_command_that_cannot_work() {
    let scenarios = ["candidate-errors", "drift", "candidate-slow"];
    for scenario in scenarios {
        let path = format!("plans/scenarios/{scenario}.yaml");
        let args = ["run", "plans/canary-alb.yaml", "--simulate", "--scenario", &path];
        let (_, told, talk) = tidegate(&args);
        for verb in ["resume", "rollback", "status", "history"] {
            let command = format!("tidegate {verb}");
            assert!(!told.contains(&command) && !talk.contains(&command), "{told}{talk}");
        }
    }
}

#[test]
fn problems_are_json_too() {
    let args = ["check", "tests/fixtures/plans/eight-mistakes.yaml", "--output", "json"];
    let (code, told, _) = tidegate(&args);
    assert_eq!(code, 2);
    assert!(told.lines().count() >= 8, "{told}");
    for line in told.lines() {
        let problem: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(problem["line"].as_u64().unwrap() > 0 && problem["code"].is_string(), "{line}");
    }
}

#[test]
fn a_run_as_json_is_its_events_one_a_line() {
    let (code, told, talk) =
        tidegate(&["run", "plans/canary-alb.yaml", "--simulate", "--output", "json"]);
    assert_eq!(code, 0, "{talk}");
    for (i, line) in told.lines().enumerate() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["seq"].as_u64(), Some(i as u64 + 1), "{line}");
        assert_eq!(event["format"].as_u64(), Some(2), "{line}");
    }
}

#[test]
fn an_expanded_strategy_is_a_plan_that_runs_the_same() {
    let (code, expanded, _) = tidegate(&["plan", "plans/blue-green-alb.yaml", "--expand"]);
    assert_eq!(code, 0);
    let (code, told, talk) = with_input(&["run", "-", "--simulate"], expanded.as_bytes());
    assert_eq!(code, 0, "{talk}");
    let (_, direct, _) = tidegate(&["run", "plans/blue-green-alb.yaml", "--simulate"]);
    assert_eq!(told.lines().count(), direct.lines().count());
}

#[test]
fn what_cannot_be_found_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    for verb in ["status", "approve", "pause", "resume", "abort", "rollback"] {
        let (code, _, talk) = tidegate(&["--journal", journal, verb]);
        assert_eq!(code, 2, "{verb}: {talk}");
        assert!(talk.contains("hint:"), "{verb}: {talk}");
    }
}

#[test]
fn a_comparison_is_forecast_before_the_first_run() {
    let args = ["judge", "plan", "--requests-per-minute", "3000", "--share", "25%", "--rate", "1%"];
    let (code, told, talk) = tidegate(&args);
    assert_eq!(code, 0, "{talk}");
    for line in ["FAIL of 1.5 times", "FAIL of 2 times", "FAIL of 5 times", "PASS of one as good"] {
        assert!(told.contains(line), "{line:?} is not in {told}");
    }
    let (code, _, talk) =
        tidegate(&["judge", "plan", "--requests-per-minute", "9", "--share", "50"]);
    assert_eq!(code, 2, "{talk}");
    assert!(talk.contains("write `50%`"), "units as everywhere: {talk}");
    let (code, _, talk) = tidegate(&["judge"]);
    assert_eq!(code, 2, "{talk}");
}

#[test]
fn a_plans_own_gate_is_forecast_with_the_same_minutes_as_text_and_json() {
    let asked = ["judge", "plan", "plans/canary-judged.yaml", "--requests-per-minute", "20"];
    let (code, told, talk) = tidegate(&asked);
    assert_eq!(code, 0, "{talk}");
    assert!(told.starts_with("gate judge\n20 requests a minute, 25% of them"), "{told}");
    assert!(told.contains("too little traffic: about "), "{told}");
    let (code, json, talk) = tidegate(&[&asked[..], &["--output", "json"]].concat());
    assert_eq!(code, 0, "{talk}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let soon = &json["metrics"][0]["fail"][2]["likely"];
    let line = told.lines().find(|line| line.starts_with("FAIL of 5 times")).unwrap();
    let minutes = soon.as_u64().unwrap();
    let felt =
        if minutes < 180 { format!("{minutes} min") } else { format!("{} ", (minutes + 30) / 60) };
    assert!(line.contains(&felt), "{line}: {minutes}");
}

#[test]
fn a_file_is_judged_as_kayenta_would() {
    let request = serde_json::json!({
        "canaryConfig": {
            "metrics": [{
                "name": "errors", "groups": ["all"],
                "analysisConfigurations": { "canary": { "direction": "increase" } },
            }],
            "classifier": { "groupWeights": { "all": 100.0 } },
        },
        "scoreThresholds": { "pass": 95.0, "marginal": 75.0 },
        "metricSetPairList": [{
            "name": "errors", "id": "1",
            "values": {
                "control": [1.0, 2.0, 1.5, 1.2, 1.8, 2.1, 1.4, 1.1, 1.9, 1.6],
                "experiment": [11.0, 12.0, 11.5, 11.2, 11.8, 12.1, 11.4, 11.1, 11.9, 11.6],
            },
        }],
    });
    let args = ["judge", "--mode", "kayenta", "-"];
    let (code, told, talk) = with_input(&args, request.to_string().as_bytes());
    assert_eq!(code, 4, "a canary that fails is no success: {talk}");
    let mut good = request.clone();
    let pair = &mut good["metricSetPairList"][0]["values"];
    pair["experiment"] = pair["control"].clone();
    assert_eq!(with_input(&args, good.to_string().as_bytes()).0, 0);
    let answer: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(answer["judgeName"], "NetflixACAJudge-v1.0");
    assert_eq!(answer["results"][0]["classification"], "High", "{told}");
    let (code, told, talk) = with_input(&args, b"{}");
    assert_eq!((code, told.as_str()), (2, ""), "{talk}");
    assert!(talk.contains("canaryConfig"), "{talk}");
}

#[test]
fn a_candidate_worse_than_stable_is_rolled_back_though_no_alarm_sees_it() {
    let scenario = "plans/scenarios/candidate-slightly-worse.yaml";
    let args = ["run", "plans/canary-judged.yaml", "--simulate", "--scenario", scenario];
    let (code, told, talk) = tidegate(&args);
    assert_eq!(code, 4, "{talk}");
    assert!(told.contains("errors: the canary fails 3.0 times as often as the baseline"), "{told}");
    assert!(!told.contains("gate alarms: fail"), "{told}");
}

#[test]
fn a_candidate_is_compared_with_a_baseline_that_gets_as_much_and_goes_with_it() {
    let scenario = "plans/scenarios/candidate-slightly-worse.yaml";
    let args = ["run", "plans/canary-paired.yaml", "--simulate", "--scenario", scenario];
    let (code, told, talk) = tidegate(&args);
    assert_eq!(code, 4, "{talk}");
    let shift = "checkout-blue 340, checkout-green 330 (33%), baseline checkout-baseline 330";
    assert!(told.contains(shift), "{told}");
    let failed: Vec<&str> =
        told.lines().skip_while(|line| !line.contains("gate judge: fail")).take(12).collect();
    for row in ["baseline errors   9 of 900", "canary errors     27 of 900"] {
        assert!(failed.iter().any(|line| line.ends_with(row)), "{failed:#?}");
    }
    let back =
        "web: back to checkout-blue 999, checkout-green 0 (0%), baseline checkout-baseline 0";
    assert!(told.contains(back), "{told}");
}

#[test]
fn a_candidate_slower_than_stable_is_rolled_back_though_it_has_no_errors() {
    let scenario = "plans/scenarios/candidate-slow.yaml";
    let args = ["run", "plans/canary-judged.yaml", "--simulate", "--scenario", scenario];
    let (code, told, talk) = tidegate(&args);
    assert_eq!(code, 4, "{talk}");
    assert!(told.contains("gate judge: fail, answers slower than 300ms"), "{told}");
    assert!(!told.contains("gate latency: fail"), "{told}");
}

#[test]
fn a_compare_gate_is_tried_on_the_past_of_the_stable_side() {
    let args = ["judge", "calibrate", "plans/canary-judged.yaml", "--simulate", "--since", "6h"];
    let (code, told, talk) = tidegate(&args);
    assert_eq!(code, 0, "{talk}");
    assert!(told.contains("judge: 358 minutes of the stable side of web"), "{told}");
    let own = told.lines().find(|line| line.ends_with("this gate"));
    assert!(own.is_some_and(|line| line.contains("5 %") && line.contains("0 (0.0 %)")), "{told}");
    let args = ["judge", "calibrate", "plans/canary-alb.yaml", "--simulate", "--since", "1h"];
    let (code, _, talk) = tidegate(&args);
    assert_eq!(code, 2, "{talk}");
    assert!(talk.contains("no compare gate"), "{talk}");
}

#[test]
fn a_compare_gate_tells_what_it_would_have_said_of_a_past_canary() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let plan = write(
        "plan.yaml",
        "tidegate: 1\nname: past\n\
         routes: { web: { alb: { load-balancer: shop, port: 443, pair: [blue, green] } } }\n\
         gates: { judge: { compare: { route: web } } }\n\
         steps: [{ shift: { route: web, candidate: 10%, bake: 10m, gates: [judge] } }]\n",
    );
    let past = write(
        "past.yaml",
        "sides: { candidate: { error-rate: 3% }, stable: { error-rate: 1% } }\n\
         drift:\n\
         - { at: 30m, weights: { stable: 75, candidate: 25 } }\n\
         - { at: 60m, weights: { stable: 100, candidate: 0 } }\n",
    );
    let simulated = ["gate", "test", &plan, "--simulate", "--since", "3h"];
    let (code, told, talk) = tidegate(&[&simulated[..], &["--scenario", &past]].concat());
    assert_eq!(
        code, 4,
        "now there is nothing to compare, but a run would have rolled back: {talk}"
    );
    assert!(told.contains("T00:30:00Z to 2026-01-01T01:01:00Z, green beside blue"), "{told}");
    let stop =
        "a run would have stopped at 2026-01-01T00:36:00Z: errors: the canary fails 3.0 times";
    assert!(told.contains(stop), "{told}");
    let (_, told, _) = tidegate(&simulated);
    assert!(told.contains("at no time had both sides requests"), "{told}");
}

#[test]
fn a_history_that_may_not_be_read_is_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("denied.yaml");
    std::fs::write(&scenario, "faults: [{ kind: denied, operation: DescribeAlarmHistory }]")
        .unwrap();
    let scenario = scenario.to_str().unwrap();
    let args = ["run", "plans/canary-alb.yaml", "--simulate", "--scenario", scenario];
    let (code, told, talk) = tidegate(&args);
    assert_eq!(code, 3, "{told}{talk}");
    assert!(talk.contains("the history of alarms cannot be read: not allowed to call"), "{talk}");
    assert!(!told.contains("change-intended") && !told.contains("950"), "{told}");
}

#[test]
fn a_preview_that_would_change_something_has_a_code_of_its_own_where_asked_for() {
    let plan = ["plan", "plans/canary-alb.yaml", "--simulate"];
    assert_eq!(tidegate(&plan).0, 0);
    let (code, told, talk) = tidegate(&[&plan[..], &["--detailed-exitcode"]].concat());
    assert_eq!(code, 10, "{told}{talk}");
    let folder = tempfile::tempdir().unwrap();
    let rests = folder.path().join("rests.yaml");
    std::fs::write(&rests, "tidegate: 1\nname: rests\nsteps: [pause: 1s]\n").unwrap();
    let rests = rests.to_str().unwrap();
    assert_eq!(tidegate(&["plan", rests, "--simulate", "--detailed-exitcode"]).0, 0);
}

#[test]
fn a_preview_as_json_carries_what_a_run_would_be_refused_for() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("denied.yaml");
    std::fs::write(&scenario, "faults: [{ kind: denied, operation: DescribeAlarmHistory }]")
        .unwrap();
    let scenario = scenario.to_str().unwrap();
    let args =
        ["plan", "plans/canary-alb.yaml", "--simulate", "-o", "json", "--scenario", scenario];
    let (code, told, talk) = tidegate(&args);
    assert_eq!(code, 3, "{talk}");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["plan"], "checkout");
    let refused = &told["refused"][0];
    assert!(refused["problem"].as_str().unwrap().contains("DescribeAlarmHistory"), "{refused}");
    assert!(refused["hint"].as_str().unwrap().starts_with("allow `"), "{refused}");
}

#[test]
fn a_warning_of_a_plan_that_is_run_takes_three_lines_once() {
    let (code, _, talk) =
        tidegate(&["run", "plans/canary-alb.yaml", "--simulate", "-p", "bake=30s"]);
    assert_eq!(code, 0, "{talk}");
    let short: Vec<&str> = talk.lines().filter(|line| line.contains("lint::short-bake")).collect();
    assert_eq!(short.len(), 1, "{talk}");
    let lines: Vec<&str> =
        talk.lines().skip_while(|line| !line.contains("short-bake")).take(3).collect();
    assert!(lines[1].contains("canary-alb.yaml:") && lines[1].ends_with("more places"), "{talk}");
    assert!(lines[2].starts_with("   hint: "), "{talk}");
}

#[test]
fn a_past_in_which_a_run_would_have_rolled_back_is_not_success() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("flickers.yaml");
    let pulse = "alarms: { all: { states: [{ at: 10m, state: alarm, for: 2m }] } }";
    std::fs::write(&scenario, pulse).unwrap();
    let scenario = scenario.to_str().unwrap();
    let now = ["gate", "test", "plans/canary-alb.yaml", "--simulate", "--scenario", scenario];
    let (code, told, talk) = tidegate(&now);
    assert_eq!(code, 0, "{told}{talk}");
    let (code, told, talk) = tidegate(&[&now[..], &["--since", "1h"]].concat());
    assert!(told.contains("a run would have stopped"), "{told}{talk}");
    assert_eq!(code, 4, "{told}{talk}");
}

#[test]
fn queues_and_streams_are_tried_on_their_past() {
    for (plan, gate, scenario, words) in [
        ("event-driven", "backlog", "poison-messages", "dead letters of"),
        ("event-driven", "backlog", "slow-consumer", "was older than"),
        ("stream-consumer", "behind", "slow-consumer", "was older than"),
    ] {
        let plan = format!("plans/{plan}.yaml");
        let past = ["gate", "test", &plan, "--gate", gate, "--simulate", "--since", "30m"];
        let (_, told, talk) = tidegate(&past);
        assert!(told.contains("no run would have stopped"), "{plan}: {told}{talk}");
        let scenario = format!("plans/scenarios/{scenario}.yaml");
        let (code, told, talk) = tidegate(&[&past[..], &["--scenario", &scenario]].concat());
        assert!(told.contains("a run would have stopped"), "{plan}: {told}{talk}");
        assert!(told.contains(words), "{plan}: {told}{talk}");
        assert_eq!(code, 4, "{plan}: {told}{talk}");
    }
}

#[test]
fn a_journal_behind_a_url_is_refused_and_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let binary = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(folder.path()).env_remove("TIDEGATE_JOURNAL");
        command
    };
    let by_flag = binary().args(["history", "--journal", "s3://bucket/runs"]).output().unwrap();
    let mut by_variable = binary();
    let by_variable = by_variable.arg("status").env("TIDEGATE_JOURNAL", "file:///srv/runs");
    for ended in [by_flag, by_variable.output().unwrap()] {
        let talk = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{talk}");
        assert!(talk.contains("is not there yet") && talk.contains("--journal"), "{talk}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_place_of_the_journal_is_told_from_the_root_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut status = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    status.current_dir(folder.path()).args(["status", "--journal", "here"]);
    let talk = String::from_utf8_lossy(&status.output().unwrap().stderr).into_owned();
    let place = folder.path().join("here");
    assert!(talk.contains(&format!("no runs: {} does not exist", place.display())), "{talk}");
}

//! Wrong plans and situations as a newcomer makes them, each with all that is said of it. The snapshot is there to be read
//! aloud: whoever cannot tell from a message what to type next has found a fault.

use std::{fmt::Write as _, process::Command};

const HEAD: &str = "tidegate: 1\nname: shop\nroutes:\n  web: { alb: { load-balancer: shop, port: 443, pair: [blue, green] } }\n";
const SHIFT: &str = "steps:\n  - shift: { route: web, candidate: 100%, bake: 10m }\n";

/// What somebody did, and the file.
fn plans() -> Vec<(&'static str, String)> {
    let with = |more: &str| format!("{HEAD}{more}{SHIFT}");
    let steps = |steps: &str| format!("{HEAD}steps:\n{steps}");
    vec![
        ("an empty file", String::new()),
        ("something else than a plan", "Hello there\n".into()),
        ("no version", format!("{HEAD}{SHIFT}").replace("tidegate: 1\n", "")),
        (
            "a version from the future",
            format!("{HEAD}{SHIFT}").replace("tidegate: 1", "tidegate: 2"),
        ),
        ("no steps", HEAD.into()),
        ("a name with a space", format!("{HEAD}{SHIFT}").replace("name: shop", "name: My Shop")),
        ("a key misspelt", with("on-failur: hold\n")),
        ("a step misspelt", steps("  - shfit: { route: web, candidate: 5%, bake: 1m }\n")),
        (
            "a route that is not there",
            steps("  - shift: { route: wbe, candidate: 5%, bake: 1m }\n"),
        ),
        (
            "a gate that is not there",
            steps("  - shift: { route: web, candidate: 5%, bake: 1m, gates: [errors] }\n"),
        ),
        (
            "a share without a percent sign",
            steps("  - shift: { route: web, candidate: 5, bake: 1m }\n"),
        ),
        ("a share above all", steps("  - shift: { route: web, candidate: 150%, bake: 1m }\n")),
        ("a duration without a unit", steps("  - pause: 10\n")),
        ("a duration in words", steps("  - pause: ten minutes\n")),
        ("steps without dashes", steps("  shift: { route: web, candidate: 5%, bake: 1m }\n")),
        ("a tab", format!("{HEAD}steps:\n\t- pause: 1m\n")),
        ("a brace that is not closed", steps("  - shift: { route: web, candidate: 5%\n")),
        (
            "two kinds of steps",
            with("strategy: { canary: { route: web, bake: 1m, steps: [5%] } }\n"),
        ),
        (
            "a parameter without quotes",
            format!("params: {{ app: {{ default: x }} }}\n{HEAD}{SHIFT}")
                .replace("load-balancer: shop", "load-balancer: ${app}"),
        ),
        (
            "a parameter that is not declared",
            format!("{HEAD}{SHIFT}").replace("name: shop", "name: ${ap}"),
        ),
        ("a parameter that has to be given", with("params: { version: { required: true } }\n")),
        (
            "one group for both sides",
            format!("{HEAD}{SHIFT}").replace("[blue, green]", "[blue, blue]"),
        ),
        ("one side only", format!("{HEAD}{SHIFT}").replace("pair: [blue, green]", "stable: blue")),
        ("a port by its name", format!("{HEAD}{SHIFT}").replace("443", "https")),
        ("a port in quotes", format!("{HEAD}{SHIFT}").replace("443", "'443'")),
        (
            "an alarm by its ARN",
            with(
                "gates: { e: { alarms: { names: ['arn:aws:cloudwatch:eu-west-1:1:alarm:5xx'] } } }\n",
            ),
        ),
        (
            "an address without its scheme",
            with("gates: { e: { http: { url: shop.example.com/health } } }\n"),
        ),
        (
            "a window that never opens",
            with("gates: { w: { window: { except: ['2000-01-01 to 9999-12-30'] } } }\n"),
        ),
        (
            "a zone that does not exist",
            with("gates: { w: { window: { hours: '09:00-16:00', zone: Berlin } } }\n"),
        ),
        (
            "a metric without a limit",
            with(
                "gates: { m: { metric: { route: web, side: candidate, name: RequestCount, statistic: sum } } }\n",
            ),
        ),
        (
            "components in a circle",
            format!(
                "{HEAD}components:\n  a: {{ needs: [b], steps: [pause: 1m] }}\n  b: {{ needs: [a], steps: [pause: 1m] }}\n"
            ),
        ),
        (
            "a fleet behind nothing",
            with("fleets: { app: { autoscaling: { pair: [a, b] }, behind: wb } }\n"),
        ),
        ("one name twice", with("name: shop\n")),
        ("a no-break space", format!("{HEAD}{SHIFT}").replace("  web:", "\u{a0}\u{a0}web:")),
        (
            "typographic quotes",
            with("gates: { e: { alarms: { names: [\u{201c}shop-5xx\u{201d}] } } }\n"),
        ),
        (
            "a merge key",
            format!("x-usual: &usual {{ route: web, bake: 10m }}\n{HEAD}")
                + "steps:\n  - shift: { <<: *usual, candidate: 100% }\n",
        ),
    ]
}

/// What is said, without what is different on every machine.
fn told(folder: &std::path::Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.current_dir(folder).args(args).env_remove("AWS_ENDPOINT_URL");
    command.env_remove("TIDEGATE_JOURNAL").env("COLUMNS", "100");
    let ended = command.output().unwrap();
    let talk = String::from_utf8_lossy(&ended.stderr);
    let place = folder.canonicalize().unwrap().display().to_string();
    let talk = talk.replace(&place, "/here");
    format!("exit {}\n{}", ended.status.code().unwrap(), talk.trim_end())
}

#[test]
fn thirty_wrong_plans_are_answered_in_words_that_help() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for (what, text) in plans() {
        std::fs::write(folder.path().join("plan.yaml"), text).unwrap();
        let told = told(folder.path(), &["check", "plan.yaml"]);
        assert!(told.starts_with("exit 2"), "{what}: {told}");
        writeln!(all, "=== {what}\n{told}\n").unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn hours_that_end_on_the_next_day_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let night = "gates: { night: { window: { days: [mon, tue, wed, thu], hours: '22:00-06:00', zone: Europe/Berlin } } }\n";
    let text = format!("{HEAD}{night}{SHIFT}").replace("bake: 10m", "bake: 10m, gates: [night]");
    std::fs::write(folder.path().join("plan.yaml"), &text).unwrap();
    let told = told(folder.path(), &["check", "plan.yaml"]);
    assert!(told.starts_with("exit 0") && !told.contains("never"), "{told}");
}

#[test]
fn situations_before_a_run_are_answered_in_words_that_help() {
    let folder = tempfile::tempdir().unwrap();
    let gates = "gates: { errors: { alarms: { names: [shop-5xx] } } }\n";
    let shift = SHIFT.replace("bake: 10m", "bake: 10m, gates: [errors]");
    std::fs::write(folder.path().join("plan.yaml"), format!("{HEAD}{gates}{shift}")).unwrap();
    let mut all = String::new();
    for (what, scenario) in [
        ("an alarm that does not exist", "missing-alarms: all"),
        ("an alarm that is on", "alarms: { all: { states: [{ at: 0s, state: alarm, for: 3m }] } }"),
        ("no permission", "faults: [{ kind: denied, operation: DescribeRules }]"),
        (
            "a scenario of another plan",
            "alarms: { other: { states: [{ at: 0s, state: alarm, for: 3m }] } }",
        ),
    ] {
        std::fs::write(folder.path().join("scenario.yaml"), scenario).unwrap();
        let args = ["plan", "plan.yaml", "--simulate", "--scenario", "scenario.yaml"];
        writeln!(all, "=== {what}\n{}\n", told(folder.path(), &args)).unwrap();
    }
    for (what, args) in [
        ("no such file", &["check", "paln.yaml"][..]),
        ("a folder as plan", &["check", "."]),
        ("no runs yet", &["status"]),
        ("no run of that name", &["rollback", "shop-20260101-000000-0000"]),
        ("nothing to approve", &["approve"]),
        ("a verb misspelt", &["rolback"]),
        ("a parameter nobody declared", &["check", "plan.yaml", "-p", "bake=1m"]),
        ("a journal on S3", &["history", "--journal", "s3://bucket/runs"]),
    ] {
        writeln!(all, "=== {what}\n{}\n", told(folder.path(), args)).unwrap();
    }
    insta::assert_snapshot!(all);
}

//! Runs of other folders, as a person meets them: by their marks in the simulated cloud, from the real binary.

use std::process::Command;

use crate::stage::repository;

fn simulated(verb: &str, scenario: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, scenario).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .current_dir(repository())
        .args([verb, "plans/canary-alb.yaml", "--simulate", "--scenario"])
        .arg(file)
        .args((verb == "run").then_some("--count-calls"))
        .output()
        .unwrap();
    (ended.status.code().unwrap(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

fn marked(seen: &str) -> String {
    format!(
        "marks: [{{ run: shop-1, owner: bob@laptop pid 7, journal: /home/bob/.tidegate, seen: {seen} }}]"
    )
}

#[test]
fn a_run_that_lives_elsewhere_is_named_and_this_one_refused() {
    let (code, talk) = simulated("run", &marked("20s"));
    assert_eq!(code, 6, "{talk}");
    for words in [
        "belongs to run shop-1 since 2025-12-31T23:59:40Z",
        "bob@laptop pid 7 is running, last seen 20s ago",
        "its journal is /home/bob/.tidegate",
        "`tidegate status --journal /home/bob/.tidegate shop-1` on that host",
        "traffic: web: 100% on checkout-blue (weight 999), 0% on checkout-green (weight 0), seen",
    ] {
        assert!(talk.contains(words), "{words:?} is not in {talk}");
    }
}

#[test]
fn a_run_whose_owner_died_elsewhere_is_told_and_stops_nothing() {
    let (code, talk) = simulated("run", &marked("3m"));
    assert_eq!(code, 0, "{talk}");
    let words = "warning: run shop-1, since 2025-12-31T23:57:00Z, has left its mark on ";
    assert!(talk.contains(words) && talk.contains("may have left traffic split"), "{talk}");
    assert!(talk.contains("; traffic: web: 100% on checkout-blue"), "{talk}");
    assert_eq!(
        talk.matches("run shop-1").count(),
        1,
        "once, however many things it marked: {talk}"
    );
    // Two marks on each of three things: the stale one, and its own at the end.
    assert!(talk.contains("calls:      2 RemoveTags"), "{talk}");
    assert!(talk.contains("calls:      4 DeleteTags"), "{talk}");
}

#[test]
fn without_the_right_to_tag_a_run_says_what_that_means_and_goes_on() {
    for operation in ["AddTags", "DescribeTags", "RemoveTags"] {
        let (code, talk) =
            simulated("run", &format!("faults: [{{ operation: {operation}, kind: denied }}]"));
        assert_eq!(code, 0, "{talk}");
        assert_eq!(talk.matches("warning: cannot").count(), 1, "{talk}");
        let denied = format!("not allowed to call elasticloadbalancing:{operation}");
        assert!(talk.contains(&denied) && talk.contains("hint: allow"), "{talk}");
    }
}

#[test]
fn a_preview_says_whose_marks_a_run_would_meet_and_touches_nothing() {
    let (code, talk) = simulated("plan", &marked("20s"));
    assert_eq!(code, 0, "{talk}");
    assert!(talk.contains("a run of this plan would be refused now (6)"), "{talk}");
    let (code, talk) = simulated("plan", &marked("1h"));
    assert!(code == 0 && talk.contains("has left its mark"), "{talk}");
}

//! Two folders, one rule: runs that share no journal meet each other by their marks in AWS.

use std::{
    path::Path,
    process::{Child, Command},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crate::world::{Ended, World};

/// Worlds side by side, and rounds in each.
const WORLDS: usize = 5;
const ROUNDS: usize = 10;

/// Stays for a moment, and changes nothing.
fn staying(world: &World, pause: &str) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  web: {{ alb: {{ load-balancer: {prefix}, port: 80, priority: 10, pair: [{prefix}-blue, {prefix}-green] }} }}
fleets:
  app: {{ autoscaling: {{ pair: [{prefix}-blue, {prefix}-green] }}, behind: web }}
steps:
  - scale: {{ fleet: app, side: candidate, to: 0 }}
  - pause: {pause}
"
    ))
}

/// The binary with a folder of its own for its journal.
fn tidegate(world: &World, journal: &Path, args: &[&str]) -> Command {
    let mut command = world.tidegate(args);
    command.env("TIDEGATE_JOURNAL", journal);
    command
}

/// The only run in a folder, once it has begun.
fn found_in(journal: &Path) -> Option<String> {
    let mut runs = std::fs::read_dir(journal.join("runs")).ok()?;
    Some(runs.next()?.unwrap().file_name().into_string().unwrap())
}

fn run_in(journal: &Path) -> String {
    found_in(journal).expect("no run has begun")
}

fn marks(world: &World) -> serde_json::Value {
    let described: serde_json::Value = serde_json::from_str(&world.described()).unwrap();
    described["marks"].clone()
}

/// Waits until a folder's run has begun.
fn begun(journal: &Path, run: &mut Child) {
    let start = Instant::now();
    while found_in(journal).is_none() {
        assert_eq!(run.try_wait().unwrap(), None, "it has ended");
        assert!(start.elapsed() < Duration::from_mins(1), "it does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the two met; a machine that is busy may let one end before the other begins.
fn round(world: &World, plan: &str) -> bool {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let folders: Vec<&Path> = folders.iter().map(tempfile::TempDir::path).collect();
    let both: Vec<Child> = folders
        .iter()
        .map(|folder| tidegate(world, folder, &["run", plan]).spawn().unwrap())
        .collect();
    let ended: Vec<Ended> = both.into_iter().map(Ended::wait).collect();
    let codes: Vec<i32> = ended.iter().map(|ended| ended.code.unwrap()).collect();
    let (first, second) = match codes[..] {
        [0, 6] => (0, 1),
        [6, 0] => (1, 0),
        [0, 0] => return false,
        _ => panic!("{codes:?}\n{}\n{}", ended[0].talk, ended[1].talk),
    };
    let (run, talk) = (run_in(folders[first]), &ended[second].talk);
    let journal = folders[first].display();
    let named = format!("belongs to run {run} since ");
    assert!(talk.contains(&named) && talk.contains(&format!("its journal is {journal}")), "{talk}");
    assert!(!folders[second].join("runs").exists(), "the refused has begun");
    assert!(ended[first].told.contains(&format!("journal {journal}")), "{}", ended[first].told);
    true
}

#[test]
fn of_two_folders_one_runs_and_the_other_is_refused_naming_the_first() {
    let apart = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..WORLDS {
            let apart = &apart;
            scope.spawn(move || {
                let world = World::new(&format!("folders{number}"));
                let plan = staying(&world, "3s");
                let mut met = 0;
                while met < ROUNDS {
                    if round(&world, &plan) {
                        met += 1;
                    } else {
                        assert!(apart.fetch_add(1, Ordering::Relaxed) < 20, "they never meet");
                    }
                    assert_eq!(marks(&world), serde_json::json!({}));
                }
            });
        }
    });
    println!(
        "two folders: {} rounds, each with one 0 and one 6; {} more did not overlap; {:.0} s",
        WORLDS * ROUNDS,
        apart.into_inner(),
        start.elapsed().as_secs_f64()
    );
}

#[test]
fn a_run_that_has_split_its_route_is_named_to_whoever_comes_second_from_anywhere() {
    let world = World::new("marksplit");
    let elsewhere = tempfile::tempdir().unwrap();
    let plan = world.plan("canary-alb.yaml", |text| text.replacen("\"${bake}\"", "1h", 1));
    let mut first = world.start(&["run", &plan]);
    world.wait_for("bake-started");
    let before = world.described();
    let here = world.run(&["run", &plan]);
    let there = tidegate(&world, elsewhere.path(), &["run", &plan]).output().unwrap();
    let there = Ended::of(there);
    for second in [&here, &there] {
        let talk = &second.expect(6).talk;
        assert!(talk.contains("belongs to run marksplit-"), "{talk}");
        assert!(!talk.contains("is split between"), "the other run is the reason: {talk}");
    }
    let preview = tidegate(&world, elsewhere.path(), &["plan", &plan]).output().unwrap();
    let preview = Ended::of(preview);
    assert!(preview.expect(3).talk.contains("belongs to run marksplit-"), "{}", preview.talk);
    // Whoever means another region means another run.
    world.run(&["rollback", "--region", "us-east-1"]).expect(2);
    assert_eq!(world.described(), before);
    world.run(&["abort", "--reason", "seen enough"]).expect(4);
    assert_eq!(first.wait().unwrap().code(), Some(4));
}

#[test]
fn a_mark_whose_owner_was_killed_is_told_apart_from_one_that_lives() {
    let world = World::new("markkill");
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (long, short) = (staying(&world, "10m"), "1s");
    let mut killed = tidegate(&world, theirs.path(), &["run", &long]).spawn().unwrap();
    begun(theirs.path(), &mut killed);
    let run = run_in(theirs.path());
    let things = marks(&world);
    assert_eq!(things.as_object().unwrap().len(), 3, "a rule and two groups: {things}");
    let plan = staying(&world, short);
    let living = Ended::of(tidegate(&world, ours.path(), &["run", &plan]).output().unwrap());
    living.expect(6);
    assert!(living.talk.contains(&run) && living.talk.contains(" is running, last seen"));
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Just killed, it cannot be told from one that lives; four minutes later it can.
    Ended::of(tidegate(&world, ours.path(), &["run", &plan]).output().unwrap()).expect(6);
    world.age_marks(&run);
    let preview = Ended::of(tidegate(&world, ours.path(), &["plan", &plan]).output().unwrap());
    assert!(preview.expect(0).talk.contains("has left its mark on"), "{}", preview.talk);
    let after = Ended::of(tidegate(&world, ours.path(), &["run", &plan]).output().unwrap());
    let talk = &after.expect(0).talk;
    let journal = theirs.path().display().to_string();
    for words in ["has left its mark on", &run, &journal, "died or left it", "traffic split"] {
        assert!(talk.contains(words), "{words:?} is not in {talk}");
    }
    assert_eq!(marks(&world), serde_json::json!({}), "the dead one's are removed too");
    // Whoever died may come back, now that nobody is in the way.
    let back = tidegate(&world, theirs.path(), &["rollback", "--reason", "over"]).output().unwrap();
    Ended::of(back).expect(4);
    assert_eq!(marks(&world), serde_json::json!({}));
}

#[test]
fn where_tagging_is_denied_a_run_warns_and_goes_on() {
    let world = World::new("markdeny");
    let plan = staying(&world, "1s");
    let faults: Vec<String> = ["elbv2.AddTags", "autoscaling.CreateOrUpdateTags"]
        .iter()
        .map(|operation| world.fault(operation, r#""kind": "deny", "times": 100"#))
        .collect();
    let ended = world.run(&["run", &plan]);
    let talk = &ended.expect(0).talk;
    assert!(talk.contains("two folders could now run the same plan at once"), "{talk}");
    assert!(talk.contains("hint: allow `") && talk.contains(":AddTags`"), "{talk}");
    for fault in faults {
        assert!(world.lift(&fault) > 0);
    }
}

#[test]
fn marks_stand_while_a_run_lasts_and_are_gone_when_it_has_ended() {
    for kind in ["alb", "route53"] {
        let world = World::of_kind(kind, &format!("markgone{kind}"));
        let plan = if kind == "alb" { staying(&world, "{}") } else { by_dns(&world) };
        let before = world.described();
        let folder = tempfile::tempdir().unwrap();
        let start = |folder: &Path| {
            let mut run = tidegate(&world, folder, &["run", &plan]).spawn().unwrap();
            begun(folder, &mut run);
            run
        };
        let run = start(folder.path());
        let marked = marks(&world);
        assert!(!marked.as_object().unwrap().is_empty(), "{kind}");
        let ask = |args: &[&str]| {
            Ended::of(tidegate(&world, folder.path(), args).output().unwrap()).expect(0);
        };
        ask(&["resume"]);
        Ended::wait(run).expect(0);
        assert_eq!(marks(&world), serde_json::json!({}), "promoted");
        let back = tidegate(&world, folder.path(), &["rollback"]).output().unwrap();
        Ended::of(back).expect(4);
        assert_eq!(world.described(), before, "{kind}: marks are a part of that");
        // A run that is interrupted keeps them.
        let folder = tempfile::tempdir().unwrap();
        let run = start(folder.path());
        let pid = rustix::process::Pid::from_child(&run);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        Ended::wait(run).expect(130);
        assert_eq!(marks(&world).as_object().unwrap().len(), marked.as_object().unwrap().len());
        Ended::of(tidegate(&world, folder.path(), &["abort"]).output().unwrap()).expect(4);
        assert_eq!(world.described(), before, "{kind}: aborted");
    }
}

fn by_dns(world: &World) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  web: {{ route53: {{ zone: {prefix}.example.com, name: app.{prefix}.example.com, type: CNAME, pair: [blue, green] }} }}
steps:
  - pause: {{}}
"
    ))
}

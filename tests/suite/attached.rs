//! Files that a plan names, from the real binary: they are read from the folder of the plan, and what is wrong with one is
//! told at the key that names it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const PLAN: &str = "\
tidegate: 1
name: filed
routes:
  requests: { lambda: { function: orders, alias: live, candidate: 2 } }
gates:
  smoke:
    invoke:
      route: requests
      events:
        - { file: events/order.json, expect: { status: 200 } }
    every: 30s
steps:
  - probe: smoke
  - shift: { route: requests, candidate: 100%, bake: 10m, gates: [smoke] }
";

fn tidegate(at: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.current_dir(at).env_remove("AWS_ENDPOINT_URL").args(args).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn an_event_is_read_beside_its_plan_wherever_one_works() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(folder.path().join("events")).unwrap();
    fs::write(folder.path().join("events/order.json"), "{ \"id\": \"unlikely-7\" }\n").unwrap();
    let plan = folder.path().join("filed.yaml");
    fs::write(&plan, PLAN).unwrap();
    let plan = plan.to_str().unwrap();
    for at in [folder.path(), elsewhere.path()] {
        let expanded = tidegate(at, &["plan", plan, "--expand"]);
        assert_eq!(expanded.status.code(), Some(0), "{}", told(&expanded));
        assert!(
            told(&expanded).contains("payload: {\"id\":\"unlikely-7\"}"),
            "{}",
            told(&expanded)
        );
        let run = tidegate(at, &["run", plan, "--simulate"]);
        assert_eq!(run.status.code(), Some(0), "{}", told(&run));
        assert!(told(&run).contains("as expected to 1 of 1 events"), "{}", told(&run));
    }
    let bare = tidegate(folder.path(), &["check", "filed.yaml"]);
    assert_eq!(bare.status.code(), Some(0), "{}", told(&bare));
}

#[test]
fn a_file_that_cannot_be_read_or_is_no_event_is_told_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let event = folder.path().join("events/order.json");
    fs::write(folder.path().join("filed.yaml"), PLAN).unwrap();
    let refused = |words: &str| {
        let output = tidegate(folder.path(), &["check", "filed.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains("filed.yaml:10:19"), "{}", told(&output));
        assert!(told(&output).contains(words), "{words}: {}", told(&output));
    };
    refused("No such file");
    fs::create_dir_all(&event).unwrap();
    refused("it is no plain file");
    fs::remove_dir(&event).unwrap();
    fs::write(&event, "{ id: 7 }").unwrap();
    refused("is no JSON");
    fs::write(&event, [b'{', 0xff, b'}']).unwrap();
    refused("it is not UTF-8 text");
    fs::write(&event, "[]").unwrap();
    refused("holds a list");
    fs::write(&event, format!("{{\"x\": \"{}\"}}", "y".repeat(3_000_000))).unwrap();
    refused("is larger than 256 KiB");
    fs::remove_file(&event).unwrap();
    // A pipe that nobody writes to would be waited for.
    assert!(Command::new("mkfifo").arg(&event).status().unwrap().success());
    refused("it is no plain file");
}

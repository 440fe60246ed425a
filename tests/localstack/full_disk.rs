//! A journal's disk that is really full, in the moment in which a promoted run is to go back.

use std::process::{Command, Stdio};

use crate::world::{Ended, World};

/// In a mount namespace of its own, so that nobody has to clean up: a small disk, and all of its room taken but so many
/// kilobytes, three times; then all given back.
const STORY: &str = r#"
mount -t tmpfs -o size=4m none "$TIDEGATE_JOURNAL"
"$0" run plans/canary-alb.yaml >/dev/null; echo "== run $?"
for left in 0 12 20; do
  head -c 8m /dev/zero >"$TIDEGATE_JOURNAL/filler" 2>/dev/null
  truncate -s "-${left}K" "$TIDEGATE_JOURNAL/filler"
  "$0" rollback 2>&1; echo "== rollback $?"
  "$0" status; echo "== status $?"
  "$0" run plans/canary-alb.yaml 2>&1 >/dev/null; echo "== another $?"
done
rm "$TIDEGATE_JOURNAL/filler"
"$0" rollback 2>&1; echo "== at last $?"
"#;

#[test]
fn a_promoted_run_that_found_the_disk_full_can_be_rolled_back_once_there_is_room() {
    let world = World::new("fulldisk");
    let before = world.snapshot();
    let tidegate = world.tidegate(&[]);
    let mut shell = Command::new("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-c", STORY]).arg(tidegate.get_program());
    shell.current_dir(tidegate.get_current_dir().unwrap());
    shell.envs(tidegate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = Ended::of(shell.stdin(Stdio::null()).output().unwrap());
    let told = &ended.expect(0).told;
    println!("{told}");
    let parts: Vec<&str> = told.split("== ").collect();
    assert!(parts[1].starts_with("run 0"), "{told}");
    for tries in parts[1..parts.len() - 2].chunks(3) {
        let [rollback, status, _another] = tries else { panic!("{told}") };
        let (_, failed) = rollback.split_once('\n').unwrap();
        assert!(failed.contains("make room on the disk"), "{failed}");
        let (code, page) = status.split_once('\n').unwrap();
        assert_eq!(code, "rollback 1", "{told}");
        let second = page.lines().nth(1).unwrap();
        assert!(second.contains("tidegate rollback "), "{page}");
    }
    assert!(parts[parts.len() - 1].starts_with("at last 4"), "{told}");
    assert_eq!(world.snapshot(), before);
}

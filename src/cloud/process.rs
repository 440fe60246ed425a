//! Commands of a plan's own, run on this machine. Each gets a process group of its own, so that what runs over its time
//! goes away with all it has started, and no more of its output is kept than a reading could need.

use std::{process::Stdio, time::Duration};

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};

use super::{Commands, Ran};

/// Of each of its outputs, in bytes; the rest is read and dropped.
const KEPT: usize = 64 * 1024;

/// Runs commands without a shell.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalCommands;

#[async_trait]
impl Commands for LocalCommands {
    async fn run(&self, argv: &[String], timeout: Duration) -> Ran {
        let [program, arguments @ ..] = argv else {
            return Ran::NotStarted("no command was given".to_owned());
        };
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        match child {
            Ok(child) => wait(child, timeout).await,
            Err(error) => Ran::NotStarted(format!("{program}: {error}")),
        }
    }
}

/// Kills a process group when it is dropped: at the end of its time, or with the runner's task.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may be gone already, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn wait(mut child: Child, timeout: Duration) -> Ran {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let _group = Group(id.and_then(Pid::from_raw));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let all = async { tokio::join!(child.wait(), kept(stdout), kept(stderr)) };
    match tokio::time::timeout(timeout, all).await {
        Err(_) => Ran::TimedOut,
        Ok((Err(error), ..)) => Ran::NotStarted(error.to_string()),
        Ok((Ok(status), stdout, stderr)) => match status.code() {
            Some(code) => Ran::Exited { code, stdout, stderr },
            None => Ran::Killed,
        },
    }
}

async fn kept(output: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut output) = output else { return String::new() };
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    // Reading on when enough is kept lets the command write on.
    while let Ok(read @ 1..) = output.read(&mut piece).await {
        let room = KEPT.saturating_sub(kept.len()).min(read);
        kept.extend(piece.iter().take(room));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, timeout: Duration) -> Ran {
        let argv = ["sh", "-c", script].map(str::to_owned);
        LocalCommands.run(&argv, timeout).await
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn what_a_command_says_and_how_it_ends_is_told() {
        let ran = shell("echo well; echo hm >&2; exit 3", LONG).await;
        let (stdout, stderr) = ("well\n".to_owned(), "hm\n".to_owned());
        assert_eq!(ran, Ran::Exited { code: 3, stdout, stderr });
        assert_eq!(shell("kill -9 $$", LONG).await, Ran::Killed);
        let missing = LocalCommands.run(&["/does/not/exist".to_owned()], LONG).await;
        assert!(matches!(missing, Ran::NotStarted(_)), "{missing:?}");
    }

    #[tokio::test]
    async fn a_flood_of_output_is_cut_and_does_not_block() {
        let ran = shell("head -c 1000000 /dev/zero", LONG).await;
        let Ran::Exited { code: 0, stdout, .. } = ran else { panic!("{ran:?}") };
        assert_eq!(stdout.len(), KEPT);
    }

    #[tokio::test]
    async fn at_the_end_of_its_time_it_goes_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        // The child outlives the shell unless the whole group is killed.
        let script = format!("(sleep 60) & echo $! > {}; wait", file.display());
        assert_eq!(shell(&script, Duration::from_millis(500)).await, Ran::TimedOut);
        #[expect(clippy::disallowed_methods, reason = "a test reads what it wrote")]
        let child: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let state = || {
            #[expect(clippy::disallowed_methods, reason = "a test looks for a process")]
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
            stat.rsplit(')').next()?.trim().chars().next()
        };
        // Whoever inherits it may take a moment to bury it.
        let gone = (0..200).any(|_| {
            #[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
            std::thread::sleep(Duration::from_millis(10));
            matches!(state(), None | Some('Z' | 'X'))
        });
        assert!(gone, "{:?}", state());
    }
}

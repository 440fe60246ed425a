//! From a command to a reading: its exit code, or what it says of itself in JSON. A command that did not come to an end
//! has measured nothing.

use super::said::{Said, printable};
use crate::{
    cloud::{Commands, Ran},
    plan::{CommandGate, units::format_duration},
    rollout::{Outcome, Reading, Timestamp},
};

pub async fn run_command(commands: &dyn Commands, gate: &CommandGate, at: Timestamp) -> Reading {
    judge_command(gate, &commands.run(&gate.run, gate.timeout).await, at)
}

/// Exit code 0 passes and any other fails. JSON may say more exactly, but cannot make a failure a pass.
pub fn judge_command(gate: &CommandGate, ran: &Ran, at: Timestamp) -> Reading {
    let name = gate.run.first().map_or("command", String::as_str);
    let unknown = |words: String| Reading::new(Outcome::Unknown, at, format!("{name} {words}"));
    let (code, stdout, stderr) = match ran {
        Ran::Exited { code, stdout, stderr } => (*code, stdout, stderr),
        Ran::Killed => return unknown("was killed by a signal".to_owned()),
        Ran::TimedOut => {
            return unknown(format!("was killed after {}", format_duration(gate.timeout)));
        }
        Ran::NotStarted(words) => return unknown(format!("could not be started: {words}")),
    };
    let by_code = if code == 0 { Outcome::Pass } else { Outcome::Fail };
    let said = Said::read(stdout);
    let outcome = match said.as_ref().map(|said| said.outcome) {
        None | Some(Outcome::Pass) => by_code,
        Some(worse @ (Outcome::Fail | Outcome::Wait | Outcome::Unknown)) => worse,
    };
    let because = said.and_then(|said| said.because());
    let last = |text: &str| text.lines().rev().find(|line| !line.trim().is_empty()).map(printable);
    let because = because.or_else(|| last(stderr).filter(|_| outcome != Outcome::Pass));
    let words = because.map_or_else(String::new, |words| format!(": {words}"));
    Reading::new(outcome, at, format!("{name} ended with exit code {code}{words}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(ran: &Ran) -> Reading {
        let gate = CommandGate { run: vec!["check".into()], timeout: Duration::from_secs(5) };
        judge_command(&gate, ran, Timestamp::default())
    }

    fn exited(code: i32, stdout: &str) -> Reading {
        read(&Ran::Exited { code, stdout: stdout.into(), stderr: "boom\n\n".into() })
    }

    #[test]
    fn the_exit_code_decides_and_the_last_words_explain() {
        assert_eq!(exited(0, "fine").outcome, Outcome::Pass);
        let failed = exited(7, "{not json");
        assert_eq!(failed.outcome, Outcome::Fail);
        assert_eq!(failed.because, "check ended with exit code 7: boom");
    }

    #[test]
    fn json_says_more_but_cannot_turn_a_failure_into_a_pass() {
        let said = |outcome: &str| format!("{{\"outcome\": \"{outcome}\", \"because\": \"so\"}}");
        for (outcome, expected) in [
            ("pass", Outcome::Pass),
            ("fail", Outcome::Fail),
            ("wait", Outcome::Wait),
            ("unknown", Outcome::Unknown),
        ] {
            assert_eq!(exited(0, &said(outcome)).outcome, expected);
        }
        assert_eq!(exited(1, &said("pass")).outcome, Outcome::Fail);
        assert_eq!(exited(1, &said("wait")).outcome, Outcome::Wait);
        assert_eq!(exited(0, &said("wait")).because, "check ended with exit code 0: so");
        assert_eq!(exited(0, &said("splendid")).outcome, Outcome::Pass, "no outcome of ours");
    }

    #[test]
    fn what_did_not_end_has_measured_nothing() {
        for ran in [Ran::TimedOut, Ran::Killed, Ran::NotStarted("no such file".into())] {
            assert_eq!(read(&ran).outcome, Outcome::Unknown, "{ran:?}");
        }
    }
}

//! Everything that can happen to a run from outside. The runner turns finished calls, answers, timers, signals and
//! operators' commands into these, and nothing else reaches the core.

use super::{Actor, CallProblem, Check, Command, Jump, Made, Picture, Reading, Signal, Target};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time has passed; nothing else.
    Tick,
    /// A runner took the journal over.
    RunnerStarted {
        by: Actor,
        /// What was asked of the run before: obeyed before anything else follows.
        then: Vec<(Actor, Command)>,
    },
    /// The clock was set, or the machine slept; `now` is by the clock as it is from here on.
    ClockJumped {
        by: Jump,
    },
    /// A target was read.
    Observed {
        target: Target,
        live: Picture,
    },
    /// A target was to be read and is not there.
    Vanished {
        target: Target,
        words: String,
    },
    /// A call to change a target has come back.
    Called {
        target: Target,
        /// What it made, where AWS gave that a name.
        result: Result<Option<Made>, CallProblem>,
    },
    /// A check was answered.
    Answered {
        check: Check,
        reading: Reading,
    },
    Command {
        by: Actor,
        command: Command,
    },
    Interrupted {
        signal: Signal,
    },
}

//! From what was typed to the command that does it, and from its end to an exit code.

use std::io::ErrorKind;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use clap_complete::{CompleteEnv, env::Shells};

use super::{check, found::Asks, gate, history, judge, operate, plan, run as run_command, status};
use crate::{
    cli::{
        args::{Cli, GateCommand, GateVerb, Overwrite, Verb},
        exit::{Exit, Failure},
        output::{Output, Reach},
        settings,
    },
    plan as language,
    rollout::{Command, Vote},
};

/// Parses the command line, does what it says, and tells how it went.
pub fn run() -> Exit {
    // A shell that completes asks this way, and gets its answer.
    CompleteEnv::with_factory(Cli::command).complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print();
            return match printed {
                _ if error.use_stderr() => Exit::Usage,
                Err(lost) if lost.kind() != ErrorKind::BrokenPipe => Exit::Trouble,
                Ok(()) | Err(_) => Exit::Success,
            };
        }
    };
    let journal = &cli.global.journal;
    let usual = std::path::absolute(settings::journal_untyped());
    let named = (usual.ok().as_ref() != Some(journal)).then_some(journal.as_path());
    let mut output = Output::new(cli.global.output, cli.global.color).within(named);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&Failure::from(anyhow::Error::from(error)));
            return Exit::Trouble;
        }
    };
    let purpose = Purpose::of(&cli.command);
    let result = runtime.block_on(dispatch(cli, &mut output));
    // A name lookup, a request or a pipe that hangs must not keep the process.
    runtime.shutdown_background();
    let exit = result.unwrap_or_else(|failure| {
        output.progress(None);
        output.failure(&failure);
        failure.exit
    });
    match (exit, purpose, output.reach()) {
        (Exit::Success, Purpose::ToTell, Reach::Lost) => Exit::Trouble,
        (exit, _, _) => exit,
    }
}

/// What a command is there for. Who only tells, and is not heard, has failed; what is done is done whoever hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    ToTell,
    ToDo,
}

impl Purpose {
    fn of(verb: &Verb) -> Self {
        match verb {
            Verb::Check(_)
            | Verb::Plan(_)
            | Verb::Status(_)
            | Verb::History(_)
            | Verb::Gate(_)
            | Verb::Judge(_)
            | Verb::Schema
            | Verb::Completions { .. } => Self::ToTell,
            Verb::Run(_)
            | Verb::Approve(_)
            | Verb::Deny(_)
            | Verb::Pause(_)
            | Verb::Resume(_)
            | Verb::Abort(_)
            | Verb::Rollback(_) => Self::ToDo,
        }
    }
}

async fn dispatch(cli: Cli, output: &mut Output) -> Result<Exit, Failure> {
    let global = &cli.global;
    match cli.command {
        Verb::Check(file) => check::check(&file, output).await,
        Verb::Plan(command) => plan::plan(&command, global, output).await,
        Verb::Run(command) => Box::pin(run_command::run(&command, global, output)).await,
        Verb::Status(name) => status::status(&name, global, output).await,
        Verb::History(command) => history::history(&command.name, global, output).await,
        Verb::Approve(command) => {
            let step = command.step.map(language::StepId::new);
            let (reason, digest) = (command.reason, command.digest);
            let vote = Vote { step, reason, digest, identity: None };
            operate::vote(&command.name, vote, ("approve", Command::Approve), global, output).await
        }
        Verb::Deny(command) => {
            let step = command.step.map(language::StepId::new);
            let vote = Vote { step, reason: Some(command.reason), ..Vote::default() };
            operate::vote(&command.name, vote, ("deny", Command::Deny), global, output).await
        }
        Verb::Pause(name) => operate::send(&name, Command::Pause, global, output).await,
        Verb::Resume(takeover) => operate::resume(&takeover, global, output).await,
        Verb::Abort(command) => {
            let asked = (Command::Abort { reason: command.reason }, Asks::UnderWay);
            operate::go_back(&command.name, asked, Overwrite::default(), global, output).await
        }
        Verb::Rollback(command) => {
            let asked = (Command::Rollback { reason: command.how.reason }, Asks::GoBack);
            let overwrite = command.overwrite;
            operate::go_back(&command.how.name, asked, overwrite, global, output).await
        }
        Verb::Gate(GateCommand { verb: GateVerb::Test(command) }) => {
            gate::test(&command, global, output).await
        }
        Verb::Judge(command) => judge::judge(&command, global, output).await,
        Verb::Schema => {
            output.raw(&language::schema());
            Ok(Exit::Success)
        }
        Verb::Completions { shell } => {
            let (shells, name) = (Shells::builtins(), shell.to_string());
            let mut script = Vec::new();
            if let Some(completer) = shells.completer(&name) {
                completer
                    .write_registration("COMPLETE", "tidegate", "tidegate", "tidegate", &mut script)
                    .context("cannot write the completion script")?;
            }
            output.raw(&String::from_utf8_lossy(&script));
            Ok(Exit::Success)
        }
    }
}

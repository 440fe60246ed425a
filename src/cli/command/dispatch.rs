//! From what was typed to the command that does it, and from its end to an exit code.

use anyhow::Context;
use clap::{CommandFactory, Parser};
use clap_complete::{CompleteEnv, env::Shells};

use super::{check, found::Asks, gate, history, judge, operate, plan, run as run_command, status};
use crate::{
    cli::{
        args::{Cli, GateCommand, GateVerb, Overwrite, Verb},
        exit::{Exit, Failure},
        output::Output,
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
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            let _ = error.print();
            return exit;
        }
    };
    let mut output = Output::new(cli.global.output, cli.global.color);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&Failure::from(anyhow::Error::from(error)));
            return Exit::Trouble;
        }
    };
    let result = runtime.block_on(dispatch(cli, &mut output));
    // A name lookup or a request that hangs must not keep the process.
    runtime.shutdown_background();
    result.unwrap_or_else(|failure| {
        output.progress(None);
        output.failure(&failure);
        failure.exit
    })
}

async fn dispatch(cli: Cli, output: &mut Output) -> Result<Exit, Failure> {
    let global = &cli.global;
    match cli.command {
        Verb::Check(file) => check::check(&file, output),
        Verb::Plan(command) => plan::plan(&command, global, output).await,
        Verb::Run(command) => Box::pin(run_command::run(&command, global, output)).await,
        Verb::Status(name) => status::status(&name, global, output),
        Verb::History(command) => history::history(&command.name, global, output),
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

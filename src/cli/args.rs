//! What can be typed. Only clap's types; what they mean is settled in `settings.rs`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use super::complete;
use crate::{
    plan::{
        check_region,
        units::{Percent, PercentError},
    },
    rollout::Command,
};

/// Progressive delivery for AWS without Kubernetes.
///
/// Reads a rollout plan and moves production traffic from one version to the next, step by step. Alarms and other gates
/// decide whether the next step may begin; when one fails, everything the run touched is put back as it was.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Verb,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  promoted; for other commands, done
    1  trouble outside the plan and the cloud, such as an unreadable journal
    2  usage, or the plan is invalid
    3  preflight refused: nothing was touched
    4  rolled back, completely
    5  the roll-back failed or is incomplete: a person is needed
    6  another run owns the route or fleet
    7  held or awaiting approval: journaled, resumable
    8  drift: someone else changed what the run owns
   10  only of `plan --detailed-exitcode`: a run would change something
  130  interrupted (SIGINT), 143 terminated (SIGTERM, SIGQUIT, or SIGHUP of a closed
       terminal): journaled, resumable; before the run began, nothing was touched";

#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// Where journals are kept
    #[arg(
        long,
        global = true,
        env = "TIDEGATE_JOURNAL",
        value_name = "DIR",
        default_value = ".tidegate",
        value_parser = journal
    )]
    pub journal: PathBuf,
    /// How to write what was asked for: text for people, or JSON, one document a line
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    #[command(flatten)]
    pub aws: Aws,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "AWS")]
pub(super) struct Aws {
    /// Region; otherwise the plan's, then AWS's ordinary configuration
    #[arg(long, global = true, value_name = "REGION", value_parser = region)]
    pub region: Option<String>,
    /// Profile of AWS's configuration files; before any keys in the environment
    #[arg(long, global = true, value_name = "NAME", value_parser = profile)]
    pub profile: Option<String>,
    /// Send every call here, to LocalStack say
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

fn region(text: &str) -> Result<String, String> {
    check_region(text)
        .map(|()| text.to_owned())
        .map_err(|instead| format!("that is not the name of a region; {instead}"))
}

fn profile(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("a profile has a name; leave the option out for the one in use".to_owned());
    }
    Ok(text.to_owned())
}

/// A folder, from its root on, because what is said of it is read elsewhere. A URL would become a folder named `s3:`.
fn journal(text: &str) -> Result<PathBuf, String> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    if let Some(scheme) = scheme.filter(|scheme| is_scheme(scheme)) {
        return Err(format!(
            "a journal is a folder of this machine; one behind a URL ({scheme}://), such as on S3, is not there yet"
        ));
    }
    std::path::absolute(text)
        .map_err(|error| format!("it cannot be told which folder that is: {error}"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Check a plan, offline: every problem at once, each with its place and what to write instead
    Check(PlanFile),
    /// Show what a run would do, from before to after; reads only
    Plan(PlanCommand),
    /// Run a plan
    Run(RunCommand),
    /// Show where a run stands, why, and what can be done
    Status(RunName),
    /// Let a waiting `approve` step pass
    Approve(ApproveCommand),
    /// Fail a waiting `approve` step, with a reason
    Deny(DenyCommand),
    /// Start nothing new; gates stay armed
    Pause(RunName),
    /// Go on after a pause, a hold, an interrupt or a crash
    Resume(Takeover),
    /// Stop an unfinished run and roll it back
    Abort(AbortCommand),
    /// Roll back any run that can be, a promoted one too
    Rollback(RollbackCommand),
    /// List runs, or tell the story of one again
    History(HistoryCommand),
    /// Try a plan's gates without a rollout (`gate test`)
    Gate(GateCommand),
    /// Judge without a rollout: a file as Kayenta would, how long a `compare` gate takes (`judge plan`), or how often it
    /// would have been wrong (`judge calibrate`)
    Judge(JudgeCommand),
    /// Print the JSON schema of the plan language, for editors
    Schema,
    /// Print a shell's completion script
    Completions { shell: clap_complete::Shell },
}

#[derive(Clone, Debug, Args)]
pub(super) struct PlanFile {
    /// The plan, or - for standard input
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Value for a parameter of the plan; also from `TIDEGATE_PARAM_<NAME>`
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parameter)]
    pub params: Vec<(String, String)>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "a parameter is given as NAME=VALUE".to_owned())
}

#[derive(Clone, Debug, Args)]
pub(super) struct Simulation {
    /// Run in a simulated cloud, in virtual time; no credentials, nothing is touched
    #[arg(long)]
    pub simulate: bool,
    /// What goes on in the simulated cloud; without it everything goes well
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub scenario: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    #[command(flatten)]
    pub file: PlanFile,
    /// Print the plan with strategies expanded to steps, as a plan; needs no cloud
    #[arg(long)]
    pub expand: bool,
    /// Exit code 10 instead of 0 when a run would change something
    #[arg(long, conflicts_with = "expand")]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    pub simulation: Simulation,
}

#[derive(Debug, Args)]
pub(super) struct RunCommand {
    #[command(flatten)]
    pub file: PlanFile,
    #[command(flatten)]
    pub simulation: Simulation,
    /// Stop with exit code 7 instead of waiting when only a person can take the run further
    #[arg(long)]
    pub no_wait: bool,
    /// Write how many AWS calls were made, by operation, to standard error
    #[arg(long)]
    pub count_calls: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct RunName {
    /// The run, or enough of its beginning; without it, the latest, or for what changes something the only one that can
    /// be meant
    #[arg(value_name = "RUN", add = ArgValueCompleter::new(complete::runs))]
    pub run: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ApproveCommand {
    #[command(flatten)]
    pub name: RunName,
    /// The step to approve, where several wait
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Why; kept in the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Approve this plan only: its digest, or at least eight characters of its beginning
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct DenyCommand {
    #[command(flatten)]
    pub name: RunName,
    /// The step to deny, where several wait
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Why; kept in the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Takeover {
    #[command(flatten)]
    pub name: RunName,
    /// Stop with exit code 7 instead of waiting when only a person can take the run further
    #[arg(long)]
    pub no_wait: bool,
    #[command(flatten)]
    pub overwrite: Overwrite,
}

#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Overwrite {
    /// Write over what somebody else has made of the run's targets, as it was found
    #[arg(long)]
    overwrite: bool,
}

impl Overwrite {
    /// What is asked of the run before anything else.
    pub(super) fn asked(self) -> Option<Command> {
        self.overwrite.then_some(Command::Overwrite)
    }
}

#[derive(Debug, Args)]
pub(super) struct RollbackCommand {
    #[command(flatten)]
    pub how: AbortCommand,
    #[command(flatten)]
    pub overwrite: Overwrite,
}

#[derive(Debug, Args)]
pub(super) struct AbortCommand {
    #[command(flatten)]
    pub name: RunName,
    /// Why; kept in the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct HistoryCommand {
    #[command(flatten)]
    pub name: RunName,
}

#[derive(Debug, Args)]
pub(super) struct GateCommand {
    #[command(subcommand)]
    pub verb: GateVerb,
}

#[derive(Debug, Subcommand)]
pub(super) enum GateVerb {
    /// Tell what a plan's gates say now: exit code 0 when all pass, 4 when one fails (with `--since`, when a run would have
    /// rolled back), 7 when one waits or is unknown
    Test(GateTestCommand),
}

#[derive(Debug, Args)]
pub(super) struct GateTestCommand {
    #[command(flatten)]
    pub file: PlanFile,
    /// Only this gate
    #[arg(long, value_name = "NAME")]
    pub gate: Option<String>,
    /// Replay alarms and metrics over so long, such as `24h`, and tell when a run would have stopped; figures of now count
    /// over the last hour unless told
    #[arg(long, value_name = "TIME", value_parser = crate::plan::units::parse_duration)]
    pub since: Option<std::time::Duration>,
    #[command(flatten)]
    pub simulation: Simulation,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct JudgeCommand {
    /// Whose judgement
    #[arg(long, value_enum, required = true)]
    pub mode: Option<JudgeMode>,
    /// What is judged, as JSON, or - for standard input; the judgement is JSON too
    #[arg(value_name = "FILE", required = true)]
    pub file: Option<PathBuf>,
    #[command(subcommand)]
    pub verb: Option<JudgeVerb>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum JudgeMode {
    /// `NetflixACAJudge-v1.0`, to the letter, with the JSON of a remote judge; exit code 0 of `Pass`, 4 of `Fail`, 7 of
    /// `Marginal`
    Kayenta,
}

#[derive(Debug, Subcommand)]
pub(super) enum JudgeVerb {
    /// Tell how long a `compare` gate takes to fail or pass at some traffic
    Plan(ForecastCommand),
    /// Tell how often a plan's `compare` gates would have failed a harmless candidate, by the stable side's past
    Calibrate(CalibrateCommand),
}

#[derive(Debug, Args)]
pub(super) struct CalibrateCommand {
    #[command(flatten)]
    pub file: PlanFile,
    /// Only this gate
    #[arg(long, value_name = "NAME")]
    pub gate: Option<String>,
    /// How far back, at most the 15 days for which minutes are kept
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = crate::plan::units::parse_duration)]
    pub since: std::time::Duration,
    #[command(flatten)]
    pub simulation: Simulation,
}

#[derive(Debug, Args)]
pub(super) struct ForecastCommand {
    /// A plan, or - for standard input: its `compare` gates, as they are; without one, a gate with its defaults
    #[arg(value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    /// Value for a parameter of the plan; also from `TIDEGATE_PARAM_<NAME>`
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parameter, requires = "plan")]
    pub params: Vec<(String, String)>,
    /// Only this gate of the plan
    #[arg(long, value_name = "NAME", requires = "plan")]
    pub gate: Option<String>,
    /// Requests a minute to both sides together
    #[arg(long, value_name = "NUMBER")]
    pub requests_per_minute: u32,
    /// The candidate's share of them, such as `50%`; otherwise that of the first shift that names the gate, or `5%`
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub share: Option<Percent>,
    /// Of the stable side's requests, how many fail (or are slow, where a gate counts that), such as `0.5%`
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "1%")]
    pub rate: Percent,
}

/// As in a plan, with its unit.
fn percent(text: &str) -> Result<Percent, String> {
    text.parse().map_err(|error| match error {
        PercentError::NoUnit => format!("{error}: write `{text}%`"),
        PercentError::Malformed | PercentError::OutOfRange => {
            format!("{error}: write `5%` or `0.5%`")
        }
    })
}

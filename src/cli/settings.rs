//! What was typed and what the environment says, put together. The only place that reads the environment.
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::PathBuf,
};

use crate::rollout::Actor;

/// The parameters of a plan: those typed, and `TIDEGATE_PARAM_<NAME>` (dashes as underscores) for those it declares. A
/// typed one that the plan does not know is an error; a variable may be meant for another plan.
pub(super) fn params(
    typed: &[(String, String)],
    declared: &BTreeSet<String>,
) -> BTreeMap<String, String> {
    let named = declared.iter().filter_map(|name| {
        let key = format!("TIDEGATE_PARAM_{}", name.to_ascii_uppercase().replace('-', "_"));
        env::var(key).ok().map(|value| (name.clone(), value))
    });
    named.chain(typed.iter().cloned()).collect()
}

/// Who acts, as far as this machine can tell: `TIDEGATE_ACTOR`, or user and host.
pub(super) fn actor() -> Actor {
    let name = ["TIDEGATE_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN"]
        .iter()
        .find_map(|key| env::var(key).ok().filter(|value| !value.is_empty()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Actor(name.unwrap_or_else(|| format!("{}@{host}", user())))
}

/// The folder of journals that is meant by a line which is still being typed. A shell that asks for completions hands over
/// the words so far, before anything has parsed them.
pub(super) fn journal_typed() -> PathBuf {
    let words: Vec<String> = env::args_os().filter_map(|word| word.into_string().ok()).collect();
    let typed = journal_in(&words).map(|typed| match typed.strip_prefix("~/") {
        // The shell has not replaced it yet.
        Some(rest) => env::home_dir().unwrap_or_default().join(rest),
        None => PathBuf::from(typed),
    });
    typed.unwrap_or_else(journal_untyped)
}

/// The folder of journals that is meant where none is typed.
pub(super) fn journal_untyped() -> PathBuf {
    env::var_os("TIDEGATE_JOURNAL").map_or_else(|| PathBuf::from(".tidegate"), PathBuf::from)
}

/// What `--journal` says in these words; the last counts, because a shell's own may come first.
fn journal_in(words: &[String]) -> Option<&str> {
    let apart = words.windows(2).filter_map(|pair| match pair {
        [option, value] if option == "--journal" => Some(value.as_str()),
        _ => None,
    });
    let joined = words.iter().filter_map(|word| word.strip_prefix("--journal="));
    apart.chain(joined).last()
}

pub(super) fn user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|key| env::var(key).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

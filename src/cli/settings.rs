//! What was typed and what the environment says, put together. The only place that reads the environment.
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]

use std::{collections::BTreeMap, env};

use super::args::PlanFile;
use crate::rollout::Actor;

/// The parameters of a plan: those typed, then `TIDEGATE_PARAM_<NAME>` with dashes as underscores.
pub(super) fn params(file: &PlanFile) -> BTreeMap<String, String> {
    const PREFIX: &str = "TIDEGATE_PARAM_";
    let named = env::vars().filter_map(|(key, value)| {
        let name = key.strip_prefix(PREFIX)?.to_ascii_lowercase().replace('_', "-");
        Some((name, value))
    });
    named.chain(file.params.iter().cloned()).collect()
}

/// Who acts, as far as this machine can tell: `TIDEGATE_ACTOR`, or user and host.
pub(super) fn actor() -> Actor {
    let name = ["TIDEGATE_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN"]
        .iter()
        .find_map(|key| env::var(key).ok().filter(|value| !value.is_empty()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Actor(name.unwrap_or_else(|| format!("{}@{host}", user())))
}

pub(super) fn user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|key| env::var(key).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

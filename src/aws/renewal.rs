//! Why there are no credentials, and what a person types to get some. The SDK says what went wrong in the source it
//! tried last; which source was meant follows from environment and profile, and so does what renews it.

use std::{
    error::Error as StdError,
    fmt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_runtime::env_config::section::EnvConfigSections;
use aws_types::os_shim_internal::Env;

use super::connection::chain;

/// Where credentials are to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Keys,
    Sso {
        profile: String,
    },
    Login {
        profile: String,
    },
    Process {
        profile: String,
        command: String,
    },
    Role {
        arn: String,
        from: Box<Source>,
    },
    WebIdentity,
    Container,
    /// Nothing is configured: what is left is the role of the machine, if it has one. `known` are the profiles there are.
    Machine {
        profile: String,
        known: Vec<String>,
    },
}

/// How many profiles may borrow from one another; more are a circle.
const CHAIN: usize = 10;

impl Source {
    /// What the SDK will go by. `asked` is the profile of `--profile`, which comes before keys in the environment.
    pub(super) fn of(asked: Option<&str>, env: &Env, profiles: Option<&EnvConfigSections>) -> Self {
        let is_set = |key: &str| env.get(key).is_ok_and(|value| !value.is_empty());
        if asked.is_none() && is_set("AWS_ACCESS_KEY_ID") && is_set("AWS_SECRET_ACCESS_KEY") {
            return Self::Keys;
        }
        let variable = env.get("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        let profile = asked.or(variable.as_deref()).unwrap_or("default");
        if let Some(source) = profiles.and_then(|all| Self::of_profile(profile, all, CHAIN)) {
            return source;
        }
        if asked.is_none() && is_set("AWS_WEB_IDENTITY_TOKEN_FILE") {
            return Self::WebIdentity;
        }
        let container =
            ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
        if container.into_iter().any(is_set) {
            return Self::Container;
        }
        let mut known: Vec<String> =
            profiles.map(|all| all.profiles().map(str::to_owned).collect()).unwrap_or_default();
        known.sort();
        Self::Machine { profile: profile.to_owned(), known }
    }

    /// Nothing where the profile has no credentials of its own.
    fn of_profile(name: &str, all: &EnvConfigSections, left: usize) -> Option<Self> {
        let profile = all.get_profile(name)?;
        let own = || Some(name.to_owned());
        if let Some(arn) = profile.get("role_arn") {
            let from = match (profile.get("source_profile"), left.checked_sub(1)) {
                (Some(source), Some(left)) if source != name => Self::of_profile(source, all, left),
                (Some(_), _) => Some(Self::Keys),
                (None, _) => match profile.get("credential_source") {
                    Some("EcsContainer") => Some(Self::Container),
                    Some("Ec2InstanceMetadata") => {
                        Some(Self::Machine { profile: name.to_owned(), known: Vec::new() })
                    }
                    Some(_) | None => Some(Self::Keys),
                },
            };
            let from = Box::new(from.unwrap_or(Self::Keys));
            return Some(Self::Role { arn: arn.to_owned(), from });
        }
        if profile.get("sso_session").or(profile.get("sso_start_url")).is_some() {
            return own().map(|profile| Self::Sso { profile });
        }
        if profile.get("login_session").is_some() {
            return own().map(|profile| Self::Login { profile });
        }
        if let Some(command) = profile.get("credential_process") {
            let command = command.to_owned();
            return own().map(|profile| Self::Process { profile, command });
        }
        profile.get("aws_access_key_id").map(|_| Self::Keys)
    }

    /// What to type.
    fn renew(&self) -> String {
        match self {
            Self::Keys => "check the access key and its secret; `aws sts get-caller-identity` must succeed".to_owned(),
            Self::Sso { profile } => format!("`aws sso login --profile {profile}`"),
            Self::Login { profile } => format!("`aws login --profile {profile}`"),
            Self::Process { profile, command } => format!(
                "run the `credential_process` of profile {profile} by itself, `{command}`: it has to print credentials"
            ),
            Self::Role { arn, from } => match &**from {
                renewable @ (Self::Sso { .. } | Self::Login { .. } | Self::Process { .. }) => {
                    renewable.renew()
                }
                Self::Machine { .. } | Self::Container => format!(
                    "the profile's `credential_source` has to give credentials first: is this a machine, or a task, with \
                     a role? It has to be one that may assume {arn}"
                ),
                Self::Keys | Self::Role { .. } | Self::WebIdentity => format!(
                    "`aws sts assume-role --role-arn {arn} --role-session-name try` must succeed; who may is in the \
                     role's trust policy"
                ),
            },
            Self::WebIdentity => {
                "AWS_WEB_IDENTITY_TOKEN_FILE has to name a token that is valid, and AWS_ROLE_ARN a role that trusts its issuer"
                    .to_owned()
            }
            Self::Container => {
                "the address in AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI has to answer with credentials: has \
                 the task a role?"
                    .to_owned()
            }
            Self::Machine { known, .. } => {
                let others: Vec<&str> =
                    known.iter().map(String::as_str).filter(|name| *name != "default").collect();
                let profile = match others.as_slice() {
                    [] => "`aws configure sso` makes a profile".to_owned(),
                    names => format!("name a profile, `--profile {}`", names.join("` or `--profile ")),
                };
                format!("{profile}; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
            }
        }
    }

    /// Whether it gives credentials again by itself when it has given some before.
    fn recovers(&self) -> bool {
        match self {
            Self::Keys | Self::Sso { .. } | Self::Login { .. } => false,
            Self::Process { .. } | Self::WebIdentity | Self::Container | Self::Machine { .. } => {
                true
            }
            Self::Role { from, .. } => from.recovers() || **from == Self::Keys,
        }
    }
}

/// Credentials whose lack is told with what renews them.
#[derive(Debug)]
pub(super) struct Renewable {
    inner: SharedCredentialsProvider,
    source: Source,
    had: AtomicBool,
}

impl Renewable {
    pub(super) fn new(inner: SharedCredentialsProvider, source: Source) -> Self {
        Self { inner, source, had: AtomicBool::new(false) }
    }

    fn lack(&self, error: CredentialsError) -> CredentialsError {
        let words = match &self.source {
            Source::Machine { profile, .. } => format!(
                "there are none in the environment nor in profile {profile}, and this machine has no role{}{}",
                missing_files(),
                half_set()
            ),
            Source::Keys
            | Source::Sso { .. }
            | Source::Login { .. }
            | Source::Process { .. }
            | Source::Role { .. }
            | Source::WebIdentity
            | Source::Container => in_words(&error),
        };
        let passes = self.had.load(Ordering::Relaxed) && self.source.recovers();
        let is_near = matches!(self.source, Source::Machine { .. } | Source::Container);
        CredentialsError::provider_error(NoCredentials {
            words,
            renew: self.source.renew(),
            passes,
            is_near,
            source: error,
        })
    }
}

/// Files that are named and not there, which the CLI passes over in silence.
fn missing_files() -> String {
    let env = Env::real();
    let missing =
        ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"].into_iter().filter_map(|key| {
            let path = env.get(key).ok().filter(|path| !path.is_empty())?;
            (!Path::new(&path).is_file()).then(|| format!("; {key} names {path}, which is no file"))
        });
    missing.collect()
}

/// Half of what gives credentials, which the CLI passes over in silence too.
fn half_set() -> String {
    let env = Env::real();
    let is_set = |key: &str| env.get(key).is_ok_and(|value| !value.is_empty());
    let halves = [
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
        ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    ];
    let halves = halves.into_iter().filter(|(half, other)| is_set(half) && !is_set(other));
    let told = halves.map(|(half, other)| format!("; {half} is set, and {other} is not"));
    told.collect::<Vec<_>>().concat()
}

/// Without the outermost link, which only says that credentials could not be loaded.
fn in_words(error: &CredentialsError) -> String {
    let outermost = error.to_string();
    let mut links: Vec<String> =
        error.source().into_iter().flat_map(chain).map(ToString::to_string).collect();
    links.dedup();
    // What went wrong says more than that something did.
    links.retain(|link| !link.starts_with("an error occurred while loading"));
    let words = if links.is_empty() { outermost } else { links.join(": ") };
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl ProvideCredentials for Renewable {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            match self.inner.provide_credentials().await {
                Ok(credentials) => {
                    self.had.store(true, Ordering::Relaxed);
                    Ok(credentials)
                }
                Err(error) => Err(self.lack(error)),
            }
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.inner.fallback_on_interrupt()
    }
}

/// That there are none, for the place that reads errors (`error.rs`).
#[derive(Debug)]
pub(super) struct NoCredentials {
    pub(super) words: String,
    pub(super) renew: String,
    /// Whether they may come back by themselves.
    pub(super) passes: bool,
    /// Whether whoever gives them is no part of AWS: not reaching the machine's or the task's own metadata says nothing of
    /// AWS's endpoints.
    pub(super) is_near: bool,
    source: CredentialsError,
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl StdError for NoCredentials {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

//! Profiles of AWS's configuration files, where the SDK's own order would do harm: it looks at the keys in the
//! environment first even when a profile is asked for by name, so that a plan runs in another account than was meant.
//! The AWS CLI lets what is asked for explicitly win, and refuses a profile that does not exist; so do we.
//! <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-quickstart.html#cli-configure-quickstart-precedence>

use aws_config::{
    Region,
    default_provider::region::DefaultRegionChain,
    ecs::EcsCredentialsProvider,
    imds::credentials::ImdsCredentialsProvider,
    meta::credentials::CredentialsProviderChain,
    profile::{ProfileFileCredentialsProvider, ProfileFileLoadError, load},
    provider_config::ProviderConfig,
};
use aws_runtime::env_config::{file::EnvConfigFiles, section::EnvConfigSections};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};

use super::{renewal::Source, settings::Settings};
use crate::plan::{check_region, did_you_mean};

/// What the CLI calls the profile that is used where none is named.
const DEFAULT: &str = "default";

/// Credentials of a profile that was asked for by name. As with the CLI's `--profile`, keys in the environment are not
/// looked at; a profile without credentials of its own (a region only) has those of the machine.
pub(super) async fn of(
    name: &str,
    region: Option<Region>,
    client: SharedHttpClient,
) -> CredentialsProviderChain {
    let region = match region {
        Some(region) => Some(region),
        None => DefaultRegionChain::builder().profile_name(name).build().region().await,
    };
    let config = ProviderConfig::default().with_region(region).with_http_client(client);
    let profile =
        ProfileFileCredentialsProvider::builder().configure(&config).profile_name(name).build();
    let container = EcsCredentialsProvider::builder().configure(&config).build();
    let instance = ImdsCredentialsProvider::builder().configure(&config).profile(name).build();
    CredentialsProviderChain::first_try("Profile", profile)
        .or_else("EcsContainer", container)
        .or_else("Ec2InstanceMetadata", instance)
}

/// What AWS's configuration files say; nothing where they cannot be read.
pub(super) async fn configured() -> Option<EnvConfigSections> {
    load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None).await.ok()
}

/// What the profile in use says under a key.
pub(super) fn says<'a>(
    profiles: Option<&'a EnvConfigSections>,
    asked: Option<&str>,
    key: &str,
) -> Option<&'a str> {
    let variable = Env::real().get("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    let name = asked.or(variable.as_deref()).unwrap_or(DEFAULT);
    profiles?.get_profile(name)?.get(key)
}

/// Why what is set for AWS cannot be used. Nothing was called.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("profile {name} does not exist in {}", files.join(" or "))]
    Unknown {
        name: String,
        /// Those that were looked at.
        files: Vec<String>,
        /// All that exist.
        known: Vec<String>,
    },
    #[error("profile {name} borrows from profile {source_profile}, which does not exist")]
    UnknownSource { name: String, source_profile: String, known: Vec<String> },
    #[error("profiles borrow from one another in a circle: {}", names.join(", "))]
    Circle { names: Vec<String> },
    #[error("profile {name} borrows from itself, and has no keys of its own")]
    Selfish { name: String },
    #[error("profile {name} has a role_arn and nothing to assume it with")]
    BareRole { name: String },
    #[error("{place} has {half}")]
    HalfKey { place: String, half: &'static str, missing: &'static str },
    #[error("profile {name} borrows from {from}, which has no credentials")]
    Nothing { name: String, from: String },
    #[error(
        "profile {name} has `sso_session = {session}`, and there is no section `[sso-session {session}]`"
    )]
    NoSession { name: String, session: String, known: Vec<String> },
    #[error("profile {name} has `credential_source = {given}`, which is no source")]
    NoSource { name: String, given: String },
    #[error("{key} names {path}, which cannot be read: {problem}")]
    NoToken { key: &'static str, path: String, problem: String },
    #[error("AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not")]
    NoRole,
    #[error("`{region}`, from {place}, is not the name of a region")]
    Region { region: String, place: String, instead: String },
    #[error("cannot read AWS's configuration files")]
    Unreadable(#[source] ProfileFileLoadError),
}

impl SettingsError {
    /// What to do about it, for the line after the error.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { name, known, .. }
            | Self::UnknownSource { source_profile: name, known, .. } => {
                let near = did_you_mean(name, known.iter().map(String::as_str));
                match (near, known.as_slice()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, []) => "no profile is configured; `aws configure` makes one".to_owned(),
                    (None, known) => format!("there is {}", known.join(", ")),
                }
            }
            Self::NoSession { session, known, .. } => {
                let near = did_you_mean(session, known.iter().map(String::as_str));
                match (near, known.as_slice()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, []) => "`aws configure sso-session` makes one".to_owned(),
                    (None, known) => format!(
                        "there is {}; `aws configure sso-session` makes another",
                        known.join(", ")
                    ),
                }
            }
            Self::Circle { .. } => {
                "let one of them have credentials of its own, and no `source_profile`".to_owned()
            }
            Self::Selfish { name } => {
                format!(
                    "let `source_profile` of {name} name the profile with the keys, or give it keys"
                )
            }
            Self::BareRole { name } => format!(
                "give profile {name} a `source_profile`, a `credential_source` or a `web_identity_token_file`"
            ),
            Self::HalfKey { missing, .. } => {
                format!("set {missing} too, or take what there is away so that others count")
            }
            Self::Nothing { from, .. } => format!("give {from} an access key and its secret"),
            Self::NoSource { .. } => {
                "write `Environment`, `Ec2InstanceMetadata` or `EcsContainer`".to_owned()
            }
            Self::NoToken { key, .. } => {
                format!(
                    "let {key} name the file with the token: it is written by EKS or the CI's OIDC step"
                )
            }
            Self::NoRole => {
                "set AWS_ROLE_ARN to the role that trusts the token's issuer".to_owned()
            }
            Self::Region { instead, .. } => instead.clone(),
            Self::Unreadable(_) => "repair the file; `aws configure list` must succeed".to_owned(),
        }
    }
}

/// Looks at what can be seen to be wrong without calling anybody: the SDK finds out with the first call, or goes on
/// silently to credentials that were not meant. Only files are read.
pub async fn check_settings(settings: &Settings) -> Result<(), SettingsError> {
    let env = Env::real();
    let set = |key: &str| env.get(key).ok().filter(|value| !value.is_empty());
    let asked = settings.profile.clone();
    let by_keys = asked.is_none() && set(KEY).is_some();
    if by_keys && set(SECRET).is_none() {
        let place = "the environment".to_owned();
        return Err(SettingsError::HalfKey { place, half: NO_SECRET, missing: SECRET });
    }
    let named = asked.clone().or_else(|| set("AWS_PROFILE"));
    let name = named.as_deref().unwrap_or(DEFAULT);
    let loaded = load(&Fs::real(), &env, &EnvConfigFiles::default(), None).await;
    let profiles = match loaded {
        Ok(profiles) => profiles,
        Err(_) if named.is_none() => return Ok(()),
        Err(error) => return Err(SettingsError::Unreadable(error)),
    };
    let mut known: Vec<String> = profiles.profiles().map(str::to_owned).collect();
    known.sort();
    if profiles.get_profile(name).is_none() && name != DEFAULT {
        let file = |key: &str, usual: &str| set(key).unwrap_or_else(|| usual.to_owned());
        let files = vec![
            file("AWS_CONFIG_FILE", "~/.aws/config"),
            file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        ];
        return Err(SettingsError::Unknown { name: name.to_owned(), files, known });
    }
    if settings.region.is_none() {
        let variable = ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .into_iter()
            .find_map(|key| Some((set(key)?, key.to_owned())));
        let own = || {
            let region = profiles.get_profile(name)?.get("region")?;
            Some((region.to_owned(), format!("profile {name}")))
        };
        if let Some((region, place)) = variable.or_else(own)
            && let Err(instead) = check_region(&region)
        {
            return Err(SettingsError::Region { region, place, instead });
        }
    }
    if by_keys {
        return Ok(());
    }
    if let Some(token) = tokens_of(name, &profiles, known, &env)? {
        return readable("web_identity_token_file", token).await;
    }
    let has_source = Source::of(asked.as_deref(), &env, Some(&profiles)) != Source::WebIdentity;
    match set(TOKEN_FILE) {
        Some(_) if has_source => Ok(()),
        Some(_) if set("AWS_ROLE_ARN").is_none() => Err(SettingsError::NoRole),
        Some(path) => readable(TOKEN_FILE, path).await,
        None => Ok(()),
    }
}

const NO_SECRET: &str = "an access key and no secret";
const NO_KEY: &str = "a secret and no access key";
const KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// Follows a profile to the one that has credentials; the token file, if that is what it has.
fn tokens_of(
    name: &str,
    profiles: &EnvConfigSections,
    known: Vec<String>,
    env: &Env,
) -> Result<Option<String>, SettingsError> {
    let keys_are_set =
        [KEY, SECRET].iter().all(|key| env.get(key).is_ok_and(|set| !set.is_empty()));
    let mut names = vec![name.to_owned()];
    loop {
        let name = names.last().cloned().unwrap_or_default();
        let Some(profile) = profiles.get_profile(&name) else { return Ok(None) };
        // A profile may borrow from itself: then it has keys.
        let has = |key| profile.get(key).is_some();
        let source = profile.get("role_arn").and(profile.get("source_profile"));
        if source == Some(name.as_str()) && !has("aws_access_key_id") {
            return Err(SettingsError::Selfish { name });
        }
        let others = ["credential_source", "web_identity_token_file"];
        if has("role_arn") && source.is_none() && !others.into_iter().any(has) {
            return Err(SettingsError::BareRole { name });
        }
        match source.filter(|source| *source != name) {
            Some(source) if names.iter().any(|known| known == source) => {
                names.push(source.to_owned());
                return Err(SettingsError::Circle { names });
            }
            Some(source) if profiles.get_profile(source).is_none() => {
                let source_profile = source.to_owned();
                return Err(SettingsError::UnknownSource { name, source_profile, known });
            }
            Some(source) => names.push(source.to_owned()),
            None => {
                let place = format!("profile {name}");
                let (key, secret) = ("aws_access_key_id", "aws_secret_access_key");
                match (has(key), has(secret)) {
                    (true, false) => {
                        let (half, missing) = (NO_SECRET, secret);
                        return Err(SettingsError::HalfKey { place, half, missing });
                    }
                    (false, true) => {
                        let (half, missing) = (NO_KEY, key);
                        return Err(SettingsError::HalfKey { place, half, missing });
                    }
                    (true, true) | (false, false) => {}
                }
                let session = profile.get("sso_session").filter(|_| !has(key));
                if let Some(session) = session.filter(|it| profiles.sso_session(it).is_none()) {
                    let mut known: Vec<String> =
                        profiles.sso_sessions().map(str::to_owned).collect();
                    known.sort();
                    let session = session.to_owned();
                    return Err(SettingsError::NoSession { name, session, known });
                }
                let is_lent = [key, "sso_session", "sso_start_url", "login_session"]
                    .into_iter()
                    .chain(["credential_process", "role_arn", "web_identity_token_file"])
                    .any(has);
                if let ([.., borrower, _], false) = (names.as_slice(), is_lent) {
                    let (name, from) = (borrower.clone(), place);
                    return Err(SettingsError::Nothing { name, from });
                }
                match profile.get("credential_source").filter(|_| has("role_arn")) {
                    Some("Environment") if !keys_are_set => {
                        let from = "the environment".to_owned();
                        return Err(SettingsError::Nothing { name, from });
                    }
                    None | Some("Environment" | "Ec2InstanceMetadata" | "EcsContainer") => {}
                    Some(given) => {
                        let given = given.to_owned();
                        return Err(SettingsError::NoSource { name, given });
                    }
                }
                return Ok(profile.get("web_identity_token_file").map(str::to_owned));
            }
        }
    }
}

async fn readable(key: &'static str, path: String) -> Result<(), SettingsError> {
    match Fs::real().read_to_end(&path).await {
        Ok(_) => Ok(()),
        Err(error) => Err(SettingsError::NoToken { key, path, problem: error.to_string() }),
    }
}

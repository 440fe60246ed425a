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

use super::settings::Settings;
use crate::plan::did_you_mean;

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

/// Why the profile that was asked for cannot be used. Nothing was called.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("profile {name} does not exist in {}", files.join(" or "))]
    Unknown {
        name: String,
        /// Those that were looked at.
        files: Vec<String>,
        /// All that exist.
        known: Vec<String>,
    },
    #[error("cannot read AWS's configuration files")]
    Unreadable(#[source] ProfileFileLoadError),
}

impl ProfileError {
    /// What to do about it, for the line after the error.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { name, known, .. } => {
                let near = did_you_mean(name, known.iter().map(String::as_str));
                match (near, known.as_slice()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, []) => "no profile is configured; `aws configure` makes one".to_owned(),
                    (None, known) => format!("there is {}", known.join(", ")),
                }
            }
            Self::Unreadable(_) => "repair the file; `aws configure list` must succeed".to_owned(),
        }
    }
}

/// Whether the profile asked for exists, by `--profile` or by `AWS_PROFILE`: the CLI refuses an unknown one of either,
/// though keys in the environment win over the second. Only files are read.
pub async fn check_profile(settings: &Settings) -> Result<(), ProfileError> {
    let env = Env::real();
    let asked = settings
        .profile
        .clone()
        .or_else(|| env.get("AWS_PROFILE").ok().filter(|name| !name.is_empty()));
    let Some(name) = asked.filter(|name| name != DEFAULT) else { return Ok(()) };
    let profiles = load(&Fs::real(), &env, &EnvConfigFiles::default(), None)
        .await
        .map_err(ProfileError::Unreadable)?;
    if profiles.get_profile(&name).is_some() {
        return Ok(());
    }
    let mut known: Vec<String> = profiles.profiles().map(str::to_owned).collect();
    known.sort();
    let file = |key: &str, usual: &str| env.get(key).unwrap_or_else(|_| usual.to_owned());
    let files = vec![
        file("AWS_CONFIG_FILE", "~/.aws/config"),
        file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ];
    Err(ProfileError::Unknown { name, files, known })
}

//! Which account's cloud is meant, and where it is asked.

/// What was said on the command line or in the plan; what is `None` comes from the environment or the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// In place of every service's own endpoint.
    pub endpoint_url: Option<String>,
}

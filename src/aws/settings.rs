//! Which account's cloud is meant, and where it is asked.

/// What was said on the command line or in the plan; what is `None` comes from the environment or the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub region: Option<String>,
    /// The ARN of a role to assume with the credentials that are found.
    pub role: Option<String>,
    /// What its session is called, where AWS tells who acted.
    pub session: String,
    pub profile: Option<String>,
    /// In place of every service's own endpoint.
    pub endpoint_url: Option<String>,
}

//! How many executions of simulated functions there may be, and what keeps AWS from having some ready.

use serde::Deserialize;

/// What all functions of a scenario have in common.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ConcurrencyScript {
    /// What the account has left for functions that reserve none.
    pub unreserved: u32,
    /// What each function has reserved, if it has.
    pub reserved: Option<u32>,
    /// What is provisioned for each alias itself, if anything is.
    pub on_alias: Option<u32>,
    /// Other aliases that lead to the version which serves.
    pub other_aliases: Vec<String>,
    /// Whether versions begin from a snapshot (`SnapStart`).
    pub snapshots: bool,
}

impl Default for ConcurrencyScript {
    /// As a new account's: no function reserves anything.
    fn default() -> Self {
        Self {
            unreserved: 1_000,
            reserved: None,
            on_alias: None,
            other_aliases: Vec::new(),
            snapshots: false,
        }
    }
}

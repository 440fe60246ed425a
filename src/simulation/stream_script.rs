//! What a scenario may say of the streams that gates watch, by how far their readers are behind.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::phrases::{Moment, duration, optional_duration};

/// The readers of one stream. The default are close behind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct StreamScript {
    /// Of the last record that was read.
    #[serde(deserialize_with = "duration")]
    pub age: Duration,
    /// `false`: nobody reads, so there are no figures.
    pub read: bool,
    /// What becomes different later.
    pub later: Vec<StreamChange>,
}

impl Default for StreamScript {
    fn default() -> Self {
        Self { age: Duration::from_millis(200), read: true, later: Vec::new() }
    }
}

/// Only what is given changes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StreamChange {
    pub at: Moment,
    #[serde(default, deserialize_with = "optional_duration")]
    pub age: Option<Duration>,
    pub read: Option<bool>,
}

/// By the name of the function or stream; the entry `all` is for every one that has none of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StreamScripts(pub BTreeMap<String, StreamScript>);

impl StreamScripts {
    pub(super) fn named(&self, name: &str) -> StreamScript {
        self.0.get(name).or_else(|| self.0.get("all")).cloned().unwrap_or_default()
    }

    pub(super) fn moments(&self) -> impl Iterator<Item = Moment> {
        self.0.values().flat_map(|script| &script.later).map(|change| change.at)
    }
}

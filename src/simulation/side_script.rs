//! How the software on one side of a simulated cloud behaves, and the group it runs in.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Deserialize;

use super::phrases::{Healthy, Moment, duration, optional_duration};
use crate::{
    cloud::{Automation, Offers, Scheduled},
    plan::{Side, units::Percent},
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SideScripts {
    pub stable: SideScript,
    pub candidate: SideScript,
}

impl SideScripts {
    pub fn of(&self, side: Side) -> &SideScript {
        match side {
            Side::Stable => &self.stable,
            Side::Candidate => &self.candidate,
        }
    }
}

/// How the software on one side behaves. It keeps its role when all traffic has moved to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SideScript {
    /// Share of the requests it answers with a server error.
    pub error_rate: Percent,
    /// Of every request.
    #[serde(deserialize_with = "duration")]
    pub latency: Duration,
    pub healthy: Healthy,
    /// `false`: its target group is in no rule when the run begins.
    pub attached: bool,
    /// How many instances its group has when the run begins.
    pub instances: Option<u32>,
    /// How many of those run the version before the one its group launches.
    pub leftovers: u32,
    /// Those of its group's zones, `a` and `b`, that do not offer its instance type.
    pub without_offer: BTreeSet<String>,
    /// `false`: the health checks of its target group are switched off.
    pub checked: bool,
    /// Suspended processes of its group, such as `Launch` and `Terminate`.
    pub suspended: Vec<String>,
    /// Names of its group's scaling policies, which are told and do nothing.
    pub policies: Vec<String>,
    /// Its group's scheduled actions.
    pub schedule: Vec<ScheduledScript>,
    /// What becomes different later; the last one whose moment has come counts.
    pub later: Vec<SideChange>,
}

impl Default for SideScript {
    fn default() -> Self {
        Self {
            error_rate: Percent::from_basis_points(10).unwrap_or(Percent::ZERO),
            latency: Duration::from_millis(80),
            healthy: Healthy::After(Duration::from_secs(20)),
            attached: true,
            instances: None,
            leftovers: 0,
            without_offer: BTreeSet::new(),
            checked: true,
            suspended: Vec::new(),
            policies: Vec::new(),
            schedule: Vec::new(),
            later: Vec::new(),
        }
    }
}

impl SideScript {
    /// What its group would say changes its size.
    pub(super) fn automation(&self) -> Automation {
        let scheduled = |action: &ScheduledScript| Scheduled {
            name: action.name.clone(),
            when: action.at.to_string(),
            min: action.min,
            max: action.max,
            desired: action.desired,
        };
        Automation {
            policies: self.policies.clone(),
            schedule: self.schedule.iter().map(scheduled).collect(),
        }
    }

    /// What the zones of its group offer.
    pub(super) fn offers(&self) -> Offers {
        let zones = BTreeSet::from(["a", "b"].map(str::to_owned));
        let offering = zones.difference(&self.without_offer).cloned().collect();
        Offers { of: BTreeMap::from([("m7g.large".to_owned(), offering)]), zones }
    }
}

/// A scheduled action of a side's group. What it does not name stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScheduledScript {
    pub name: String,
    pub at: Moment,
    pub min: Option<u32>,
    pub max: Option<u32>,
    pub desired: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SideChange {
    pub at: Moment,
    pub error_rate: Option<Percent>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub latency: Option<Duration>,
    pub healthy: Option<Healthy>,
}

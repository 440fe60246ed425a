//! What routes of a checked plan are made of: the two sides, and the places where traffic is split. Everything here is
//! resolved and in range.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{
    names::Member,
    units::{Scale, Weight},
};

/// How a plan names the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sides {
    /// The plan says which is which.
    Fixed { stable: Member, candidate: Member },
    /// Whichever has all the weight when the run starts is stable (blue and green).
    Pair([Member; 2]),
    /// There is one group, whose software is replaced where it stands.
    Single(Member),
    /// Whatever serves when the run starts is stable.
    Serving { candidate: Member },
    /// A step makes the candidate; what serves when the run starts is stable, and has to be this where it is named.
    Made { stable: Option<Member> },
}

impl Sides {
    /// The candidate, where the plan names it. Of a pair it may be either.
    pub fn candidate(&self) -> Option<&Member> {
        match self {
            Self::Fixed { candidate, .. } | Self::Pair([_, candidate]) => Some(candidate),
            Self::Single(only) | Self::Serving { candidate: only } => Some(only),
            Self::Made { .. } => None,
        }
    }

    /// The stable side, where the plan names it.
    pub fn stable(&self) -> Option<&Member> {
        match self {
            Self::Fixed { stable, .. } => Some(stable),
            Self::Made { stable } => stable.as_ref(),
            Self::Pair(_) | Self::Single(_) | Self::Serving { .. } => None,
        }
    }

    /// All that are named, the stable one first where that is told.
    pub fn members(&self) -> Vec<&Member> {
        match self {
            Self::Fixed { stable: first, candidate: second } | Self::Pair([first, second]) => {
                vec![first, second]
            }
            Self::Single(only) | Self::Serving { candidate: only } => vec![only],
            Self::Made { stable } => stable.iter().collect(),
        }
    }
}

/// How two functions read one queue or stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventSource {
    /// One mapping, by its UUID, which leads to one of them at a time.
    HandOver {
        mapping: String,
        /// How long a batch may last; `None` for as long as the function may run.
        drain: Option<Duration>,
        redrive: Redrive,
    },
    /// Two mappings of one queue, by their UUIDs, which share so many batches at once.
    SideBySide { stable: String, candidate: String, concurrency: Weight, redrive: Redrive },
}

/// What becomes of messages of a queue that the candidate has failed once too often, when a run goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redrive {
    /// They stay among the dead letters, for a person to look at.
    #[default]
    Hold,
    /// They come back to their queue, where the stable side finds them.
    BringBack,
}

impl EventSource {
    /// The UUIDs of its mappings.
    pub fn mappings(&self) -> Vec<&str> {
        match self {
            Self::HandOver { mapping, .. } => vec![mapping],
            Self::SideBySide { stable, candidate, .. } => vec![stable, candidate],
        }
    }

    pub const fn redrive(&self) -> Redrive {
        match self {
            Self::HandOver { redrive, .. } | Self::SideBySide { redrive, .. } => *redrive,
        }
    }

    pub const fn scale(&self) -> Scale {
        match self {
            Self::HandOver { .. } => Scale::Whole,
            Self::SideBySide { concurrency, .. } => Scale::Concurrency(*concurrency),
        }
    }
}

impl fmt::Display for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, all) = (if self.mappings().len() == 1 { "" } else { "s" }, self.mappings());
        write!(f, "event source mapping{s} {}", all.join(" and "))
    }
}

/// An alias of a Lambda function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias {
    /// The function's name, without qualifier.
    pub function: String,
    pub name: String,
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.function, self.name)
    }
}

/// The stage of a REST API of Amazon API Gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stage {
    /// The API's id.
    pub api: String,
    pub name: String,
    /// What the candidate's requests find in place of, or beside, the variables of the stage.
    pub overrides: BTreeMap<String, String>,
    pub cache: StageCache,
}

/// Whether a canary answers from what its stage has in its cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StageCache {
    /// It has a cache of its own, or none.
    Apart,
    Shared,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.api, self.name)
    }
}

/// A target of a rule of an Amazon EventBridge bus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusTarget {
    /// The bus's name; every account has one called `default`.
    pub bus: String,
    pub rule: String,
    /// The target's id, which is unique within its rule.
    pub id: String,
}

impl fmt::Display for BusTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {}", self.bus, self.rule, self.id)
    }
}

/// Records of one name and type, told apart by their set identifiers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordSet {
    /// The id of a hosted zone, which has no dot, or its domain.
    pub zone: String,
    /// In lower case, without the dot at the end.
    pub name: String,
    pub kind: RecordType,
}

/// The types of records that lead to where software runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    A,
    Aaaa,
    Cname,
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
        })
    }
}

/// The two kinds of load balancers that weights can be given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Application,
    Network,
}

impl Family {
    /// How the ARNs of its parts begin their resource: `listener/app/…`.
    pub const fn in_arns(self) -> &'static str {
        match self {
            Self::Application => "app",
            Self::Network => "net",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Application => "Application Load Balancer",
            Self::Network => "Network Load Balancer",
        })
    }
}

/// Where on a load balancer the forward action stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenerRule {
    /// `rule: arn:…:listener-rule/…`
    Rule(String),
    /// `listener: arn:…:listener/…`: its default action.
    DefaultOf(String),
    /// `load-balancer: name, port: 443, priority: 10`; without a priority the default action is meant.
    Named { load_balancer: String, port: u16, priority: Option<u32> },
}

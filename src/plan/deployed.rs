//! What requests meet at one side of an API's stage: a deployment, and the stage variables that it runs by. Both together
//! are a member of such a route, in one text. A split of those says all that a stage and its canary are for requests, so
//! that going back restores the variables as they were, and a variable that somebody else has changed is another member,
//! which is drift like any other.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/canary-release.html>

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use super::names::Member;

/// One side of a stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deployed {
    /// The deployment's id.
    pub deployment: String,
    /// All of them. A canary is given those of its stage beside its own, because AWS's guide leaves open which it would have
    /// anyway.
    pub variables: BTreeMap<String, String>,
    pub cached: Cached,
}

/// How a side uses the cache of its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cached {
    /// As the plan says of canaries, or as a stage itself does.
    AsPlanned,
    /// A canary that somebody has set otherwise.
    Otherwise,
}

/// Said of a canary that uses the cache in another way.
const OTHERWISE: &str = " cached otherwise";

impl Deployed {
    pub fn new(deployment: &str, variables: BTreeMap<String, String>) -> Self {
        Self { deployment: deployment.to_owned(), variables, cached: Cached::AsPlanned }
    }

    /// What another deployment is on the same stage, with these variables of its own.
    #[must_use]
    pub fn overridden(&self, deployment: &str, overrides: &BTreeMap<String, String>) -> Self {
        let mut variables = self.variables.clone();
        variables.extend(overrides.clone());
        Self::new(deployment, variables)
    }

    /// Its variables that `base` has not, or not so.
    pub fn beside(&self, base: &Self) -> BTreeMap<String, String> {
        let own =
            self.variables.iter().filter(|(name, value)| base.variables.get(*name) != Some(*value));
        own.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The variables of `base` that it has not.
    pub fn without<'a>(&'a self, base: &'a Self) -> impl Iterator<Item = &'a String> {
        base.variables.keys().filter(|name| !self.variables.contains_key(*name))
    }

    pub fn member(&self) -> Member {
        Member::new(self.to_string())
    }

    /// The one that a member of such a route is.
    pub fn of(member: &Member) -> Self {
        let text = member.as_str();
        let (text, cached) = match text.strip_suffix(OTHERWISE) {
            Some(rest) => (rest, Cached::Otherwise),
            None => (text, Cached::AsPlanned),
        };
        let (deployment, variables) = text.split_once(" (").unwrap_or((text, ""));
        let variables = variables.strip_suffix(')').unwrap_or(variables);
        let variables = variables.split(' ').filter_map(|pair| pair.split_once('='));
        let variables = variables.map(|(name, value)| (name.to_owned(), plain(value))).collect();
        Self { deployment: deployment.to_owned(), variables, cached }
    }
}

impl fmt::Display for Deployed {
    /// `a1b2c3`, or `a1b2c3 (alias=next table=shop)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.deployment)?;
        for (at, (name, value)) in self.variables.iter().enumerate() {
            let before = if at == 0 { " (" } else { " " };
            write!(f, "{before}{name}={}", escaped(value))?;
        }
        f.write_str(if self.variables.is_empty() { "" } else { ")" })?;
        f.write_str(match self.cached {
            Cached::AsPlanned => "",
            Cached::Otherwise => OTHERWISE,
        })
    }
}

/// What the value of a stage variable may be made of, beside letters and digits.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/stage-variables.html>
pub(super) const IN_VALUES: &str = "-._~:/?#&=,";

/// As it is, for what AWS takes for a value; anything else must not be mistaken for what stands between values.
fn escaped(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || IN_VALUES.contains(c);
    let mut text = String::new();
    for c in value.chars() {
        if is_plain(c) {
            text.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{:x};", u32::from(c));
        }
    }
    text
}

fn plain(text: &str) -> String {
    let mut parts = text.split('%');
    let mut value = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let read = part.split_once(';').and_then(|(code, rest)| {
            Some((char::from_u32(u32::from_str_radix(code, 16).ok()?)?, rest))
        });
        match read {
            Some((c, rest)) => {
                value.push(c);
                value.push_str(rest);
            }
            None => value.push_str(part),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_side_of_a_stage_reads_back_from_its_member(
            variables in prop::collection::btree_map("[A-Za-z0-9_]{1,8}", ".{0,12}", 0..4),
            is_cached in any::<bool>(),
        ) {
            let cached = if is_cached { Cached::AsPlanned } else { Cached::Otherwise };
            let side = Deployed { cached, ..Deployed::new("a1b2c3", variables) };
            prop_assert_eq!(Deployed::of(&side.member()), side);
        }
    }

    #[test]
    fn a_canary_has_the_variables_of_its_stage_and_its_own() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let stage = Deployed::new("old", map(&[("alias", "live"), ("table", "shop")]));
        let canary = stage.overridden("new", &map(&[("alias", "next")]));
        assert_eq!(canary.member().as_str(), "new (alias=next table=shop)");
        assert_eq!(canary.beside(&stage), map(&[("alias", "next")]));
        let bare = Deployed::new("bare", map(&[]));
        assert_eq!(bare.member().as_str(), "bare");
        assert_eq!(bare.without(&stage).collect::<Vec<_>>(), ["alias", "table"]);
    }
}

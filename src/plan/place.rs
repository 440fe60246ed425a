//! Where something of AWS is: the region, the account, and the role that leads into it. A plan says so once for all, and
//! again for a component, route, fleet or gate that is somewhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A region of an account, as far as it is told. What a plan leaves open is what the command's own credentials and
/// settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Twelve digits. Whoever turns out to act in another account is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The ARN of a role that is assumed to act there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

impl Place {
    /// The same where it says something, and where it does not what applies around it. A role leads into one account, so
    /// the two are taken together.
    #[must_use]
    pub fn within(self, around: &Self) -> Self {
        let is_own = self.account.is_some() || self.role.is_some();
        let (account, role) = if is_own {
            (self.account, self.role)
        } else {
            (around.account.clone(), around.role.clone())
        };
        Self { region: self.region.or_else(|| around.region.clone()), account, role }
    }

    /// Whether nothing is told of it.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("region", &self.region), ("account", &self.account), ("role", &self.role)];
        let told = parts.into_iter().filter_map(|(what, told)| Some((what, told.as_ref()?)));
        for (at, (what, told)) in told.enumerate() {
            write!(f, "{}{what} {told}", if at == 0 { "" } else { ", " })?;
        }
        if self.is_open() { f.write_str("wherever the command acts") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(region: &str, account: &str, role: &str) -> Place {
        let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Place { region: told(region), account: told(account), role: told(role) }
    }

    #[test]
    fn a_role_is_not_taken_into_another_account() {
        let around = place("eu-west-1", "1", "r");
        assert_eq!(place("", "", "").within(&around), around);
        assert_eq!(place("us-east-1", "", "").within(&around), place("us-east-1", "1", "r"));
        assert_eq!(place("", "2", "").within(&around), place("eu-west-1", "2", ""));
        assert_eq!(place("", "", "s").within(&around), place("eu-west-1", "", "s"));
    }

    #[test]
    fn a_place_is_told_by_what_is_known_of_it() {
        assert_eq!(place("eu-west-1", "1", "").to_string(), "region eu-west-1, account 1");
        assert_eq!(place("", "", "").to_string(), "wherever the command acts");
    }
}

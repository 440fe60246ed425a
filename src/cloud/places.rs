//! The same ports for every account and region that a plan names. Whoever reads or changes something says where it is,
//! and never gets another place's ports for it: the same name means another group there.

use std::{collections::BTreeMap, sync::Arc};

use super::Error;
use crate::plan::Place;

/// What tells clients apart: accounts are told by their credentials, so by the role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub region: String,
    /// The ARN of the role that is assumed; without one the command's own credentials act.
    pub role: Option<String>,
}

/// What reaches into one place, for every place.
pub struct Places<T>(Arc<Each<T>>);

enum Each<T> {
    /// One world, in which all names are distinct.
    Everywhere(T),
    Placed {
        spot: Spot,
        home: T,
        others: BTreeMap<Spot, T>,
    },
}

impl<T> Places<T> {
    /// `home` is where things are that do not say so.
    pub fn new(spot: Spot, home: T, others: BTreeMap<Spot, T>) -> Self {
        Self(Arc::new(Each::Placed { spot, home, others }))
    }

    /// Where a plan is by itself.
    pub fn home(&self) -> &T {
        match self.0.as_ref() {
            Each::Everywhere(one) | Each::Placed { home: one, .. } => one,
        }
    }

    /// `Unfit` where there is nothing that reaches it.
    pub fn at(&self, place: &Place) -> Result<&T, Error> {
        let (spot, home, others) = match self.0.as_ref() {
            Each::Everywhere(one) => return Ok(one),
            Each::Placed { spot, home, others } => (spot, home, others),
        };
        let region = place.region.clone().unwrap_or_else(|| spot.region.clone());
        let asked = Spot { region, role: place.role.clone() };
        if asked == *spot {
            return Ok(home);
        }
        others.get(&asked).ok_or_else(|| Error::Unfit {
            problem: format!("nothing here reaches {place}"),
            hint: "use the plan, region and profile that the run was started with".to_owned(),
        })
    }

    /// All there are, the plan's own first.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        let (home, others) = match self.0.as_ref() {
            Each::Everywhere(one) => (one, None),
            Each::Placed { home, others, .. } => (home, Some(others)),
        };
        std::iter::once(home).chain(others.into_iter().flat_map(BTreeMap::values))
    }

    /// Something of each.
    pub fn map<U>(&self, of: impl Fn(&T) -> U) -> Places<U> {
        Places(Arc::new(match self.0.as_ref() {
            Each::Everywhere(one) => Each::Everywhere(of(one)),
            Each::Placed { spot, home, others } => Each::Placed {
                spot: spot.clone(),
                home: of(home),
                others: others.iter().map(|(spot, one)| (spot.clone(), of(one))).collect(),
            },
        }))
    }
}

/// One for everything, such as the simulated cloud.
impl<T> From<T> for Places<T> {
    fn from(one: T) -> Self {
        Self(Arc::new(Each::Everywhere(one)))
    }
}

impl<T> Clone for Places<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(region: &str, role: Option<&str>) -> Spot {
        Spot { region: region.into(), role: role.map(str::to_owned) }
    }

    fn place(region: Option<&str>, role: Option<&str>) -> Place {
        let account = Some("111122223333".to_owned());
        Place { region: region.map(str::to_owned), account, role: role.map(str::to_owned) }
    }

    #[test]
    fn nothing_is_looked_for_in_another_place() {
        let others = [(spot("us-east-1", None), 2), (spot("eu-west-1", Some("r")), 3)].into();
        let places = Places::new(spot("eu-west-1", None), 1, others);
        assert_eq!(places.at(&place(None, None)), Ok(&1));
        assert_eq!(places.at(&place(Some("eu-west-1"), None)), Ok(&1));
        assert_eq!(places.at(&place(Some("us-east-1"), None)), Ok(&2));
        assert_eq!(places.at(&place(None, Some("r"))), Ok(&3));
        let strange = places.at(&place(Some("us-east-1"), Some("r"))).unwrap_err();
        assert!(strange.to_string().contains("region us-east-1"), "{strange}");
        assert_eq!(places.all().collect::<Vec<_>>(), [&1, &3, &2]);
        assert_eq!(Places::from(7).at(&place(Some("x"), Some("y"))), Ok(&7));
    }
}

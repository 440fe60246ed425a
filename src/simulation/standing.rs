//! Who stands where: known to all that is played between two sides.

use crate::plan::{Member, Side, Sides};

/// Which members stand on the sides of a route or fleet, and where.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) stable: Member,
    pub(super) candidate: Member,
}

impl Standing {
    /// With a pair, whichever has all the weight is stable: here the first. What an alias serves is the version before.
    pub(super) fn of(sides: &Sides) -> Self {
        let (stable, candidate) = match sides {
            Sides::Serving { candidate } => {
                (Member::new(before(candidate.as_str())), candidate.clone())
            }
            Sides::Made { stable } => {
                let stable = stable.clone().unwrap_or_else(|| Member::new("6"));
                let next = Member::new(after(stable.as_str()));
                (stable, next)
            }
            Sides::Fixed { stable: first, candidate: second } | Sides::Pair([first, second]) => {
                (first.clone(), second.clone())
            }
            Sides::Single(only) => (only.clone(), only.clone()),
        };
        Self { stable, candidate }
    }

    pub(super) fn member(&self, side: Side) -> &Member {
        match side {
            Side::Stable => &self.stable,
            Side::Candidate => &self.candidate,
        }
    }
}

/// The number that the next version gets.
fn after(version: &str) -> String {
    version.parse::<u32>().map_or(1, |number| number.saturating_add(1)).to_string()
}

/// Versions are numbered from 1.
fn before(version: &str) -> String {
    match version.parse::<u32>() {
        Ok(number) if number > 1 => (number - 1).to_string(),
        Ok(_) | Err(_) => "2".to_owned(),
    }
}

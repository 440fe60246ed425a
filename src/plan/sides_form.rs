//! How the sides of routes and fleets are written back: one by one, as a pair, or as a group on its own. Which of these a
//! form has keys for is its own affair.

use super::{
    form::{List, Slot, unplaced},
    names::Member,
    route::Sides,
};

/// The keys that sides are named by.
pub(super) struct SideKeys {
    pub stable: Slot<String>,
    pub candidate: Slot<String>,
    pub pair: Slot<List<String>>,
    pub group: Slot<String>,
}

impl SideKeys {
    pub(super) fn of(sides: &Sides) -> Self {
        let name = |member: &Member| Slot::of(member.to_string());
        let mut keys = Self {
            stable: Slot::Absent,
            candidate: Slot::Absent,
            pair: Slot::Absent,
            group: Slot::Absent,
        };
        match sides {
            Sides::Fixed { stable, candidate } => {
                (keys.stable, keys.candidate) = (name(stable), name(candidate));
            }
            Sides::Pair(pair) => {
                keys.pair = Slot::of(unplaced(pair.iter().map(ToString::to_string)));
            }
            Sides::Single(only) => keys.group = name(only),
            Sides::Serving { candidate } => keys.candidate = name(candidate),
            Sides::Made { stable } => keys.stable = stable.as_ref().map_or(Slot::Absent, name),
        }
        keys
    }
}

//! Who stands where: known to all that is played between two sides.

use crate::plan::{Member, Side};

/// Which members stand on the sides of a route or fleet, and where.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) stable: Member,
    pub(super) candidate: Member,
}

impl Standing {
    pub(super) fn member(&self, side: Side) -> &Member {
        match side {
            Side::Stable => &self.stable,
            Side::Candidate => &self.candidate,
        }
    }
}

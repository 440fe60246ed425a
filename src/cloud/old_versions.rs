//! The ports through which published versions of a function are found that nobody needs any more, and deleted. What is in
//! use is never among them, by whatever it is used; which of the others go is told by one function.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::Error;
use crate::plan::Member;

/// So many are deleted by one step at most, the oldest; each has to be asked about. What is left goes with the next run.
pub const MOST_DELETED: usize = 50;

/// The versions that stay whether or not anything uses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// So many of the newest.
    pub newest: u32,
    /// The sides of a run's routes.
    pub sides: BTreeSet<Member>,
}

#[async_trait]
pub trait OldVersions: Send + Sync {
    /// The published versions of the function whose alias has this ARN that are not kept, and that no alias, provisioned
    /// concurrency, event source mapping or policy names.
    async fn unused(&self, alias: &str, kept: &Kept) -> Result<BTreeSet<Member>, Error>;
}

#[async_trait]
pub trait Pruning: Send + Sync {
    /// Deletes these versions, one after the other; one that is gone already is fine.
    async fn delete(&self, alias: &str, versions: &BTreeSet<Member>) -> Result<(), Error>;
}

/// Of all published versions those that may go, the oldest first, as far as it is known without asking about each.
pub fn superseded(
    published: impl IntoIterator<Item = Member>,
    used: &BTreeSet<Member>,
    kept: &Kept,
) -> Vec<Member> {
    // What is no number is no published version.
    let numbered = |version: Member| Some((version.as_str().parse::<u64>().ok()?, version));
    let mut all: Vec<(u64, Member)> = published.into_iter().filter_map(numbered).collect();
    all.sort_unstable();
    let newest = usize::try_from(kept.newest).unwrap_or(usize::MAX);
    all.truncate(all.len().saturating_sub(newest));
    let mut may_go: Vec<Member> = all.into_iter().map(|(_, version)| version).collect();
    may_go.retain(|version| !used.contains(version) && !kept.sides.contains(version));
    may_go.truncate(MOST_DELETED);
    may_go
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(versions: &[&str]) -> BTreeSet<Member> {
        versions.iter().map(|version| Member::new(*version)).collect()
    }

    #[test]
    fn the_oldest_go_by_number_and_what_is_used_or_a_side_stays() {
        let published = ["$LATEST", "9", "10", "11", "2", "1", "3"].map(Member::new);
        let goes = |newest, used: &[&str], sides: &[&str]| {
            let kept = Kept { newest, sides: members(sides) };
            let goes = superseded(published.clone(), &members(used), &kept);
            goes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(goes(3, &[], &[]), "1 2 3");
        assert_eq!(goes(3, &["2"], &["1"]), "3");
        assert_eq!(goes(5, &["11"], &[]), "1", "what is used and new does not count twice");
        assert_eq!(goes(6, &[], &[]), "");
        assert_eq!(goes(100, &[], &[]), "");
    }
}

//! What leads users to a side beside the places that a route of a plan names: other rules and listeners of a load
//! balancer that the side's target groups stand behind, other records that answer with the same thing, and whatever else
//! an Auto Scaling group registers its instances with. A side is idle only when all of it is.
//!
//! Not looked at: records of other zones, names outside Route 53, accelerators, distributions and gateways in front of a
//! load balancer. They lead to a load balancer, and its rules decide; only where records themselves are the route would
//! another zone's record be missed.

use std::collections::BTreeSet;

use super::{Error, Group, Lead, LoadBalancers, Others, OwnTest, Reads};
use crate::{
    plan::{Header, Member, Side, units::Weight},
    rollout::RouteBound,
};

/// All that leads to a side of a route, the route's own places and the run's own test route left out. `groups` are the
/// Auto Scaling groups on that side, all of whose target groups count.
///
/// # Errors
///
/// Whatever an answer fails with; not being able to look is not the same as nothing being there.
pub async fn leads(
    reads: &Reads,
    (bound, side): (&RouteBound, Side),
    test: Option<&Header>,
    groups: &[Group],
) -> Result<Vec<Lead>, Error> {
    // Nothing leads to what is not made yet.
    let Some(member) = bound.member(side) else { return Ok(Vec::new()) };
    match bound.service.traits().others {
        Others::Records => reads.dns.leads(&bound.resource, member).await,
        Others::None => Ok(Vec::new()),
        Others::Targets => {
            let mut found = reads.buses.leads(&bound.resource, member).await?;
            found.retain(|lead| bound.places().all(|place| *place != lead.place));
            Ok(found)
        }
        Others::Rules => {
            let own = test.filter(|_| side == Side::Candidate);
            let own = own.map(|header| (bound.resource.as_str(), header));
            let mut found = leads_to_groups(reads, Some(member), own, groups).await?;
            found.retain(|lead| bound.places().all(|place| *place != lead.place));
            Ok(found)
        }
    }
}

/// All that leads to a target group and to Auto Scaling groups, each place once.
///
/// # Errors
///
/// Whatever an answer fails with. A target group that does not exist is led to by nothing.
pub async fn leads_to_groups(
    reads: &Reads,
    member: Option<&Member>,
    own: Option<OwnTest<'_>>,
    groups: &[Group],
) -> Result<Vec<Lead>, Error> {
    let registered = groups.iter().flat_map(|group| &group.target_groups);
    let targets: BTreeSet<&Member> = member.into_iter().chain(registered).collect();
    let mut found: Vec<Lead> = Vec::new();
    for target in targets {
        let port: &dyn LoadBalancers = reads.load_balancers.as_ref();
        let more = match port.leads(target, own).await {
            Ok(more) => more,
            Err(Error::Absent { .. }) => continue,
            Err(error) => return Err(error),
        };
        for lead in more {
            if found.iter().all(|known| known.place != lead.place) {
                found.push(lead);
            }
        }
    }
    let sources = groups.iter().flat_map(|group| &group.other_sources);
    found.extend(sources.map(|source| Lead {
        place: source.clone(),
        weight: Weight::MAX,
        words: format!("{source}, whose traffic cannot be asked about"),
    }));
    Ok(found)
}

/// Several in one sentence.
pub fn in_words(leads: &[Lead]) -> String {
    leads.iter().map(|lead| lead.words.as_str()).collect::<Vec<_>>().join(" and ")
}

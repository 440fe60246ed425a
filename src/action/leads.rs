//! What preflight settles about users who come to a side by another way than a route of the plan: a rule, listener or
//! record that no step moves still sends them there when the side is scaled away. Such a plan is refused; one that leaves
//! the side as it is may run, and its user is told.

use std::collections::BTreeSet;

use super::{
    objection::{LedTo, Notes, Objection, Settled},
    preview::{Planned, preview},
};
use crate::{
    cloud::{self, Error, Group, Lead, Places, Reads, in_words},
    plan::{FleetKind, FleetName, Member, Plan, RouteName, Side, Sides},
    rollout::{Bindings, FleetBound, Picture, RouteBound, Target, settled},
};

const SIDES: [Side; 2] = [Side::Stable, Side::Candidate];

/// Looks at both sides of every route, and at fleets behind none. A plan without steps harms nobody.
pub(super) async fn check_leads(
    plan: &Plan,
    places: &Places<Reads>,
    found: &mut Settled,
    notes: &mut Notes,
) {
    if plan.steps().next().is_none() {
        return;
    }
    let calls = preview(&settled(plan, &found.bindings), found);
    for (side, fleets) in sides(plan, &found.bindings) {
        let leads = match side.leads(plan, places, &found.bindings, &fleets).await {
            Ok(leads) => leads,
            Err(error) => {
                let what = format!("what leads to {}", side.member);
                notes.objections.push(Objection::error(&what, &error));
                continue;
            }
        };
        if leads.is_empty() {
            continue;
        }
        let ways = in_words(&leads);
        let mut resizes = calls.iter().filter_map(|call| resize(call, &fleets, side.side));
        match (side.side, resizes.clone().find(|resize| resize.to < resize.from), resizes.next()) {
            (_, Some(Resize { fleet, from, to }), _) => notes.objections.push(Objection::new(
                format!(
                    "the plan scales {} of fleet {fleet} from {from} to {to}, and {ways} would still send users there",
                    side.side
                ),
                "name it in the route, so that it is moved too, or point it elsewhere first; without that step the plan may run",
            )),
            (Side::Candidate, None, Some(Resize { fleet, .. })) => {
                notes.objections.push(Objection::new(
                    format!(
                        "the plan scales the candidate of fleet {fleet}, to which users come already by {ways}; \
                         going back would take its instances from them"
                    ),
                    "point it elsewhere first, or name it in the route",
                ));
            }
            (Side::Stable | Side::Candidate, None, _) => notes.warnings.push(format!(
                "users also come to {}, the {} side{}, by {ways}, which this plan does not move",
                side.member,
                side.side,
                side.route.map(|route| format!(" of route {route}")).unwrap_or_default()
            )),
        }
        found.leads.push(LedTo {
            route: side.route.cloned(),
            side: side.side,
            member: side.member.clone(),
            leads,
        });
    }
}

/// One side of a route, or of a fleet that stands behind none.
struct OneSide<'a> {
    route: Option<&'a RouteName>,
    side: Side,
    member: &'a Member,
}

/// Every side there is, with the fleets whose instances stand there.
fn sides<'a>(
    plan: &'a Plan,
    bindings: &'a Bindings,
) -> Vec<(OneSide<'a>, Vec<(&'a FleetName, &'a FleetBound)>)> {
    let bound = |name: &'a FleetName| Some((name, bindings.fleets.get(name)?));
    let routes = bindings.routes.iter().flat_map(|(name, route)| {
        let fleets: Vec<_> = plan.fleets_behind(name).filter_map(bound).collect();
        SIDES.into_iter().filter_map(move |side| {
            let member = route.member(side)?;
            Some((OneSide { route: Some(name), side, member }, fleets.clone()))
        })
    });
    let alone = plan.fleets.iter().filter(|(_, fleet)| {
        let has_sides = !matches!(fleet.sides, Sides::Single(_));
        fleet.behind.is_none() && fleet.kind == FleetKind::AutoScaling && has_sides
    });
    let alone = alone.filter_map(|(name, _)| bound(name)).flat_map(|(name, fleet)| {
        SIDES.into_iter().filter_map(move |side| {
            let member = fleet.member(side)?;
            Some((OneSide { route: None, side, member }, vec![(name, fleet)]))
        })
    });
    routes.chain(alone).collect()
}

impl OneSide<'_> {
    /// All that leads there and is moved by no route of the plan.
    async fn leads(
        &self,
        plan: &Plan,
        places: &Places<Reads>,
        bindings: &Bindings,
        fleets: &[(&FleetName, &FleetBound)],
    ) -> Result<Vec<Lead>, Error> {
        let mut groups: Vec<Group> = Vec::new();
        for (name, fleet) in fleets {
            let is_group =
                plan.fleets.get(*name).is_some_and(|fleet| fleet.kind == FleetKind::AutoScaling);
            if let Some(group) = fleet.member(self.side).filter(|_| is_group) {
                groups.push(places.at(&fleet.place)?.groups.group(group).await?);
            }
        }
        let route = self.route.and_then(|name| Some((name, bindings.routes.get(name)?)));
        let mut leads = if let Some((name, bound)) = route {
            let (reads, test) = (places.at(&bound.place)?, bindings.tests.get(name));
            cloud::leads(reads, (bound, self.side), test, &groups).await?
        } else {
            let (_, fleet) = fleets.first().ok_or_else(nobody)?;
            cloud::leads_to_groups(places.at(&fleet.place)?, None, None, &groups).await?
        };
        let moved: BTreeSet<&String> =
            bindings.routes.values().flat_map(RouteBound::places).collect();
        leads.retain(|lead| !moved.contains(&lead.place));
        Ok(leads)
    }
}

/// A side is that of a route or of a fleet.
fn nobody() -> Error {
    Error::Absent { what: "a fleet on this side".to_owned() }
}

/// A change of a fleet's size, in instances.
struct Resize<'a> {
    fleet: &'a FleetName,
    from: u32,
    to: u32,
}

fn resize<'a>(
    call: &'a Planned,
    fleets: &[(&FleetName, &FleetBound)],
    of: Side,
) -> Option<Resize<'a>> {
    match (&call.target, &call.before, &call.after) {
        (Target::Fleet { fleet, side }, Picture::Capacity(from), Picture::Capacity(to))
            if *side == of
                && from.desired != to.desired
                && fleets.iter().any(|(name, _)| *name == fleet) =>
        {
            Some(Resize { fleet, from: from.desired, to: to.desired })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        action::{Objection, preflight},
        plan::{Size, Step, StepId, Verb},
        rollout::Timestamp,
        simulation::{Scenario, World},
        testkit::sample_plan,
    };

    /// The sample plan, ending with such a change of a side's size.
    fn resizing(side: Side, to: u32) -> Plan {
        let mut plan = sample_plan();
        let fleet = FleetName::new("app");
        plan.components.edit()[0].steps.push(Step {
            id: StepId::new("main/9-scale"),
            verb: Verb::Scale { fleet, side, to: Size::Instances(to) },
            timeout: Some(Duration::from_mins(10)),
        });
        plan
    }

    /// The sample plan without the step that scales its candidate out.
    fn moving_only() -> Plan {
        let mut plan = sample_plan();
        plan.components.edit()[0].steps.retain(|step| !matches!(step.verb, Verb::Scale { .. }));
        plan
    }

    async fn settled(plan: &Plan, scenario: &str) -> Result<Settled, Vec<Objection>> {
        let scenario: Scenario = serde_saphyr::from_str(scenario).unwrap();
        let world = World::for_plan(plan, &scenario, Arc::new(Timestamp::default));
        preflight(plan, &world.flawless_cloud().reads.into()).await
    }

    async fn refusals(plan: &Plan, scenario: &str) -> Vec<String> {
        match settled(plan, scenario).await {
            Ok(_) => Vec::new(),
            Err(all) => all.into_iter().map(|objection| objection.problem).collect(),
        }
    }

    const STABLE: &str = "other-rules: [{ at: 0s, side: stable }]";
    const CANDIDATE: &str = "other-rules: [{ at: 0s, side: candidate }]";

    #[tokio::test]
    async fn a_plan_that_would_scale_a_side_away_under_somebody_elses_users_is_refused() {
        let [refused] = &refusals(&resizing(Side::Stable, 0), STABLE).await[..] else { panic!() };
        let scales = "the plan scales stable of fleet app from 4 to 0, and the rule arn:";
        assert!(refused.starts_with(scales), "{refused}");
        assert!(refused.ends_with("/other-0 would still send users there"), "{refused}");
        assert_eq!(refusals(&resizing(Side::Stable, 0), "{}").await, [""; 0]);
        let elsewhere = "other-rules: [{ at: 0s, side: stable, weight: 0 }]";
        assert_eq!(refusals(&resizing(Side::Stable, 0), elsewhere).await, [""; 0]);
        let later = "other-rules: [{ at: 1m, side: stable }]";
        assert_eq!(refusals(&resizing(Side::Stable, 0), later).await, [""; 0]);
    }

    #[tokio::test]
    async fn every_target_group_that_a_fleet_registers_with_counts() {
        let through = "other-rules: [{ at: 0s, side: stable, through: internal }]";
        let refused = refusals(&resizing(Side::Stable, 0), through).await;
        assert_eq!(refused.len(), 1, "{refused:?}");
    }

    #[tokio::test]
    async fn a_fleet_behind_no_route_has_users_too() {
        let through = "other-rules: [{ at: 0s, side: stable, through: internal }]";
        let mut plan = resizing(Side::Stable, 0);
        plan.components.edit()[0].steps.retain(|step| step.id == StepId::new("main/9-scale"));
        let scenario: Scenario = serde_saphyr::from_str(through).unwrap();
        let world = World::for_plan(&plan, &scenario, Arc::new(Timestamp::default));
        for fleet in plan.fleets.values_mut() {
            let sides = fleet.sides.members();
            let (stable, candidate) = (sides[0].clone(), sides[1].clone());
            (fleet.behind, fleet.sides) = (None, Sides::Fixed { stable, candidate });
        }
        let all = preflight(&plan, &world.flawless_cloud().reads.into()).await.unwrap_err();
        assert!(all[0].problem.starts_with("the plan scales stable of fleet app"), "{all:?}");
    }

    #[tokio::test]
    async fn a_candidate_with_users_of_its_own_is_not_scaled_at_all() {
        let refused = refusals(&sample_plan(), CANDIDATE).await;
        assert!(
            refused[0].starts_with("the plan scales the candidate of fleet app"),
            "{refused:?}"
        );
        assert_eq!(refusals(&moving_only(), CANDIDATE).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_plan_that_scales_nothing_away_may_run_and_says_who_stays() {
        let settled = settled(&sample_plan(), STABLE).await.unwrap();
        let [warning] = &settled.warnings[..] else { panic!("{:?}", settled.warnings) };
        let who = "users also come to blue, the stable side of route web, by the rule arn:";
        assert!(warning.starts_with(who), "{warning}");
        assert_eq!(settled.leads.len(), 1);
        assert_eq!(settled.leads[0].leads[0].weight.get(), 100);
    }
}

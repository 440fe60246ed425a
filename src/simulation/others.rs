//! What somebody else has in the simulated account: rules, records and aliases that lead users to the sides of a plan's
//! routes by another way.

use std::collections::BTreeMap;

use super::{
    forward_rule::SimulatedRule,
    home::{Home, load_balancer},
    landscape::{Landscape, OtherRule},
    route_place::other_place,
    target_group::SimulatedTargetGroup,
};
use crate::{
    cloud::Forward,
    plan::{Member, Plan, RouteName},
    rollout::Split,
};

impl Landscape {
    /// The rules and records of others; those that are there from the beginning at once.
    pub(super) fn add_others(&mut self, home: &Home, plan: &Plan) {
        for (number, script) in self.scenario.other_rules.clone().into_iter().enumerate() {
            let named =
                |name: &RouteName| script.route.as_ref().is_none_or(|wanted| wanted == name);
            for (name, route) in plan.routes.iter().filter(|(name, _)| named(name)) {
                let Some((resources, sides)) = self.routes.get(name) else { continue };
                let (Some(beside), side) = (resources.first(), sides.member(script.side).clone())
                else {
                    continue;
                };
                let (resource, place) = other_place(&route.kind, beside, number);
                // What comes by another alias or stage is not counted among what comes by this one.
                let runs_itself = place.traits().runs_itself;
                let by_itself = runs_itself.then(|| Member::new(format!("{side} by {resource}")));
                let through = script.through.clone().or(by_itself);
                let member = through.clone().unwrap_or_else(|| side.clone());
                let forward = Forward {
                    load_balancer: load_balancer(&resource),
                    split: Split(BTreeMap::from([(member.clone(), script.weight)])),
                    sticky_for: None,
                    written: None,
                    rule: None,
                    resource,
                };
                let rule = SimulatedRule::new(place, forward);
                self.others.push(OtherRule { from: script.at, until: script.until, rule });
                if through.is_some() {
                    let delay = self.scenario.deregistration_delay;
                    let described = home.target_group(&route.kind, &member, delay);
                    let mut group = SimulatedTargetGroup::new(described, script.side);
                    if runs_itself {
                        group.register_healthy("a version runs wherever it is asked for");
                    }
                    for fleet in self.groups.values_mut() {
                        if fleet.target_groups.contains(&side) {
                            fleet.register_with(&member, &mut group);
                        }
                    }
                    self.target_groups.entry(member).or_insert(group);
                }
            }
        }
        self.let_others_lead(self.start);
    }
}

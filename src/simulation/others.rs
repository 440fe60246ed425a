//! What somebody else has in the simulated account: rules, records and aliases that lead users to the sides of a plan's
//! routes by another way.

use std::collections::BTreeMap;

use super::{
    forward_rule::{Place, SimulatedRule},
    home::{Home, load_balancer},
    landscape::{Landscape, OtherRule},
    target_group::SimulatedTargetGroup,
};
use crate::{
    cloud::Forward,
    plan::{
        Alias, EventSource, ListenerRule, Member, Plan, RecordSet, RouteKind, RouteName, Stage,
    },
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
                let runs_itself = place.runs_itself();
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

/// Where somebody else's rule or record stands: beside a route's own, on the same load balancer or in the same zone.
fn other_place(kind: &RouteKind, beside: &str, number: usize) -> (String, Place) {
    match kind {
        RouteKind::Alb(_) | RouteKind::Nlb(_) => {
            let listener = beside.replacen(":listener/", ":listener-rule/", 1);
            let resource = format!("{listener}/other-{number}");
            (resource.clone(), Place::Rule(ListenerRule::Rule(resource)))
        }
        RouteKind::Route53(at) => {
            let other = RecordSet { name: format!("other-{number}.{}", at.name), ..at.clone() };
            (Home::records(&other), Place::Records(other))
        }
        RouteKind::Lambda(at) => {
            let other = Alias { name: format!("other-{number}"), ..at.clone() };
            let (start, _) = beside.rsplit_once(':').unwrap_or((beside, ""));
            (format!("{start}:{}", other.name), Place::Alias(other))
        }
        RouteKind::ApiGateway(at) => {
            let other = Stage { name: format!("other-{number}"), ..at.clone() };
            let (start, _) = beside.rsplit_once('/').unwrap_or((beside, ""));
            (format!("{start}/{}", other.name), Place::Stage(other))
        }
        RouteKind::EventSource(_) => {
            let other = EventSource::HandOver { mapping: format!("other-{number}"), drain: None };
            let (start, _) = beside.rsplit_once(':').unwrap_or((beside, ""));
            (format!("{start}:other-{number}"), Place::Mappings(other))
        }
    }
}

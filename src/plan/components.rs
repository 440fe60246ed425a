//! The components of a plan, and which of them have to do with what. A run decides after every event, and a plan may have
//! hundreds of components that an event has nothing to do with: whoever asks here finds those that it may concern without
//! going through them all. What is looked up follows from the components alone and is made with them, so it cannot be of
//! others.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use super::{
    conduct::{Aim, Conduct, Ends},
    model::{Component, Step},
    names::{ComponentName, FleetName, GateName, RouteName, StepId},
};

/// Components in an order in which every one follows all it needs.
#[derive(Clone, Debug)]
pub struct Components {
    all: Vec<Component>,
    known: Arc<Known>,
}

/// Components by what they have to do with, as their places in the order, rising.
#[derive(Debug, Default)]
struct Known {
    names: BTreeMap<ComponentName, usize>,
    gates: BTreeMap<GateName, Vec<usize>>,
    routes: BTreeMap<RouteName, Vec<usize>>,
    fleets: BTreeMap<FleetName, Vec<usize>>,
    needed: BTreeMap<ComponentName, Vec<usize>>,
}

impl Components {
    pub fn named(&self, name: &ComponentName) -> Option<&Component> {
        self.all.get(*self.known.names.get(name)?)
    }

    /// The component whose step this is, by what it is called.
    pub(super) fn of_step(&self, id: &StepId) -> Option<&Component> {
        self.all.get(self.place_of_step(id)?)
    }

    pub fn place_of_step(&self, id: &StepId) -> Option<usize> {
        self.known.names.get(id.component()?).copied()
    }

    /// Those with a step that a gate stands before.
    pub fn guarded_by(&self, gate: &GateName) -> &[usize] {
        self.known.gates.get(gate).map_or(&[], Vec::as_slice)
    }

    /// Those with a step that changes a route, or what belongs to it, or waits for one of its sides.
    pub fn on_route(&self, route: &RouteName) -> &[usize] {
        self.known.routes.get(route).map_or(&[], Vec::as_slice)
    }

    /// Those with a step that changes a fleet.
    pub fn on_fleet(&self, fleet: &FleetName) -> &[usize] {
        self.known.fleets.get(fleet).map_or(&[], Vec::as_slice)
    }

    /// Those that say that they need a component.
    pub fn needing(&self, name: &ComponentName) -> &[usize] {
        self.known.needed.get(name).map_or(&[], Vec::as_slice)
    }

    /// To change them; what is known of them follows when that is over.
    pub fn edit(&mut self) -> Edit<'_> {
        Edit(self)
    }
}

/// Components that are being changed.
pub struct Edit<'a>(&'a mut Components);

impl Deref for Edit<'_> {
    type Target = Vec<Component>;

    fn deref(&self) -> &Vec<Component> {
        &self.0.all
    }
}

impl DerefMut for Edit<'_> {
    fn deref_mut(&mut self) -> &mut Vec<Component> {
        &mut self.0.all
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        self.0.known = Arc::new(Known::of(&self.0.all));
    }
}

impl From<Vec<Component>> for Components {
    fn from(all: Vec<Component>) -> Self {
        let known = Arc::new(Known::of(&all));
        Self { all, known }
    }
}

impl FromIterator<Component> for Components {
    fn from_iter<I: IntoIterator<Item = Component>>(components: I) -> Self {
        components.into_iter().collect::<Vec<_>>().into()
    }
}

impl Deref for Components {
    type Target = [Component];

    fn deref(&self) -> &[Component] {
        &self.all
    }
}

/// What is known of them follows from them.
impl PartialEq for Components {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Eq for Components {}

impl Known {
    fn of(components: &[Component]) -> Self {
        let mut known = Self::default();
        for (place, component) in components.iter().enumerate() {
            known.names.entry(component.name.clone()).or_insert(place);
            for name in &component.needs {
                note(&mut known.needed, name, place);
            }
            for step in &component.steps {
                known.note_step(step, place);
            }
        }
        known
    }

    fn note_step(&mut self, step: &Step, place: usize) {
        let conduct = step.conduct();
        for gate in conduct.gates {
            note(&mut self.gates, gate, place);
        }
        for route in routes_of(&conduct) {
            note(&mut self.routes, route, place);
        }
        let changed = match conduct.aim {
            Aim::Capacity { fleet, .. } => Some(fleet),
            Aim::Software(replace) => Some(&replace.fleet),
            Aim::Nothing
            | Aim::Weights { .. }
            | Aim::TestRoute { .. }
            | Aim::Release { .. }
            | Aim::OldVersions { .. }
            | Aim::Replay(_) => None,
        };
        let reference = conduct.aim.reference().map(|(fleet, _)| fleet);
        for fleet in changed.into_iter().chain(reference) {
            note(&mut self.fleets, fleet, place);
        }
    }
}

/// The places of one component come one after the other.
fn note<K: Ord + Clone>(places: &mut BTreeMap<K, Vec<usize>>, key: &K, place: usize) {
    let known = places.entry(key.clone()).or_default();
    if known.last() != Some(&place) {
        known.push(place);
    }
}

fn routes_of<'a>(conduct: &Conduct<'a>) -> impl Iterator<Item = &'a RouteName> {
    let changed = match conduct.aim {
        Aim::Weights { route, .. }
        | Aim::TestRoute { route, .. }
        | Aim::Release { route, .. }
        | Aim::OldVersions { route, .. } => Some(route),
        Aim::Replay(replay) => Some(&replay.route),
        Aim::Nothing | Aim::Capacity { .. } | Aim::Software(_) => None,
    };
    let followed = match conduct.ends {
        Ends::WhenSettled(route) => Some(route),
        Ends::WhenChanged
        | Ends::AfterBake { .. }
        | Ends::WhenAllPass { .. }
        | Ends::OnVotes(_)
        | Ends::OnTime(_)
        | Ends::OnWord => None,
    };
    changed.into_iter().chain(followed).chain(conduct.waits_for())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample::{EVERYTHING, plan};

    #[test]
    fn a_component_is_found_by_all_that_its_steps_have_to_do_with() {
        let plan = plan(EVERYTHING);
        let mut steps = 0;
        for (place, component) in plan.components.iter().enumerate() {
            assert_eq!(plan.components.named(&component.name), Some(component));
            for needed in &component.needs {
                assert!(plan.components.needing(needed).contains(&place));
            }
            for step in &component.steps {
                let conduct = step.conduct();
                assert_eq!(plan.components.place_of_step(&step.id), Some(place));
                assert_eq!(plan.step(&step.id), Some((component, step)));
                for gate in conduct.gates {
                    assert!(plan.components.guarded_by(gate).contains(&place), "{gate}");
                }
                for route in routes_of(&conduct) {
                    assert!(plan.components.on_route(route).contains(&place), "{route}");
                }
                if let Aim::Capacity { fleet, .. } = conduct.aim {
                    assert!(plan.components.on_fleet(fleet).contains(&place), "{fleet}");
                }
                steps += 1;
            }
        }
        assert!(steps > 10, "only {steps}");
    }

    #[test]
    fn what_is_known_of_them_follows_a_change() {
        let mut plan = plan(EVERYTHING);
        let gone = plan.components.edit().remove(0);
        assert_eq!(plan.components.named(&gone.name), None);
        assert_eq!(plan.components.place_of_step(&gone.steps[0].id), None);
        plan.components.edit().push(gone.clone());
        assert_eq!(plan.components.named(&gone.name), Some(&gone));
        assert_eq!(plan.components, plan.components.iter().cloned().collect());
    }
}

//! The ports onto simulated replays: each takes half a minute, and sends nobody anything that would be counted.

use async_trait::async_trait;

use super::{hindrance::Hindrance, replay::SimulatedReplay, route_place::Place, world::World};
use crate::{
    cloud::{ArchiveStanding, Error, Operation, Replaying, Replays},
    plan::BusTarget,
    rollout::{BusPlace, Replay, ReplayBound, Timestamp},
};

#[async_trait]
impl Replays for World {
    /// Every archive is there, and every rule leads to the candidate of the route on its bus, unless something is in the
    /// way.
    async fn find(&self, archive: &str, bus: &str, rule: &str) -> Result<ArchiveStanding, Error> {
        self.calls().count(Operation::DescribeRule.name());
        self.calls().count(Operation::ListTargetsByRule.name());
        self.request(Operation::DescribeArchive, |landscape, _| {
            let on_bus = |at: &BusTarget| at.bus == bus;
            let found = landscape.routes.values().find_map(|(resources, sides)| {
                let resource = resources.first()?;
                let place = &landscape.rules.get(resource)?.place;
                let is_it = matches!(place, Place::Target(at) if on_bus(at));
                Some((BusPlace::of(resource).filter(|_| is_it)?.rule_arn, &sides.candidate))
            });
            let (beside, candidate) =
                found.ok_or_else(|| Error::Absent { what: format!("event bus {bus}") })?;
            let (home, _) = beside.split_once(":rule/").unwrap_or((beside, ""));
            let is = |by| landscape.is_hindered(by);
            let kept = if is(Hindrance::ArchiveOfOtherBus) { "another" } else { bus };
            let bus_arn = format!("{home}:event-bus/{kept}");
            let replayed = r#"{"replay-name":[{"exists":true}]}"#.to_owned();
            let others =
                is(Hindrance::ReplayedToOthers).then(|| format!("{home}:event-bus/others"));
            let rule =
                beside.rsplit_once('/').map_or(home, |(path, _)| path).to_owned() + "/" + rule;
            Ok(ArchiveStanding {
                bound: ReplayBound {
                    archive: format!("{home}:archive/{archive}"),
                    bus: bus_arn,
                    rule,
                },
                is_enabled: !is(Hindrance::ReplayRuleDisabled),
                pattern: (!is(Hindrance::LiveEventsReplayed)).then_some(replayed),
                targets: others.into_iter().chain([candidate.to_string()]).collect(),
            })
        })
    }

    async fn replay(&self, name: &str) -> Result<Replay, Error> {
        Ok(self.request(Operation::DescribeReplay, |landscape, now| {
            let replay = landscape.replays.get(name);
            let fails = landscape.scenario.failing_replay.as_ref();
            replay.map_or(Replay::Absent, |replay| replay.standing(fails, now))
        }))
    }
}

#[async_trait]
impl Replaying for World {
    async fn start(
        &self,
        name: &str,
        _bound: &ReplayBound,
        _window: (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        self.request(Operation::StartReplay, |landscape, now| {
            let replay = SimulatedReplay::started(now);
            landscape.replays.entry(name.to_owned()).or_insert(replay);
        });
        Ok(())
    }

    async fn cancel(&self, name: &str) -> Result<(), Error> {
        self.request(Operation::CancelReplay, |landscape, now| {
            if let Some(replay) = landscape.replays.get_mut(name) {
                replay.cancel(now);
            }
        });
        Ok(())
    }
}

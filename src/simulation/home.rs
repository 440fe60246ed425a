//! The account and region a plan is simulated in, and what things are called there.

use std::time::Duration;

use super::{
    queue_script::{DEAD, Named},
    scenario::Scenario,
};
use crate::{
    cloud::{Redriving, TargetGroup},
    plan::{
        Alias, BusTarget, EventSource, Family, ListenerRule, Member, Plan, RecordSet, Redrive,
        RouteKind, Stage,
    },
    rollout::{BusPlace, MappingPlace, Redriven, StagePlace},
    testkit::draw,
};

/// What all simulated mappings read.
pub(super) const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:simulated";
/// How the functions of simulated APIs are called.
pub(super) const BEHIND_STAGES: &str = ":function:behind-the-stage:";

const QUEUE_NAME: &str = "simulated";

/// The account and region a plan is simulated in.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) account: String,
    pub(super) region: String,
    /// How the dead letters stand when the run begins, of the queue that all mappings read.
    dead_letters: Redriving,
}

impl Home {
    pub(super) fn of(plan: &Plan, scenario: &Scenario) -> Self {
        let dead_letters = match scenario.queues.named(QUEUE_NAME) {
            Some(Named::Queue(script)) if script.redrive => {
                let dead_letters = format!("{QUEUE}{DEAD}");
                match script.dead_letters {
                    0 => Redriving::From(dead_letters),
                    messages => Redriving::Occupied { dead_letters, messages },
                }
            }
            Some(_) | None => Redriving::Nowhere,
        };
        Self {
            account: plan.aws.account.clone().unwrap_or_else(|| "000000000000".into()),
            region: plan.aws.region.clone().unwrap_or_else(|| "us-east-1".into()),
            dead_letters,
        }
    }

    /// Whether messages can be brought back.
    pub(super) fn redriving(&self, at: &EventSource) -> Redriving {
        match at.redrive() {
            Redrive::Hold => Redriving::Held,
            Redrive::BringBack => self.dead_letters.clone(),
        }
    }

    fn arn(&self, resource: &str) -> String {
        format!("arn:aws:elasticloadbalancing:{}:{}:{resource}", self.region, self.account)
    }

    /// `name/id` as AWS ends its ARNs with.
    fn with_id(name: &str) -> String {
        let hash = name.bytes().fold(7, |hash, byte| draw(hash, u64::from(byte)));
        format!("{name}/{hash:016x}")
    }

    pub(super) fn records(at: &RecordSet) -> String {
        format!("hostedzone/{}/{}/{}", at.zone, at.name, at.kind)
    }

    pub(super) fn alias_arn(&self, at: &Alias) -> String {
        format!("arn:aws:lambda:{}:{}:function:{at}", self.region, self.account)
    }

    pub(super) fn stage(&self, at: &Stage) -> String {
        StagePlace::written("aws", &self.region, at)
    }

    /// A function behind a stage, whose alias one of its variables tells.
    pub(super) fn behind_stage(&self, variable: &str) -> String {
        let (region, account) = (&self.region, &self.account);
        format!("arn:aws:lambda:{region}:{account}{BEHIND_STAGES}${{stageVariables.{variable}}}")
    }

    pub(super) fn target(&self, at: &BusTarget) -> String {
        BusPlace::written(&BusPlace::rule_arn(&self.region, &self.account, at), &at.id)
    }

    pub(super) fn mappings(&self, at: &EventSource, candidate: Option<&Member>) -> String {
        let (redriving, candidate) = (self.redriving(at), candidate.map_or("", Member::as_str));
        let redriven = match &redriving {
            Redriving::From(dead_letters) => Some(Redriven { dead_letters, candidate }),
            Redriving::Held | Redriving::Occupied { .. } | Redriving::Nowhere => None,
        };
        let arn = |uuid: &str| {
            format!("arn:aws:lambda:{}:{}:event-source-mapping:{uuid}", self.region, self.account)
        };
        match at {
            EventSource::HandOver { mapping, drain, .. } => {
                MappingPlace::HandOver { arn: &arn(mapping), drain: *drain, redriven }.written()
            }
            EventSource::SideBySide { stable, candidate, .. } => {
                let (stable, candidate) = (arn(stable), arn(candidate));
                MappingPlace::SideBySide { stable: &stable, candidate: &candidate, redriven }
                    .written()
            }
        }
    }

    pub(super) fn rule_arn(&self, family: Family, place: &ListenerRule) -> String {
        match place {
            ListenerRule::Rule(arn) | ListenerRule::DefaultOf(arn) => arn.clone(),
            ListenerRule::Named { load_balancer, port, priority } => {
                let load_balancer = Self::with_id(load_balancer);
                let listener = draw(u64::from(*port), 0);
                let family = family.in_arns();
                match priority {
                    None => self.arn(&format!("listener/{family}/{load_balancer}/{listener:016x}")),
                    Some(priority) => {
                        let rule = draw(listener, u64::from(*priority));
                        let end = format!("{load_balancer}/{listener:016x}/{rule:016x}");
                        self.arn(&format!("listener-rule/{family}/{end}"))
                    }
                }
            }
        }
    }

    /// A group of targets for a member of such a route.
    pub(super) fn target_group(
        &self,
        kind: &RouteKind,
        member: &Member,
        deregistration_delay: Duration,
    ) -> TargetGroup {
        let arn = if member.as_str().starts_with("arn:") {
            member.to_string()
        } else {
            self.arn(&format!("targetgroup/{}", Self::with_id(member.as_str())))
        };
        let protocol = if matches!(kind, RouteKind::Nlb(_)) { "TCP" } else { "HTTP" };
        TargetGroup {
            name: member.clone(),
            arn,
            deregistration_delay,
            // Told by the rules whenever somebody asks.
            load_balancers: Vec::new(),
            protocol: Some(protocol.to_owned()),
            vpc: Some("vpc-simulated".to_owned()),
        }
    }
}

/// `app/name/id` within the ARN of a rule or listener.
pub(super) fn load_balancer(resource: &str) -> String {
    let mut parts = resource.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(kind), Some(name), Some(id)) => format!("{kind}/{name}/{id}"),
        _ => "app/simulated/0000000000000000".into(),
    }
}

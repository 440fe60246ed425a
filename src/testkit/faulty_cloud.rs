//! A cloud with faults around every port. One wrapper type carries all of them; what goes wrong is decided in
//! `faults.rs`. The ports of functions, APIs and buses are in `faulty_serverless.rs`.
//!
//! Its length is that of the ports: each has its lines here, all alike, and nothing is decided in any of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Fault, Faults};
use crate::{
    cloud::{
        Alarm, AlarmNews, Alarms, Answer, Automation, Caller, Checkers, Cloud, Dns, Error, Forward,
        Functions, Group, Groups, Health, Http, Identity, Installation, Installations, Invoked,
        Lead, LoadBalancers, Mark, Marks, Metrics, News, Offers, Operation, OwnTest, Owned, Pace,
        Query, QueueStanding, Queues, Reads, Records, Replacer, Replacing, ResizeGroups, Series,
        SetMarks, SetTestRoutes, SetWeights, TargetGroup, Transition, Weights,
    },
    plan::{FunctionName, Header, How, ListenerRule, Member, Proxy, Queue, RecordSet},
    rollout::{Capacity, Move, Split, TestRoute, Timestamp, Version},
};

pub(super) struct Faulty<Port: ?Sized> {
    pub(super) port: Arc<Port>,
    pub(super) faults: Faults,
}

impl Faults {
    /// The same cloud, with these faults at all its ports.
    pub fn around(&self, cloud: &Cloud) -> Cloud {
        Cloud {
            reads: self.around_reads(&cloud.reads),
            weights: cloud.weights.wrapped::<dyn SetWeights>(|port, service| {
                let (port, faults) = (Arc::clone(port), self.clone());
                Arc::new(FaultyWeights { port, faults, operation: service.traits().setting })
            }),
            test_routes: self.wrap(&cloud.test_routes),
            sizes: self.wrap(&cloud.sizes),
            refreshing: self.wrap_service(Replacer::Refreshes, &cloud.refreshing),
            deploying: self.wrap_service(Replacer::Deployments, &cloud.deploying),
            publishing: self.wrap(&cloud.publishing),
            new_deployments: self.wrap(&cloud.new_deployments),
            pruning: self.wrap(&cloud.pruning),
            provisioning: self.wrap(&cloud.provisioning),
            replaying: self.wrap(&cloud.replaying),
            marking: self.wrap(&cloud.marking),
            news: self.wrap(&cloud.news),
        }
    }

    /// The same for what is only read.
    pub fn around_reads(&self, reads: &Reads) -> Reads {
        Reads {
            weights: reads.weights.wrapped::<dyn Weights>(|port, service| {
                let (port, faults) = (Arc::clone(port), self.clone());
                Arc::new(FaultyWeights { port, faults, operation: service.traits().reading })
            }),
            load_balancers: self.wrap(&reads.load_balancers),
            dns: self.wrap(&reads.dns),
            aliases: self.wrap(&reads.aliases),
            alias_deployments: self.wrap(&reads.alias_deployments),
            releases: self.wrap(&reads.releases),
            old_versions: self.wrap(&reads.old_versions),
            provisioned: self.wrap(&reads.provisioned),
            stages: self.wrap(&reads.stages),
            buses: self.wrap(&reads.buses),
            takers: self.wrap(&reads.takers),
            replays: self.wrap(&reads.replays),
            mappings: self.wrap(&reads.mappings),
            groups: self.wrap(&reads.groups),
            refreshes: self.wrap_service(Replacer::Refreshes, &reads.refreshes),
            deployments: self.wrap_service(Replacer::Deployments, &reads.deployments),
            alarms: self.wrap(&reads.alarms),
            queues: self.wrap(&reads.queues),
            metrics: self.wrap(&reads.metrics),
            identity: self.wrap(&reads.identity),
            // Asked only for what to say when a run cannot begin.
            names: reads.names.clone(),
            http: self.wrap(&reads.http),
            // No request of anybody's: what a command does may go wrong by its script.
            commands: reads.commands.clone(),
            functions: self.wrap(&reads.functions),
            marks: self.wrap(&reads.marks),
            region: reads.region.clone(),
            role: reads.role.clone(),
        }
    }

    fn wrap<Port: ?Sized>(&self, port: &Arc<Port>) -> Arc<Faulty<Port>> {
        Arc::new(Faulty { port: Arc::clone(port), faults: self.clone() })
    }
}

/// Two services behind one trait; the kind tells what their operations are called.
struct FaultyService<Port: ?Sized> {
    port: Arc<Port>,
    faults: Faults,
    kind: Replacer,
}

impl Faults {
    fn wrap_service<Port: ?Sized>(
        &self,
        kind: Replacer,
        port: &Arc<Port>,
    ) -> Arc<FaultyService<Port>> {
        Arc::new(FaultyService { port: Arc::clone(port), faults: self.clone(), kind })
    }
}

#[async_trait]
impl Installations for FaultyService<dyn Installations> {
    async fn installation(&self, of: &Member) -> Result<Installation, Error> {
        let operation = match self.kind {
            Replacer::Refreshes => Operation::DescribeInstanceRefreshes,
            Replacer::Deployments => Operation::GetDeploymentGroup,
        };
        self.faults.apply(operation, of.as_str(), self.port.installation(of)).await
    }

    async fn check_way(&self, how: &How) -> Result<(), Error> {
        match how {
            How::Refresh(_) => self.port.check_way(how).await,
            How::Deploy(_) => {
                let call = self.port.check_way(how);
                self.faults.apply(Operation::GetDeploymentConfig, "the configuration", call).await
            }
        }
    }
}

#[async_trait]
impl Replacing for FaultyService<dyn Replacing> {
    async fn make(&self, of: &Member, what: &Move, pace: &Pace) -> Result<(), Error> {
        let operation = match (self.kind, what) {
            (Replacer::Refreshes, Move::Start(_)) => Operation::StartInstanceRefresh,
            (Replacer::Refreshes, Move::Hold) => Operation::SuspendProcesses,
            (Replacer::Refreshes, Move::GoOn | Move::Release | Move::Follow) => {
                Operation::ResumeProcesses
            }
            (Replacer::Refreshes, Move::TakeBack) => Operation::RollbackInstanceRefresh,
            (Replacer::Deployments, Move::Start(_)) => Operation::CreateDeployment,
            (Replacer::Deployments, Move::TakeBack) => Operation::StopDeployment,
            (Replacer::Deployments, Move::GoOn | Move::Release | Move::Hold | Move::Follow) => {
                Operation::ContinueDeployment
            }
        };
        self.faults.apply(operation, of.as_str(), self.port.make(of, what, pace)).await
    }
}

#[async_trait]
impl LoadBalancers for Faulty<dyn LoadBalancers> {
    async fn find(&self, at: &ListenerRule) -> Result<Forward, Error> {
        let place = match at {
            ListenerRule::Rule(arn) | ListenerRule::DefaultOf(arn) => arn,
            ListenerRule::Named { load_balancer, .. } => load_balancer,
        };
        self.faults.apply(Operation::DescribeRules, place, self.port.find(at)).await
    }

    async fn forward(&self, resource: &str) -> Result<Forward, Error> {
        self.faults.apply(Operation::DescribeRules, resource, self.port.forward(resource)).await
    }

    async fn target_group(&self, name: &Member) -> Result<TargetGroup, Error> {
        let call = self.port.target_group(name);
        self.faults.apply(Operation::DescribeTargetGroups, name.as_str(), call).await
    }

    async fn health(&self, group: &Member) -> Result<Vec<Health>, Error> {
        let call = self.port.health(group);
        self.faults.apply(Operation::DescribeTargetHealth, group.as_str(), call).await
    }

    async fn test_route(
        &self,
        resource: &str,
        header: &Header,
        group: &Member,
    ) -> Result<TestRoute, Error> {
        let call = self.port.test_route(resource, header, group);
        self.faults.apply(Operation::DescribeRules, resource, call).await
    }

    async fn draw_test_route(
        &self,
        resource: &str,
        header: &Header,
        group: &Member,
    ) -> Result<Option<String>, Error> {
        let call = self.port.draw_test_route(resource, header, group);
        self.faults.apply(Operation::DescribeAccountLimits, resource, call).await
    }

    async fn leads(&self, group: &Member, own: Option<OwnTest<'_>>) -> Result<Vec<Lead>, Error> {
        let call = self.port.leads(group, own);
        self.faults.apply(Operation::DescribeRules, group.as_str(), call).await
    }
}

#[async_trait]
impl SetTestRoutes for Faulty<dyn SetTestRoutes> {
    async fn add(&self, resource: &str, header: &Header, group: &Member) -> Result<(), Error> {
        let call = self.port.add(resource, header, group);
        self.faults.apply(Operation::CreateRule, resource, call).await
    }

    async fn remove(&self, resource: &str, header: &Header, group: &Member) -> Result<(), Error> {
        let call = self.port.remove(resource, header, group);
        self.faults.apply(Operation::DeleteRule, resource, call).await
    }
}

/// The weights of one service, which tells what reading and setting them is called.
struct FaultyWeights<Port: ?Sized> {
    port: Arc<Port>,
    faults: Faults,
    operation: Operation,
}

#[async_trait]
impl Weights for FaultyWeights<dyn Weights> {
    async fn split(&self, place: &str) -> Result<Split, Error> {
        self.faults.apply(self.operation, place, self.port.split(place)).await
    }
}

#[async_trait]
impl SetWeights for FaultyWeights<dyn SetWeights> {
    async fn set_weights(&self, place: &str, expected: &Split, to: &Split) -> Result<(), Error> {
        let call = self.port.set_weights(place, expected, to);
        self.faults.apply(self.operation, place, call).await
    }
}

#[async_trait]
impl Dns for Faulty<dyn Dns> {
    async fn find(&self, at: &RecordSet) -> Result<Records, Error> {
        let call = self.port.find(at);
        self.faults.apply(Operation::ListResourceRecordSets, &at.name, call).await
    }

    async fn records(&self, resource: &str) -> Result<Records, Error> {
        let call = self.port.records(resource);
        self.faults.apply(Operation::ListResourceRecordSets, resource, call).await
    }

    async fn checkers(&self, health_check: &str) -> Result<Checkers, Error> {
        let call = self.port.checkers(health_check);
        self.faults.apply(Operation::GetHealthCheckStatus, health_check, call).await
    }

    async fn leads(&self, resource: &str, member: &Member) -> Result<Vec<Lead>, Error> {
        let call = self.port.leads(resource, member);
        self.faults.apply(Operation::ListResourceRecordSets, resource, call).await
    }
}

#[async_trait]
impl Groups for Faulty<dyn Groups> {
    async fn group(&self, name: &Member) -> Result<Group, Error> {
        let call = self.port.group(name);
        self.faults.apply(Operation::DescribeAutoScalingGroups, name.as_str(), call).await
    }

    async fn automation(&self, name: &Member) -> Result<Automation, Error> {
        let call = self.port.automation(name);
        self.faults.apply(Operation::DescribePolicies, name.as_str(), call).await
    }

    async fn launches(&self, name: &Member) -> Result<Vec<Version>, Error> {
        let call = self.port.launches(name);
        self.faults.apply(Operation::DescribeLaunchTemplateVersions, name.as_str(), call).await
    }

    async fn check_version(&self, version: &Version) -> Result<(), Error> {
        let call = self.port.check_version(version);
        self.faults.apply(Operation::DescribeLaunchTemplateVersions, version.as_str(), call).await
    }

    async fn offers(&self, name: &Member, version: &Version) -> Result<Offers, Error> {
        let call = self.port.offers(name, version);
        self.faults.apply(Operation::DescribeInstanceTypeOfferings, name.as_str(), call).await
    }
}

#[async_trait]
impl ResizeGroups for Faulty<dyn ResizeGroups> {
    async fn resize(&self, name: &Member, to: Capacity) -> Result<(), Error> {
        let call = self.port.resize(name, to);
        self.faults.apply(Operation::UpdateAutoScalingGroup, name.as_str(), call).await
    }
}

#[async_trait]
impl Alarms for Faulty<dyn Alarms> {
    async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>, Error> {
        self.faults.apply(Operation::DescribeAlarms, "*", self.port.alarms(names)).await
    }

    async fn history(&self, name: &str, since: Timestamp) -> Result<Vec<Transition>, Error> {
        let call = self.port.history(name, since);
        self.faults.apply(Operation::DescribeAlarmHistory, name, call).await
    }
}

#[async_trait]
impl Queues for Faulty<dyn Queues> {
    async fn find(&self, queue: &Queue) -> Result<(), Error> {
        self.faults.apply(Operation::GetQueueUrl, queue.as_str(), self.port.find(queue)).await
    }

    async fn standing(&self, queue: &Queue) -> Result<QueueStanding, Error> {
        let call = self.port.standing(queue);
        self.faults.apply(Operation::GetQueueAttributes, queue.as_str(), call).await
    }
}

#[async_trait]
impl AlarmNews for Faulty<dyn AlarmNews> {
    async fn hear(&self, queue: &Queue) -> Result<News, Error> {
        self.faults.apply(Operation::ReceiveMessage, queue.as_str(), self.port.hear(queue)).await
    }

    async fn forget(&self, queue: &Queue, receipts: &[String]) -> Result<(), Error> {
        let call = self.port.forget(queue, receipts);
        self.faults.apply(Operation::DeleteMessageBatch, queue.as_str(), call).await
    }
}

#[async_trait]
impl Metrics for Faulty<dyn Metrics> {
    async fn series(
        &self,
        queries: &[Query],
        from: Timestamp,
        to: Timestamp,
        period: Duration,
    ) -> Result<Vec<Series>, Error> {
        let call = self.port.series(queries, from, to, period);
        self.faults.apply(Operation::GetMetricData, "*", call).await
    }
}

#[async_trait]
impl Identity for Faulty<dyn Identity> {
    async fn caller(&self) -> Result<Caller, Error> {
        self.faults.apply(Operation::GetCallerIdentity, "*", self.port.caller()).await
    }
}

#[async_trait]
impl Functions for Faulty<dyn Functions> {
    async fn may_invoke(&self, function: &FunctionName) -> Result<(), Error> {
        let call = self.port.may_invoke(function);
        self.faults.apply(Operation::Invoke, &function.name, call).await
    }

    async fn invoke(
        &self,
        function: &FunctionName,
        payload: &str,
        timeout: Duration,
    ) -> Result<Invoked, Error> {
        let call = self.port.invoke(function, payload, timeout);
        self.faults.apply(Operation::Invoke, &function.name, call).await
    }
}

#[async_trait]
impl Marks for Faulty<dyn Marks> {
    async fn marks(&self, on: &Owned) -> Result<Vec<Mark>, Error> {
        self.faults.apply(Operation::DescribeTags, &on.to_string(), self.port.marks(on)).await
    }
}

#[async_trait]
impl SetMarks for Faulty<dyn SetMarks> {
    async fn put(&self, on: &Owned, mark: &Mark) -> Result<(), Error> {
        self.faults.apply(Operation::AddTags, &on.to_string(), self.port.put(on, mark)).await
    }

    async fn remove(&self, on: &Owned, run: &str) -> Result<(), Error> {
        self.faults.apply(Operation::RemoveTags, &on.to_string(), self.port.remove(on, run)).await
    }
}

#[async_trait]
impl Http for Faulty<dyn Http> {
    async fn get(
        &self,
        url: &str,
        headers: &BTreeMap<String, String>,
        timeout: Duration,
        proxy: Proxy,
    ) -> Answer {
        let (call, fault) = self.faults.decide(Operation::HttpGet);
        match fault {
            None => self.port.get(url, headers, timeout, proxy).await,
            Some(Fault::CrashBefore) => Answer::None(self.faults.die(&call).await.to_string()),
            Some(Fault::CrashAfter) => {
                let _answer_nobody_reads = self.port.get(url, headers, timeout, proxy).await;
                Answer::None(self.faults.die(&call).await.to_string())
            }
            Some(
                Fault::Throttle
                | Fault::Transient
                | Fault::Denied
                | Fault::Conflict
                | Fault::Absent
                | Fault::TimeoutAfterEffect,
            ) => Answer::None("connection reset by peer".into()),
        }
    }

    fn proxy_to(&self, url: &str) -> Option<String> {
        self.port.proxy_to(url)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        simulation::{Scenario, World},
        testkit::{Call, sample_plan},
    };

    fn world() -> World {
        World::for_plan(&sample_plan(), &Scenario::default(), Arc::new(Timestamp::default))
    }

    const TO: Capacity = Capacity { min: 0, max: 8, desired: 3 };

    #[tokio::test]
    async fn a_fault_leaves_the_effect_out_or_takes_only_the_answer() {
        for (fault, desired) in [
            (Fault::Throttle, 0),
            (Fault::Transient, 0),
            (Fault::Denied, 0),
            (Fault::Conflict, 0),
            (Fault::Absent, 0),
            (Fault::TimeoutAfterEffect, 3),
        ] {
            let green = Member::new("app-green");
            let faults = Faults::nth_of(Operation::UpdateAutoScalingGroup, 1, fault);
            let cloud = faults.around(&world().flawless_cloud());
            assert!(cloud.sizes.resize(&green, TO).await.is_err(), "{fault:?}");
            let group = cloud.reads.groups.group(&green).await.unwrap();
            assert_eq!(group.capacity.desired, desired, "{fault:?}");
            assert!(cloud.sizes.resize(&green, TO).await.is_ok(), "only the first");
            assert_eq!(faults.made(), 3);
            assert_eq!(faults.injected().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_crash_is_told_and_its_call_never_returns() {
        for (fault, desired) in [(Fault::CrashBefore, 0), (Fault::CrashAfter, 3)] {
            let (world, told) = (world(), Arc::new(Mutex::new(None)));
            let tell = Arc::clone(&told);
            let faults = Faults::nth(1, fault)
                .on_crash(move |call: &Call| *tell.lock().unwrap() = Some(call.operation));
            let cloud = faults.around(&world.flawless_cloud());
            let green = Member::new("app-green");
            let resize = cloud.sizes.resize(&green, TO);
            let dies = tokio::select! {
                biased;
                _ = resize => None,
                () = std::future::ready(()) => *told.lock().unwrap(),
            };
            assert_eq!(dies, Some(Operation::UpdateAutoScalingGroup));
            let group = world.flawless_cloud().reads.groups.group(&green).await.unwrap();
            assert_eq!(group.capacity.desired, desired, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_seed_repeats_its_faults() {
        let struck = async |seed| {
            let faults = Faults::seeded(seed, 200);
            let cloud = faults.around(&world().flawless_cloud());
            for _ in 0..500 {
                let _answer_does_not_matter = cloud.reads.identity.caller().await;
                let http = &cloud.reads.http;
                http.get(
                    "https://candidate/",
                    &BTreeMap::new(),
                    Duration::from_secs(1),
                    Proxy::None,
                )
                .await;
            }
            faults.injected()
        };
        let first = struck(7).await;
        assert!((150..250).contains(&first.len()), "{}", first.len());
        assert_eq!(first, struck(7).await);
        assert_ne!(first, struck(8).await);
    }
}

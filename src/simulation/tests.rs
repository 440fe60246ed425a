//! What the world does to a run that is played against it by hand, through the ports as a run would.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::{
    cloud::{AlarmValue, Answer, Cloud, Error, HealthState, Operation},
    plan::{Member, Plan, Proxy, units::Weight},
    rollout::{Capacity, Split, Timestamp},
    testkit::{SAMPLE_RULE, sample_plan},
};

/// A world whose clock a test moves.
pub(super) struct Played {
    pub(super) world: World,
    pub(super) cloud: Cloud,
    clock: Arc<AtomicI64>,
}

impl Played {
    pub(super) fn with(scenario: &str) -> Self {
        Self::of(&sample_plan(), &serde_saphyr::from_str(scenario).unwrap())
    }

    pub(super) fn of(plan: &Plan, scenario: &Scenario) -> Self {
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
        let read = Arc::clone(&clock);
        let now = Arc::new(move || Timestamp::from_millis(read.load(Ordering::Relaxed)));
        let world = World::for_plan(plan, scenario, now);
        Self { cloud: world.cloud(), world, clock }
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.pass_millis(seconds * 1_000);
    }

    pub(super) fn pass_millis(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::Relaxed);
    }

    pub(super) async fn split(&self) -> Split {
        self.cloud.reads.load_balancers.forward(SAMPLE_RULE).await.unwrap().split
    }

    pub(super) async fn shift(&self, stable: u16, candidate: u16) -> Result<(), Error> {
        let live = self.split().await;
        self.cloud
            .weights
            .load_balancers
            .set_weights(SAMPLE_RULE, &live, &split(stable, candidate))
            .await
    }

    pub(super) async fn resize(&self, group: &str, desired: u32) -> Result<(), Error> {
        let to = Capacity { min: 0, max: 8, desired };
        self.cloud.sizes.resize(&Member::new(group), to).await
    }

    async fn alarm(&self) -> Option<AlarmValue> {
        let asked = self.cloud.reads.alarms.alarms(&["checkout-5xx".into()]).await.unwrap();
        asked.first().map(|alarm| alarm.value)
    }

    async fn healthy(&self, group: &str) -> usize {
        let health = self.cloud.reads.load_balancers.health(&Member::new(group)).await.unwrap();
        health.iter().filter(|health| health.state == HealthState::Healthy).count()
    }

    /// Brings the candidate up and gives it 5 % of the traffic.
    async fn begin(&self) {
        self.resize("app-green", 4).await.unwrap();
        self.pass(100);
        self.shift(950, 50).await.unwrap();
    }
}

pub(super) fn split(stable: u16, candidate: u16) -> Split {
    let weight = |weight| Weight::new(weight).unwrap();
    let sides = [(Member::new("blue"), weight(stable)), (Member::new("green"), weight(candidate))];
    Split(sides.into())
}

#[tokio::test]
async fn a_healthy_canary_loses_nothing() {
    let played = Played::with("{}");
    assert_eq!(played.split().await, split(999, 0));
    assert_eq!((played.healthy("blue").await, played.healthy("green").await), (4, 0));
    played.resize("app-green", 4).await.unwrap();
    played.pass(39);
    assert_eq!(played.healthy("green").await, 0);
    played.pass(40);
    assert_eq!(played.healthy("green").await, 4);
    for (stable, candidate) in [(950, 50), (750, 250), (0, 999)] {
        played.shift(stable, candidate).await.unwrap();
        played.pass(300);
        assert_eq!(played.alarm().await, Some(AlarmValue::Ok));
    }
    played.resize("app-blue", 0).await.unwrap();
    played.pass(100);
    assert_eq!(played.world.violations(), []);
    let total = played.world.ledger().total();
    assert_eq!(total.sent().whole(), 50 * 1_079);
    assert_eq!(total.lost, Requests::ZERO);
    assert_eq!(total.failed().whole(), 54, "one in a thousand");
}

#[tokio::test]
async fn a_bad_candidate_sets_its_alarm_off_and_going_back_clears_it() {
    let played = Played::with("sides: { candidate: { error-rate: 5% } }");
    played.begin().await;
    played.pass(80);
    assert_eq!(played.alarm().await, Some(AlarmValue::Alarm));
    played.shift(999, 0).await.unwrap();
    played.pass(140);
    assert_eq!(played.alarm().await, Some(AlarmValue::Ok));
    played.resize("app-green", 0).await.unwrap();
    assert_eq!(played.world.violations(), []);
}

#[tokio::test]
async fn raising_the_candidate_against_its_alarm_is_noted() {
    let played = Played::with("sides: { candidate: { error-rate: 5% } }");
    played.begin().await;
    played.pass(200);
    played.shift(0, 999).await.unwrap();
    let noted = played.world.violations();
    assert!(matches!(&noted[..], [Violation::RaisedAgainstAlarm { .. }]), "{noted:?}");
}

#[tokio::test]
async fn a_candidate_that_is_never_healthy_fails_open_and_raising_it_is_noted() {
    let played = Played::with("sides: { candidate: { healthy: never } }");
    played.begin().await;
    let noted = played.world.violations();
    assert!(matches!(&noted[..], [Violation::RaisedWithoutHealthyTargets { .. }]), "{noted:?}");
    played.pass(60);
    let candidate = played.world.ledger().total().candidate;
    assert!(candidate.requests > Requests::ZERO);
    assert_eq!(candidate.errors, candidate.requests);
}

#[tokio::test]
async fn shrinking_a_group_before_traffic_has_left_it_is_noted_and_loses_requests() {
    let played = Played::with("{}");
    played.begin().await;
    played.pass(60);
    played.shift(999, 0).await.unwrap();
    played.pass(2);
    played.resize("app-green", 0).await.unwrap();
    played.pass(10);
    let noted = played.world.violations();
    assert!(
        matches!(
            &noted[..],
            [Violation::ShrunkWhileServing { from: 4, to: 0, .. }, Violation::RequestsLost { .. }]
        ),
        "{noted:?}"
    );
    let lost = played.world.ledger().total().lost.whole();
    assert!((5..=8).contains(&lost), "{lost} in the three seconds that were left");
}

#[tokio::test]
async fn going_back_to_the_size_that_served_before_is_no_shrinking() {
    let played = Played::with("{}");
    played.resize("app-blue", 6).await.unwrap();
    played.pass(100);
    played.resize("app-blue", 4).await.unwrap();
    assert_eq!(played.world.violations(), []);
    played.resize("app-blue", 3).await.unwrap();
    assert_eq!(played.world.violations().len(), 1);
}

#[tokio::test]
async fn drift_stands_in_the_way_of_a_change_and_is_not_held_against_the_run() {
    let played = Played::with(
        "drift: [{ at: traffic + 30s, weights: { stable: 0, candidate: 999 } },
                 { at: traffic + 40s, capacity: { side: candidate, max: 0 } }]",
    );
    played.begin().await;
    played.pass(29);
    assert_eq!(played.split().await, split(950, 50));
    played.pass(1);
    assert_eq!(played.split().await, split(0, 999));
    let (expected, to) = (split(950, 50), split(750, 250));
    let conflict =
        played.cloud.weights.load_balancers.set_weights(SAMPLE_RULE, &expected, &to).await;
    assert!(matches!(conflict, Err(Error::Conflict { .. })), "{conflict:?}");
    played.pass(60);
    assert!(played.world.ledger().total().lost > Requests::ZERO);
    assert_eq!(played.world.violations(), []);
}

#[tokio::test]
async fn what_aws_would_refuse_is_refused() {
    let played = Played::with("missing-alarms: all\nsides: { candidate: { attached: false } }");
    assert_eq!(played.alarm().await, None);
    let (weights, live) = (&played.cloud.weights.load_balancers, played.split().await);
    assert_eq!(live.0.len(), 1);
    let unknown = live.with((&Member::new("blue"), Weight::MAX), (&Member::new("x"), Weight::ZERO));
    let absent = weights.set_weights(SAMPLE_RULE, &live, &unknown).await;
    assert!(matches!(absent, Err(Error::Absent { .. })), "{absent:?}");
    let rejected = weights.set_weights(SAMPLE_RULE, &live, &Split::default()).await;
    assert!(matches!(rejected, Err(Error::Rejected { .. })), "{rejected:?}");
    let nowhere = weights.set_weights("arn:nothing", &live, &live).await;
    assert!(matches!(nowhere, Err(Error::Absent { .. })), "{nowhere:?}");
    let bounds = Capacity { min: 4, max: 8, desired: 2 };
    let rejected = played.cloud.sizes.resize(&Member::new("app-green"), bounds).await;
    assert!(matches!(rejected, Err(Error::Rejected { .. })), "{rejected:?}");
}

#[tokio::test]
async fn targets_are_unused_until_their_group_is_attached() {
    let played = Played::with("sides: { candidate: { attached: false } }");
    played.resize("app-green", 1).await.unwrap();
    played.pass(200);
    let health = played.cloud.reads.load_balancers.health(&Member::new("green")).await.unwrap();
    assert_eq!(health[0].state, HealthState::Unused);
    played.shift(999, 0).await.unwrap();
    played.pass(22);
    assert_eq!(played.healthy("green").await, 1);
}

#[tokio::test]
async fn faults_strike_by_count_and_time_and_every_request_is_counted() {
    let played = Played::with(
        "faults: [{ kind: timeout-after-effect, operation: ModifyRule, nth: 1, count: 1 },
                  { kind: throttle, operation: DescribeAlarms, from: 1m, to: 2m }]",
    );
    let lost_answer = played.shift(999, 1).await;
    assert!(matches!(lost_answer, Err(Error::Transient { .. })), "{lost_answer:?}");
    assert_eq!(played.split().await, split(999, 1), "it took effect");
    let names = vec!["checkout-5xx".to_owned(); 101];
    assert!(played.cloud.reads.alarms.alarms(&names).await.is_ok());
    played.pass(60);
    assert!(matches!(
        played.cloud.reads.alarms.alarms(&names).await,
        Err(Error::Throttled { operation: Operation::DescribeAlarms })
    ));
    played.pass(60);
    assert!(played.alarm().await.is_some());
    let calls = played.world.calls().by_operation();
    assert_eq!(calls["DescribeAlarms"], 4, "two, a refused one, one");
    assert_eq!((calls["ModifyRule"], calls["DescribeRules"]), (1, 3));
}

#[tokio::test]
async fn composites_follow_what_they_are_made_of_and_history_keeps_every_pulse() {
    let played = Played::with(
        "alarms:
           checkout-5xx: { all-of: [a, b] }
           a: { states: [{ at: 10s, state: alarm, for: 20s }] }
           b: { states: [{ at: 20s, state: alarm, for: 4s }] }",
    );
    played.pass(60);
    let alarms = &played.cloud.reads.alarms;
    let history = alarms.history("checkout-5xx", Timestamp::default()).await.unwrap();
    let start = 1_700_000_000_000;
    let seen: Vec<_> = history.iter().map(|t| (t.at.as_millis() - start, t.to)).collect();
    let began = (0, AlarmValue::Ok);
    assert_eq!(seen, [began, (21_000, AlarmValue::Alarm), (25_000, AlarmValue::Ok)]);
    let later = Timestamp::from_millis(start + 22_000);
    assert_eq!(alarms.history("checkout-5xx", later).await.unwrap().len(), 1);
}

#[tokio::test]
async fn probes_answer_as_the_candidate_would() {
    let probe = async |scenario: &str| {
        let played = Played::with(scenario);
        let http = &played.cloud.reads.http;
        http.get(
            "https://candidate.internal/",
            &BTreeMap::new(),
            Duration::from_secs(1),
            Proxy::None,
        )
        .await
    };
    assert_eq!(probe("{}").await, Answer::Status(200));
    assert_eq!(probe("probe: { status: 404 }").await, Answer::Status(404));
    assert_eq!(probe("sides: { candidate: { error-rate: 100% } }").await, Answer::Status(500));
    assert_eq!(probe("sides: { candidate: { healthy: never } }").await, Answer::Status(503));
    let slow = probe("sides: { candidate: { latency: 2s } }").await;
    assert!(matches!(slow, Answer::None(_)), "{slow:?}");
}

#[tokio::test]
async fn a_route_without_a_fleet_has_targets_that_somebody_else_runs() {
    let mut plan = sample_plan();
    plan.fleets.clear();
    let played = Played::of(&plan, &Scenario::default());
    assert_eq!((played.healthy("blue").await, played.healthy("green").await), (2, 2));
    assert_eq!(Scenario::default().problems(&plan), Vec::<String>::new());
    let drift = serde_saphyr::from_str::<Scenario>(
        "drift: [{ at: asked, fleet: app, capacity: { side: stable, min: 1 } }]
missing-alarms: [checkout-5xx, nobodys]",
    );
    assert_eq!(drift.unwrap().problems(&plan).len(), 3);
    assert_eq!(sample_plan().aws.region.as_deref(), Some(played.cloud.reads.region.as_str()));
}

#[tokio::test]
async fn with_no_weight_anywhere_every_request_is_lost() {
    let played = Played::with("{}");
    played.shift(0, 0).await.unwrap();
    played.pass(25);
    let noted = played.world.violations();
    assert!(matches!(&noted[..], [Violation::RequestsLost { group: None, .. }]), "{noted:?}");
    assert_eq!(played.world.ledger().total().lost.whole(), 50 * 21);
}

#[tokio::test]
async fn a_side_may_change_its_behaviour_later() {
    let played = Played::with(
        "sides: { candidate: { later: [{ at: traffic + 1m, error-rate: 50%, latency: 2s }] } }
alarms: { checkout-5xx: { latency-above: 1s } }",
    );
    played.begin().await;
    played.pass(59);
    assert_eq!(played.alarm().await, Some(AlarmValue::Ok));
    played.pass(200);
    assert_eq!(played.alarm().await, Some(AlarmValue::Alarm));
}

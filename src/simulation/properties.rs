//! What holds in the simulated cloud whatever is done to it and however often somebody looks.

use std::ops::Range;

use proptest::prelude::*;

use super::{
    tests::{Played, split},
    *,
};
use crate::{cloud::Transition, plan::units::Weight, rollout::Timestamp};

const SCENARIO: &str = "
traffic: 47/min
sides: { candidate: { error-rate: 3%, later: [{ at: traffic + 1m, healthy: never }] } }
alarms: { all: { evaluation: 2 of 3, missing-data: missing } }
drift: [{ at: traffic + 2m, weights: { stable: 300, candidate: 300 } }]";

#[derive(Clone, Debug)]
enum Deed {
    Shift(u16, u16),
    Resize(&'static str, u32),
    Nothing,
}

fn deed() -> impl Strategy<Value = Deed> {
    let weight = || prop_oneof![Just(0_u16), Just(999), 0_u16..=999];
    prop_oneof![
        (weight(), weight()).prop_map(|(stable, candidate)| Deed::Shift(stable, candidate)),
        (prop_oneof![Just("app-blue"), Just("app-green")], 0_u32..=8)
            .prop_map(|(group, desired)| Deed::Resize(group, desired)),
        Just(Deed::Nothing),
    ]
}

/// Deeds with the milliseconds before each.
fn deeds(count: Range<usize>) -> impl Strategy<Value = Vec<(i64, Deed)>> {
    proptest::collection::vec((0_i64..90_000, deed()), count)
}

/// Does the deeds, looking at the world after every `look_every` milliseconds, and tells what came of it.
fn play(deeds: &[(i64, Deed)], look_every: i64) -> (Ledger, Vec<Violation>, Vec<Transition>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let played = Played::with(SCENARIO);
        for (wait, deed) in deeds {
            let mut left = *wait;
            while left > 0 {
                let stride = left.min(look_every);
                played.pass_millis(stride);
                left -= stride;
                played.split().await;
            }
            match deed {
                Deed::Shift(stable, candidate) => {
                    played.shift(*stable, *candidate).await.unwrap();
                }
                Deed::Resize(group, desired) => played.resize(group, *desired).await.unwrap(),
                Deed::Nothing => {}
            }
        }
        let history = played.cloud.reads.alarms.history("checkout-5xx", Timestamp::default());
        (played.world.ledger(), played.world.violations(), history.await.unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_happens_does_not_depend_on_who_looks(deeds in deeds(1..12), look_every in 1_i64..5_000) {
        prop_assert_eq!(play(&deeds, i64::MAX), play(&deeds, look_every.max(200)));
    }

    #[test]
    fn every_request_is_served_or_lost(deeds in deeds(1..20)) {
        let (ledger, ..) = play(&deeds, i64::MAX);
        let seconds = deeds.iter().map(|(wait, _)| wait).sum::<i64>() / 1_000;
        let a_second = 47 * 1_000_000 / 60;
        let sent = ledger.total().sent();
        prop_assert_eq!(sent.millionths(), u64::try_from(seconds).unwrap() * a_second);
        for minute in ledger.minutes.values() {
            prop_assert!(minute.stable.errors <= minute.stable.requests);
            prop_assert!(minute.candidate.errors <= minute.candidate.requests);
        }
    }

    #[test]
    fn only_what_was_set_is_read_back(stable in 0_u16..=2_000, candidate in 0_u16..=2_000) {
        let in_range = |weight: u16| Weight::new(weight).is_some();
        prop_assert_eq!(in_range(stable), stable <= 999);
        let text = format!(
            "drift: [{{ at: 1s, weights: {{ stable: {stable}, candidate: {candidate} }} }}]"
        );
        let scenario = serde_saphyr::from_str::<Scenario>(&text);
        prop_assert_eq!(scenario.is_ok(), in_range(stable) && in_range(candidate));
        if scenario.is_ok() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let played = Played::with(&text);
            played.pass(1);
            prop_assert_eq!(runtime.block_on(played.split()), split(stable, candidate));
        }
    }
}

/// Without scripted trouble a run that waits for health and for traffic to leave is never blamed.
#[test]
fn a_careful_run_is_never_blamed() {
    let deeds = [
        (0, Deed::Resize("app-green", 4)),
        (80_000, Deed::Shift(950, 50)),
        (30_000, Deed::Shift(999, 0)),
        (6_000, Deed::Resize("app-green", 0)),
        (60_000, Deed::Nothing),
    ];
    let (ledger, violations, _) = play(&deeds, 1_000);
    assert_eq!(violations, []);
    assert_eq!(ledger.total().lost, Requests::ZERO);
}

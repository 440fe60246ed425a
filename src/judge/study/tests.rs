//! The goals, asserted with slack: fewer runs than the bench, so that the limits are wider than the bounds.

use super::{
    stream::{Arms, Scenario, Unrest, Weather},
    trial::{gate, passes},
    *,
};
use crate::judge::{Allowance, random::Random};

fn assert_met(findings: &[Finding], slack: f64) {
    for finding in findings {
        assert!(finding.figure <= finding.bound * slack, "{finding}");
    }
}

/// With few runs an upper limit of 99 % is far above the frequency itself.
const FEW: Effort = Effort { runs: 60, seed: 11 };

#[test]
fn equal_arms_are_seldom_told_apart_in_any_weather() {
    // In 51 situations; two alarms in twenty runs of one of them would just do.
    assert_met(&false_alarms(Effort { runs: 20, seed: 11 }), 7.2);
}

#[test]
fn noise_of_the_canary_alone_seldom_fails_it() {
    assert_met(&noise(FEW).unwrap(), 3.2);
}

#[test]
fn a_canary_at_the_margin_seldom_passes() {
    // Sixty runs of three situations each: the limit is 5 % when one of 90 passes.
    assert_met(&wrong_passes(FEW).unwrap().collect::<Vec<_>>(), 3.2);
}

/// Of so many canaries exactly at the margin, how many pass the gate as it is shipped.
fn passing_at_the_margin(unrest: Unrest, arms: Arms, runs: u64) -> usize {
    let (config, margin) = (gate().unwrap(), Allowance::MARGIN);
    let scenario = Scenario::at(200.0)
        .worse(margin.ratio(), margin.absolute())
        .in_weather(Weather::Restless(unrest, arms));
    (0..runs)
        .filter(|run| passes(&config, &scenario.draw(&mut Random::new(21, *run))).is_some())
        .count()
}

#[test]
fn a_canary_at_the_margin_seldom_passes_when_both_arms_err_in_clusters() {
    let passing = passing_at_the_margin(Unrest::Overdispersed(3.0), Arms::Apart, 300);
    assert!(passing <= 9, "{passing} of 300");
}

#[test]
fn a_canary_at_the_margin_seldom_passes_when_its_own_rate_varies() {
    let passing = passing_at_the_margin(Unrest::Gamma(0.6), Arms::Canary, 300);
    assert!(passing <= 9, "{passing} of 300");
}

#[test]
fn a_regression_is_found_about_as_soon_as_by_a_test_planned_for_it() {
    assert_met(&against_fixed_horizon(Effort { runs: 100, seed: 12 }).unwrap(), 1.25);
}

#[test]
fn a_regression_is_found_sooner_than_by_kayenta() {
    assert_met(&against_kayenta(Effort { runs: 8, seed: 13 }), 1.8);
}

#[test]
fn a_late_regression_is_found_in_about_half_the_time_of_a_single_start() {
    assert_met(&late_onset(FEW), 1.3);
}

#[test]
fn reports_do_not_depend_on_the_order_or_the_pieces_of_rows() {
    assert_met(&[rows_do_not_matter(FEW).unwrap()], 1.0);
}

#[test]
fn the_detection_table_has_a_row_per_judge() {
    let text = detection(Effort { runs: 2, seed: 14 }).unwrap();
    assert_eq!(text.lines().count(), 10, "{text}");
}

//! The goals, asserted with slack: fewer runs than the bench, so that the limits are wider than the bounds.

use super::*;

fn assert_met(findings: &[Finding], slack: f64) {
    for finding in findings {
        assert!(
            finding.figure <= finding.bound * slack,
            "{}",
            table(std::slice::from_ref(finding))
        );
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
    assert_met(&wrong_passes(FEW), 3.2);
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

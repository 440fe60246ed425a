//! The model test: every interleaving of small plans with crashes, aborts, pauses, failing and unknown gates, failing
//! and in-doubt calls, and somebody else's changes, breadth first over `rollout::handle`. After each transition the
//! invariants of ARCHITECTURE.md ("What must always be true") are asserted, so a bug is found with the shortest story
//! that leads to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking, and prepares its own files"
)]

mod explore;
mod invariants;
mod plans;
#[path = "../shared/sampled.rs"]
mod sampled;
mod world;

use explore::{Budget, Rules, explore};
use tidegate::plan::{FailureScope, OnFailure, Others};

/// States over all plans below, printed so that a shrinking search space does not go unnoticed.
fn run(name: &str, plan: &tidegate::plan::Plan, budget: Budget) -> usize {
    let result = explore(plan, budget, Rules::Honest);
    match result {
        Ok(report) => {
            println!(
                "model {name}: {} states, {} transitions, ends: {:?}",
                report.states, report.transitions, report.ends
            );
            report.states
        }
        Err(violation) => panic!("{name}: {violation}"),
    }
}

#[test]
fn a_canary_keeps_every_invariant_under_faults() {
    let all = Budget {
        crashes: 1,
        gates: 1,
        calls: 1,
        aborts: 1,
        pauses: 1,
        strangers: 1,
        total: 2,
        ..Budget::default()
    };
    let states = run("canary", &plans::canary(), all);
    assert!(states > 100_000, "the search space has shrunk to {states} states");
}

#[test]
fn two_crashes_and_two_lost_answers_strand_nothing() {
    let budget = Budget { crashes: 2, calls: 2, total: 2, ..Budget::default() };
    let states = run("canary, crashes", &plans::canary(), budget);
    assert!(states > 5_000, "the search space has shrunk to {states} states");
}

/// A route of two rules with crashes, lost answers and denials between them, and a stranger at one of the two.
#[test]
fn rules_of_one_route_move_together_or_go_back_together() {
    let all = Budget {
        crashes: 1,
        gates: 1,
        calls: 2,
        aborts: 1,
        pauses: 1,
        strangers: 1,
        total: 2,
        ..Budget::default()
    };
    let states = run("two rules", &plans::two_rules(), all);
    assert!(states > 50_000, "the search space has shrunk to {states} states");
    run("two rules, held", &plans::two_rules_held(), Budget { strangers: 0, ..all });
}

#[test]
fn a_baseline_comes_and_goes_with_its_candidate() {
    let budget =
        Budget { crashes: 1, gates: 1, calls: 1, aborts: 1, total: 2, ..Budget::default() };
    let states = run("paired", &plans::paired(), budget);
    assert!(states > 5_000, "the search space has shrunk to {states} states");
}

/// By DNS a change is at its clients later, and later still when nobody saw it arrive.
#[test]
fn a_bake_and_a_drain_by_dns_begin_when_clients_know() {
    let budget =
        Budget { crashes: 1, gates: 1, calls: 1, aborts: 1, total: 2, ..Budget::default() };
    let states = run("by DNS", &plans::by_dns(), budget);
    assert!(states > 5_000, "the search space has shrunk to {states} states");
}

#[test]
fn an_alias_ends_at_one_version_whatever_happens_on_the_way() {
    let budget = Budget {
        crashes: 1,
        gates: 1,
        calls: 1,
        aborts: 1,
        strangers: 1,
        total: 2,
        ..Budget::default()
    };
    let states = run("by alias", &plans::by_alias(), budget);
    assert!(states > 5_000, "the search space has shrunk to {states} states");
}

/// A hand-over that is cut short leaves a queue that nobody reads, and of two mappings one changed.
#[test]
fn a_mapping_is_left_to_nobody_by_no_crash() {
    let budget = Budget {
        crashes: 1,
        gates: 1,
        calls: 2,
        aborts: 1,
        strangers: 1,
        total: 2,
        ..Budget::default()
    };
    let handed = run("handed over", &plans::handed_over(), budget);
    let shared = run("side by side", &plans::side_by_side(), budget);
    let fewest = handed.min(shared);
    assert!(fewest > 1_000, "the search space has shrunk to {handed} and {shared} states");
}

#[test]
fn a_candidate_is_made_once_whatever_happens_on_the_way() {
    let budget = Budget {
        crashes: 1,
        gates: 1,
        calls: 1,
        aborts: 1,
        pauses: 1,
        strangers: 1,
        total: 2,
        ..Budget::default()
    };
    let states = run("publishing", &plans::publishing(), budget);
    assert!(states > 5_000, "the search space has shrunk to {states} states");
    let budget = Budget { crashes: 2, calls: 2, total: 2, ..Budget::default() };
    run("publishing, crashes", &plans::publishing(), budget);
}

#[test]
fn executions_are_kept_ready_of_a_version_that_is_known_and_not_taken_from_one_that_serves() {
    let budget = Budget {
        crashes: 1,
        gates: 1,
        calls: 1,
        aborts: 1,
        strangers: 1,
        total: 2,
        ..Budget::default()
    };
    let states = run("warmed", &plans::warmed(), budget);
    assert!(states > 5_000, "the search space has shrunk to {states} states");
}

#[test]
fn events_are_replayed_once_whatever_happens_on_the_way() {
    let budget = Budget {
        crashes: 1,
        gates: 1,
        calls: 1,
        aborts: 1,
        pauses: 1,
        strangers: 1,
        total: 2,
        ..Budget::default()
    };
    let states = run("replaying", &plans::replaying(), budget);
    assert!(states > 2_000, "the search space has shrunk to {states} states");
}

#[test]
fn components_wait_for_what_they_need_and_go_back_in_reverse() {
    let budget =
        Budget { crashes: 1, gates: 1, calls: 1, aborts: 1, total: 1, ..Budget::default() };
    let states = run("two tiers", &plans::two_tiers(), budget);
    assert!(states > 20_000, "the search space has shrunk to {states} states");
}

/// Whatever fails of three components, what goes back is what the plan says, and the others stand still or are promoted.
#[test]
fn what_fails_takes_back_what_the_plan_says_and_nothing_else() {
    let gate = Budget { gates: 1, total: 1, ..Budget::default() };
    let resumed = Budget { gates: 1, pauses: 1, total: 2, ..Budget::default() };
    let mut states = 0;
    for (guarded, scope, others, budget) in [
        ("a", FailureScope::Component, Others::GoOn, gate),
        ("a", FailureScope::Component, Others::Hold, gate),
        ("a", FailureScope::Dependents, Others::GoOn, gate),
        ("a", FailureScope::Dependents, Others::Hold, gate),
        ("a", FailureScope::All, Others::Hold, gate),
        ("b", FailureScope::Component, Others::GoOn, gate),
        ("b", FailureScope::Dependents, Others::Hold, resumed),
        ("c", FailureScope::Dependents, Others::GoOn, gate),
        ("c", FailureScope::Component, Others::Hold, gate),
    ] {
        let plan = plans::three(guarded, scope, others);
        let name = format!("three, a gate before {guarded}, {scope:?}, others {others:?}");
        states += run(&name, &plan, budget);
    }
    assert!(states > 5_000, "the search space has shrunk to {states} states");
}

#[test]
fn approvals_pauses_and_holds_wait_for_a_person() {
    let budget = Budget {
        crashes: 1,
        gates: 1,
        calls: 1,
        aborts: 1,
        pauses: 1,
        total: 2,
        ..Budget::default()
    };
    let states = run("approval, hold", &plans::approval_and_hold(), budget);
    assert!(states > 5_000, "the search space has shrunk to {states} states");
}

#[test]
fn a_replacement_is_held_or_taken_back_whatever_happens_on_the_way() {
    let faults = Budget { crashes: 1, gates: 1, calls: 1, total: 2, ..Budget::default() };
    let people = Budget { aborts: 1, pauses: 1, total: 2, ..faults };
    let back = run("rolling", &plans::rolling(OnFailure::RollBack), faults);
    let hold = run("rolling, hold", &plans::rolling(OnFailure::Hold), people);
    assert!(back + hold > 5_000, "the search space has shrunk to {back} and {hold} states");
}

#[test]
fn a_gate_may_fail_as_often_as_is_tolerated_and_unknown_ends_in_a_hold() {
    let budget = Budget { crashes: 1, gates: 2, pauses: 1, total: 2, ..Budget::default() };
    let states = run("tolerant", &plans::tolerant(), budget);
    assert!(states > 3_000, "the search space has shrunk to {states} states");
}

#[test]
fn a_test_route_is_taken_away_before_its_candidate_whatever_happens() {
    let budget =
        Budget { crashes: 1, gates: 1, calls: 1, aborts: 1, total: 2, ..Budget::default() };
    let states = run("tested", &plans::tested(), budget);
    assert!(states > 5_000, "the search space has shrunk to {states} states");
}

/// Clocks that jump an hour forward or back at any moment, and a second runner whose clock is behind.
#[test]
fn a_clock_that_is_set_ends_no_bake_early_and_no_patience() {
    let alone = Budget { jumps: 1, total: 1, ..Budget::default() };
    let canary = run("canary, clocks", &plans::canary(), alone);
    let dns = run("by DNS, clocks", &plans::by_dns(), alone);
    let beside = Budget { crashes: 1, gates: 1, late_aborts: 1, total: 2, ..alone };
    let switch = run("switch, clocks", &plans::switch(), beside);
    let all = canary + dns + switch;
    assert!(all > 10_000, "the search space has shrunk to {all} states");
}

#[test]
fn what_somebody_deletes_keeps_nothing_else_from_going_back() {
    let budget =
        Budget { deletions: 1, crashes: 1, gates: 1, calls: 1, total: 2, ..Budget::default() };
    let states = run("canary, deletions", &plans::canary(), budget);
    assert!(states > 5_000, "the search space has shrunk to {states} states");
}

/// The test of the test: a rule that takes an unknown gate for a passing one must be caught.
#[test]
fn a_weight_raised_while_a_gate_is_unknown_is_caught() {
    let budget = Budget { gates: 1, total: 1, ..Budget::default() };
    let caught = explore(&plans::canary(), budget, Rules::UnknownPasses);
    let violation = caught.err().expect("the broken rule went unnoticed");
    assert!(violation.contains("invariant 7"), "{violation}");
}

/// And one that forgets to look whether a side is drained; the honest rules let the step run out of time instead.
#[test]
fn a_fleet_shrunk_under_traffic_is_caught() {
    let plan = plans::shrinks_too_early();
    run("shrinks too early", &plan, Budget::default());
    let caught = explore(&plan, Budget::default(), Rules::AlwaysDrained);
    let violation = caught.err().expect("the broken rule went unnoticed");
    assert!(violation.contains("invariant 8"), "{violation}");
}

/// And one that is not told of a clock that is set.
#[test]
fn a_bake_cut_short_by_the_clock_is_caught() {
    let budget = Budget { jumps: 1, total: 1, ..Budget::default() };
    let caught = explore(&plans::canary(), budget, Rules::ClockUntold);
    let violation = caught.err().expect("the broken rule went unnoticed");
    assert!(violation.contains("the clock is set"), "{violation}");
}

/// And one that, taking over, does not find what the run before it has published.
#[test]
fn a_candidate_forgotten_after_a_crash_is_caught() {
    let budget = Budget { crashes: 1, total: 1, ..Budget::default() };
    let caught = explore(&plans::publishing(), budget, Rules::MadeForgotten);
    let violation = caught.err().expect("the broken rule went unnoticed");
    assert!(violation.contains("invariant 15"), "{violation}");
}

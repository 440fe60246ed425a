//! What somebody sees who is woken by a run and types `tidegate status`: eighty columns, and the command to type as the
//! second line. Each screen is a snapshot, to be read as that person would.

use super::{
    Presence, RunView, Standing, Style,
    sample::{Story, ann, app, capacity, gate_failed, later, plan_with_approval, split, step, web},
    status,
};
use crate::{
    journal::{Envelope, Held, Liveness, LockInfo, Look, Looks},
    plan::{GateName, Header, Member, Plan, RouteName, Side},
    rollout::{
        Cause, Check, Ending, Event, Outcome, Picture, Purpose, Reading, Signal, Target, TestRoute,
    },
    testkit::sample_plan,
};

/// A runner that was last heard of two and a half minutes into the run.
fn driver(liveness: Liveness) -> Presence {
    let info = LockInfo {
        resource: "run".into(),
        run: "sample-20260131-154502-09f3".parse().unwrap(),
        holder: "ann@build-7 pid 4711".into(),
        since: later(0),
        heartbeat: later(140),
    };
    let check = Check::Gate(GateName::new("errors"));
    let reading = Reading::new(Outcome::Pass, later(150), "checkout-5xx is OK").with("alarms", 1);
    let looks =
        Looks { at: later(152), readings: vec![Look { check, reading }], ..Looks::default() };
    Presence { driver: Some(Held { info, liveness }), looks: Some(looks) }
}

/// The status of a story an hour into the run, which offers this first.
fn screen(name: &str, plan: &Plan, story: &[Envelope], presence: &Presence, first: &str) {
    let view = RunView::seen(plan, story, presence, later(3600));
    let page = status(&view, Style::PLAIN);
    let second = page.lines().nth(1).unwrap().trim_start_matches("  next").trim();
    assert_eq!(second, format!("tidegate {first} sample-20260131-154502-09f3"), "{page}");
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["next"][0]["command"], second, "programs read another command");
    for line in page.lines() {
        let is_a_word_alone = line.contains("arn:aws:");
        assert!(line.chars().count() <= 80 || is_a_word_alone, "too wide: {line}");
    }
    insta::assert_snapshot!(name, page);
}

fn gone() -> Presence {
    driver(Liveness::Gone)
}

fn rolling_back() -> Story {
    Story::failing().at(160, Event::RestoreStarted { target: web(), to: split(999, 0) }).at(
        160,
        Event::ChangeIntended {
            purpose: Purpose::Restore,
            target: web(),
            before: split(950, 50),
            after: split(999, 0),
        },
    )
}

#[test]
fn killed_going_forward() {
    let story = Story::canary().told();
    screen("killed_going_forward", &sample_plan(), &story, &gone(), "resume");
}

#[test]
fn killed_rolling_back() {
    screen("killed_rolling_back", &sample_plan(), &rolling_back().told(), &gone(), "rollback");
}

#[test]
fn held() {
    let held = Story::canary()
        .reads(160, Outcome::Fail, "checkout-5xx is in ALARM since 15:47:40Z")
        .at(160, Event::StepFailed { step: step(3, "shift"), cause: gate_failed() })
        .at(160, Event::Held { cause: gate_failed() });
    screen("held", &sample_plan(), &held.told(), &gone(), "resume");
}

#[test]
fn interrupted() {
    let story = Story::canary().at(160, Event::Interrupted { signal: Signal::SigTerm }).told();
    screen("interrupted", &sample_plan(), &story, &gone(), "resume");
}

#[test]
fn drift() {
    screen("drift", &sample_plan(), &Story::drifted(), &gone(), "resume");
}

#[test]
fn awaiting_approval() {
    let (plan, story) = (plan_with_approval(), Story::awaiting().told());
    screen("awaiting_approval", &plan, &story, &driver(Liveness::Alive), "approve");
    screen("awaiting_approval_unwatched", &plan, &story, &gone(), "resume");
}

#[test]
fn needs_attention() {
    let story = Story::needing_attention();
    screen("needs_attention", &sample_plan(), &story, &Presence::default(), "rollback");
}

#[test]
fn somebody_else_was_at_it_before_the_way_back() {
    let story = Story::failing()
        .at(160, Event::RestoreStarted { target: web(), to: split(999, 0) })
        .at(
            161,
            Event::AttentionNeeded {
                target: web(),
                problem: "somebody else has set it to blue 500, green 500; that is not overwritten"
                    .into(),
                hint: "before this run it was blue 999, green 0; set it as you want it".into(),
                found: Some(split(500, 500)),
            },
        )
        .at(161, Event::RestoreStarted { target: app(Side::Candidate), to: capacity(0) })
        .at(162, Event::Restored { target: app(Side::Candidate) })
        .at(162, Event::RunEnded { ending: Ending::NeedsAttention })
        .told();
    screen("overwritten_by_others", &sample_plan(), &story, &Presence::default(), "rollback");
}

#[test]
fn a_run_that_is_driven_is_not_abandoned_and_tells_of_the_last_beat_and_reading() {
    let (plan, story) = (sample_plan(), Story::canary().told());
    let view = RunView::seen(&plan, &story, &driver(Liveness::Alive), later(160));
    assert_eq!(view.standing, Standing::Running);
    assert_eq!(view.unwatched_since, None);
    let json = serde_json::to_value(&view).unwrap();
    insta::assert_snapshot!(json["driver"], @r#"{"alive":true,"holder":"ann@build-7 pid 4711","last-beat":1769874454000}"#);
    insta::assert_snapshot!(json["gates"][0]["last-read"], @"1769874452000");
    insta::assert_snapshot!(json["gates"][0]["reading"]["at"], @"1769874452000");
    let gone = RunView::seen(&plan, &story, &driver(Liveness::Gone), later(160));
    assert_eq!(gone.standing, Standing::Abandoned);
    assert_eq!(gone.unwatched_since, Some(later(152)));
}

#[test]
fn what_is_allowed_to_be_written_over_is_told_with_who_allowed_it() {
    let allowed = Event::OverwriteAllowed { by: ann(), target: web(), found: split(500, 500) };
    let mut story = Story::canary().at(
        100,
        Event::DriftFound { target: web(), expected: split(950, 50), found: split(500, 500) },
    );
    story = story.at(100, Event::Held { cause: gate_failed() }).at(200, allowed);
    let mut timeline = super::Timeline::new(&sample_plan(), Style::PLAIN);
    let told: Vec<String> = story.told().iter().flat_map(|e| timeline.lines(e)).collect();
    insta::assert_snapshot!(told.last().unwrap(), @"15:48:22Z  +3m20s    ! web: ann lets blue 500, green 500 (50%) be written over");
}

#[test]
fn a_rule_that_somebody_deleted_is_told_with_what_makes_it_again() {
    let words = "the rule of web does not exist".to_owned();
    let story = Story::failing()
        .at(160, Event::RestoreStarted { target: web(), to: split(999, 0) })
        .at(161, Event::Vanished { target: web(), words: words.clone() })
        .at(
            161,
            Event::AttentionNeeded {
                target: web(),
                problem: format!("it is not there any more: {words}"),
                hint: "before this run it was blue 999, green 0; make it again like that".into(),
                found: None,
            },
        )
        .at(162, Event::RunEnded { ending: Ending::NeedsAttention });
    screen("rule_deleted", &sample_plan(), &story.told(), &Presence::default(), "rollback");
}

#[test]
fn a_test_route_that_somebody_changed_and_no_command_makes_is_told_in_words() {
    let header = Header { name: "x-canary".into(), value: "yes".into() };
    let test = |group: &str| {
        Picture::TestRoute(TestRoute::Present { header: header.clone(), group: Member::new(group) })
    };
    let target = Target::TestRoute(RouteName::new("web"));
    let cause = Cause::Drift { target: target.clone() };
    let drift =
        Event::DriftFound { target: target.clone(), expected: test("green"), found: test("blue") };
    let found = Picture::TestRoute(TestRoute::Absent);
    let story = Story::canary()
        .at(
            150,
            Event::ChangeIntended {
                purpose: Purpose::Step(step(3, "shift")),
                target,
                before: found,
                after: test("green"),
            },
        )
        .at(160, drift)
        .at(160, Event::StepFailed { step: step(3, "shift"), cause: cause.clone() })
        .at(160, Event::Held { cause });
    screen("test_route_changed", &sample_plan(), &story.told(), &gone(), "resume");
}

#[test]
fn a_roll_back_interrupted_long_ago_bakes_no_more_and_names_who_asked_once() {
    let asked =
        || Event::RollbackStarted { cause: Cause::Asked { by: ann(), reason: None }, scope: None };
    let interrupted = || Event::Interrupted { signal: Signal::SigInt };
    let days = 3 * 86_400;
    let story = Story::canary()
        .at(100, interrupted())
        .at(days, Event::RunnerStarted { by: ann() })
        .at(days, asked())
        .at(days + 1, interrupted())
        .at(days + 60, Event::RunnerStarted { by: ann() })
        .at(days + 60, asked())
        .at(days + 61, interrupted())
        .told();
    let view = RunView::seen(&sample_plan(), &story, &gone(), later(2 * 86_400 + days));
    let page = status(&view, Style::PLAIN);
    assert!(!page.contains("bake"), "{page}");
    assert_eq!(page.matches("ann asked for it").count(), 1, "{page}");
}

//! The story of a run as it unfolds: each event a line, with the time, how far into the run it is, a sign, and a
//! sentence. The timeline folds the state itself, so a live run and a replayed journal read the same.

use super::{
    Offers, Style,
    said::cause_given,
    sentence::{Sentence, Teller},
    style::Tone,
    words::{clock, printable, span},
    wrap::wrapped,
};
use crate::{
    journal::Envelope,
    plan::Plan,
    rollout::{Cause, Event, State, Timestamp},
};

/// Widest usual elapsed time: `+59m59s`.
const ELAPSED_WIDTH: usize = 8;

/// Turns envelopes, in order, into lines.
#[derive(Clone, Debug)]
pub struct Timeline {
    plan: Plan,
    style: Style,
    /// Of the terminal, if it goes to one.
    width: Option<usize>,
    offers: Offers,
    state: State,
    started: Option<Timestamp>,
    said: Option<Cause>,
}

impl Timeline {
    pub fn new(plan: &Plan, style: Style) -> Self {
        let (plan, state) = (plan.clone(), State::default());
        let offers = Offers::Plain;
        Self { plan, style, width: None, offers, state, started: None, said: None }
    }

    /// The same, with these of the commands that would be obeyed.
    #[must_use]
    pub fn offering(self, offers: Offers) -> Self {
        Self { offers, ..self }
    }

    /// The same, with lines that are broken between words.
    #[must_use]
    pub fn within(self, width: Option<usize>) -> Self {
        Self { width, ..self }
    }

    /// The lines for the next envelope; none for what other lines tell as well.
    pub fn lines(&mut self, envelope: &Envelope) -> Vec<String> {
        let Envelope { at, run, event, .. } = envelope;
        if matches!(event, Event::RunStarted { .. }) || self.started.is_none() {
            self.started = Some(*at);
        }
        let started = self.started.unwrap_or(*at);
        let before = self.state.clone();
        self.state.apply(event, *at);
        let teller = Teller {
            plan: &self.plan,
            run,
            before: &before,
            after: &self.state,
            at: *at,
            started,
            said: self.said.as_ref(),
            offers: &self.offers,
        };
        let told = teller.tell(event);
        self.said = cause_given(event);
        told.map(|sentence| self.lay_out(&sentence, *at, started)).unwrap_or_default()
    }

    fn lay_out(&self, sentence: &Sentence, at: Timestamp, started: Timestamp) -> Vec<String> {
        let elapsed = format!("+{}", span(at.since(started)));
        let time = format!("{}  {elapsed:<ELAPSED_WIDTH$}", clock(at));
        let component = self.component_column(sentence);
        let column = time.chars().count() + 4 + component.chars().count();
        let margin = " ".repeat(column);
        let first = format!(
            "{}  {} {component}{}",
            self.style.paint(Tone::Faint, &time),
            self.style.sign(sentence.sign),
            printable(&sentence.text)
        );
        let more = sentence.more.iter().map(|line| format!("{margin}{}", printable(line)));
        let lines = std::iter::once((first, column)).chain(more.map(|line| (line, column + 2)));
        lines.flat_map(|(line, margin)| wrapped(&line, self.width, margin)).collect()
    }

    /// Empty when there is one component only.
    fn component_column(&self, sentence: &Sentence) -> String {
        let names = || self.plan.components.iter().map(|c| c.name.as_str());
        if names().nth(1).is_none() {
            return String::new();
        }
        let width = names().map(|name| name.chars().count()).max().unwrap_or(0);
        let name = sentence.component.as_ref().map_or("", |name| name.as_str());
        format!("{name:<width$}  ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        report::{
            Colour, RunView, Signs, ending, progress,
            sample::{Story, ann, gate_failed, later, plan_of_two, plan_with_approval, step, web},
            status,
        },
        rollout::{CallProblem, ProblemKind, Signal, Voter},
        testkit::sample_plan,
    };

    fn told(plan: &Plan, style: Style, journal: &[Envelope]) -> Vec<Vec<String>> {
        let mut timeline = Timeline::new(plan, style);
        journal.iter().map(|envelope| timeline.lines(envelope)).collect()
    }

    /// What follows the canary's beginning, which all stories share.
    fn rest(plan: &Plan, style: Style, journal: &[Envelope]) -> String {
        told(plan, style, journal).split_off(Story::canary().told().len() - 1).concat().join("\n")
    }

    #[test]
    fn a_healthy_canary() {
        let lines = told(&sample_plan(), Style::PLAIN, &Story::promoted()).concat();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        15:45:02Z  +0s       • run sample-20260131-154502-09f3 of plan sample (000000000000) started by ann
                               web: blue 999, green 0 (0%)
                               stable app: app-blue desired 3 (min 2, max 6)
                               candidate app: app-green desired 0 (min 0, max 6)
        15:45:02Z  +0s       • 1/4 scale candidate app to the size of stable
        15:45:02Z  +0s       ↑ candidate app: app-green desired 3 (min 2, max 6) asked for
        15:45:04Z  +2s       ✓ candidate app: read back, matches
        15:45:04Z  +2s       ✓ 1/4 done in 2s
        15:45:04Z  +2s       • 2/4 wait until 100% of candidate targets on web are healthy
        15:45:05Z  +3s       • 100% of candidate targets on web healthy: wait, 1 of 3 targets are healthy
        15:45:42Z  +40s      ✓ 100% of candidate targets on web healthy: pass, 3 of 3 targets are healthy
        15:45:42Z  +40s      ✓ 2/4 done in 38s
        15:45:42Z  +40s      • 3/4 shift web to 5%
        15:45:43Z  +41s      ✓ gate errors: pass, checkout-5xx is OK (alarms 1)
        15:45:43Z  +41s      ↑ web: blue 950, green 50 (5%) asked for
        15:45:45Z  +43s      ✓ web: read back, matches
        15:45:45Z  +43s      • bakes 5m until 15:50:45Z, gate errors
        15:50:45Z  +5m43s    ✓ gate errors: pass, checkout-5xx is OK (alarms 1)
        15:50:45Z  +5m43s    ✓ 3/4 done in 5m3s
        15:50:45Z  +5m43s    • 4/4 shift web to 100%
        15:50:47Z  +5m45s    ↑ web: blue 0, green 999 (100%) asked for
        15:50:49Z  +5m47s    ✓ web: read back, matches
        15:50:49Z  +5m47s    • bakes 5m until 15:55:49Z, gate errors
        15:55:50Z  +10m48s   ✓ gate errors: pass, checkout-5xx is OK (alarms 1)
        15:55:50Z  +10m48s   ✓ 4/4 done in 5m5s
        15:55:50Z  +10m48s   ✓ promoted after 10m48s
        "#);
    }

    #[test]
    fn a_gate_fails_and_everything_goes_back() {
        insta::assert_snapshot!(rest(&sample_plan(), Style::PLAIN, &Story::rolled_back()), @r#"
        15:45:45Z  +43s      • bakes 5m until 15:50:45Z, gate errors
        15:47:42Z  +2m40s    ✗ gate errors: fail, checkout-5xx is in ALARM since 15:47:40Z (alarms 1)
        15:47:42Z  +2m40s    ✗ 3/4 shift web to 5% failed on gate errors
        15:47:42Z  +2m40s    ↩ rolling back everything this run changed
        15:47:42Z  +2m40s    ↩ web: back to blue 999, green 0 (0%)
        15:47:44Z  +2m42s    ✓ web: restored, read back, matches
        15:48:02Z  +3m       ↩ candidate app: back to app-green desired 0 (min 0, max 6)
        15:48:04Z  +3m2s     ✓ candidate app: restored, read back, matches
        15:48:04Z  +3m2s     ↩ rolled back after 3m2s
        "#);
    }

    #[test]
    fn a_restore_that_fails_names_what_to_do() {
        let journal = Story::needing_attention();
        insta::assert_snapshot!(rest(&sample_plan(), Style::PLAIN, &journal), @r#"
        15:45:45Z  +43s      • bakes 5m until 15:50:45Z, gate errors
        15:47:42Z  +2m40s    ✗ gate errors: fail, checkout-5xx is in ALARM since 15:47:40Z (alarms 1)
        15:47:42Z  +2m40s    ✗ 3/4 shift web to 5% failed on gate errors
        15:47:42Z  +2m40s    ↩ rolling back everything this run changed
        15:47:42Z  +2m40s    ↩ web: back to blue 999, green 0 (0%)
        15:47:43Z  +2m41s    ✗ web: call failed, elasticloadbalancing:ModifyRule is denied; given up
        15:47:45Z  +2m43s    ✗ web needs attention: could not be restored to blue 999, green 0
                               set route web to blue 999, green 0 yourself
        15:47:45Z  +2m43s    ✗ ended after 2m43s: the roll-back is incomplete and needs a person
        "#);
    }

    #[test]
    fn drift_names_what_was_expected_and_what_was_found() {
        let ascii = Style { colour: Colour::Plain, signs: Signs::Ascii };
        insta::assert_snapshot!(rest(&sample_plan(), ascii, &Story::drifted()), @r#"
        15:45:45Z  +43s      - bakes 5m until 15:50:45Z, gate errors
        15:46:42Z  +1m40s    x web: somebody else changed it; it is left alone
                               expected blue 950, green 50 (5%)
                               found    blue 500, green 500 (50%)
        15:46:42Z  +1m40s    = held where it is until a person decides
                               tidegate resume sample-20260131-154502-09f3                takes the step again, once the foreign change is undone
                               tidegate resume sample-20260131-154502-09f3 --overwrite    writes over it and takes the step again
                               tidegate rollback sample-20260131-154502-09f3              puts back what this run changed and nobody else touched
                               tidegate rollback sample-20260131-154502-09f3 --overwrite  puts back also what somebody else has changed
        "#);
    }

    #[test]
    fn an_approval_says_what_to_type_and_who_gave_it() {
        let journal = approved();
        insta::assert_snapshot!(rest(&plan_with_approval(), Style::PLAIN, &journal), @r#"
        15:45:45Z  +43s      • bakes 5m until 15:50:45Z, gate errors
        15:50:45Z  +5m43s    ✓ 3/5 done in 5m3s
        15:50:45Z  +5m43s    ? 4/5 approval: all of production next
                               tidegate approve sample-20260131-154502-09f3            lets the run go on
                               tidegate deny sample-20260131-154502-09f3 --reason WHY  refuses: the step fails
                               tidegate abort sample-20260131-154502-09f3              stops and puts everything back as it was before
                               not approved by 17:50:45Z, the run is rolled back
        15:51:42Z  +6m40s    ! resume, asked for by ann, refused: the run is neither paused nor held
        15:52:32Z  +7m30s    ‖ interrupted by SIGTERM; nothing new is started
                               tidegate resume sample-20260131-154502-09f3    goes on where it stopped
                               tidegate rollback sample-20260131-154502-09f3  puts everything back as it was before
        15:53:22Z  +8m20s    • taken over by ann
        15:53:32Z  +8m30s    ✓ approved by ann: looks good
        "#);
    }

    #[test]
    fn several_components_have_a_column_of_their_own() {
        let held = Story::canary().at(100, Event::Held { cause: gate_failed() }).told();
        insta::assert_snapshot!(rest(&plan_of_two(), Style::PLAIN, &held), @r#"
        15:45:45Z  +43s      • main  bakes 5m until 15:50:45Z, gate errors
        15:46:42Z  +1m40s    ‖       held where it is until a person decides: gate errors failed: checkout-5xx is in ALARM since 15:47:40Z
                                     tidegate resume sample-20260131-154502-09f3    takes the step again
                                     tidegate rollback sample-20260131-154502-09f3  puts everything back as it was before
        "#);
    }

    /// An approval that comes after a refused command, an interruption and another runner.
    fn approved() -> Vec<Envelope> {
        let refused = Event::CommandRefused {
            by: ann(),
            command: "resume".into(),
            refusal: "the run is neither paused nor held".into(),
        };
        let reason = Some("looks good".into());
        Story::awaiting()
            .at(400, refused)
            .at(450, Event::Interrupted { signal: Signal::SigTerm })
            .at(500, Event::RunnerStarted { by: ann() })
            .at(
                510,
                Event::Approved {
                    step: step(4, "approve"),
                    voter: Voter { by: ann(), identity: None },
                    reason,
                    digest: String::new(),
                },
            )
            .at(510, Event::StepDone { step: step(4, "approve") })
            .told()
    }

    fn every_kind_of_event() -> Vec<Envelope> {
        let message = "Throttling:\n\u{1b}[31mrate exceeded".into();
        let problem = CallProblem { kind: ProblemKind::Passing, message };
        let more = Story::default()
            .at(60, Event::Paused { by: ann() })
            .at(70, Event::Resumed { by: ann() })
            .at(80, Event::CallFailed { target: web(), problem, retry_at: Some(later(82)) })
            .told();
        [
            Story::promoted(),
            Story::rolled_back(),
            Story::needing_attention(),
            Story::drifted(),
            approved(),
            more,
        ]
        .concat()
    }

    proptest! {
        /// A journal from another age or a broken disk must still be readable, and what matters in it visible.
        #[test]
        fn any_order_of_events_can_be_told(
            journal in Just(every_kind_of_event()).prop_shuffle(),
            length in 0usize..150,
        ) {
            let journal: Vec<Envelope> = journal.into_iter().take(length).collect();
            let style = Style { colour: Colour::Ansi, signs: Signs::Unicode };
            for plan in [sample_plan(), plan_with_approval(), plan_of_two()] {
                let lines = told(&plan, Style::PLAIN, &journal);
                for (envelope, lines) in journal.iter().zip(&lines) {
                    let matters = matches!(
                        envelope.event,
                        Event::StepFailed { .. }
                            | Event::RollbackStarted { .. }
                            | Event::Held { .. }
                            | Event::DriftFound { .. }
                            | Event::AttentionNeeded { .. }
                            | Event::CallFailed { .. }
                            | Event::CommandRefused { .. }
                            | Event::Interrupted { .. }
                            | Event::RunEnded { .. }
                    );
                    prop_assert!(!matters || !lines.is_empty());
                    prop_assert!(lines.iter().all(|line| !line.contains(char::is_control)));
                }
                told(&plan, style, &journal);
                let view = RunView::of(&plan, &journal, later(90));
                prop_assert!(!ending(&view, style).is_empty());
                prop_assert!(status(&view, style).contains(&view.standing.to_string()));
                progress(&view);
            }
        }
    }
}

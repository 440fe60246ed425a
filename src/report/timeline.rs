//! The story of a run as it unfolds: each event a line, with the time, how far into the run it is, a sign, and a
//! sentence. The timeline folds the state itself, so a live run and a replayed journal read the same.

use super::{
    Style,
    sentence::{Sentence, Teller, cause_given},
    style::Tone,
    words::{clock, printable, span},
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
    state: State,
    started: Option<Timestamp>,
    said: Option<Cause>,
}

impl Timeline {
    pub fn new(plan: &Plan, style: Style) -> Self {
        Self { plan: plan.clone(), style, state: State::default(), started: None, said: None }
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
        };
        let told = teller.tell(event);
        self.said = cause_given(event);
        told.map(|sentence| self.lay_out(&sentence, *at, started)).unwrap_or_default()
    }

    fn lay_out(&self, sentence: &Sentence, at: Timestamp, started: Timestamp) -> Vec<String> {
        let elapsed = format!("+{}", span(at.since(started)));
        let time = format!("{}  {elapsed:<ELAPSED_WIDTH$}", clock(at));
        let component = self.component_column(sentence);
        let margin = " ".repeat(time.chars().count() + 4 + component.chars().count());
        let first = format!(
            "{}  {} {component}{}",
            self.style.paint(Tone::Faint, &time),
            self.style.sign(sentence.sign),
            printable(&sentence.text)
        );
        let more = sentence.more.iter().map(|line| format!("{margin}{}", printable(line)));
        std::iter::once(first).chain(more).collect()
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
        rollout::{CallProblem, ProblemKind, Signal},
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
        insta::assert_snapshot!(lines.join("\n"), @"");
    }

    #[test]
    fn a_gate_fails_and_everything_goes_back() {
        insta::assert_snapshot!(rest(&sample_plan(), Style::PLAIN, &Story::rolled_back()), @"");
    }

    #[test]
    fn a_restore_that_fails_names_what_to_do() {
        let journal = Story::needing_attention();
        insta::assert_snapshot!(rest(&sample_plan(), Style::PLAIN, &journal), @"");
    }

    #[test]
    fn drift_names_what_was_expected_and_what_was_found() {
        let ascii = Style { colour: Colour::Plain, signs: Signs::Ascii };
        insta::assert_snapshot!(rest(&sample_plan(), ascii, &Story::drifted()), @"");
    }

    #[test]
    fn an_approval_says_what_to_type_and_who_gave_it() {
        let journal = approved();
        insta::assert_snapshot!(rest(&plan_with_approval(), Style::PLAIN, &journal), @"");
    }

    #[test]
    fn several_components_have_a_column_of_their_own() {
        let held = Story::canary().at(100, Event::Held { cause: gate_failed() }).told();
        insta::assert_snapshot!(rest(&plan_of_two(), Style::PLAIN, &held), @"");
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
            .at(510, Event::Approved { step: step(4, "approve"), by: ann(), reason })
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

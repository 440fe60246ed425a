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
            Colour, RunView, Signs, ending, history, progress,
            sample::{
                Story, ann, gate_failed, later, plan_of_two, plan_with_approval, split, step, web,
            },
            status,
        },
        rollout::Signal,
        testkit::sample_plan,
    };

    fn told(plan: &Plan, style: Style, journal: &[Envelope]) -> String {
        let mut timeline = Timeline::new(plan, style);
        journal.iter().flat_map(|envelope| timeline.lines(envelope)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_healthy_canary() {
        insta::assert_snapshot!(told(&sample_plan(), Style::PLAIN, &Story::promoted()), @"");
    }

    #[test]
    fn a_gate_fails_and_everything_goes_back() {
        let story = Story::rolled_back().split_off(16);
        let _ = story;
        insta::assert_snapshot!(told(&sample_plan(), Style::PLAIN, &Story::rolled_back()), @"");
    }

    #[test]
    fn a_restore_that_fails_names_what_to_do() {
        insta::assert_snapshot!(told(&sample_plan(), Style::PLAIN, &Story::needing_attention()), @"");
    }

    #[test]
    fn drift_names_what_was_expected_and_what_was_found() {
        let ascii = Style { colour: Colour::Plain, signs: Signs::Ascii };
        insta::assert_snapshot!(told(&sample_plan(), ascii, &Story::drifted()), @"");
    }

    #[test]
    fn an_approval_says_what_to_type_and_who_gave_it() {
        let journal = Story::awaiting()
            .at(
                400,
                Event::CommandRefused {
                    by: ann(),
                    command: "resume".into(),
                    refusal: "the run is neither paused nor held".into(),
                },
            )
            .at(450, Event::Interrupted { signal: Signal::SigTerm })
            .at(500, Event::RunnerStarted { by: ann() })
            .at(
                510,
                Event::Approved {
                    step: step(4, "approve"),
                    by: ann(),
                    reason: Some("looks good".into()),
                },
            )
            .at(510, Event::StepDone { step: step(4, "approve") })
            .told();
        insta::assert_snapshot!(told(&plan_with_approval(), Style::PLAIN, &journal), @"");
    }

    #[test]
    fn several_components_have_a_column_of_their_own() {
        insta::assert_snapshot!(told(&plan_of_two(), Style::PLAIN, &Story::drifted()), @"");
    }
}

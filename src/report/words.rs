//! The words for things: steps, targets, pictures, moments. Every page and line takes them from here, so that a step
//! is called the same in the timeline, on the status page and in JSON.

use std::{fmt::Write as _, time::Duration};

use crate::{
    plan::{
        Component, Extent, FailureScope, FleetKind, GateName, How, Member, OnFailure, Others, Plan,
        Replace, Size, Step, StepId, Until, Verb, title,
        units::{Percent, format_duration},
    },
    rollout::{Attempts, Bindings, Picture, Reading, RouteBound, Split, Target, Timestamp},
};

/// What earlier runs of the same artifact mean for a gate of this one; `None` when the plan has no such gate.
pub fn attempts_line(plan: &Plan, gate: &GateName, attempts: &Attempts) -> Option<String> {
    let compare = plan.gates.get(gate)?.kind.compare()?;
    let artifact = printable(compare.artifact.as_deref().unwrap_or_default());
    Some(match attempts {
        Attempts::Failed { times, run } => {
            let often = match times {
                1 => "once".to_owned(),
                times => format!("{times} times"),
            };
            let alpha = f64::from(compare.alpha.basis_points())
                / 100.0
                / 2_f64.powi(i32::try_from(*times).unwrap_or(i32::MAX));
            format!(
                "gate {gate}: {artifact} failed here {often} before (run {run}); alpha is {alpha}% this time"
            )
        }
        Attempts::Undecided { run, .. } => {
            format!("gate {gate}: {artifact} came to no end here in run {run}; its evidence counts")
        }
    })
}

/// What a step does: `shift web to 25%`.
pub fn describe(step: &Step) -> String {
    match &step.verb {
        Verb::Scale { fleet, side, to } => format!("scale {side} {fleet} to {}", size(*to)),
        Verb::Wait { until: Until::Healthy { route, side, at_least } } => {
            format!("wait until {at_least} of {side} targets on {route} are healthy")
        }
        Verb::Probe { gate } => format!("probe {gate}"),
        Verb::Shift { route, candidate, .. } => format!("shift {route} to {candidate}"),
        Verb::Publish { route, .. } => format!("publish the candidate of {route}"),
        Verb::Prune { route, keep } => {
            format!("delete old versions of {route} down to {keep}")
        }
        Verb::Replay(replay) => format!(
            "replay events from {} to {} to the candidate of {}",
            replay.from, replay.to, replay.route
        ),
        Verb::TestRoute { route, header: Some(header) } => {
            format!("lead requests with {header} to the candidate of {route}")
        }
        Verb::TestRoute { route, header: None } => format!("remove the test route of {route}"),
        Verb::Replace(Replace { fleet, how, extent, .. }) => {
            let what = match how {
                How::Refresh(refresh) => format!("refresh {fleet} to version {}", refresh.version),
                How::Deploy(deploy) => {
                    format!("deploy {} on {fleet}", printable(&title(&deploy.revision.to_string())))
                }
            };
            match extent {
                Extent::Whole => what,
                Extent::UpTo(_) | Extent::Ready => format!("{what}, {extent}"),
            }
        }
        Verb::Approve { message, .. } => format!("approval: {}", printable(message)),
        Verb::Pause { duration: Some(duration) } => {
            format!("pause for {}", format_duration(*duration))
        }
        Verb::Pause { duration: None } => "pause until somebody resumes".to_owned(),
    }
}

fn size(to: Size) -> String {
    match to {
        Size::SameAs(other) => format!("the size of {other}"),
        Size::Share { share, of } => format!("{share} of {of}"),
        Size::Instances(1) => "1 instance".to_owned(),
        Size::Instances(count) => format!("{count} instances"),
        Size::Bounds { min, max, desired } => format!("{desired} of {min} to {max} instances"),
    }
}

/// A step with its place: `3/4 shift web to 5%`.
/// In words, how far the failure of one of several components reaches.
pub fn reach_of_failure(plan: &Plan) -> Option<String> {
    let with = match plan.failure_scope {
        FailureScope::Component => "what fails goes back alone",
        FailureScope::Dependents => "what fails goes back, with whatever needs it",
        FailureScope::All => "whatever fails, everything goes back",
    };
    let others = match (plan.failure_scope, plan.others) {
        (FailureScope::All, _) => "",
        (_, Others::Hold) => "; the others stand still for a person to decide",
        (_, Others::GoOn) => "; the others go on",
    };
    let several = plan.components.len() > 1;
    several.then(|| match plan.on_failure {
        OnFailure::RollBack => format!("{with}{others}"),
        OnFailure::Hold => "whatever fails, the whole run is held".to_owned(),
    })
}

pub(super) fn placed(plan: &Plan, id: &StepId) -> String {
    let Some((component, step)) = plan.step(id) else { return id.to_string() };
    format!("{} {}", place(component, id), describe(step))
}

/// Which of its component's steps it is: `3/4`.
pub(super) fn place(component: &Component, id: &StepId) -> String {
    let ordinal = component.steps.iter().take_while(|step| step.id != *id).count() + 1;
    format!("{ordinal}/{}", component.steps.len())
}

/// `web`, or `candidate app`.
pub(super) fn target(target: &Target) -> String {
    match target {
        Target::Route(route) => route.to_string(),
        Target::Fleet { fleet, side } => format!("{side} {fleet}"),
        Target::Software(fleet) => fleet.to_string(),
        Target::TestRoute(route) => format!("test route of {route}"),
        Target::Candidate(route) => format!("candidate of {route}"),
        Target::OldVersions(route) => format!("old versions of {route}"),
        Target::Replay(route) => format!("replay to {route}"),
    }
}

/// What a target looks like, by the names people know: `blue 950, green 50 (5%)`.
pub(super) fn picture(bindings: &Bindings, target: &Target, picture: &Picture) -> String {
    match (picture, target) {
        (Picture::Split(split), Target::Route(route)) => {
            bindings.routes.get(route).map_or_else(|| split.to_string(), |b| weights(b, split))
        }
        (Picture::Capacity(_), Target::Fleet { fleet, side }) => {
            let bound = bindings.fleets.get(fleet);
            let member = bound.and_then(|bound| Some((bound.service, bound.member(*side)?)));
            match member {
                Some((FleetKind::Lambda, version)) => format!("version {version} with {picture}"),
                Some((FleetKind::AutoScaling | FleetKind::CodeDeploy, group)) => {
                    format!("{group} {picture}")
                }
                None => picture.to_string(),
            }
        }
        (Picture::Software(software), _) => printable(&software.to_string()),
        (Picture::Uneven(parts), Target::Route(route)) => {
            let of = |split: &Split| {
                let bound = bindings.routes.get(route);
                bound.map_or_else(|| split.to_string(), |bound| weights(bound, split))
            };
            let parts = parts.iter().map(|(place, split)| format!("{} at {place}", of(split)));
            parts.collect::<Vec<_>>().join("; ")
        }
        (
            Picture::TestRoute(_)
            | Picture::Split(_)
            | Picture::Uneven(_)
            | Picture::Capacity(_)
            | Picture::Release(_)
            | Picture::OldVersions(_)
            | Picture::Replay(_),
            _,
        ) => picture.to_string(),
    }
}

/// Stable first, then the candidate with its share, then what accompanies it, then strangers.
fn weights(bound: &RouteBound, split: &Split) -> String {
    let stable = &bound.stable;
    let mut text = format!("{stable} {}", split.weight(stable));
    if let Some(candidate) = &bound.candidate {
        let (weight, share) = (split.weight(candidate), share(split, candidate));
        let _ = write!(text, ", {candidate} {weight} ({share})");
    }
    if let Some(baseline) = &bound.baseline {
        let _ = write!(text, ", baseline {baseline} {}", split.weight(baseline));
    }
    let is_ours = |member| bound.members().any(|ours| ours == member);
    for (member, weight) in split.0.iter().filter(|(member, _)| !is_ours(*member)) {
        let _ = write!(text, ", {member} {weight}");
    }
    text
}

/// The share of traffic one group receives.
pub(super) fn share(split: &Split, member: &Member) -> Percent {
    u16::try_from(split.share(member))
        .ok()
        .and_then(Percent::from_basis_points)
        .unwrap_or(Percent::ZERO)
}

/// The sentence of a reading, with its figures where they are few.
pub fn evidence(reading: &Reading) -> String {
    let because = &reading.because;
    let few: Vec<String> = beside(reading).map(|(name, value)| format!("{name} {value}")).collect();
    if few.is_empty() || !is_few(reading) {
        because.clone()
    } else {
        format!("{because} ({})", few.join(", "))
    }
}

/// Figures that would bury the sentence, as a table to stand below it; then the lines of a plot.
pub fn figures(reading: &Reading) -> Vec<String> {
    let rows: Vec<(&str, &str)> =
        if is_few(reading) { Vec::new() } else { beside(reading).collect() };
    let columns = |of: &[(&str, &str)]| {
        let width = of.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        of.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect::<Vec<_>>()
    };
    let plots: Vec<(&str, &str)> = plots(reading).collect();
    [columns(&rows), columns(&plots)].concat()
}

/// So many figures are read in passing.
const FEW: usize = 2;

fn is_few(reading: &Reading) -> bool {
    beside(reading).count() <= FEW && plots(reading).next().is_none()
}

/// Figures that the sentence does not name itself, and that are not drawn.
fn beside(reading: &Reading) -> impl Iterator<Item = (&str, &str)> {
    let because = &reading.because;
    reading
        .evidence
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| ![Reading::SOURCE, Reading::REQUESTS].contains(name))
        .filter(move |(name, value)| !(because.contains(*name) && because.contains(*value)))
        .filter(|(name, _)| !name.starts_with(Reading::PLOT))
}

/// The lines of a plot among the evidence of a reading, with their names.
fn plots(reading: &Reading) -> impl Iterator<Item = (&str, &str)> {
    let lines = reading.evidence.iter();
    lines.filter_map(|(name, line)| Some((name.strip_prefix(Reading::PLOT)?, line.as_str())))
}

/// The time of day: `15:45:02Z`.
pub(super) fn clock(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or_else(|_| at.to_string(), |moment| moment.strftime("%H:%M:%SZ").to_string())
}

/// A span in whole seconds, the nearest: `1m20s`.
pub(super) fn span(duration: Duration) -> String {
    let rounded = duration + Duration::from_millis(500);
    format_duration(Duration::from_secs(rounded.as_secs()))
}

pub(super) use crate::printable::line as printable;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::sample_plan;

    #[test]
    fn steps_say_what_they_do() {
        let plan = sample_plan();
        let all: Vec<String> = plan.steps().map(|(_, step)| placed(&plan, &step.id)).collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        1/4 scale candidate app to the size of stable
        2/4 wait until 100% of candidate targets on web are healthy
        3/4 shift web to 5%
        4/4 shift web to 100%
        "#);
    }

    #[test]
    fn many_figures_stand_in_a_table_below_and_plots_after_them() {
        let reading = |figures: &[(&str, &str)]| {
            let bare = Reading::new(crate::rollout::Outcome::Fail, Timestamp::default(), "worse");
            figures.iter().fold(bare, |reading, (name, value)| reading.with(name, value))
        };
        let few = reading(&[("alarms", "2")]);
        assert_eq!((evidence(&few).as_str(), figures(&few)), ("worse (alarms 2)", vec![]));
        let many =
            reading(&[("a", "1"), ("longer", "2"), ("c", "3"), ("plot of rates", "\u{2581}")]);
        assert_eq!(evidence(&many), "worse");
        assert_eq!(figures(&many), ["a       1", "c       3", "longer  2", "rates  \u{2581}"]);
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(printable("red\u{1b}[31m\nline\n"), "red\\u{1b}[31m line");
    }
}

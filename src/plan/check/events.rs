//! Gates that look at where events wait: which limits there have to be.

use std::time::Duration;

use super::{addresses::queue, scope::positive};
use crate::plan::{
    delegated::FunctionName,
    events::{Depth, Lag, QueueGate, Reader, StreamGate},
    events_form::{DepthForm, LagForm, QueueForm, StreamChoice, StreamForm},
    form::Slot,
    measure::Periods,
    problem::Problem,
    scalar::Whole,
    span::{Span, Spanned},
};

/// Two minutes of three, as of every measurement unless told.
const USUAL: Periods = Periods { breaching: 2, of: 3 };

pub(super) fn queue_gate(
    form: &Spanned<QueueForm>,
    problems: &mut Vec<Problem>,
) -> Option<QueueGate> {
    let QueueForm { name, age, depth, dead_letters } = &form.value;
    if age.is_absent() && depth.is_absent() && dead_letters.is_absent() {
        without_limit("a queue gate", form.span, "`dead-letters: { no-more-than: 0 }`", problems);
    }
    let age = age.given().and_then(|form| lag(&form.value, problems));
    let depth = depth.given().map(|form| limits(form, problems));
    let dead_letters =
        dead_letters.given().map(|form| form.value.no_more_than.value_or(Whole(0)).0);
    let queue = name.given().and_then(|name| queue(name, problems))?;
    Some(QueueGate { queue, age, depth, dead_letters })
}

pub(super) fn stream_gate(form: &StreamForm, problems: &mut Vec<Problem>) -> Option<StreamGate> {
    let lag = limit(&form.below, &form.periods, problems);
    let reader = match form.chosen()? {
        StreamChoice::Function(function) => {
            let qualifier = form.qualifier.given();
            let text = qualifier.map(|given| Spanned::new(given.value.0.clone(), given.span));
            let qualifier = match &text {
                None => None,
                Some(text) => Some(metric_name(text, "$-_", 128, problems)?),
            };
            let name = metric_name(function, "-_", 64, problems)?;
            Reader::Function(FunctionName { name, qualifier })
        }
        StreamChoice::Name(name) => {
            if let Some(qualifier) = form.qualifier.given() {
                problems.push(
                    Problem::error("plan::stray-field", "a stream has no aliases or versions")
                        .at(qualifier.span, "of nothing")
                        .help("remove `qualifier`, or name a `function` in place of the stream"),
                );
            }
            Reader::OfStream(metric_name(name, ".-_", 128, problems)?)
        }
    };
    Some(StreamGate { reader, lag: lag? })
}

/// What CloudWatch knows something by.
fn metric_name(
    given: &Spanned<String>,
    others: &str,
    longest: usize,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let text = &given.value;
    let allowed = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    if (1..=longest).contains(&text.len()) && text.chars().all(allowed) {
        return Some(text.clone());
    }
    problems.push(
        Problem::error("plan::member", format!("`{text}` is no name that figures have"))
            .at(given.span, "not possible")
            .help("write the name alone, not its ARN, and an alias or version as `qualifier`"),
    );
    None
}

fn lag(form: &LagForm, problems: &mut Vec<Problem>) -> Option<Lag> {
    limit(&form.below, &form.periods, problems)
}

fn limit(
    below: &Slot<Duration>,
    periods: &Slot<Periods>,
    problems: &mut Vec<Problem>,
) -> Option<Lag> {
    // Without a limit there is nothing to stand in for it.
    let time = positive(below, Duration::ZERO, problems);
    below.given()?;
    Some(Lag { below: time, periods: periods.value_or(USUAL) })
}

fn limits(form: &Spanned<DepthForm>, problems: &mut Vec<Problem>) -> Depth {
    let DepthForm { below, rise } = &form.value;
    if below.is_absent() && rise.is_absent() {
        without_limit("`depth`", form.span, "`below: 1000`, or `rise: 200 in 5m`", problems);
    }
    Depth { below: below.value().map(|below| below.0), rise: rise.value() }
}

fn without_limit(what: &str, at: Span, such: &str, problems: &mut Vec<Problem>) {
    problems.push(
        Problem::error("plan::blank", format!("{what} without a limit would always pass"))
            .at(at, "no limit")
            .help(format!("write {such}")),
    );
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::plan::{
        Depth, FunctionName, GateKind, Lag, Periods, Queue, QueueGate, Reader, Rise, StreamGate,
        expand_to_yaml,
        sample::{HEAD, codes, plan},
    };

    fn with(gate: &str) -> String {
        let head =
            HEAD.replace("smoke: { http: { url: \"https://candidate.internal/health\" } }", gate);
        format!(
            "{head}steps: [shift: {{ route: web, candidate: 100%, bake: 10m, gates: [errors, g] }}]\n"
        )
    }

    fn told(gate: &str) -> Vec<&'static str> {
        codes(&with(gate)).into_iter().filter(|code| !code.starts_with("lint::")).collect()
    }

    #[test]
    fn a_queue_is_watched_by_what_the_plan_names_and_is_written_back_as_that() {
        let whole = "g: { queue: { name: orders, age: { below: 60s, periods: 1 of 2 }, \
                     depth: { below: 1000, rise: 200 in 5m }, dead-letters: { no-more-than: 3 } } }";
        let read = plan(&with(whole));
        let GateKind::Queue(gate) = &read.gates["g"].kind else { panic!("{:?}", read.gates) };
        let expected = QueueGate {
            queue: Queue::new("orders"),
            age: Some(Lag {
                below: Duration::from_mins(1),
                periods: Periods { breaching: 1, of: 2 },
            }),
            depth: Some(Depth {
                below: Some(1_000),
                rise: Some(Rise { messages: 200, within: Duration::from_mins(5) }),
            }),
            dead_letters: Some(3),
        };
        assert_eq!(*gate, expected);
        assert_eq!(read.gates["g"].every, Duration::from_mins(1));
        assert_eq!(plan(&expand_to_yaml(&read)), read);
        let GateKind::Queue(usual) =
            plan(&with("g: { queue: { name: orders, dead-letters: {} } }")).gates["g"].kind.clone()
        else {
            panic!()
        };
        assert_eq!((usual.dead_letters, usual.age, usual.depth), (Some(0), None, None));
    }

    #[test]
    fn a_stream_is_watched_for_a_function_or_for_all_who_read_it() {
        let stream = |gate: &str| {
            let read = plan(&with(gate));
            assert_eq!(plan(&expand_to_yaml(&read)), read, "{gate}");
            let GateKind::Stream(gate) = read.gates["g"].kind.clone() else { panic!("{gate}") };
            gate
        };
        let lag = Lag { below: Duration::from_secs(30), periods: Periods { breaching: 2, of: 3 } };
        let name = "consumer".to_owned();
        let function = FunctionName { name, qualifier: Some("live".into()) };
        let read = stream("g: { stream: { function: consumer, qualifier: live, below: 30s } }");
        assert_eq!(read, StreamGate { reader: Reader::Function(function), lag });
        let read = stream("g: { stream: { name: clicks, below: 30s } }");
        assert_eq!(read, StreamGate { reader: Reader::OfStream("clicks".into()), lag });
    }

    #[test]
    fn a_stream_of_nobody_is_refused() {
        assert_eq!(told("g: { stream: { below: 30s } }"), ["plan::missing-field"]);
        assert_eq!(told("g: { stream: { name: clicks } }"), ["plan::missing-field"]);
        let stray = "g: { stream: { name: clicks, qualifier: live, below: 30s } }";
        assert_eq!(told(stray), ["plan::stray-field"]);
        let arn = "g: { stream: { function: 'arn:aws:lambda:x:1:function:f', below: 30s } }";
        assert_eq!(told(arn), ["plan::member"]);
    }

    #[test]
    fn what_could_never_fail_or_is_no_queue_is_refused() {
        assert_eq!(told("g: { queue: { name: orders } }"), ["plan::blank"]);
        assert_eq!(told("g: { queue: { name: orders, depth: {} } }"), ["plan::blank"]);
        assert_eq!(told("g: { queue: { name: orders, age: {} } }"), ["plan::missing-field"]);
        assert_eq!(
            told("g: { queue: { name: orders, age: { below: 0s } } }"),
            ["plan::out-of-range"]
        );
        let arn = "g: { queue: { name: 'arn:aws:sqs:x:1:orders', age: { below: 1m } } }";
        assert_eq!(told(arn), ["plan::queue"]);
        for rise in ["200", "200 in 90s", "200 in 2m", "200 in 2d", "-1 in 5m"] {
            let gate = format!("g: {{ queue: {{ name: orders, depth: {{ rise: {rise} }} }} }}");
            assert_eq!(told(&gate), ["plan::measure"], "{rise}");
        }
    }
}

//! Steps: one thing done to the world each, with its names found and its defaults filled in.

use std::time::Duration;

use super::{
    draft::Draft,
    gates::healthy,
    pruning, publishing, replacement, replays,
    scope::{Scope, filled, positive, refuse_repetition},
    test_route,
};
use crate::plan::{
    defaults::{PATIENCE, PROBE_PATIENCE, shift_timeout},
    form::{Short, Slot},
    model::{Approvers, Size, Until, Verb},
    names::Side,
    on_failure::OnFailure,
    problem::Problem,
    scalar::Whole,
    span::{Span, Spanned},
    step_form::{
        ApproveForm, Instances, PauseForm, ProbeForm, ScaleForm, ShiftForm, SizeChoice, SizeForm,
        StepChoice, StepForm, UntilChoice, WaitForm,
    },
    units::{Percent, format_duration},
};

/// One step.
pub(super) fn step(form: &StepForm, scope: &Scope, problems: &mut Vec<Problem>) -> Option<Draft> {
    match form.chosen()? {
        StepChoice::Scale(form) => scale(form, scope, problems),
        StepChoice::Wait(form) => wait(form, scope, problems),
        StepChoice::Probe(form) => probe(form, scope, problems),
        StepChoice::Shift(form) => shift(form, scope, problems),
        StepChoice::Publish(form) => publishing::publish(form, scope, problems),
        StepChoice::Prune(form) => pruning::prune(form, scope, problems),
        StepChoice::Replay(form) => replays::replay(form, scope, problems),
        StepChoice::TestRoute(form) => test_route::add(form, scope, problems),
        StepChoice::RemoveTestRoute(form) => test_route::remove(form, scope, problems),
        StepChoice::Refresh(form) => replacement::refresh(form, scope, problems),
        StepChoice::Deploy(form) => replacement::deploy(form, scope, problems),
        StepChoice::Approve(form) => approve(form, problems),
        StepChoice::Pause(form) => Some(pause(form)),
    }
}

const fn pause(form: &Spanned<Short<Duration, PauseForm>>) -> Draft {
    let duration = match form.value {
        Short::Short(duration) => Some(duration),
        Short::Long(PauseForm {}) => None,
    };
    Draft { verb: Verb::Pause { duration }, timeout: None, span: form.span }
}

fn probe(
    form: &Spanned<Short<String, ProbeForm>>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let (gate, timeout) = match &form.value {
        Short::Short(gate) => {
            (scope.gate(&Spanned::new(gate.clone(), form.span), problems), PROBE_PATIENCE)
        }
        Short::Long(long) => (
            long.gate.given().and_then(|gate| scope.gate(gate, problems)),
            positive(&long.timeout, PROBE_PATIENCE, problems),
        ),
    };
    Some(Draft { verb: Verb::Probe { gate: gate? }, timeout: Some(timeout), span: form.span })
}

fn scale(form: &Spanned<ScaleForm>, scope: &Scope, problems: &mut Vec<Problem>) -> Option<Draft> {
    let Spanned { value: form, span } = form;
    let fleet = scope.fleet(&form.fleet, problems);
    let timeout = positive(&form.timeout, PATIENCE, problems);
    let to = form.to.given().and_then(|to| match &to.value {
        Short::Short(number) => Some(Size::Instances(number.0)),
        Short::Long(long) => size(&Spanned::new(long, to.span), &form.side, problems),
    });
    let verb = Verb::Scale { fleet: fleet?, side: form.side.value()?, to: to? };
    Some(Draft { verb, timeout: Some(timeout), span: *span })
}

fn size(
    form: &Spanned<&SizeForm>,
    scaled: &Slot<Side>,
    problems: &mut Vec<Problem>,
) -> Option<Size> {
    let Spanned { value: form, span } = form;
    match form.chosen()? {
        SizeChoice::Share(share) => {
            refuse_strays(form, &["of"], problems);
            require("share", "of", &form.of, *span, problems);
            if share.value == Percent::ZERO {
                problems.push(
                    Problem::error("plan::out-of-range", "nothing of a side is no size")
                        .at(share.span, "no instances")
                        .help("write `to: 0` to scale the side away"),
                );
            }
            let of = other(form.of.given()?, scaled, problems)?;
            Some(Size::Share { share: share.value, of })
        }
        SizeChoice::Desired(desired) => {
            refuse_strays(form, &["min", "max"], problems);
            require("desired", "min", &form.min, *span, problems);
            require("desired", "max", &form.max, *span, problems);
            bounds(desired, form, problems)
        }
        SizeChoice::SameAs(same_as) => {
            refuse_strays(form, &[], problems);
            Some(Size::SameAs(other(same_as, scaled, problems)?))
        }
    }
}

fn bounds(
    desired: &Spanned<Instances>,
    form: &SizeForm,
    problems: &mut Vec<Problem>,
) -> Option<Size> {
    let (min, max) = (form.min.value()?.0, form.max.value()?.0);
    let number = desired.value.0;
    if !(min..=max).contains(&number) {
        let message = format!("{number} instances are not between {min} and {max}");
        problems.push(
            Problem::error("plan::out-of-range", message)
                .at(desired.span, "outside `min` and `max`")
                .help("write `min` at most, and `max` at least, as large as `desired`"),
        );
    }
    Some(Size::Bounds { min, max, desired: number })
}

/// The side that a size is taken from, which is not the one that is scaled.
fn other(of: &Spanned<Side>, scaled: &Slot<Side>, problems: &mut Vec<Problem>) -> Option<Side> {
    if scaled.value() != Some(of.value) {
        return Some(of.value);
    }
    problems.push(
        Problem::error("plan::same-sides", format!("{} is to be sized by itself", of.value))
            .at(of.span, "the side that is scaled")
            .help("name the other side, or a number of instances"),
    );
    None
}

/// Reports the keys that belong to another kind of size.
fn refuse_strays(form: &SizeForm, belong: &[&str], problems: &mut Vec<Problem>) {
    let given = |slot: &Slot<Instances>| slot.given().map(|given| given.span);
    let keys = [
        ("of", "share", form.of.given().map(|of| of.span)),
        ("min", "desired", given(&form.min)),
        ("max", "desired", given(&form.max)),
    ];
    for (key, owner, span) in keys {
        if let Some(span) = span.filter(|_| !belong.contains(&key)) {
            problems.push(
                Problem::error("plan::stray-field", format!("`{key}` belongs to `{owner}`"))
                    .at(span, "says nothing here")
                    .help(format!("remove `{key}`, or write the size with `{owner}`")),
            );
        }
    }
}

/// Reports a key that another needs beside it.
fn require<T>(key: &str, needed: &str, slot: &Slot<T>, at: Span, problems: &mut Vec<Problem>) {
    if slot.is_absent() {
        problems.push(
            Problem::error("plan::missing-field", format!("`{key}` needs `{needed}` beside it"))
                .at(at, format!("`{needed}` is missing"))
                .help("write `{ share: 50%, of: stable }` or `{ min: 2, max: 10, desired: 4 }`"),
        );
    }
}

fn wait(form: &Spanned<WaitForm>, scope: &Scope, problems: &mut Vec<Problem>) -> Option<Draft> {
    let Spanned { value: form, span } = form;
    let timeout = positive(&form.timeout, PATIENCE, problems);
    let until = match form.until.given()?.value.chosen()? {
        UntilChoice::Healthy(form) => {
            let (route, side, at_least) = healthy(&form.value, scope, problems)?;
            Until::Healthy { route, side, at_least }
        }
    };
    let verb = Verb::Wait { until };
    Some(Draft { verb, timeout: Some(timeout), span: *span })
}

fn shift(form: &Spanned<ShiftForm>, scope: &Scope, problems: &mut Vec<Problem>) -> Option<Draft> {
    let Spanned { value: form, span } = form;
    let route = scope.route(&form.route, problems);
    let gates = scope.gates(&form.gates, problems);
    let candidate = form.candidate.given().map(|share| permille(share, problems));
    let bake = form.bake.value_or(Duration::ZERO);
    let timeout = positive(&form.timeout, shift_timeout(bake), problems);
    if !timeout.is_zero() && timeout <= bake {
        problems.push(
            Problem::error("plan::timeout", "this step would time out while it bakes")
                .at(
                    form.timeout.span_or(*span),
                    format!("not longer than the bake of {}", format_duration(bake)),
                )
                .help(format!(
                    "leave the timeout out, or write more than {}",
                    format_duration(bake)
                )),
        );
    }
    let min_requests = form.min_requests.value().map(|number| number.0);
    let verb = Verb::Shift { route: route?, candidate: candidate?, bake, gates, min_requests };
    Some(Draft { verb, timeout: Some(timeout), span: *span })
}

/// A share of traffic that the weights of a load balancer can express.
pub(super) fn permille(share: &Spanned<Percent>, problems: &mut Vec<Problem>) -> Percent {
    if !share.value.basis_points().is_multiple_of(10) {
        problems.push(
            Problem::error(
                "plan::too-fine",
                format!("a load balancer cannot split off {}", share.value),
            )
            .at(share.span, "finer than 0.1%")
            .help("write a multiple of `0.1%`"),
        );
    }
    share.value
}

fn approve(form: &Spanned<ApproveForm>, problems: &mut Vec<Problem>) -> Option<Draft> {
    let Spanned { value: form, span } = form;
    let message = filled(&form.message, problems);
    if let (Slot::Absent, Some(on_expiry)) = (&form.expires, form.on_expiry.given()) {
        problems.push(
            Problem::error("plan::stray-field", "this question never expires")
                .at(on_expiry.span, "never comes about")
                .help("add `expires:`, such as `expires: 2h`, or remove `on-expiry`"),
        );
    }
    let expires = form.expires.given().map(|_| positive(&form.expires, PATIENCE, problems));
    let on_expiry = form.on_expiry.value_or(OnFailure::Hold);
    Some(Draft {
        verb: Verb::Approve {
            message: message?,
            expires,
            on_expiry,
            approvers: approvers(form, problems),
        },
        timeout: None,
        span: *span,
    })
}

fn approvers(form: &ApproveForm, problems: &mut Vec<Problem>) -> Approvers {
    let from = form.from.given().map_or(&[][..], |from| &from.value);
    refuse_repetition(from, problems);
    for pattern in from.iter().filter(|pattern| !pattern.value.starts_with("arn:")) {
        problems.push(
            Problem::error("plan::arn", format!("`{}` is not an ARN", pattern.value))
                .at(pattern.span, "nobody is called so")
                .help("write `arn:aws:sts::111122223333:assumed-role/release/*`; `tidegate approve` tells yours"),
        );
    }
    let quorum = form.quorum.value_or(Whole(1)).0;
    let is_exact = |pattern: &Spanned<String>| !pattern.value.contains(['*', '?']);
    if !from.is_empty() && from.iter().all(is_exact) && from.len() < saturating_usize(quorum) {
        problems.push(
            Problem::error("plan::quorum", "nobody could ever give so many approvals")
                .at(
                    form.quorum.span_or(Span::default()),
                    format!("only {} may approve", from.len()),
                )
                .help("name more people in `from`, or write a smaller `quorum`"),
        );
    }
    Approvers { from: from.iter().map(|pattern| pattern.value.clone()).collect(), quorum }
}

fn saturating_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::codes_of;

    fn sized(to: &str) -> Vec<&'static str> {
        codes_of(&[&format!("scale: {{ fleet: app, side: candidate, to: {to} }}")])
    }

    #[test]
    fn a_size_is_a_number_or_taken_from_the_other_side_or_has_bounds() {
        for right in [
            "3",
            "{ same-as: stable }",
            "{ share: 50%, of: stable }",
            "{ min: 2, max: 10, desired: 4 }",
        ] {
            assert_eq!(sized(right), [""; 0], "{right}");
        }
    }

    #[test]
    fn what_is_no_size_is_told() {
        for (wrong, code) in [
            ("{ same-as: candidate }", "plan::same-sides"),
            ("{ share: 50%, of: candidate }", "plan::same-sides"),
            ("{ share: 50% }", "plan::missing-field"),
            ("{ share: 0%, of: stable }", "plan::out-of-range"),
            ("{ min: 5, max: 10, desired: 4 }", "plan::out-of-range"),
            ("{ max: 10, desired: 4 }", "plan::missing-field"),
            ("{ same-as: stable, max: 10 }", "plan::stray-field"),
            ("{ desired: 4, min: 4, max: 4, of: stable }", "plan::stray-field"),
            ("{ same-as: stable, share: 50%, of: stable }", "plan::ambiguous"),
            ("{ percent: 50% }", "plan::unknown-size"),
        ] {
            assert_eq!(sized(wrong), [code], "{wrong}");
        }
    }
}

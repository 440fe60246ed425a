//! Routes that are a target of a rule of an event bus: what may be named, and between what it can be handed over.

use crate::plan::{
    defaults::SETTLE,
    names::Member,
    place::Place,
    problem::Problem,
    route::{BusTarget, Sides},
    route_form::EventBusForm,
    route_kind::{Route, RouteKind},
    span::Spanned,
};

pub(super) fn event_bus(
    form: &Spanned<EventBusForm>,
    problems: &mut Vec<Problem>,
) -> Option<Route> {
    let form = &form.value;
    let bus = form.bus.given().and_then(|bus| named(bus, "event bus", 256, "/", problems));
    let rule = form.rule.given().and_then(|rule| named(rule, "rule", 64, "", problems));
    let id = form.target.given().and_then(|id| named(id, "target of a rule", 64, "", problems));
    let stable = match form.stable.given() {
        Some(stable) => Some(arn(stable, problems)?),
        None => None,
    };
    let given = form.candidate.given()?;
    let candidate = arn(given, problems)?;
    let sides = match stable {
        None => Sides::Serving { candidate },
        Some(stable) if stable == candidate => {
            problems.push(
                Problem::error("plan::same-sides", format!("both sides are {stable}"))
                    .at(given.span, "the same again")
                    .at(form.stable.span_or(given.span), "first")
                    .help("name what is to take the events as `candidate`"),
            );
            return None;
        }
        Some(stable) => Sides::Fixed { stable, candidate },
    };
    Some(Route {
        kind: RouteKind::EventBus(BusTarget { bus: bus?, rule: rule?, id: id? }),
        sides,
        baseline: None,
        keep: None,
        settle: form.settle.value_or(SETTLE),
        place: Place::default(),
    })
}

/// A name as EventBridge takes it; that of a partner's bus has slashes.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html>
fn named(
    name: &Spanned<String>,
    what: &str,
    longest: usize,
    beside: &str,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c) || beside.contains(c);
    if (1..=longest).contains(&name.value.len()) && name.value.chars().all(allowed) {
        return Some(name.value.clone());
    }
    let message = format!("`{}` cannot be the name of a {what}", name.value);
    problems.push(Problem::error("plan::member", message).at(name.span, "not possible").help(
        format!("write its name (letters, digits, dots, hyphens and underscores, at most {longest}), not its ARN"),
    ));
    None
}

/// The ARN of what takes events: `arn:partition:service:region:account:resource`.
fn arn(given: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<Member> {
    let mut parts = given.value.splitn(6, ':');
    let is_arn = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next().is_some_and(|service| !service.is_empty())
        && parts.nth(2).is_some_and(|resource| !resource.is_empty());
    let is_plain = given.value.bytes().all(|b| b.is_ascii_graphic());
    // <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>
    if is_arn && is_plain && given.value.len() <= 1_600 {
        return Some(Member::new(given.value.as_str()));
    }
    problems.push(
        Problem::error("plan::arn", format!("`{}` is not the ARN of a target", given.value))
            .at(given.span, "not an ARN")
            .help(
                "write it out in full, of a function with its version or alias: \
                 `arn:aws:lambda:eu-west-1:111122223333:function:orders:7`",
            ),
    );
    None
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        RouteKind, Sides,
        sample::{codes, drawn, read_with},
    };

    const OLD: &str = "arn:aws:lambda:eu-west-1:111122223333:function:orders:6";
    const NEW: &str = "arn:aws:lambda:eu-west-1:111122223333:function:orders:7";
    const TARGET: &str = "bus: shop, rule: orders, target: handler";

    fn plan(route: &str) -> String {
        format!(
            "tidegate: 1\nname: x\nroutes: {{ a: {{ event-bus: {{ {route} }} }} }}\n\
             gates: {{ errors: {{ alarms: {{ names: [a] }} }} }}\n\
             steps: [{{ shift: {{ route: a, candidate: 100%, bake: 10m, gates: [errors] }} }}]\n"
        )
    }

    #[test]
    fn a_target_is_handed_from_what_takes_its_events_to_another() {
        let route = |keys: &str| {
            let text = plan(&format!("{TARGET}, {keys}"));
            read_with(&text, &[]).unwrap().plan.routes["a"].clone()
        };
        let served = route(&format!("candidate: '{NEW}'"));
        assert!(matches!(&served.sides, Sides::Serving { candidate } if candidate.as_str() == NEW));
        let RouteKind::EventBus(target) = &served.kind else { panic!("a target") };
        assert_eq!(target.to_string(), "shop/orders handler");
        let fixed = route(&format!("stable: '{OLD}', candidate: '{NEW}'"));
        assert_eq!(fixed.sides.stable().map(ToString::to_string).as_deref(), Some(OLD));
    }

    #[test]
    fn what_is_no_target_of_a_rule_is_told() {
        for (wrong, code) in [
            (TARGET.to_owned(), "plan::missing-field"),
            (format!("{TARGET}, candidate: orders"), "plan::arn"),
            (format!("{TARGET}, candidate: 'arn:aws:lambda:eu-west-1:111122223333'"), "plan::arn"),
            (format!("{TARGET}, candidate: '{NEW}', stable: '{NEW}'"), "plan::same-sides"),
            (format!("bus: shop, rule: a/b, target: t, candidate: '{NEW}'"), "plan::member"),
            (format!("bus: shop, rule: a, target: 't t', candidate: '{NEW}'"), "plan::member"),
        ] {
            let codes = codes(&plan(&wrong));
            assert_eq!(codes.first(), Some(&code), "{wrong}: {codes:?}");
        }
    }

    #[test]
    fn a_target_takes_all_events_or_none_and_has_no_fleet() {
        let right = plan(&format!("{TARGET}, candidate: '{NEW}'"));
        let told = codes(&right);
        assert!(told.iter().all(|code| code.starts_with("lint::")), "{told:?}");
        let part = read_with(&right.replace("100%", "10%"), &[]).unwrap_err();
        let told = drawn(&part);
        assert!(told.contains("plan::too-fine") && told.contains("0% or 100%"), "{told}");
        let fleet = "fleets: { app: { autoscaling: { stable: a, candidate: b }, behind: a } }\n";
        let with = codes(&right.replace("gates: {", &format!("{fleet}gates: {{")));
        assert!(with.contains(&"plan::no-fleet"), "{with:?}");
    }
}

//! Routes: where traffic is split, and between what.

use std::collections::BTreeMap;

use super::{
    aliases,
    targets::{SideNames, same_target},
};
use crate::plan::{
    defaults::SETTLE,
    form::List,
    form::{Named, Slot},
    model::{Family, ListenerRule, RecordSet, Route, RouteKind, Sides},
    names::{Member, RouteName},
    problem::Problem,
    route_form::{AlbForm, NlbForm, Priority, Route53Form, RouteForm},
    scalar::Whole,
    span::{Span, Spanned},
};

/// The routes that could be read, each with the place of its name.
pub(super) fn routes(
    forms: &Slot<Named<RouteForm>>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RouteName, (Route, Span)> {
    let mut routes: BTreeMap<RouteName, (Route, Span)> = BTreeMap::new();
    for (name, form) in forms.given().map_or(&[][..], |forms| &forms.value.0) {
        let Some(route) = form.as_ref().and_then(|form| route(form, problems)) else { continue };
        let twin = routes.iter().find(|(_, (other, _))| overlap(&other.kind, &route.kind));
        if let Some((other, (_, span))) = twin {
            problems.push(same_target("split the same traffic", name, other.as_str(), *span));
        }
        routes.insert(RouteName::new(name.value.as_str()), (route, name.span));
    }
    routes
}

/// Whether two routes would set the same weights.
fn overlap(one: &RouteKind, other: &RouteKind) -> bool {
    match (one, other) {
        (RouteKind::Alb(one), RouteKind::Alb(other))
        | (RouteKind::Nlb(one), RouteKind::Nlb(other)) => one.iter().any(|r| other.contains(r)),
        (RouteKind::Route53(one), RouteKind::Route53(other)) => one == other,
        (RouteKind::Lambda(one), RouteKind::Lambda(other)) => one == other,
        (
            RouteKind::Alb(_) | RouteKind::Nlb(_) | RouteKind::Route53(_) | RouteKind::Lambda(_),
            _,
        ) => false,
    }
}

fn route(form: &RouteForm, problems: &mut Vec<Problem>) -> Option<Route> {
    if let Some(form) = form.alb.given() {
        alb(form, problems)
    } else if let Some(form) = form.nlb.given() {
        nlb(form, problems)
    } else if let Some(form) = form.lambda.given() {
        aliases::lambda(form, problems)
    } else {
        route53(form.route53.given()?, problems)
    }
}

fn route53(form: &Spanned<Route53Form>, problems: &mut Vec<Problem>) -> Option<Route> {
    let Spanned { value: form, span } = form;
    let names = SideNames {
        what: "set identifier",
        stable: &form.stable,
        candidate: &form.candidate,
        pair: &form.pair,
        allowed: is_set_identifier,
        help: "write the set identifier of a weighted record, 1 to 128 characters",
    };
    let sides = names.check(*span, problems);
    let zone = form.zone.given().and_then(|zone| match zone_id(&zone.value) {
        Some(id) => Some(id.to_owned()),
        None => domain(zone, problems),
    });
    let name = form.name.given().and_then(|name| domain(name, problems));
    if let (Some(zone), Some(name)) = (&zone, &name)
        && zone_id(zone).is_none()
        && name != zone
        && !name.ends_with(&format!(".{zone}"))
    {
        problems.push(
            Problem::error("plan::zone", format!("`{name}` does not lie in `{zone}`"))
                .at(form.name.span_or(*span), "not in this zone")
                .at(form.zone.span_or(*span), "the zone")
                .help("write the whole name, such as `www.example.com`"),
        );
    }
    let kind = form.kind.value();
    let settle = form.settle.value_or(SETTLE);
    let records = RecordSet { zone: zone?, name: name?, kind: kind? };
    Some(Route { kind: RouteKind::Route53(records), sides: sides?, baseline: None, settle })
}

fn is_set_identifier(name: &str) -> bool {
    (1..=128).contains(&name.chars().count()) && !name.contains(char::is_control)
}

/// The id in `Z…`, or in `/hostedzone/Z…` as AWS prints it. Not every one begins with a `Z`; none has a dot.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_HostedZone.html>
fn zone_id(text: &str) -> Option<&str> {
    let bare = text.strip_prefix('/').unwrap_or(text);
    let id = bare.strip_prefix("hostedzone/").unwrap_or(text);
    let fits = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(id)
}

/// A domain name in lower case, without the dot at its end.
fn domain(given: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let name = given.value.strip_suffix('.').unwrap_or(&given.value).to_ascii_lowercase();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_*".contains(&b);
    let fits = name.len() <= 253
        && name.contains('.')
        && name
            .split('.')
            .all(|label| (1..=63).contains(&label.len()) && label.bytes().all(allowed));
    if !fits {
        problems.push(
            Problem::error("plan::domain", format!("`{}` is not a domain name", given.value))
                .at(given.span, "not a domain name")
                .help("write it out in full, such as `www.example.com`"),
        );
    }
    fits.then_some(name)
}

fn alb(form: &Spanned<AlbForm>, problems: &mut Vec<Problem>) -> Option<Route> {
    let Spanned { value: form, span } = form;
    let sides = target_groups(*span, (&form.stable, &form.candidate), &form.pair, problems);
    let place = Place {
        family: Family::Application,
        rule: &form.rule,
        listener: &form.listener,
        load_balancer: &form.load_balancer,
        port: &form.port,
        priority: &form.priority,
    };
    let rules = place.and_several(&form.rules, *span, problems, |rule| Place {
        family: Family::Application,
        rule: &rule.rule,
        listener: &rule.listener,
        load_balancer: &rule.load_balancer,
        port: &rule.port,
        priority: &rule.priority,
    });
    let settle = form.settle.value_or(SETTLE);
    // One that is wrong has been told of, and must not look as if there were none.
    let baseline = match form.baseline.given() {
        Some(name) => Some(baseline(name, sides.as_ref(), problems)?),
        None => None,
    };
    Some(Route { kind: RouteKind::Alb(rules?), sides: sides?, baseline, settle })
}

fn nlb(form: &Spanned<NlbForm>, problems: &mut Vec<Problem>) -> Option<Route> {
    let Spanned { value: form, span } = form;
    let sides = target_groups(*span, (&form.stable, &form.candidate), &form.pair, problems);
    let place = Place {
        family: Family::Network,
        rule: &Slot::Absent,
        listener: &form.listener,
        load_balancer: &form.load_balancer,
        port: &form.port,
        priority: &Slot::Absent,
    };
    let listeners = place.and_several(&form.listeners, *span, problems, |listener| Place {
        family: Family::Network,
        rule: &Slot::Absent,
        listener: &listener.listener,
        load_balancer: &listener.load_balancer,
        port: &listener.port,
        priority: &Slot::Absent,
    });
    let settle = form.settle.value_or(SETTLE);
    Some(Route { kind: RouteKind::Nlb(listeners?), sides: sides?, baseline: None, settle })
}

fn target_groups(
    at: Span,
    (stable, candidate): (&Slot<String>, &Slot<String>),
    pair: &Slot<List<String>>,
    problems: &mut Vec<Problem>,
) -> Option<Sides> {
    let names = SideNames {
        what: "target group",
        stable,
        candidate,
        pair,
        allowed: is_target_group,
        help: "write its name (letters, digits and hyphens, at most 32) or its ARN",
    };
    names.check(at, problems).map(by_name)
}

/// The group that accompanies the candidate is neither side's.
fn baseline(
    name: &Spanned<String>,
    sides: Option<&Sides>,
    problems: &mut Vec<Problem>,
) -> Option<Member> {
    if !is_target_group(&name.value) {
        let message = format!("`{}` is not a possible target group", name.value);
        problems.push(
            Problem::error("plan::member", message)
                .at(name.span, "not possible")
                .help("write its name (letters, digits and hyphens, at most 32) or its ARN"),
        );
        return None;
    }
    let baseline = name_of(&Member::new(name.value.as_str()));
    if sides.is_some_and(|sides| sides.members().contains(&&baseline)) {
        let message = format!("the baseline is `{baseline}`, which is a side of the route");
        problems.push(
            Problem::error("plan::same-sides", message)
                .at(name.span, "a side already")
                .help("name a third target group, with fresh instances of what serves today"),
        );
        return None;
    }
    Some(baseline)
}

/// The ways to name one listener or rule. What a family does not have is absent.
struct Place<'a> {
    family: Family,
    rule: &'a Slot<String>,
    listener: &'a Slot<String>,
    load_balancer: &'a Slot<String>,
    port: &'a Slot<Whole<1, 65_535>>,
    priority: &'a Slot<Priority>,
}

impl Place<'_> {
    /// The places of a route: this one, or those of the list that stands for it.
    fn and_several<T>(
        &self,
        list: &Slot<List<T>>,
        at: Span,
        problems: &mut Vec<Problem>,
        place: impl Fn(&T) -> Place<'_>,
    ) -> Option<Vec<ListenerRule>> {
        let Some(Spanned { value: list, span }) = list.given() else {
            return self.check(at, problems).map(|rule| vec![rule]);
        };
        self.refuse_strays(problems);
        if list.is_empty() {
            problems.push(
                Problem::error("plan::blank", "a route without a rule moves nothing")
                    .at(*span, "no rules")
                    .help("name at least one: `[{ load-balancer: shop, port: 443 }]`"),
            );
        }
        let read = |item: &Spanned<T>| {
            let rule = place(&item.value).check(item.span, problems);
            rule.map(|rule| (rule, item.span))
        };
        let read: Vec<Option<(ListenerRule, Span)>> = list.iter().map(read).collect();
        let rules: Vec<(ListenerRule, Span)> = read.into_iter().collect::<Option<_>>()?;
        for (i, (rule, span)) in rules.iter().enumerate() {
            if let Some((_, first)) = rules.iter().take(i).find(|(other, _)| other == rule) {
                problems.push(
                    Problem::error("plan::repeated", "this rule stands here twice")
                        .at(*span, "second time")
                        .at(*first, "first time")
                        .help("remove one of the two"),
                );
            }
        }
        Some(rules.into_iter().map(|(rule, _)| rule).collect())
    }

    fn check(&self, at: Span, problems: &mut Vec<Problem>) -> Option<ListenerRule> {
        let Some(name) = self.load_balancer.given() else { return self.by_arn(problems) };
        let simple = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let valid = (1..=32).contains(&name.value.len()) && name.value.bytes().all(simple);
        if !valid {
            problems.push(
                Problem::error(
                    "plan::load-balancer",
                    format!("`{}` is not the name of a load balancer", name.value),
                )
                .at(name.span, "not a name")
                .help(
                    "write its name (letters, digits and hyphens, at most 32), not its ARN or DNS name",
                ),
            );
        }
        if self.port.is_absent() {
            problems.push(
                Problem::error("plan::missing-field", "which listener of the load balancer?")
                    .at(at, "`port` is missing")
                    .help("add `port:`, the port the listener listens on, such as `port: 443`"),
            );
        }
        let priority = match self.priority.value() {
            None | Some(Priority::Default) => None,
            Some(Priority::Rule(priority)) => Some(priority),
        };
        let port = u16::try_from(self.port.value()?.0).ok()?;
        valid.then(|| ListenerRule::Named { load_balancer: name.value.clone(), port, priority })
    }

    /// Reports what belongs to `load-balancer` and stands without it.
    fn refuse_strays(&self, problems: &mut Vec<Problem>) {
        for (slot, key) in [
            (self.port.given().map(|p| p.span), "port"),
            (self.priority.given().map(|p| p.span), "priority"),
        ] {
            if let (Some(span), true) = (slot, self.load_balancer.is_absent()) {
                problems.push(
                    Problem::error("plan::stray-field", format!("`{key}` says nothing here"))
                        .at(span, "only with `load-balancer`")
                        .help(format!(
                            "remove `{key}`, or name the listener by `load-balancer` and `port`"
                        )),
                );
            }
        }
    }

    fn by_arn(&self, problems: &mut Vec<Problem>) -> Option<ListenerRule> {
        self.refuse_strays(problems);
        let arn = |slot: &Slot<String>, kind, problems: &mut Vec<Problem>| {
            slot.given().and_then(|arn| arn_of(arn, self.family, kind, problems))
        };
        match self.rule {
            Slot::Given(_) => arn(self.rule, "listener-rule", problems).map(ListenerRule::Rule),
            Slot::Absent | Slot::Broken => {
                arn(self.listener, "listener", problems).map(ListenerRule::DefaultOf)
            }
        }
    }
}

/// The ARN if it is one of the kind meant.
fn arn_of(
    arn: &Spanned<String>,
    family: Family,
    kind: &str,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let short = match family {
        Family::Application => "ALB",
        Family::Network => "NLB",
    };
    let family = format!("/{}/", family.in_arns());
    let parts: Vec<&str> = arn.value.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", _, "elasticloadbalancing", _, _, resource]
        if resource.strip_prefix(kind).is_some_and(|rest| rest.starts_with(&family)));
    if !fits {
        let message = format!("`{}` is not the ARN of an {short} {kind}", arn.value);
        problems.push(
            Problem::error("plan::arn", message)
                .at(arn.span, format!("the ARN of a {kind} belongs here"))
                .help(format!(
                    "write `arn:aws:elasticloadbalancing:<region>:<account>:{kind}{family}…`, or \
                     name the `load-balancer` and the `port`"
                )),
        );
    }
    fits.then(|| arn.value.clone())
}

fn is_target_group(name: &str) -> bool {
    let simple = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (name.starts_with("arn:") && name.contains(":targetgroup/"))
        || ((1..=32).contains(&name.len()) && name.bytes().all(simple))
}

/// Target groups are compared by name, which is unique in an account and region, however the plan names them.
fn name_of(member: &Member) -> Member {
    let tail = member.as_str().split_once(":targetgroup/").map(|(_, tail)| tail);
    tail.and_then(|tail| tail.split('/').next()).map_or(member.clone(), Member::new)
}

fn by_name(sides: Sides) -> Sides {
    match sides {
        Sides::Fixed { stable, candidate } => {
            Sides::Fixed { stable: name_of(&stable), candidate: name_of(&candidate) }
        }
        Sides::Pair([first, second]) => Sides::Pair([name_of(&first), name_of(&second)]),
        Sides::Single(only) => Sides::Single(name_of(&only)),
        serving @ Sides::Serving { .. } => serving,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::{HEAD, codes, drawn, read_with};

    const STEPS: &str =
        "steps: [{ shift: { route: tcp, candidate: 10%, bake: 10m, gates: [errors] } }]\n";

    /// The codes of a plan whose route `tcp` is this.
    fn with_route(route: &str) -> Vec<&'static str> {
        let head = HEAD.replace("routes:\n", &format!("routes:\n  tcp: {route}\n"));
        let told = codes(&format!("{head}{STEPS}"));
        told.into_iter().filter(|code| !code.starts_with("lint::")).collect()
    }

    #[test]
    fn a_network_load_balancer_is_named_by_listener_only() {
        let arn = |kind| format!("arn:aws:elasticloadbalancing:eu-west-1:111122223333:{kind}/1/2");
        let route = |place: &str| with_route(&format!("{{ nlb: {{ {place}, pair: [a, b] }} }}"));
        assert_eq!(route("load-balancer: lb, port: 443"), [""; 0]);
        assert_eq!(route(&format!("listener: '{}'", arn("listener/net/lb"))), [""; 0]);
        assert_eq!(route(&format!("listener: '{}'", arn("listener/app/lb"))), ["plan::arn"]);
        assert_eq!(route("load-balancer: lb, port: 443, priority: 7"), ["plan::unknown-field"]);
    }

    #[test]
    fn a_baseline_is_a_third_group_of_an_application_load_balancer() {
        let route = |kind: &str, rest: &str| {
            with_route(&format!("{{ {kind}: {{ load-balancer: x, port: 7, {rest} }} }}"))
        };
        assert_eq!(route("alb", "pair: [a, b], baseline: c"), [""; 0]);
        assert_eq!(route("alb", "stable: a, candidate: b, baseline: c"), [""; 0]);
        assert_eq!(route("alb", "pair: [a, b], baseline: b"), ["plan::same-sides"]);
        let arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/b/1";
        assert_eq!(route("alb", &format!("pair: [a, b], baseline: '{arn}'")), ["plan::same-sides"]);
        assert_eq!(route("alb", "pair: [a, b], baseline: c/d"), ["plan::member"]);
        assert_eq!(route("nlb", "pair: [a, b], baseline: c"), ["plan::unknown-field"]);
    }

    #[test]
    fn who_compares_with_a_baseline_needs_one() {
        let gates = "  worse: { compare: { route: web, baseline: paired } }\n";
        let steps = STEPS.replace("tcp", "web").replace("errors", "worse");
        let problems = read_with(&format!("{HEAD}{gates}{steps}"), &[]).unwrap_err();
        insta::assert_snapshot!(drawn(&problems));
    }

    #[test]
    fn several_rules_stand_in_one_list() {
        let route = |rules: &str| with_route(&format!("{{ alb: {{ {rules}, pair: [a, b] }} }}"));
        let (http, https) = ("{ load-balancer: x, port: 80 }", "{ load-balancer: x, port: 443 }");
        assert_eq!(route(&format!("rules: [{http}, {https}]")), [""; 0]);
        assert_eq!(route(&format!("rules: [{http}, {https}, {http}]")), ["plan::repeated"]);
        assert_eq!(route("rules: []"), ["plan::blank"]);
        assert_eq!(route(&format!("rules: [{http}], port: 80")), ["plan::stray-field"]);
        assert_eq!(
            route(&format!("load-balancer: x, port: 80, rules: [{https}]")),
            ["plan::ambiguous"]
        );
        let shared = "{ load-balancer: lb, port: 443 }";
        assert_eq!(route(&format!("rules: [{http}, {shared}]")), ["plan::same-target"]);
    }

    #[test]
    fn what_nobody_counts_is_not_measured() {
        let head = HEAD.replace("web: { alb:", "web: { nlb:");
        let gates =
            "  worse: { compare: { route: web, errors: { tolerance: 0.1%, margin: 0.5% } } }\n";
        let steps = STEPS.replace("tcp", "web").replace("errors", "worse");
        let problems = read_with(&format!("{head}{gates}{steps}"), &[]).unwrap_err();
        let told = drawn(&problems);
        assert!(told.contains("gate `worse` cannot measure the sides of `web`"), "{told}");
        assert!(told.contains("split by a Network Load Balancer"), "{told}");
    }
}

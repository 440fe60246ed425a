//! Where the forward actions of a route stand: on the rule of a listener or its default action, named by ARN or by load
//! balancer and port. Application and Network Load Balancers have this in common.

use crate::plan::{
    form::{List, Slot},
    problem::Problem,
    route::{Family, ListenerRule},
    route_values::Priority,
    scalar::Whole,
    span::{Span, Spanned},
};

/// The ways to name one listener or rule.
pub(super) enum Naming<'a> {
    /// Its listener is told by the port.
    LoadBalancer(&'a Spanned<String>),
    /// By ARN.
    Rule(&'a Spanned<String>),
    /// By ARN.
    Listener(&'a Spanned<String>),
}

/// One listener or rule as it is written. What its family does not have is absent.
pub(super) struct ForwardAction<'a> {
    pub(super) family: Family,
    pub(super) named: Naming<'a>,
    pub(super) port: &'a Slot<Whole<1, 65_535>>,
    pub(super) priority: &'a Slot<Priority>,
    pub(super) at: Span,
}

impl ForwardAction<'_> {
    /// As the only place of a route.
    pub(super) fn alone(&self, problems: &mut Vec<Problem>) -> Option<Vec<ListenerRule>> {
        self.check(problems).map(|rule| vec![rule])
    }

    fn check(&self, problems: &mut Vec<Problem>) -> Option<ListenerRule> {
        let mut of_arn = |arn, kind| {
            refuse_strays(self.port, self.priority, problems);
            arn_of(arn, self.family, kind, problems)
        };
        match self.named {
            Naming::LoadBalancer(name) => self.by_port(name, problems),
            Naming::Rule(arn) => of_arn(arn, "listener-rule").map(ListenerRule::Rule),
            Naming::Listener(arn) => of_arn(arn, "listener").map(ListenerRule::DefaultOf),
        }
    }

    fn by_port(&self, name: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<ListenerRule> {
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
                    .at(self.at, "`port` is missing")
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
}

/// The places of a route that stand in a list.
pub(super) fn several<T>(
    list: &Spanned<List<T>>,
    place: fn(&Spanned<T>) -> Option<ForwardAction<'_>>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<ListenerRule>> {
    let Spanned { value: list, span } = list;
    if list.is_empty() {
        problems.push(
            Problem::error("plan::blank", "a route without a rule moves nothing")
                .at(*span, "no rules")
                .help("name at least one: `[{ load-balancer: shop, port: 443 }]`"),
        );
    }
    let read = |item: &Spanned<T>| Some((place(item)?.check(problems)?, item.span));
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

/// Reports what belongs to `load-balancer` and stands without it.
pub(super) fn refuse_strays(
    port: &Slot<Whole<1, 65_535>>,
    priority: &Slot<Priority>,
    problems: &mut Vec<Problem>,
) {
    for (span, key) in [
        (port.given().map(|given| given.span), "port"),
        (priority.given().map(|given| given.span), "priority"),
    ] {
        if let Some(span) = span {
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

//! What a person may write under `routes`: where traffic is split, and between which two sides.

use std::time::Duration;

use serde_json::json;

use super::{
    form::List,
    form::{Definitions, Form, record},
    model::RecordType,
    problem::Problem,
    scalar::Whole,
    tree::Node,
};

record! {
    /// A place where traffic is split between two sides.
    RouteForm, "a route", choice "kind of route" "plan::unknown-route-kind" {
        /// The forward action of an Application Load Balancer.
        "alb" alb: Choice AlbForm,
        /// The listener of a Network Load Balancer.
        "nlb" nlb: Choice NlbForm,
        /// Weighted records of Route 53.
        "route53" route53: Choice Route53Form,
        /// The alias of a Lambda function.
        "lambda" lambda: Choice AliasForm,
    }
}

record! {
    /// The forward action of a rule, or the default action of a listener, that splits traffic between two target
    /// groups. Name the sides with `stable` and `candidate`, or name a `pair` and let the weights tell.
    AlbForm, "an alb route", choice "`rule`, `listener`, `load-balancer` or `rules`" "plan::unknown-field" {
        /// The ARN of a listener rule.
        "rule" rule: Choice String,
        /// The ARN of a listener, for its default action.
        "listener" listener: Choice String,
        /// The name of a load balancer; its listener is told by `port`.
        "load-balancer" load_balancer: Choice String,
        /// The port of the listener, with `load-balancer`.
        "port" port: Optional Whole<1, 65_535>,
        /// The priority of the rule, with `load-balancer`; without it, or as `default`, the listener's default action is
        /// meant.
        "priority" priority: Optional Priority,
        /// Several rules and listeners with the same two target groups, such as those for port 80 and 443. They are
        /// moved and put back together.
        "rules" rules: Choice List<RuleForm>,
        /// The target group that serves today, by name or ARN.
        "stable" stable: Optional String,
        /// The target group of the new version.
        "candidate" candidate: Optional String,
        /// Two target groups (blue and green). Whichever has all the weight when a run starts is stable.
        "pair" pair: Optional List<String>,
        /// A third target group, with fresh instances of what the stable side runs, for gates that compare with
        /// `baseline: paired`. It gets as much traffic as the candidate, and none when that has all or nothing.
        "baseline" baseline: Optional String,
        /// How long connections may still reach a side after its weight was taken away; `30s` unless told.
        "settle" settle: Optional Duration,
    }
}

record! {
    /// One of several rules of a route, or the default action of a listener.
    RuleForm, "a rule", choice "`rule`, `listener` or `load-balancer`" "plan::unknown-field" {
        /// The ARN of a listener rule.
        "rule" rule: Choice String,
        /// The ARN of a listener, for its default action.
        "listener" listener: Choice String,
        /// The name of a load balancer; its listener is told by `port`.
        "load-balancer" load_balancer: Choice String,
        /// The port of the listener, with `load-balancer`.
        "port" port: Optional Whole<1, 65_535>,
        /// The priority of the rule, with `load-balancer`; without it, or as `default`, the listener's default action is
        /// meant.
        "priority" priority: Optional Priority,
    }
}

record! {
    /// The listener of a Network Load Balancer that splits new connections between two target groups. Name the sides
    /// with `stable` and `candidate`, or name a `pair` and let the weights tell.
    NlbForm, "an nlb route", choice "`listener`, `load-balancer` or `listeners`" "plan::unknown-field" {
        /// The ARN of a listener.
        "listener" listener: Choice String,
        /// The name of a load balancer; its listener is told by `port`.
        "load-balancer" load_balancer: Choice String,
        /// The port of the listener, with `load-balancer`.
        "port" port: Optional Whole<1, 65_535>,
        /// Several listeners with the same two target groups. They are moved and put back together.
        "listeners" listeners: Choice List<ListenerForm>,
        /// The target group that serves today, by name or ARN.
        "stable" stable: Optional String,
        /// The target group of the new version.
        "candidate" candidate: Optional String,
        /// Two target groups (blue and green). Whichever has all the weight when a run starts is stable.
        "pair" pair: Optional List<String>,
        /// How long connections may still reach a side after its weight was taken away; `30s` unless told. A weight
        /// moves new connections only: make this as long as the connections that matter.
        "settle" settle: Optional Duration,
    }
}

record! {
    /// One of several listeners of a route.
    ListenerForm, "a listener", choice "`listener` or `load-balancer`" "plan::unknown-field" {
        /// The ARN of a listener.
        "listener" listener: Choice String,
        /// The name of a load balancer; its listener is told by `port`.
        "load-balancer" load_balancer: Choice String,
        /// The port of the listener, with `load-balancer`.
        "port" port: Optional Whole<1, 65_535>,
    }
}

record! {
    /// Weighted records of one name and type in a hosted zone of Route 53. The sides are named by the records' set
    /// identifiers. Resolvers keep an answer for its TTL, so a bake begins only when that is over.
    Route53Form, "a route53 route" {
        /// The hosted zone, by id (`Z…` or `/hostedzone/Z…`) or domain (`example.com`).
        "zone" zone: Required String,
        /// The name of the records, such as `www.example.com`.
        "name" name: Required String,
        /// `A`, `AAAA` or `CNAME`; alias records are of type `A` or `AAAA`.
        "type" kind: Required RecordType,
        /// The set identifier of the record that serves today.
        "stable" stable: Optional String,
        /// The set identifier of the new version's record.
        "candidate" candidate: Optional String,
        /// Two set identifiers (blue and green). Whichever has all the weight when a run starts is stable.
        "pair" pair: Optional List<String>,
        /// How long connections may still reach a side after its weight was taken away; `30s` unless told. The TTL of
        /// the records counts where it is longer.
        "settle" settle: Optional Duration,
    }
}

record! {
    /// The alias of a Lambda function, whose requests are split between two published versions. At the end it points to
    /// the candidate alone.
    AliasForm, "a lambda route" {
        /// The name of the function.
        "function" function: Required String,
        /// The alias that its callers use.
        "alias" alias: Required String,
        /// The version that serves today. `alias`, which is meant unless told, is whatever the alias points to when the
        /// run starts.
        "stable" stable: Optional Serving,
        /// The number of the new version; it has to be published.
        "candidate" candidate: Required Whole<1, 4_294_967_295>,
        /// How long requests may still reach a version after its weight was taken away; `30s` unless told.
        "settle" settle: Optional Duration,
    }
}

/// The version of a function that serves today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serving {
    Alias,
    Version(u32),
}

impl Form for Serving {
    const WHAT: &'static str = "`alias` or the number of a version";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match node.scalar(Self::WHAT, problems)? {
            "alias" => Some(Self::Alias),
            _ => Whole::<1, 4_294_967_295>::read(node, problems).map(|one| Self::Version(one.0)),
        }
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let number = Whole::<1, 4_294_967_295>::schema(definitions);
        json!({ "anyOf": [number, { "const": "alias" }] })
    }
}

/// The place of a rule on its listener. AWS calls that of the default action `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    Default,
    Rule(u32),
}

impl Form for Priority {
    const WHAT: &'static str = Whole::<1, 50_000>::WHAT;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match node.scalar(Self::WHAT, problems)? {
            "default" => Some(Self::Default),
            _ => Whole::<1, 50_000>::read(node, problems).map(|priority| Self::Rule(priority.0)),
        }
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [Whole::<1, 50_000>::schema(definitions), { "const": "default" }] })
    }
}

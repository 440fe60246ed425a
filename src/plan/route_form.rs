//! What a person may write under `routes`: where traffic is split, and between which two sides. And how it is written
//! back.

use std::time::Duration;

use super::{
    event_source_form::EventSourceForm,
    form::{List, Slot, unplaced},
    names::Member,
    place::Place,
    place_form::AwsForm,
    record::record,
    route::{Alias, BusTarget, ListenerRule, RecordSet, RecordType, Sides, Stage, StageCache},
    route_kind::{Route, RouteKind},
    route_values::{NewVersion, Priority, Published, Serving},
    scalar::{Whole, words},
    sides_form::SideKeys,
    stage_values::{Deployment, TO_BE, Variables},
};

record! {
    /// A place where traffic is split between two sides.
    RouteForm, "a route", choice "kind of route" "plan::unknown-route-kind" as RouteChoice {
        /// The forward action of an Application Load Balancer.
        "alb" alb: Choice as Alb AlbForm,
        /// The listener of a Network Load Balancer.
        "nlb" nlb: Choice as Nlb NlbForm,
        /// Weighted records of Route 53.
        "route53" route53: Choice as Route53 Route53Form,
        /// The alias of a Lambda function.
        "lambda" lambda: Choice as Lambda AliasForm,
        /// The stage of a REST API in Amazon API Gateway, with its canary.
        "api-gateway" api_gateway: Choice as ApiGateway StageForm,
        /// A target of a rule of an Amazon EventBridge bus.
        "event-bus" event_bus: Choice as EventBus EventBusForm,
        /// What a queue or a stream has, read by one function or another through event source mappings of Lambda.
        "event-source" event_source: Choice as EventSource EventSourceForm,
        /// Where it is, if not where the rest of the plan is.
        "aws" aws: Optional AwsForm,
    }
}

record! {
    /// The forward action of a rule, or the default action of a listener, that splits traffic between two target
    /// groups. Name the sides with `stable` and `candidate`, or name a `pair` and let the weights tell.
    AlbForm, "an alb route", choice "`rule`, `listener`, `load-balancer` or `rules`" "plan::unknown-field" as AlbChoice {
        /// The name of a load balancer; its listener is told by `port`.
        "load-balancer" load_balancer: Choice as LoadBalancer String,
        /// The port of the listener, with `load-balancer`.
        "port" port: Optional Whole<1, 65_535>,
        /// The priority of the rule, with `load-balancer`; without it, or as `default`, the listener's default action is
        /// meant.
        "priority" priority: Optional Priority,
        /// The ARN of a listener rule.
        "rule" rule: Choice as Rule String,
        /// The ARN of a listener, for its default action.
        "listener" listener: Choice as Listener String,
        /// Several rules and listeners with the same two target groups, such as those for port 80 and 443. They are
        /// moved and put back together.
        "rules" rules: Choice as Rules List<RuleForm>,
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
    RuleForm, "a rule", choice "`rule`, `listener` or `load-balancer`" "plan::unknown-field" as RuleChoice {
        /// The name of a load balancer; its listener is told by `port`.
        "load-balancer" load_balancer: Choice as LoadBalancer String,
        /// The port of the listener, with `load-balancer`.
        "port" port: Optional Whole<1, 65_535>,
        /// The priority of the rule, with `load-balancer`; without it, or as `default`, the listener's default action is
        /// meant.
        "priority" priority: Optional Priority,
        /// The ARN of a listener rule.
        "rule" rule: Choice as Rule String,
        /// The ARN of a listener, for its default action.
        "listener" listener: Choice as Listener String,
    }
}

record! {
    /// The listener of a Network Load Balancer that splits new connections between two target groups. Name the sides
    /// with `stable` and `candidate`, or name a `pair` and let the weights tell.
    NlbForm, "an nlb route", choice "`listener`, `load-balancer` or `listeners`" "plan::unknown-field" as NlbChoice {
        /// The name of a load balancer; its listener is told by `port`.
        "load-balancer" load_balancer: Choice as LoadBalancer String,
        /// The port of the listener, with `load-balancer`.
        "port" port: Optional Whole<1, 65_535>,
        /// The ARN of a listener.
        "listener" listener: Choice as Listener String,
        /// Several listeners with the same two target groups. They are moved and put back together.
        "listeners" listeners: Choice as Listeners List<ListenerForm>,
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
    ListenerForm, "a listener", choice "`listener` or `load-balancer`" "plan::unknown-field" as ListenerChoice {
        /// The name of a load balancer; its listener is told by `port`.
        "load-balancer" load_balancer: Choice as LoadBalancer String,
        /// The port of the listener, with `load-balancer`.
        "port" port: Optional Whole<1, 65_535>,
        /// The ARN of a listener.
        "listener" listener: Choice as Listener String,
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
        /// The number of the new version, where it has been published; `published` where a step `publish` of this plan does
        /// that.
        "candidate" candidate: Required NewVersion,
        /// How long requests may still reach a version after its weight was taken away; `30s` unless told.
        "settle" settle: Optional Duration,
        /// What becomes of older published versions in the end; unless told, they stay.
        "versions" versions: Optional VersionsForm,
    }
}

record! {
    /// What becomes of a function's published versions once the candidate has been promoted.
    VersionsForm, "`versions`" {
        /// How many are left, the newest first. An older one stays all the same while an alias, a policy, an event source
        /// mapping or provisioned concurrency uses it. A step `prune` deletes the others; it stands at the end of the
        /// component that shifts the route, unless it is written.
        "keep" keep: Required Whole<2, 1_000>,
    }
}

record! {
    /// The stage of a REST API, whose requests are split between the deployment that it serves and a canary of another. At
    /// the end it serves that one alone.
    StageForm, "an api-gateway route" {
        /// The id of the REST API. An HTTP API has no canary: split the alias of its function instead.
        "api" api: Required String,
        /// The name of the stage.
        "stage" stage: Required String,
        /// The deployment that serves today. `stage`, which is meant unless told, is whatever the stage serves when the run
        /// starts.
        "stable" stable: Optional Deployment,
        /// The id of the new deployment, or `published` where a step `publish` makes one of the API as it is then.
        "candidate" candidate: Required String,
        /// Stage variables of the candidate, in place of or beside those of the stage. They become the stage's when it has
        /// all the traffic, and go when it is taken back. Not for secrets.
        "variables" variables: Optional Variables,
        /// Whether the canary answers from what the stage has in its cache; `false` unless told.
        "use-stage-cache" use_stage_cache: Optional bool,
        /// How long requests may still reach a deployment after its weight was taken away; `30s` unless told.
        "settle" settle: Optional Duration,
    }
}

record! {
    /// A target of a rule of an Amazon EventBridge bus: whatever the rule sends it goes to one of two, all or nothing. All
    /// else that the target says (role, input, dead letters, retries) stays as it is.
    EventBusForm, "an event-bus route" {
        /// The name of the event bus; every account has one called `default`.
        "bus" bus: Required String,
        /// The name of the rule.
        "rule" rule: Required String,
        /// The id of the target within its rule.
        "target" target: Required String,
        /// The ARN of what takes the events today. Unless told, it is whatever the target names when the run starts.
        "stable" stable: Optional String,
        /// The ARN of what is to take the events: a function with its version or alias, a queue, or anything else that a
        /// rule can send to.
        "candidate" candidate: Required String,
        /// How long events may still reach a side after the target was changed; `30s` unless told.
        "settle" settle: Optional Duration,
    }
}

words! {
    RecordType, "a type of records" {
        "A" => RecordType::A, "AAAA" => RecordType::Aaaa, "CNAME" => RecordType::Cname,
    }
}

impl RouteForm {
    pub(super) fn of(route: &Route, around: &Place) -> Self {
        let mut form = Self {
            alb: Slot::Absent,
            nlb: Slot::Absent,
            route53: Slot::Absent,
            lambda: Slot::Absent,
            api_gateway: Slot::Absent,
            event_bus: Slot::Absent,
            event_source: Slot::Absent,
            aws: AwsForm::of(&route.place, around),
        };
        match &route.kind {
            RouteKind::Alb(rules) => form.alb = Slot::of(AlbForm::of(rules, route)),
            RouteKind::Nlb(listeners) => form.nlb = Slot::of(NlbForm::of(listeners, route)),
            RouteKind::Route53(records) => {
                form.route53 = Slot::of(Route53Form::of(records, route));
            }
            RouteKind::Lambda(alias) => form.lambda = Slot::of(AliasForm::of(alias, route)),
            RouteKind::ApiGateway(stage) => {
                form.api_gateway = Slot::of(StageForm::of(stage, route));
            }
            RouteKind::EventBus(target) => {
                form.event_bus = Slot::of(EventBusForm::of(target, route));
            }
            RouteKind::EventSource(source) => {
                form.event_source = Slot::of(EventSourceForm::of(source, route));
            }
        }
        form
    }
}

impl AlbForm {
    fn of(rules: &[ListenerRule], route: &Route) -> Self {
        let (only, rules) = match rules {
            [only] => (RuleForm::of(only), Slot::Absent),
            several => (RuleForm::NONE, Slot::of(unplaced(several.iter().map(RuleForm::of)))),
        };
        let RuleForm { load_balancer, port, priority, rule, listener } = only;
        let SideKeys { stable, candidate, pair, group: _ } = SideKeys::of(&route.sides);
        let baseline = Slot::of_some(route.baseline.as_ref().map(ToString::to_string));
        let settle = Slot::of(route.settle);
        Self {
            load_balancer,
            port,
            priority,
            rule,
            listener,
            rules,
            stable,
            candidate,
            pair,
            baseline,
            settle,
        }
    }
}

impl RuleForm {
    const NONE: Self = Self {
        load_balancer: Slot::Absent,
        port: Slot::Absent,
        priority: Slot::Absent,
        rule: Slot::Absent,
        listener: Slot::Absent,
    };

    fn of(rule: &ListenerRule) -> Self {
        match rule {
            ListenerRule::Rule(arn) => Self { rule: Slot::of(arn.clone()), ..Self::NONE },
            ListenerRule::DefaultOf(arn) => Self { listener: Slot::of(arn.clone()), ..Self::NONE },
            ListenerRule::Named { load_balancer, port, priority } => Self {
                load_balancer: Slot::of(load_balancer.clone()),
                port: Slot::of(Whole(u32::from(*port))),
                priority: Slot::of_some(priority.map(Priority::Rule)),
                ..Self::NONE
            },
        }
    }
}

impl NlbForm {
    fn of(listeners: &[ListenerRule], route: &Route) -> Self {
        let (only, listeners) = match listeners {
            [only] => (ListenerForm::of(only), Slot::Absent),
            several => {
                (ListenerForm::NONE, Slot::of(unplaced(several.iter().map(ListenerForm::of))))
            }
        };
        let ListenerForm { load_balancer, port, listener } = only;
        let SideKeys { stable, candidate, pair, group: _ } = SideKeys::of(&route.sides);
        let settle = Slot::of(route.settle);
        Self { load_balancer, port, listener, listeners, stable, candidate, pair, settle }
    }
}

impl ListenerForm {
    const NONE: Self =
        Self { load_balancer: Slot::Absent, port: Slot::Absent, listener: Slot::Absent };

    /// Network Load Balancers have no rules, and so no priorities.
    fn of(listener: &ListenerRule) -> Self {
        match listener {
            ListenerRule::Rule(arn) | ListenerRule::DefaultOf(arn) => {
                Self { listener: Slot::of(arn.clone()), ..Self::NONE }
            }
            ListenerRule::Named { load_balancer, port, priority: _ } => Self {
                load_balancer: Slot::of(load_balancer.clone()),
                port: Slot::of(Whole(u32::from(*port))),
                ..Self::NONE
            },
        }
    }
}

impl Route53Form {
    fn of(RecordSet { zone, name, kind }: &RecordSet, route: &Route) -> Self {
        let SideKeys { stable, candidate, pair, group: _ } = SideKeys::of(&route.sides);
        Self {
            zone: Slot::of(zone.clone()),
            name: Slot::of(name.clone()),
            kind: Slot::of(*kind),
            stable,
            candidate,
            pair,
            settle: Slot::of(route.settle),
        }
    }
}

impl AliasForm {
    fn of(Alias { function, name }: &Alias, route: &Route) -> Self {
        let numbered = |number: &Member| NewVersion::Numbered(Published(number.clone()));
        let serving = |number: &Member| Serving::Version(number.clone());
        let (stable, candidate) = match &route.sides {
            Sides::Serving { candidate } => (Serving::Alias, numbered(candidate)),
            Sides::Made { stable } => {
                (stable.as_ref().map_or(Serving::Alias, serving), NewVersion::ToBe)
            }
            Sides::Fixed { stable, candidate } | Sides::Pair([stable, candidate]) => {
                (serving(stable), numbered(candidate))
            }
            Sides::Single(only) => (serving(only), numbered(only)),
        };
        Self {
            function: Slot::of(function.clone()),
            alias: Slot::of(name.clone()),
            stable: Slot::of(stable),
            candidate: Slot::of(candidate),
            settle: Slot::of(route.settle),
            versions: Slot::of_some(
                route.keep.map(|keep| VersionsForm { keep: Slot::of(Whole(keep)) }),
            ),
        }
    }
}

impl StageForm {
    fn of(Stage { api, name, overrides, cache }: &Stage, route: &Route) -> Self {
        let named = |stable: &Member| Deployment::Named(stable.clone());
        let (stable, candidate) = match &route.sides {
            Sides::Made { stable } => (stable.as_ref(), Some(TO_BE.to_owned())),
            sides => (sides.stable(), sides.candidate().map(ToString::to_string)),
        };
        let stable = stable.map_or(Deployment::Serving, named);
        let variables = (!overrides.is_empty()).then(|| Variables(overrides.clone()));
        Self {
            api: Slot::of(api.clone()),
            stage: Slot::of(name.clone()),
            stable: Slot::of(stable),
            candidate: Slot::of_some(candidate),
            variables: Slot::of_some(variables),
            use_stage_cache: match cache {
                StageCache::Apart => Slot::Absent,
                StageCache::Shared => Slot::of(true),
            },
            settle: Slot::of(route.settle),
        }
    }
}

impl EventBusForm {
    fn of(BusTarget { bus, rule, id }: &BusTarget, route: &Route) -> Self {
        Self {
            bus: Slot::of(bus.clone()),
            rule: Slot::of(rule.clone()),
            target: Slot::of(id.clone()),
            stable: Slot::of_some(route.sides.stable().map(ToString::to_string)),
            candidate: Slot::of_some(route.sides.candidate().map(ToString::to_string)),
            settle: Slot::of(route.settle),
        }
    }
}

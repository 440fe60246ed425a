//! What the adapters send to AWS and make of its answers, over a wire that stays in the process (`wire.rs`).

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::wire::{Sent, Wire, cbor, refusal, xml};
use crate::{
    cloud::{
        AlarmValue, Alarms, Error, Groups, HealthState, Identity, LoadBalancers, Operation,
        ResizeGroups, Scheduled, SetWeights,
    },
    plan::{ListenerRule, Member, units::Weight},
    rollout::{Capacity, Split, Timestamp},
};

const ACCOUNT: &str = "arn:aws:elasticloadbalancing:eu-west-1:111122223333";

fn rule_arn(id: &str) -> String {
    format!("{ACCOUNT}:listener-rule/app/shop/50dc/f2f7/{id}")
}

fn listener_arn() -> String {
    format!("{ACCOUNT}:listener/app/shop/50dc/f2f7")
}

fn group_arn(name: &str) -> String {
    format!("{ACCOUNT}:targetgroup/{name}/73e2")
}

fn member(name: &str) -> Member {
    Member::new(name)
}

fn split(weights: &[(&str, u16)]) -> Split {
    Split(weights.iter().map(|(n, w)| (member(n), Weight::new(*w).unwrap())).collect())
}

/// A sign-in action followed by a sticky forward.
fn actions(weights: &[(&str, u16)]) -> String {
    let group = |(name, weight): &(&str, u16)| {
        let arn = group_arn(name);
        format!("<member><TargetGroupArn>{arn}</TargetGroupArn><Weight>{weight}</Weight></member>")
    };
    let groups = weights.iter().map(group).collect::<Vec<_>>().concat();
    format!(
        "<member><Type>authenticate-cognito</Type><Order>1</Order><AuthenticateCognitoConfig>\
         <UserPoolArn>arn:aws:cognito-idp:eu-west-1:1:userpool/p</UserPoolArn>\
         <UserPoolClientId>shop &amp; co</UserPoolClientId><UserPoolDomain>d</UserPoolDomain>\
         <SessionTimeout>604800</SessionTimeout><Scope>openid</Scope>\
         </AuthenticateCognitoConfig></member>\
         <member><Type>forward</Type><Order>2</Order><ForwardConfig>\
         <TargetGroups>{groups}</TargetGroups><TargetGroupStickinessConfig>\
         <Enabled>true</Enabled><DurationSeconds>3600</DurationSeconds>\
         </TargetGroupStickinessConfig></ForwardConfig></member>"
    )
}

fn rule(id: &str, priority: &str, actions: &str) -> String {
    format!(
        "<member><RuleArn>{}</RuleArn><Priority>{priority}</Priority><Actions>{actions}</Actions>\
         <IsDefault>{}</IsDefault></member>",
        rule_arn(id),
        priority == "default"
    )
}

fn listener(port: u16, actions: &str) -> String {
    format!(
        "<member><ListenerArn>{}</ListenerArn><Port>{port}</Port>\
         <DefaultActions>{actions}</DefaultActions></member>",
        listener_arn()
    )
}

/// One load balancer whose listener and rule forward with these weights; listings come in pages.
fn shop(weights: &'static [(&'static str, u16)]) -> Wire {
    Wire::new(move |sent| {
        let last_page = sent.fields.contains_key("Marker");
        let asked_by_arn = sent.fields.keys().any(|field| field.starts_with("RuleArns"))
            || sent.fields.keys().any(|field| field.starts_with("ListenerArns"));
        let actions = actions(weights);
        match sent.operation.as_str() {
            "DescribeLoadBalancers" => xml(
                "DescribeLoadBalancers",
                &format!(
                    "<LoadBalancers><member><LoadBalancerArn>{ACCOUNT}:loadbalancer/app/shop/50dc\
                     </LoadBalancerArn></member></LoadBalancers>"
                ),
            ),
            "DescribeListeners" if !asked_by_arn && !last_page => {
                xml("DescribeListeners", "<Listeners></Listeners><NextMarker>more</NextMarker>")
            }
            "DescribeListeners" => xml(
                "DescribeListeners",
                &format!("<Listeners>{}</Listeners>", listener(443, &actions)),
            ),
            "DescribeRules" if asked_by_arn => {
                let id = sent.fields["RuleArns.member.1"].rsplit('/').next().unwrap().to_owned();
                let priority = if id == "dflt" { "default" } else { "10" };
                xml("DescribeRules", &format!("<Rules>{}</Rules>", rule(&id, priority, &actions)))
            }
            "DescribeRules" if !last_page => xml(
                "DescribeRules",
                &format!("<Rules>{}</Rules><NextMarker>m</NextMarker>", rule("5", "5", &actions)),
            ),
            "DescribeRules" => {
                xml("DescribeRules", &format!("<Rules>{}</Rules>", rule("10", "10", &actions)))
            }
            "DescribeTargetGroups" => xml(
                "DescribeTargetGroups",
                &format!(
                    "<TargetGroups><member><TargetGroupArn>{}</TargetGroupArn></member></TargetGroups>",
                    group_arn(&sent.fields["Names.member.1"])
                ),
            ),
            operation => xml(operation, ""),
        }
    })
}

fn written(sent: &[Sent]) -> BTreeMap<String, String> {
    let write = sent.iter().find(|s| s.operation.starts_with("Modify")).unwrap();
    write
        .fields
        .iter()
        .filter(|(name, _)| name.contains("ctions.") || name.ends_with("Arn"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[tokio::test]
async fn a_rule_is_found_by_arn_or_by_name_and_priority_through_all_pages() {
    let wire = shop(&[("blue", 900), ("green", 100)]);
    let balancers = &wire.services.load_balancing;
    let by_arn = balancers.find(&ListenerRule::Rule(rule_arn("10"))).await.unwrap();
    assert_eq!(by_arn.resource, rule_arn("10"));
    assert_eq!(by_arn.load_balancer, "shop");
    assert_eq!(by_arn.split, split(&[("blue", 900), ("green", 100)]));
    assert_eq!(by_arn.sticky_for, Some(Duration::from_hours(1)));
    assert_eq!(wire.operations(), ["DescribeRules"]);

    let named =
        |port, priority| ListenerRule::Named { load_balancer: "shop".into(), port, priority };
    assert_eq!(balancers.find(&named(443, Some(10))).await.unwrap(), by_arn);
    let listings = ["DescribeLoadBalancers", "DescribeListeners", "DescribeListeners"];
    assert_eq!(wire.operations(), [&listings[..], &["DescribeRules", "DescribeRules"]].concat());
}

#[tokio::test]
async fn a_default_action_is_found_and_written_at_its_listener() {
    let wire = shop(&[("blue", 999), ("green", 0)]);
    let balancers = &wire.services.load_balancing;
    for at in [
        ListenerRule::DefaultOf(listener_arn()),
        ListenerRule::Named { load_balancer: "shop".into(), port: 443, priority: None },
        ListenerRule::Rule(rule_arn("dflt")),
    ] {
        let found = balancers.find(&at).await.unwrap();
        assert_eq!(found.resource, listener_arn(), "{at:?}");
    }
    wire.sent();
    let (from, to) = (split(&[("blue", 999), ("green", 0)]), split(&[("blue", 0), ("green", 999)]));
    balancers.set_weights(&listener_arn(), &from, &to).await.unwrap();
    let sent = wire.sent();
    assert_eq!(sent[1].operation, "ModifyListener");
    assert_eq!(sent[1].fields["ListenerArn"], listener_arn());
    assert!(sent[1].fields.keys().any(|field| field.starts_with("DefaultActions.member.2.")));
}

#[tokio::test]
async fn weights_are_written_with_everything_else_as_it_was_read() {
    let wire = shop(&[("blue", 999), ("green", 0)]);
    let (from, to) = (split(&[("blue", 999), ("green", 0)]), split(&[("blue", 0), ("green", 999)]));
    wire.services.load_balancing.set_weights(&rule_arn("10"), &from, &to).await.unwrap();
    let sent = wire.sent();
    assert_eq!(sent.len(), 2, "one read, one write");
    let (rule, blue, green) = (rule_arn("10"), group_arn("blue"), group_arn("green"));
    let expected = [
        ("RuleArn", rule.as_str()),
        ("Actions.member.1.Type", "authenticate-cognito"),
        ("Actions.member.1.Order", "1"),
        (
            "Actions.member.1.AuthenticateCognitoConfig.UserPoolArn",
            "arn:aws:cognito-idp:eu-west-1:1:userpool/p",
        ),
        ("Actions.member.1.AuthenticateCognitoConfig.UserPoolClientId", "shop & co"),
        ("Actions.member.1.AuthenticateCognitoConfig.UserPoolDomain", "d"),
        ("Actions.member.1.AuthenticateCognitoConfig.SessionTimeout", "604800"),
        ("Actions.member.1.AuthenticateCognitoConfig.Scope", "openid"),
        ("Actions.member.2.Type", "forward"),
        ("Actions.member.2.Order", "2"),
        ("Actions.member.2.ForwardConfig.TargetGroups.member.1.TargetGroupArn", blue.as_str()),
        ("Actions.member.2.ForwardConfig.TargetGroups.member.1.Weight", "0"),
        ("Actions.member.2.ForwardConfig.TargetGroups.member.2.TargetGroupArn", green.as_str()),
        ("Actions.member.2.ForwardConfig.TargetGroups.member.2.Weight", "999"),
        ("Actions.member.2.ForwardConfig.TargetGroupStickinessConfig.Enabled", "true"),
        ("Actions.member.2.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds", "3600"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(written(&sent), BTreeMap::from(expected));
}

#[tokio::test]
async fn nothing_is_written_when_the_split_is_a_strangers_or_there_already() {
    let wire = shop(&[("blue", 500), ("green", 500)]);
    let balancers = &wire.services.load_balancing;
    let (from, to) = (split(&[("blue", 999), ("green", 0)]), split(&[("blue", 0), ("green", 999)]));
    let conflict = balancers.set_weights(&rule_arn("10"), &from, &to).await.unwrap_err();
    assert_eq!(
        conflict.to_string(),
        "ModifyRule met a conflict: expected blue 999, green 0, found blue 500, green 500"
    );
    let there = split(&[("blue", 500), ("green", 500)]);
    balancers.set_weights(&rule_arn("10"), &from, &there).await.unwrap();
    assert_eq!(wire.operations(), ["DescribeRules", "DescribeRules"]);
}

#[tokio::test]
async fn a_missing_group_is_attached_by_looking_its_arn_up_once() {
    let wire = shop(&[("blue", 999)]);
    let balancers = &wire.services.load_balancing;
    let blue_by_arn = Split(BTreeMap::from([(Member::new(group_arn("blue")), Weight::MAX)]));
    let to = split(&[("blue", 999), ("green", 0)]);
    balancers.set_weights(&rule_arn("10"), &blue_by_arn, &to).await.unwrap();
    let sent = wire.sent();
    let operations: Vec<_> = sent.iter().map(|s| s.operation.as_str()).collect();
    assert_eq!(operations, ["DescribeRules", "DescribeTargetGroups", "ModifyRule"]);
    let groups = sent[2].under("Actions.member.2.ForwardConfig.TargetGroups.");
    assert_eq!(groups["member.2.TargetGroupArn"], group_arn("green"));
    assert_eq!(groups["member.2.Weight"], "0");
    balancers.set_weights(&rule_arn("10"), &blue_by_arn, &to).await.unwrap();
    assert_eq!(wire.operations(), ["DescribeRules", "ModifyRule"]);
}

#[tokio::test]
async fn health_is_told_per_target_with_the_reason() {
    let target = |id: &str, state: &str, reason: &str| {
        format!(
            "<member><Target><Id>{id}</Id><Port>80</Port></Target><TargetHealth>\
             <State>{state}</State>{reason}</TargetHealth></member>"
        )
    };
    let states = [
        ("healthy", "", HealthState::Healthy),
        ("initial", "<Reason>Elb.InitialHealthChecking</Reason>", HealthState::Initial),
        ("unhealthy", "<Reason>Target.ResponseCodeMismatch</Reason>", HealthState::Unhealthy),
        ("unhealthy.draining", "", HealthState::Unhealthy),
        ("unused", "<Reason>Target.NotInUse</Reason>", HealthState::Unused),
        ("draining", "", HealthState::Draining),
        ("unavailable", "", HealthState::Unavailable),
        ("not-invented-yet", "", HealthState::Unavailable),
    ];
    let all: String =
        states.iter().map(|(state, reason, _)| target("i-1", state, reason)).collect();
    let wire = Wire::new(move |sent| match sent.operation.as_str() {
        "DescribeTargetHealth" => xml(
            "DescribeTargetHealth",
            &format!("<TargetHealthDescriptions>{all}</TargetHealthDescriptions>"),
        ),
        _ => xml(
            "DescribeTargetGroups",
            &format!(
                "<TargetGroups><member><TargetGroupArn>{}</TargetGroupArn></member></TargetGroups>",
                group_arn("green")
            ),
        ),
    });
    for _ in 0..2 {
        let health = wire.services.load_balancing.health(&member("green")).await.unwrap();
        let found: Vec<_> = health.iter().map(|h| h.state).collect();
        assert_eq!(found, states.map(|(_, _, state)| state));
        assert_eq!(health[2].target, "i-1:80");
        assert_eq!(health[2].reason, "Target.ResponseCodeMismatch");
        assert_eq!(health[0].reason, "");
    }
    let once = ["DescribeTargetGroups", "DescribeTargetHealth", "DescribeTargetHealth"];
    assert_eq!(wire.operations(), once);
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_counted_and_what_is_left_is_classed() {
    let wire = Wire::new(|_| refusal(400, "Throttling", "Rate exceeded"));
    let error = wire.services.load_balancing.forward(&rule_arn("10")).await.unwrap_err();
    assert_eq!(error, Error::Throttled { operation: Operation::DescribeRules });
    assert_eq!(wire.calls.by_operation(), BTreeMap::from([("DescribeRules".to_owned(), 3)]));

    let wire = Wire::new(|_| {
        let message = "User: u is not authorized to perform: elasticloadbalancing:DescribeRules \
                       because no identity-based policy allows it";
        refusal(403, "AccessDenied", message)
    });
    let error = wire.services.load_balancing.forward(&rule_arn("10")).await.unwrap_err();
    let ours = format!(
        "not allowed to call elasticloadbalancing:DescribeRules on listener rule {} (AccessDenied: User: u is",
        rule_arn("10")
    );
    let told = error.to_string();
    assert!(
        told.starts_with(&ours) && told.ends_with("no identity-based policy allows it)"),
        "{told}"
    );
    assert_eq!(wire.operations().len(), 1);

    let wire = Wire::new(|_| refusal(400, "RuleNotFound", "One or more rules not found"));
    let error = wire.services.load_balancing.forward(&rule_arn("10")).await.unwrap_err();
    assert_eq!(error.to_string(), format!("listener rule {} does not exist", rule_arn("10")));

    let error = wire.services.load_balancing.forward("shop").await.unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }));
}

#[tokio::test(start_paused = true)]
async fn contention_is_tried_again_and_a_running_activity_is_a_conflict() {
    let to = Capacity { min: 0, max: 4, desired: 2 };
    for (code, status, attempts) in
        [("ResourceContention", 500, 3), ("ScalingActivityInProgress", 400, 1)]
    {
        let wire = Wire::new(move |_| refusal(status, code, "busy"));
        let error = wire.services.auto_scaling.resize(&member("app"), to).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("UpdateAutoScalingGroup met a conflict: {code}: busy")
        );
        assert_eq!(wire.operations().len(), attempts, "{code}");
    }
}

#[tokio::test]
async fn a_group_is_read_with_all_that_bears_on_a_resize() {
    let wire = Wire::new(|sent| match sent.operation.as_str() {
        "DescribeAutoScalingGroups" if sent.fields["AutoScalingGroupNames.member.1"] == "app" => {
            xml(
                "DescribeAutoScalingGroups",
                &format!(
                    "<AutoScalingGroups><member><AutoScalingGroupName>app</AutoScalingGroupName>\
                 <MinSize>1</MinSize><MaxSize>4</MaxSize><DesiredCapacity>3</DesiredCapacity>\
                 <TargetGroupARNs><member>{0}</member></TargetGroupARNs>\
                 <TrafficSources><member><Identifier>{0}</Identifier><Type>elbv2</Type></member>\
                 <member><Identifier>{1}</Identifier><Type>elbv2</Type></member>\
                 <member><Identifier>classic</Identifier><Type>elb</Type></member>\
                 <member><Identifier>arn:aws:vpc-lattice:x:1:targetgroup/tg-1</Identifier>\
                 <Type>vpc-lattice</Type></member></TrafficSources>\
                 <LoadBalancerNames><member>classic</member></LoadBalancerNames>\
                 <SuspendedProcesses><member><ProcessName>Launch</ProcessName></member></SuspendedProcesses>\
                 <Instances><member><LifecycleState>InService</LifecycleState></member>\
                 <member><LifecycleState>Pending</LifecycleState></member>\
                 <member><LifecycleState>InService</LifecycleState></member></Instances>\
                 </member></AutoScalingGroups>",
                    group_arn("blue"),
                    group_arn("other"),
                ),
            )
        }
        operation => xml(operation, ""),
    });
    let groups = &wire.services.auto_scaling;
    let app = groups.group(&member("app")).await.unwrap();
    assert_eq!(app.capacity, Capacity { min: 1, max: 4, desired: 3 });
    assert_eq!(app.in_service, 2);
    assert_eq!(app.target_groups, [member("blue"), member("other")]);
    assert_eq!(app.suspended, ["Launch"]);
    let lattice = "traffic source arn:aws:vpc-lattice:x:1:targetgroup/tg-1";
    assert_eq!(app.other_sources, ["classic load balancer classic", lattice]);
    let absent = groups.group(&member("none")).await.unwrap_err();
    assert_eq!(absent.to_string(), "Auto Scaling group none does not exist");
    wire.sent();

    groups.resize(&member("app"), Capacity { min: 0, max: 4, desired: 0 }).await.unwrap();
    let sent = wire.sent();
    let size = ["MinSize", "MaxSize", "DesiredCapacity"].map(|f| sent[0].fields[f].as_str());
    assert_eq!(size, ["0", "4", "0"]);
}

#[tokio::test]
async fn what_resizes_a_group_by_itself_is_read_through_all_pages() {
    let action = |fields: &str| {
        format!(
            "<ScheduledUpdateGroupActions><member>{fields}</member></ScheduledUpdateGroupActions>"
        )
    };
    let wire = Wire::new(move |sent| {
        assert_eq!(sent.fields["AutoScalingGroupName"], "app");
        let (first, second) = match sent.operation.as_str() {
            "DescribePolicies" => (
                "<ScalingPolicies><member><PolicyName>cpu</PolicyName></member></ScalingPolicies>".to_owned(),
                "<ScalingPolicies><member><PolicyName>off</PolicyName><Enabled>false</Enabled></member>\
                 <member><PolicyName>steps</PolicyName><Enabled>true</Enabled></member></ScalingPolicies>"
                    .to_owned(),
            ),
            _ => (
                action(
                    "<ScheduledActionName>night</ScheduledActionName><Recurrence>0 22 * * *</Recurrence>\
                     <TimeZone>Europe/Berlin</TimeZone><MinSize>0</MinSize><MaxSize>2</MaxSize>",
                ),
                action(
                    "<ScheduledActionName>sale</ScheduledActionName><StartTime>2026-11-27T06:00:00Z</StartTime>\
                     <DesiredCapacity>40</DesiredCapacity>",
                ),
            ),
        };
        match sent.fields.get("NextToken").map(String::as_str) {
            None => xml(&sent.operation, &format!("{first}<NextToken>more</NextToken>")),
            Some(token) => {
                assert_eq!(token, "more");
                xml(&sent.operation, &second)
            }
        }
    });
    let automation = wire.services.auto_scaling.automation(&member("app")).await.unwrap();
    assert_eq!(automation.policies, ["cpu", "steps"]);
    let scheduled = |name: &str, when: &str, min, max, desired| Scheduled {
        name: name.to_owned(),
        when: when.to_owned(),
        min,
        max,
        desired,
    };
    let night = scheduled("night", "cron 0 22 * * *, Europe/Berlin", Some(0), Some(2), None);
    let sale = scheduled("sale", "2026-11-27T06:00:00Z", None, None, Some(40));
    assert_eq!(automation.schedule, [night, sale]);
    let counted = wire.calls.by_operation();
    assert_eq!((counted["DescribePolicies"], counted["DescribeScheduledActions"]), (2, 2));
}

#[tokio::test]
async fn alarms_are_asked_for_by_the_hundred_with_both_types_named() {
    let wire = Wire::new(|_| cbor(&json!({})));
    let mut names: Vec<_> = (0..150).map(|n| format!("alarm-{n:03}")).collect();
    names.push("alarm-000".to_owned());
    assert_eq!(wire.services.cloudwatch.alarms(&names).await.unwrap(), []);
    let sent = wire.sent();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].mentions("alarm-099") && !sent[0].mentions("alarm-100"));
    assert!(sent[1].mentions("alarm-100") && sent[1].mentions("alarm-149"));
    assert!(sent.iter().all(|s| s.mentions("MetricAlarm") && s.mentions("CompositeAlarm")));
    wire.services.cloudwatch.alarms(&[]).await.unwrap();
    assert_eq!(wire.operations().len(), 0, "no names, no call");
}

#[tokio::test]
async fn alarms_of_both_kinds_are_read_through_all_pages_and_missing_ones_are_absent() {
    let wire = Wire::new(|sent| {
        if sent.mentions("second page") {
            return cbor(&json!({ "CompositeAlarms": [{
                "AlarmName": "either", "StateValue": "OK", "ActionsEnabled": false,
                "StateTransitionedTimestamp": { "epoch": 12.5 },
            }]}));
        }
        cbor(&json!({
            "NextToken": "second page",
            "MetricAlarms": [{
                "AlarmName": "p99", "StateValue": "ALARM", "StateReason": "Threshold Crossed",
                "StateUpdatedTimestamp": { "epoch": 99.0 },
                "StateTransitionedTimestamp": { "epoch": 10.0 },
                "EvaluationState": "PARTIAL_DATA", "ActionsEnabled": true,
                "Period": 60, "EvaluationPeriods": 5, "DatapointsToAlarm": 3,
                "Dimensions": [
                    { "Name": "LoadBalancer", "Value": "app/shop/50dc" },
                    { "Name": "TargetGroup", "Value": "targetgroup/green/73e2" },
                ],
            }, {
                "AlarmName": "rate", "StateValue": "INSUFFICIENT_DATA", "EvaluationPeriods": 2,
                "Metrics": [
                    { "Id": "e", "Expression": "a/b" },
                    { "Id": "a", "MetricStat": { "Period": 60, "Stat": "Sum", "Metric": {
                        "Dimensions": [{ "Name": "TargetGroup", "Value": "targetgroup/green/73e2" }],
                    }}},
                ],
            }],
        }))
    });
    let names = ["p99", "rate", "either", "gone"].map(str::to_owned);
    let alarms = wire.services.cloudwatch.alarms(&names).await.unwrap();
    let [p99, rate, either] = &alarms[..] else { panic!("{alarms:?}") };
    assert_eq!((p99.name.as_str(), p99.value), ("p99", AlarmValue::Alarm));
    assert_eq!(p99.since, Some(Timestamp::from_millis(10_000)));
    assert_eq!(p99.reason, "Threshold Crossed");
    assert_eq!(p99.evaluation.as_deref(), Some("PARTIAL_DATA"));
    assert_eq!(p99.target_groups, ["targetgroup/green/73e2"]);
    assert_eq!(p99.reacts_in, Some(Duration::from_mins(3)));
    assert!(p99.actions_enabled);
    assert_eq!(rate.value, AlarmValue::InsufficientData);
    assert_eq!(rate.target_groups, ["targetgroup/green/73e2"]);
    assert_eq!(rate.reacts_in, Some(Duration::from_mins(2)));
    assert_eq!((either.name.as_str(), either.value), ("either", AlarmValue::Ok));
    assert_eq!(either.since, Some(Timestamp::from_millis(12_500)));
    assert!(!either.actions_enabled);
}

#[tokio::test]
async fn history_tells_the_changes_of_the_value_oldest_first() {
    let item = |seconds: f64, from: &str, to: &str| {
        let update = json!({
            "version": "1.0",
            "oldState": { "stateValue": from },
            "newState": { "stateValue": to, "stateReason": "because", "stateReasonData": {} },
        });
        json!({ "AlarmName": "5xx", "Timestamp": { "epoch": seconds }, "HistoryData": update.to_string() })
    };
    let pages = [
        json!({ "NextToken": "second page", "AlarmHistoryItems": [
            item(30.25, "ALARM", "OK"), item(20.0, "OK", "ALARM"), item(21.0, "ALARM", "ALARM"),
            item(5.0, "OK", "ALARM"),
        ]}),
        json!({ "AlarmHistoryItems": [item(40.0, "OK", "INSUFFICIENT_DATA")] }),
    ];
    let wire = Wire::new(move |sent| cbor(&pages[usize::from(sent.mentions("second page"))]));
    let since = Timestamp::from_millis(10_000);
    let history = wire.services.cloudwatch.history("5xx", since).await.unwrap();
    let changes: Vec<_> = history.iter().map(|t| (t.at.as_millis(), t.to)).collect();
    assert_eq!(
        changes,
        [
            (20_000, AlarmValue::Alarm),
            (30_250, AlarmValue::Ok),
            (40_000, AlarmValue::InsufficientData)
        ]
    );
    assert_eq!(history[0].reason, "because");
    let sent = wire.sent();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].mentions("StateUpdate") && sent[0].mentions("TimestampAscending"));
    assert!(sent[0].mentions("CompositeAlarm"));
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_an_error_and_not_an_empty_one() {
    let wire = Wire::new(|_| {
        cbor(&json!({ "AlarmHistoryItems": [
            { "AlarmName": "5xx", "Timestamp": { "epoch": 20.0 }, "HistoryData": "{}" },
        ]}))
    });
    let error =
        wire.services.cloudwatch.history("5xx", Timestamp::from_millis(0)).await.unwrap_err();
    assert!(error.to_string().contains("an entry of 5xx cannot be read: missing field"), "{error}");
}

#[tokio::test]
async fn the_caller_is_named_and_expired_credentials_are_said_to_be() {
    let wire = Wire::new(|_| {
        xml(
            "GetCallerIdentity",
            "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:role/ci</Arn>",
        )
    });
    let caller = wire.services.identity.caller().await.unwrap();
    assert_eq!(caller.account, "111122223333");
    assert_eq!(caller.arn, "arn:aws:iam::111122223333:role/ci");

    let wire =
        Wire::new(|_| refusal(403, "ExpiredToken", "The security token included is expired"));
    let error = wire.services.identity.caller().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no valid credentials: ExpiredToken: The security token included is expired"
    );
    assert!(!error.is_passing());
}

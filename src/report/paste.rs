//! What to type where tidegate does not act itself: the commands of the AWS CLI that set a target to a picture. A load
//! balancer's rule is replaced as a whole, so each command carries all that stood there when the run began, with other
//! weights. Where that is not known there is no command, rather than half of one.

use serde_json::{Value, json};

use super::{AwsCommand, route_commands, version_commands, words};
use crate::{
    journal::Envelope,
    plan::{FleetKind, Member, Revision, RouteName},
    rollout::{Bindings, Event, Flow, Picture, Replay, Software, Target, TestRoute, replay_name},
};

/// The commands that make a target look like this; none when that cannot be said.
pub(super) fn commands(
    bindings: &Bindings,
    region: Option<&str>,
    target: &Target,
    picture: &Picture,
) -> Vec<AwsCommand> {
    let all = match (target, picture) {
        (Target::Route(route), Picture::Split(_) | Picture::Uneven(_)) => bindings
            .routes
            .get(route)
            .and_then(|bound| route_commands::set(bindings, bound, picture)),
        (Target::Fleet { fleet, side }, Picture::Capacity(capacity)) => {
            bindings.fleets.get(fleet).and_then(|bound| {
                if bound.service == FleetKind::Lambda {
                    let set = version_commands::set(bound, *side, *capacity);
                    return set.map(|command| vec![command]);
                }
                let command = AwsCommand::new("autoscaling update-auto-scaling-group")
                    .with("auto-scaling-group-name", bound.member(*side)?)
                    .with("min-size", capacity.min)
                    .with("max-size", capacity.max)
                    .with("desired-capacity", capacity.desired);
                Some(vec![command])
            })
        }
        (Target::Software(fleet), Picture::Software(software)) => {
            bindings.fleets.get(fleet).and_then(|bound| replacement(&bound.stable, software))
        }
        (Target::TestRoute(route), Picture::TestRoute(TestRoute::Present { .. })) => bindings
            .test_rules
            .get(route)
            .map(|rule| vec![AwsCommand::new("elbv2 create-rule").with("cli-input-json", rule)]),
        (Target::Replay(route), Picture::Replay(Replay::Absent)) => replay(bindings, route)
            .map(|name| vec![AwsCommand::new("events cancel-replay").with("replay-name", name)]),
        (Target::TestRoute(route), Picture::TestRoute(TestRoute::Absent)) => {
            without_test_route(bindings, route).map(|command| vec![command])
        }
        (
            Target::Route(_)
            | Target::Fleet { .. }
            | Target::Software(_)
            | Target::TestRoute(_)
            | Target::Candidate(_)
            | Target::OldVersions(_)
            | Target::Replay(_),
            Picture::Split(_)
            | Picture::Uneven(_)
            | Picture::Capacity(_)
            | Picture::Software(_)
            | Picture::TestRoute(_)
            | Picture::Release(_)
            | Picture::OldVersions(_)
            | Picture::Replay(_),
        ) => None,
    };
    placed((bindings, target), region, all.unwrap_or_default())
}

/// Commands that mean the place of a target, whatever the shell's own is. `region` is that of the run, for journals that
/// tell no other.
pub(super) fn placed(
    (bindings, target): (&Bindings, &Target),
    region: Option<&str>,
    commands: Vec<AwsCommand>,
) -> Vec<AwsCommand> {
    let own = bindings.place(target);
    let region = own.and_then(|place| place.region.as_deref()).or(region);
    let role = own.and_then(|place| place.role.as_deref());
    let within = |command: AwsCommand| match region {
        Some(region) => command.within(region),
        None => command,
    };
    let acting = |command: AwsCommand| match role {
        Some(role) => command.acting_as(role),
        None => command,
    };
    commands.into_iter().map(within).map(acting).collect()
}

/// What the run's replay of a route is called.
pub(super) fn replay(bindings: &Bindings, route: &RouteName) -> Option<String> {
    Some(replay_name(bindings.made_by.as_deref()?, route))
}

/// What takes a test route away. What its rule is called is for AWS to choose, so it is asked: by the header, and the
/// group it leads to.
fn without_test_route(bindings: &Bindings, route: &RouteName) -> Option<AwsCommand> {
    let (bound, header) = (bindings.routes.get(route)?, bindings.tests.get(route)?);
    let group = bindings.written.get(&bound.resource)?.arns.get(bound.candidate.as_ref()?)?;
    // Between backticks JMESPath takes JSON, in which a backtick has to be escaped.
    let literal = |value: Value| format!("`{}`", value.to_string().replace('`', "\\`"));
    let query = format!(
        "Rules[?contains(to_string(Actions),{}) && Conditions[?HttpHeaderConfig.HttpHeaderName=={} && \
         HttpHeaderConfig.Values=={}]].RuleArn|[0]",
        literal(json!(group)),
        literal(json!(header.name)),
        literal(json!([header.value])),
    );
    let asked = AwsCommand::new("elbv2 describe-rules")
        .with("listener-arn", route_commands::listener(&bound.resource))
        .with("query", query)
        .with("output", "text");
    Some(AwsCommand::new("elbv2 delete-rule").with_answer("rule-arn", asked))
}

/// Said of commands that end what may be under way: AWS refuses them where nothing is.
const IF_ANY: &str = "refused where none is under way, which is fine";

/// Another replacement, to a version. A group takes none while one is under way or suspended half-way, which nobody may
/// know any more. One that is to stand still half-way is not begun anew, because it would not be the same.
fn replacement(group: &Member, software: &Software) -> Option<Vec<AwsCommand>> {
    // What is under way leads somewhere else than where the group stands until it is there.
    let version = software.under_way().map_or(&software.version, |operation| &operation.to);
    let version = version.as_str();
    if let Some((template, number)) = version.rsplit_once(':').filter(|(t, _)| t.starts_with("lt-"))
    {
        let of = |operation| AwsCommand::new(operation).with("auto-scaling-group-name", group);
        if software.under_way().is_some() && software.flow == Flow::Held {
            let hold = of("autoscaling suspend-processes");
            return Some(vec![hold.with("scaling-processes", "InstanceRefresh")]);
        }
        let launch = json!({ "LaunchTemplateId": template, "Version": number });
        return Some(vec![
            of("autoscaling cancel-instance-refresh").remarked(IF_ANY),
            of("autoscaling resume-processes").with("scaling-processes", "InstanceRefresh"),
            of("autoscaling describe-instance-refreshes")
                .with("query", "InstanceRefreshes[0].Status")
                .with("output", "text")
                .remarked("again, until it says neither InProgress nor Cancelling"),
            of("autoscaling start-instance-refresh")
                .with("desired-configuration", json!({ "LaunchTemplate": launch })),
        ]);
    }
    let (application, group) = group.as_str().split_once('/')?;
    let of = |operation| {
        let command = AwsCommand::new(operation).with("application-name", application);
        command.with("deployment-group-name", group)
    };
    let revision = match Revision::parse(version)? {
        Revision::S3 { bucket, key, version, bundle } => {
            let mut place = json!({ "bucket": bucket, "key": key, "bundleType": bundle.name() });
            if let Some(version) = version {
                place.as_object_mut()?.insert("version".to_owned(), json!(version));
            }
            json!({ "revisionType": "S3", "s3Location": place })
        }
        Revision::GitHub { repository, commit } => {
            let place = json!({ "repository": repository, "commitId": commit });
            json!({ "revisionType": "GitHub", "gitHubLocation": place })
        }
        Revision::AppSpec(content) => {
            json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": content } })
        }
    };
    let under_way = of("deploy list-deployments")
        .with("include-only-statuses", json!(["Created", "Queued", "InProgress", "Ready"]))
        .with("query", "deployments[0]")
        .with("output", "text");
    Some(vec![
        AwsCommand::new("deploy stop-deployment")
            .with_answer("deployment-id", under_way)
            .remarked(IF_ANY),
        of("deploy create-deployment").with("revision", revision),
    ])
}

/// What everything looked like before a run, each with the commands that make it so: from the journal alone, for a run
/// whose plan is lost. Of what was never touched it is said too, because nobody can tell any more.
pub fn before(envelopes: &[Envelope]) -> Vec<String> {
    let Some(Event::RunStarted { bindings, found, acting_as, .. }) =
        envelopes.first().map(|first| &first.event)
    else {
        return Vec::new();
    };
    let region = acting_as.as_ref().map(|acting| acting.region.as_str());
    let mut lines = Vec::new();
    for found in found {
        let picture = words::picture(bindings, &found.target, &found.picture);
        lines.push(format!("# {}: {picture}", words::target(&found.target)));
        let commands = commands(bindings, region, &found.target, &found.picture);
        lines.extend(commands.iter().flat_map(AwsCommand::lines));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        plan::{Deployed, FleetName, Header, Side},
        report::sample::{Story, app, split, web},
        rollout::{Capacity, Nature, Operation, Phase, RouteService, Split, Version, Written},
    };

    fn bindings() -> Bindings {
        match &Story::started().told()[0].event {
            Event::RunStarted { bindings, .. } => bindings.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn told(bindings: &Bindings, target: &Target, picture: &Picture) -> String {
        let commands = commands(bindings, Some("eu-west-1"), target, picture);
        commands.iter().flat_map(AwsCommand::lines).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_rule_is_told_with_its_whole_list_of_actions() {
        let mut bindings = bindings();
        for written in bindings.written.values_mut() {
            written.json = r#"[{"Type":"authenticate-oidc","Order":1,"AuthenticateOidcConfig":{"Issuer":"https://it's","UseExistingClientSecret":true}},{"Type":"forward","Order":2,"ForwardConfig":{"TargetGroupStickinessConfig":{"Enabled":false}}}]"#.into();
        }
        insta::assert_snapshot!(told(&bindings, &web(), &split(950, 50)), @r#"
        aws elbv2 modify-rule \
          --rule-arn arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d0 \
          --actions \
            '[{"AuthenticateOidcConfig":{"Issuer":"https://it'\''s",
            "UseExistingClientSecret":true},"Order":1,"Type":"authenticate-oidc"},
            {"ForwardConfig":{"TargetGroupStickinessConfig":{"Enabled":false},
            "TargetGroups":[{"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/blue/0123456789abcdef",
            "Weight":950},
            {"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/green/0123456789abcdef",
            "Weight":50}]},"Order":2,"Type":"forward"}]' \
          --region eu-west-1
        "#);
        bindings.written.clear();
        assert_eq!(told(&bindings, &web(), &split(950, 50)), "", "half a rule would be wrong");
    }

    #[test]
    fn records_groups_and_software_have_commands_too() {
        let mut bindings = bindings();
        let zone = "hostedzone/Z1/www.example.com/A";
        let bound = bindings.routes.get_mut(&RouteName::new("web")).unwrap();
        (bound.resource, bound.service) = (zone.into(), RouteService::Route53);
        bound.nature = Nature::records(30);
        let json = r#"[{"Name":"www.example.com.","Type":"A","SetIdentifier":"blue","TTL":30,"ResourceRecords":[{"Value":"192.0.2.1"}],"Weight":255},{"Name":"www.example.com.","Type":"A","SetIdentifier":"green","TTL":30,"ResourceRecords":[{"Value":"192.0.2.2"}],"Weight":0}]"#;
        bindings
            .written
            .insert(zone.into(), Written { json: json.into(), rule: None, arns: [].into() });
        let mut all = vec![told(&bindings, &web(), &split(242, 13))];
        let capacity = Picture::Capacity(Capacity { min: 2, max: 6, desired: 3 });
        all.push(told(&bindings, &app(Side::Stable), &capacity));
        let software = |version: &str| {
            let version = Version::new(version);
            Picture::Software(Software { version, operation: None, flow: Flow::Open })
        };
        let target = Target::Software(FleetName::new("app"));
        all.push(told(&bindings, &target, &software("lt-0abc:7")));
        let on_the_way = Picture::Software(Software {
            version: Version::new("lt-0abc:6"),
            operation: Some(Operation {
                id: "r-1".into(),
                to: Version::new("lt-0abc:7"),
                phase: Phase::Ready,
                detail: None,
            }),
            flow: Flow::Open,
        });
        assert_eq!(Some(&told(&bindings, &target, &on_the_way)), all.last());
        let Picture::Software(half_way) = on_the_way else { panic!("no software") };
        let held = Picture::Software(Software { flow: Flow::Held, ..half_way });
        let suspended = "aws autoscaling suspend-processes";
        assert!(
            told(&bindings, &target, &held).starts_with(suspended),
            "it would not be the same one"
        );
        let fleet = bindings.fleets.get_mut(&FleetName::new("app")).unwrap();
        fleet.stable = Member::new("shop/blue");
        all.push(told(&bindings, &target, &software("s3://shop/v1.zip?type=zip")));
        insta::assert_snapshot!(all.join("\n\n"), @r#"
        aws route53 change-resource-record-sets \
          --hosted-zone-id Z1 \
          --change-batch \
            '{"Changes":[{"Action":"UPSERT",
            "ResourceRecordSet":{"Name":"www.example.com.",
            "ResourceRecords":[{"Value":"192.0.2.1"}],"SetIdentifier":"blue","TTL":30,
            "Type":"A","Weight":242}},{"Action":"UPSERT",
            "ResourceRecordSet":{"Name":"www.example.com.",
            "ResourceRecords":[{"Value":"192.0.2.2"}],"SetIdentifier":"green",
            "TTL":30,"Type":"A","Weight":13}}]}'

        aws autoscaling update-auto-scaling-group \
          --auto-scaling-group-name app-blue \
          --min-size 2 \
          --max-size 6 \
          --desired-capacity 3 \
          --region eu-west-1

        # refused where none is under way, which is fine
        aws autoscaling cancel-instance-refresh \
          --auto-scaling-group-name app-blue \
          --region eu-west-1
        aws autoscaling resume-processes \
          --auto-scaling-group-name app-blue \
          --scaling-processes InstanceRefresh \
          --region eu-west-1
        # again, until it says neither InProgress nor Cancelling
        aws autoscaling describe-instance-refreshes \
          --auto-scaling-group-name app-blue \
          --query 'InstanceRefreshes[0].Status' \
          --output text \
          --region eu-west-1
        aws autoscaling start-instance-refresh \
          --auto-scaling-group-name app-blue \
          --desired-configuration \
            '{"LaunchTemplate":{"LaunchTemplateId":"lt-0abc","Version":"7"}}' \
          --region eu-west-1

        # refused where none is under way, which is fine
        aws deploy stop-deployment \
          --deployment-id \
            "$(aws deploy list-deployments \
              --application-name shop \
              --deployment-group-name blue \
              --include-only-statuses '["Created","Queued","InProgress","Ready"]' \
              --query 'deployments[0]' \
              --output text \
              --region eu-west-1)" \
          --region eu-west-1
        aws deploy create-deployment \
          --application-name shop \
          --deployment-group-name blue \
          --revision \
            '{"revisionType":"S3","s3Location":{"bucket":"shop","bundleType":"zip",
            "key":"v1.zip"}}' \
          --region eu-west-1
        "#);
    }

    #[test]
    fn a_target_of_a_rule_is_told_with_all_that_it_says() {
        let mut bindings = bindings();
        let bound = bindings.routes.get_mut(&RouteName::new("web")).unwrap();
        bound.resource = "arn:aws:events:eu-west-1:111122223333:rule/shop/orders#handler".into();
        (bound.service, bound.nature) = (RouteService::EventBridge, Nature::TARGET);
        let (old, new) = ("arn:aws:sqs:x:1:old", "arn:aws:sqs:x:1:new");
        let json =
            json!({ "Id": "handler", "Arn": new, "RetryPolicy": { "MaximumRetryAttempts": 3 } });
        let written = Written { json: json.to_string(), rule: None, arns: BTreeMap::new() };
        bindings.written.insert(bound.resource.clone(), written);
        let split = Split([(Member::new(old), crate::plan::units::Scale::Whole.largest())].into());
        insta::assert_snapshot!(told(&bindings, &web(), &Picture::Split(split)), @r#"
        aws events put-targets \
          --event-bus-name shop \
          --rule orders \
          --targets \
            '[{"Arn":"arn:aws:sqs:x:1:old","Id":"handler",
            "RetryPolicy":{"MaximumRetryAttempts":3}}]' \
          --region eu-west-1
        "#);
    }

    #[test]
    fn a_stage_is_told_with_its_variables_and_its_canary() {
        let mut bindings = bindings();
        let side = |id: &str, pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            Deployed::new(id, pairs.collect()).member()
        };
        let old = side("d1", &[("alias", "live"), ("table", "shop")]);
        let new = side("d2", &[("alias", "next"), ("debug", "1"), ("table", "shop")]);
        let bound = bindings.routes.get_mut(&RouteName::new("web")).unwrap();
        bound.resource = "arn:aws:apigateway:eu-west-1::/restapis/a1/stages/prod".into();
        (bound.service, bound.nature) = (RouteService::ApiGateway, Nature::STAGE);
        (bound.stable, bound.candidate) = (old.clone(), Some(new.clone()));
        let weight = |weight| crate::plan::units::Weight::new(weight).unwrap();
        let told = |members: &[(&Member, u16)]| {
            let split = members.iter().map(|(member, share)| ((*member).clone(), weight(*share)));
            told(&bindings, &web(), &Picture::Split(Split(split.collect())))
        };
        let all = [told(&[(&old, 90), (&new, 10)]), told(&[(&old, 100)])];
        insta::assert_snapshot!(all.join("\n\n"), @r#"
        # refused where there is no canary, which is fine
        aws apigateway update-stage \
          --rest-api-id a1 \
          --stage-name prod \
          --patch-operations '[{"op":"remove","path":"/canarySettings"}]' \
          --region eu-west-1
        aws apigateway update-stage \
          --rest-api-id a1 \
          --stage-name prod \
          --patch-operations \
            '[{"op":"replace","path":"/deploymentId","value":"d1"},{"op":"replace",
            "path":"/variables/alias","value":"live"},{"op":"replace",
            "path":"/variables/table","value":"shop"},{"op":"replace",
            "path":"/canarySettings/deploymentId","value":"d2"},{"op":"replace",
            "path":"/canarySettings/percentTraffic","value":"10.0"},{"op":"replace",
            "path":"/canarySettings/stageVariableOverrides/alias","value":"next"},
            {"op":"replace","path":"/canarySettings/stageVariableOverrides/debug",
            "value":"1"},{"op":"replace",
            "path":"/canarySettings/stageVariableOverrides/table","value":"shop"},
            {"op":"replace","path":"/canarySettings/useStageCache","value":"false"}]' \
          --region eu-west-1
        # refused where there is no such variable, which is fine
        aws apigateway update-stage \
          --rest-api-id a1 \
          --stage-name prod \
          --patch-operations '[{"op":"remove","path":"/variables/debug"}]' \
          --region eu-west-1

        # refused where there is no canary, which is fine
        aws apigateway update-stage \
          --rest-api-id a1 \
          --stage-name prod \
          --patch-operations '[{"op":"remove","path":"/canarySettings"}]' \
          --region eu-west-1
        aws apigateway update-stage \
          --rest-api-id a1 \
          --stage-name prod \
          --patch-operations \
            '[{"op":"replace","path":"/deploymentId","value":"d1"},{"op":"replace",
            "path":"/variables/alias","value":"live"},{"op":"replace",
            "path":"/variables/table","value":"shop"}]' \
          --region eu-west-1
        # refused where there is no such variable, which is fine
        aws apigateway update-stage \
          --rest-api-id a1 \
          --stage-name prod \
          --patch-operations '[{"op":"remove","path":"/variables/debug"}]' \
          --region eu-west-1
        "#);
    }

    #[test]
    fn a_test_route_is_made_and_taken_away_without_knowing_what_its_rule_is_called() {
        let (route, mut bindings) = (RouteName::new("web"), bindings());
        let target = Target::TestRoute(route.clone());
        let header = Header { name: "x-canary".into(), value: "a `b` 'c'".into() };
        let group = Member::new("green");
        let there = TestRoute::Present { header: header.clone(), group };
        bindings.tests.insert(route.clone(), header);
        let told = |bindings: &Bindings, test| told(bindings, &target, &Picture::TestRoute(test));
        assert_eq!(told(&bindings, there.clone()), "", "half a rule would be wrong");
        let rule = r#"{"ListenerArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e","Priority":9,"Conditions":[{"Field":"path-pattern","PathPatternConfig":{"Values":["/api/*"]}},{"Field":"http-header","HttpHeaderConfig":{"HttpHeaderName":"x-canary","Values":["a `b` 'c'"]}}],"Actions":[{"Type":"forward","Order":1,"ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/green/0123456789abcdef","Weight":999}]}}]}"#;
        bindings.test_rules.insert(route.clone(), rule.into());
        let both = [told(&bindings, there), told(&bindings, TestRoute::Absent)];
        insta::assert_snapshot!(both.join("\n\n"), @r#"
        aws elbv2 create-rule \
          --cli-input-json \
            '{"ListenerArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e",
            "Priority":9,"Conditions":[{"Field":"path-pattern",
            "PathPatternConfig":{"Values":["/api/*"]}},{"Field":"http-header",
            "HttpHeaderConfig":{"HttpHeaderName":"x-canary",
            "Values":["a `b` '\''c'\''"]}}],"Actions":[{"Type":"forward","Order":1,
            "ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/green/0123456789abcdef",
            "Weight":999}]}}]}' \
          --region eu-west-1

        aws elbv2 delete-rule \
          --rule-arn \
            "$(aws elbv2 describe-rules \
              --listener-arn arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e \
              --query 'Rules[?contains(to_string(Actions),`"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/green/0123456789abcdef"`) && Conditions[?HttpHeaderConfig.HttpHeaderName==`"x-canary"` && HttpHeaderConfig.Values==`["a \`b\` '\''c'\''"]`]].RuleArn|[0]' \
              --output text \
              --region eu-west-1)" \
          --region eu-west-1
        "#);
    }
}

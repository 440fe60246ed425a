//! What to type where tidegate does not act itself: the commands of the AWS CLI that set a target to a picture. A load
//! balancer's rule is replaced as a whole, so each command carries all that stood there when the run began, with other
//! weights. Where that is not known there is no command, rather than half of one.

use serde_json::{Value, json};

use super::{AwsCommand, words};
use crate::{
    journal::Envelope,
    plan::{Member, Revision, RouteName, Side},
    rollout::{
        Bindings, Bound, Event, Medium, Picture, Software, Split, Target, TestRoute, Written,
    },
};

/// The commands that make a target look like this; none when that cannot be said.
pub(super) fn commands(
    bindings: &Bindings,
    region: Option<&str>,
    target: &Target,
    picture: &Picture,
) -> Vec<AwsCommand> {
    let all = match (target, picture) {
        (Target::Route(route), Picture::Split(_) | Picture::Uneven(_)) => {
            bindings.routes.get(route).and_then(|bound| weights(bindings, bound, picture))
        }
        (Target::Fleet { fleet, side }, Picture::Capacity(capacity)) => {
            bindings.fleets.get(fleet).map(|bound| {
                let command = AwsCommand::new("autoscaling update-auto-scaling-group")
                    .with("auto-scaling-group-name", bound.member(*side))
                    .with("min-size", capacity.min)
                    .with("max-size", capacity.max)
                    .with("desired-capacity", capacity.desired);
                vec![command]
            })
        }
        (Target::Software(fleet), Picture::Software(software)) => bindings
            .fleets
            .get(fleet)
            .and_then(|bound| replacement(bound.member(Side::Stable), software))
            .map(|command| vec![command]),
        (Target::TestRoute(route), Picture::TestRoute(TestRoute::Present { .. })) => bindings
            .test_rules
            .get(route)
            .map(|rule| vec![AwsCommand::new("elbv2 create-rule").with("cli-input-json", rule)]),
        (Target::TestRoute(route), Picture::TestRoute(TestRoute::Absent)) => {
            without_test_route(bindings, route).map(|command| vec![command])
        }
        (
            Target::Route(_) | Target::Fleet { .. } | Target::Software(_) | Target::TestRoute(_),
            Picture::Split(_)
            | Picture::Uneven(_)
            | Picture::Capacity(_)
            | Picture::Software(_)
            | Picture::TestRoute(_),
        ) => None,
    };
    in_region(region, all.unwrap_or_default())
}

/// Commands that mean this region, whatever the shell's own is.
pub(super) fn in_region(region: Option<&str>, commands: Vec<AwsCommand>) -> Vec<AwsCommand> {
    let place = |command: AwsCommand| match region {
        Some(region) => command.within(region),
        None => command,
    };
    commands.into_iter().map(place).collect()
}

/// All places of a route, or none.
fn weights(bindings: &Bindings, bound: &Bound, picture: &Picture) -> Option<Vec<AwsCommand>> {
    let command = |place: &String| {
        let (written, split) = (bindings.written.get(place)?, picture.part(place)?);
        match bound.medium {
            Medium::Dns { .. } => {
                let zone = place.split('/').nth(1)?;
                let batch = json!({ "Changes": upserts(written, split)? });
                let command = AwsCommand::new("route53 change-resource-record-sets");
                Some(command.with("hosted-zone-id", zone).with("change-batch", batch))
            }
            Medium::LoadBalancer if place.contains(":listener-rule/") => {
                let actions = actions(written, split)?;
                let command = AwsCommand::new("elbv2 modify-rule");
                Some(command.with("rule-arn", place).with("actions", actions))
            }
            Medium::LoadBalancer => {
                let actions = actions(written, split)?;
                let command = AwsCommand::new("elbv2 modify-listener");
                Some(command.with("listener-arn", place).with("default-actions", actions))
            }
        }
    };
    bound.places().map(command).collect()
}

/// The whole list of actions, with these weights where it forwards.
pub(super) fn actions(written: &Written, split: &Split) -> Option<Value> {
    let mut actions: Value = serde_json::from_str(&written.json).ok()?;
    let groups: Option<Vec<Value>> = split
        .0
        .iter()
        .map(|(member, weight)| {
            let arn = arn_of(written, &actions, member)?;
            Some(json!({ "TargetGroupArn": arn, "Weight": weight.get() }))
        })
        .collect();
    let groups = Value::Array(groups?);
    for action in actions.as_array_mut()? {
        if action.get("Type").and_then(Value::as_str) == Some("forward") {
            let config = action.as_object_mut()?.entry("ForwardConfig").or_insert(json!({}));
            config.as_object_mut()?.insert("TargetGroups".to_owned(), groups.clone());
        }
    }
    Some(actions)
}

/// The ARN of a group that is one of the route's, or stood there already.
fn arn_of(written: &Written, actions: &Value, member: &Member) -> Option<String> {
    if member.as_str().starts_with("arn:") {
        return Some(member.to_string());
    }
    let named = format!(":targetgroup/{member}/");
    let groups = actions
        .as_array()?
        .iter()
        .filter_map(|action| action.get("ForwardConfig")?.get("TargetGroups")?.as_array());
    let mut arns = groups.flatten().filter_map(|group| group.get("TargetGroupArn")?.as_str());
    let there = arns.find(|arn| arn.contains(&named)).map(str::to_owned);
    written.arns.get(member).cloned().or(there)
}

fn upserts(written: &Written, split: &Split) -> Option<Vec<Value>> {
    let records: Vec<Value> = serde_json::from_str(&written.json).ok()?;
    let change = |(member, weight): (&Member, &crate::plan::units::Weight)| {
        let is_its = |record: &&Value| {
            record.get("SetIdentifier").and_then(Value::as_str) == Some(member.as_str())
        };
        let mut record = records.iter().find(is_its)?.clone();
        record.as_object_mut()?.insert("Weight".to_owned(), json!(weight.get()));
        Some(json!({ "Action": "UPSERT", "ResourceRecordSet": record }))
    };
    split.0.iter().map(change).collect()
}

/// What takes a test route away. What its rule is called is for AWS to choose, so it is asked: by the header, and the
/// group it leads to.
fn without_test_route(bindings: &Bindings, route: &RouteName) -> Option<AwsCommand> {
    let (bound, header) = (bindings.routes.get(route)?, bindings.tests.get(route)?);
    let group = bindings.written.get(&bound.resource)?.arns.get(&bound.candidate)?;
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
        .with("listener-arn", listener(&bound.resource))
        .with("query", query)
        .with("output", "text");
    Some(AwsCommand::new("elbv2 delete-rule").with_answer("rule-arn", asked))
}

/// The listener of a rule's ARN; a listener's own is that.
pub(super) fn listener(place: &str) -> String {
    match place.rsplit_once('/') {
        Some((of, _)) if place.contains(":listener-rule/") => {
            of.replacen(":listener-rule/", ":listener/", 1)
        }
        Some(_) | None => place.to_owned(),
    }
}

/// Another replacement, to a version.
fn replacement(group: &Member, software: &Software) -> Option<AwsCommand> {
    // What is under way leads somewhere else than where the group stands until it is there.
    let version = software.under_way().map_or(&software.version, |operation| &operation.to);
    let version = version.as_str();
    if let Some((template, number)) = version.rsplit_once(':').filter(|(t, _)| t.starts_with("lt-"))
    {
        let launch = json!({ "LaunchTemplateId": template, "Version": number });
        return Some(
            AwsCommand::new("autoscaling start-instance-refresh")
                .with("auto-scaling-group-name", group)
                .with("desired-configuration", json!({ "LaunchTemplate": launch })),
        );
    }
    let (application, group) = group.as_str().split_once('/')?;
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
    Some(
        AwsCommand::new("deploy create-deployment")
            .with("application-name", application)
            .with("deployment-group-name", group)
            .with("revision", revision),
    )
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
    use super::*;
    use crate::{
        plan::{FleetName, Header},
        report::sample::{Story, app, split, web},
        rollout::{Capacity, Flow, Operation, Phase, Version},
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
        (bound.resource, bound.medium) = (zone.into(), Medium::Dns { ttl: 30 });
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

        aws autoscaling start-instance-refresh \
          --auto-scaling-group-name app-blue \
          --desired-configuration \
            '{"LaunchTemplate":{"LaunchTemplateId":"lt-0abc","Version":"7"}}' \
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

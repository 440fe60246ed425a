//! What stands at a place, as JSON that the AWS CLI takes, for the commands that a person is given to put weights right by
//! hand. A list that has something in it which is not known here is not told at all: written back without it, the rule
//! would do something else.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateCognitoActionConfig, AuthenticateOidcActionConfig,
    ForwardActionConfig, JwtValidationActionConfig, Rule, RuleCondition, TargetGroupTuple,
};
use aws_sdk_route53::types::ResourceRecordSet;
use serde_json::{Map, Value, json};

use super::conditions::writable;

/// The actions of a rule or listener, for `aws elbv2 modify-rule --actions`.
/// <https://docs.aws.amazon.com/cli/latest/reference/elbv2/modify-rule.html>
pub(super) fn actions(actions: &[Action]) -> Option<String> {
    let all = actions.iter().map(action).collect::<Option<Vec<Value>>>()?;
    Some(Value::Array(all).to_string())
}

/// A whole rule, for `aws elbv2 create-rule --cli-input-json`.
/// <https://docs.aws.amazon.com/cli/latest/reference/elbv2/create-rule.html>
pub(super) fn rule(
    listener: &str,
    priority: i32,
    (conditions, actions): (&[RuleCondition], &[Action]),
) -> Option<String> {
    let actions = actions.iter().map(action).collect::<Option<Vec<Value>>>()?;
    let conditions: Vec<Value> = conditions.iter().map(condition).collect();
    let rule = json!({
        "ListenerArn": listener,
        "Priority": priority,
        "Conditions": conditions,
        "Actions": actions,
    });
    Some(rule.to_string())
}

/// What a rule has beside its actions, for the same: its place and its conditions. Nothing of a rule that rewrites what it
/// passes on: made again without that, it would do something else; and nothing of one that signs users in by OIDC, whose
/// secret AWS does not tell.
pub(super) fn beside_actions(listener: &str, rule: &Rule) -> Option<String> {
    let priority: i32 = rule.priority()?.parse().ok()?;
    let conditions = rule.conditions().iter().cloned().map(writable);
    let conditions: Vec<Value> = conditions.map(|it| condition(&it)).collect();
    let beside = json!({ "ListenerArn": listener, "Priority": priority, "Conditions": conditions });
    let is_oidc = |a: &Action| a.r#type() == Some(&ActionTypeEnum::AuthenticateOidc);
    let is_whole = rule.transforms().is_empty() && !rule.actions().iter().any(is_oidc);
    is_whole.then(|| beside.to_string())
}

/// The weighted records of a name, for the change batch of `aws route53 change-resource-record-sets`.
/// <https://docs.aws.amazon.com/cli/latest/reference/route53/change-resource-record-sets.html>
pub(super) fn records(records: &[ResourceRecordSet]) -> Option<String> {
    let all = records.iter().map(record).collect::<Option<Vec<Value>>>()?;
    Some(Value::Array(all).to_string())
}

/// Members without a value are left out.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect::<Map<String, Value>>())
}

fn text(value: Option<&str>) -> Option<Value> {
    value.map(|value| json!(value))
}

fn action(action: &Action) -> Option<Value> {
    let kind = action.r#type()?;
    let order = action.order().map(|order| json!(order));
    let mut told = object([("Type", Some(json!(kind.as_str()))), ("Order", order)]);
    let (name, config) = match kind {
        ActionTypeEnum::Forward => {
            ("ForwardConfig", forward(action.forward_config(), action.target_group_arn()))
        }
        ActionTypeEnum::AuthenticateOidc => {
            ("AuthenticateOidcConfig", oidc(action.authenticate_oidc_config()?))
        }
        ActionTypeEnum::AuthenticateCognito => {
            ("AuthenticateCognitoConfig", cognito(action.authenticate_cognito_config()?))
        }
        ActionTypeEnum::JwtValidation => {
            ("JwtValidationConfig", jwt(action.jwt_validation_config()?))
        }
        _ => return None,
    };
    told.as_object_mut()?.insert(name.to_owned(), config);
    Some(told)
}

fn forward(config: Option<&ForwardActionConfig>, alone: Option<&str>) -> Value {
    let group = |group: &TargetGroupTuple| {
        let weight = group.weight().map(|weight| json!(weight));
        object([("TargetGroupArn", text(group.target_group_arn())), ("Weight", weight)])
    };
    let configured = config.map(ForwardActionConfig::target_groups).unwrap_or_default();
    let groups: Vec<Value> = match (configured, alone) {
        ([], Some(arn)) => vec![json!({ "TargetGroupArn": arn })],
        (groups, _) => groups.iter().map(group).collect(),
    };
    let sticky = config.and_then(|config| config.target_group_stickiness_config()).map(|sticky| {
        let seconds = sticky.duration_seconds().map(|seconds| json!(seconds));
        let enabled = sticky.enabled().map(|enabled| json!(enabled));
        object([("Enabled", enabled), ("DurationSeconds", seconds)])
    });
    object([("TargetGroups", Some(Value::Array(groups))), ("TargetGroupStickinessConfig", sticky)])
}

/// AWS does not tell the secret; this word keeps it.
fn oidc(config: &AuthenticateOidcActionConfig) -> Value {
    object([
        ("Issuer", text(config.issuer())),
        ("AuthorizationEndpoint", text(config.authorization_endpoint())),
        ("TokenEndpoint", text(config.token_endpoint())),
        ("UserInfoEndpoint", text(config.user_info_endpoint())),
        ("ClientId", text(config.client_id())),
        ("UseExistingClientSecret", Some(json!(true))),
        ("SessionCookieName", text(config.session_cookie_name())),
        ("Scope", text(config.scope())),
        ("SessionTimeout", config.session_timeout().map(|seconds| json!(seconds))),
        (
            "AuthenticationRequestExtraParams",
            config.authentication_request_extra_params().map(|params| json!(params)),
        ),
        (
            "OnUnauthenticatedRequest",
            config.on_unauthenticated_request().map(|then| json!(then.as_str())),
        ),
    ])
}

fn cognito(config: &AuthenticateCognitoActionConfig) -> Value {
    object([
        ("UserPoolArn", text(config.user_pool_arn())),
        ("UserPoolClientId", text(config.user_pool_client_id())),
        ("UserPoolDomain", text(config.user_pool_domain())),
        ("SessionCookieName", text(config.session_cookie_name())),
        ("Scope", text(config.scope())),
        ("SessionTimeout", config.session_timeout().map(|seconds| json!(seconds))),
        (
            "AuthenticationRequestExtraParams",
            config.authentication_request_extra_params().map(|params| json!(params)),
        ),
        (
            "OnUnauthenticatedRequest",
            config.on_unauthenticated_request().map(|then| json!(then.as_str())),
        ),
    ])
}

fn jwt(config: &JwtValidationActionConfig) -> Value {
    let claims = config.additional_claims().iter().map(|claim| {
        object([
            ("Format", claim.format().map(|format| json!(format.as_str()))),
            ("Name", text(claim.name())),
            ("Values", Some(json!(claim.values()))),
        ])
    });
    let claims: Vec<Value> = claims.collect();
    object([
        ("JwksEndpoint", text(config.jwks_endpoint())),
        ("Issuer", text(config.issuer())),
        ("AdditionalClaims", (!claims.is_empty()).then_some(Value::Array(claims))),
    ])
}

/// As it may be written: a condition is read with its values in an older field too.
fn condition(condition: &RuleCondition) -> Value {
    let listed = |values: &[String]| (!values.is_empty()).then(|| json!(values));
    let values = |values: &[String], patterns: &[String]| {
        object([("Values", listed(values)), ("RegexValues", listed(patterns))])
    };
    let header = condition.http_header_config().map(|config| {
        object([
            ("HttpHeaderName", text(config.http_header_name())),
            ("Values", listed(config.values())),
            ("RegexValues", listed(config.regex_values())),
        ])
    });
    let query = condition.query_string_config().map(|config| {
        let pairs = config.values().iter();
        let pairs =
            pairs.map(|pair| object([("Key", text(pair.key())), ("Value", text(pair.value()))]));
        json!({ "Values": pairs.collect::<Vec<Value>>() })
    });
    let host = condition.host_header_config().map(|c| values(c.values(), c.regex_values()));
    let path = condition.path_pattern_config().map(|c| values(c.values(), c.regex_values()));
    object([
        ("Field", text(condition.field())),
        ("Values", listed(condition.values())),
        ("HostHeaderConfig", host),
        ("PathPatternConfig", path),
        ("HttpHeaderConfig", header),
        ("QueryStringConfig", query),
        (
            "HttpRequestMethodConfig",
            condition.http_request_method_config().map(|c| values(c.values(), &[])),
        ),
        ("SourceIpConfig", condition.source_ip_config().map(|c| values(c.values(), &[]))),
    ])
}

fn record(record: &ResourceRecordSet) -> Option<Value> {
    let is_else = record.traffic_policy_instance_id().is_some()
        || record.cidr_routing_config().is_some()
        || record.geo_proximity_location().is_some();
    if is_else {
        return None;
    }
    let values = record.resource_records.as_ref();
    let values = values.map(|values| values.iter().map(|value| json!({ "Value": value.value })));
    let alias = record.alias_target().map(|alias| {
        json!({
            "HostedZoneId": alias.hosted_zone_id,
            "DNSName": alias.dns_name,
            "EvaluateTargetHealth": alias.evaluate_target_health,
        })
    });
    Some(object([
        ("Name", Some(json!(record.name))),
        ("Type", Some(json!(record.r#type.as_str()))),
        ("SetIdentifier", text(record.set_identifier())),
        ("Weight", record.weight.map(|weight| json!(weight))),
        ("TTL", record.ttl.map(|ttl| json!(ttl))),
        ("ResourceRecords", values.map(|values| Value::Array(values.collect()))),
        ("AliasTarget", alias),
        ("HealthCheckId", text(record.health_check_id())),
    ]))
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{
        PathPatternConditionConfig, RuleTransform, TargetGroupStickinessConfig, TransformTypeEnum,
    };
    use aws_sdk_route53::types::{ResourceRecord, RrType};

    use super::*;

    #[test]
    fn every_action_of_a_rule_is_told_and_a_secret_is_kept() {
        let oidc = AuthenticateOidcActionConfig::builder()
            .issuer("https://id.example")
            .client_id("shop")
            .build();
        let first = Action::builder()
            .r#type(ActionTypeEnum::AuthenticateOidc)
            .order(1)
            .authenticate_oidc_config(oidc);
        let group = TargetGroupTuple::builder().target_group_arn("arn:blue").weight(999).build();
        let sticky = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(60);
        let config = ForwardActionConfig::builder()
            .target_groups(group)
            .target_group_stickiness_config(sticky.build());
        let second = Action::builder()
            .r#type(ActionTypeEnum::Forward)
            .order(2)
            .forward_config(config.build());
        insta::assert_snapshot!(actions(&[first.build(), second.build()]).unwrap(), @r#"[{"AuthenticateOidcConfig":{"ClientId":"shop","Issuer":"https://id.example","UseExistingClientSecret":true},"Order":1,"Type":"authenticate-oidc"},{"ForwardConfig":{"TargetGroupStickinessConfig":{"DurationSeconds":60,"Enabled":true},"TargetGroups":[{"TargetGroupArn":"arn:blue","Weight":999}]},"Order":2,"Type":"forward"}]"#);
    }

    #[test]
    fn a_list_with_an_action_that_is_not_known_is_not_told() {
        let unknown = Action::builder().r#type(ActionTypeEnum::from("conjure")).build();
        assert_eq!(actions(&[unknown]), None);
    }

    #[test]
    fn a_rule_is_told_as_it_can_be_made_again_and_not_at_all_where_it_cannot() {
        let path = PathPatternConditionConfig::builder().values("/api/*").build();
        let condition = RuleCondition::builder().field("path-pattern").values("/api/*");
        let rule = Rule::builder()
            .priority("10")
            .conditions(condition.path_pattern_config(path).build())
            .build();
        insta::assert_snapshot!(beside_actions("arn:l", &rule).unwrap(), @r#"{"Conditions":[{"Field":"path-pattern","PathPatternConfig":{"Values":["/api/*"]}}],"ListenerArn":"arn:l","Priority":10}"#);
        let action = Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).build();
        let signs_in = Rule::builder().priority("10").actions(action).build();
        let transform = RuleTransform::builder().r#type(TransformTypeEnum::UrlRewrite).build();
        let rewrites = Rule::builder().priority("10").transforms(transform).build();
        let default = Rule::builder().priority("default").build();
        for rule in [signs_in, rewrites, default] {
            assert_eq!(beside_actions("arn:l", &rule), None);
        }
    }

    #[test]
    fn records_are_told_whole() {
        let value = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
        let record = ResourceRecordSet::builder()
            .name("www.example.com.")
            .r#type(RrType::A)
            .set_identifier("blue")
            .weight(255)
            .ttl(30)
            .resource_records(value)
            .health_check_id("h-1")
            .build()
            .unwrap();
        insta::assert_snapshot!(records(&[record]).unwrap(), @r#"[{"HealthCheckId":"h-1","Name":"www.example.com.","ResourceRecords":[{"Value":"192.0.2.1"}],"SetIdentifier":"blue","TTL":30,"Type":"A","Weight":255}]"#);
    }
}

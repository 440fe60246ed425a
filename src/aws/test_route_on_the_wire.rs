//! What a test route looks like on the wire: where its rule goes, what it keeps of the route's own, and that only it is
//! taken away again.

use super::wire::{Sent, Wire, xml};
use crate::{
    cloud::{Error, LoadBalancers, SetTestRoutes},
    plan::{Header, Member},
    rollout::TestRoute,
};

const ACCOUNT: &str = "arn:aws:elasticloadbalancing:eu-west-1:111122223333";
const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/shop/50dc/f2f7";

fn rule_arn(id: &str) -> String {
    format!("{ACCOUNT}:listener-rule/app/shop/50dc/f2f7/{id}")
}

fn group_arn(name: &str) -> String {
    format!("{ACCOUNT}:targetgroup/{name}/73e2")
}

fn header() -> Header {
    Header { name: "x-canary".into(), value: "1".into() }
}

const PATH: &str = "<member><Field>path-pattern</Field><Values><member>/shop/*</member></Values>\
    <PathPatternConfig><Values><member>/shop/*</member></Values></PathPatternConfig></member>";

fn asks(value: &str) -> String {
    format!(
        "<member><Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>X-Canary</HttpHeaderName>\
         <Values><member>{value}</member></Values></HttpHeaderConfig></member>"
    )
}

fn rule(id: &str, priority: &str, conditions: &str, groups: &[&str], sign_in: &str) -> String {
    let group = |name: &&str| {
        let arn = group_arn(name);
        format!("<member><TargetGroupArn>{arn}</TargetGroupArn><Weight>5</Weight></member>")
    };
    let groups: String = groups.iter().map(group).collect();
    format!(
        "<member><RuleArn>{}</RuleArn><Priority>{priority}</Priority><IsDefault>{}</IsDefault>\
         <Conditions>{conditions}</Conditions><Actions>{sign_in}<member><Type>forward</Type><ForwardConfig>\
         <TargetGroups>{groups}</TargetGroups></ForwardConfig></member></Actions></member>",
        rule_arn(id),
        priority == "default",
    )
}

const COGNITO: &str = "<member><Type>authenticate-cognito</Type><AuthenticateCognitoConfig>\
    <UserPoolArn>p</UserPoolArn><UserPoolClientId>c</UserPoolClientId><UserPoolDomain>d</UserPoolDomain>\
    </AuthenticateCognitoConfig></member>";
const OIDC: &str = "<member><Type>authenticate-oidc</Type></member>";

/// A listener with these rules, the last on a second page.
fn listener(rules: Vec<String>) -> Wire {
    limited(rules, "")
}

/// The same in an account with limits; another listener of the load balancer has one rule beside its default.
fn limited(rules: Vec<String>, limits: &'static str) -> Wire {
    Wire::new(move |sent| match sent.operation.as_str() {
        "DescribeRules" if sent.fields["ListenerArn"] != LISTENER => {
            let others = rule("a", "1", PATH, &["blue"], "") + &default();
            xml("DescribeRules", &format!("<Rules>{others}</Rules>"))
        }
        "DescribeRules" => {
            assert_eq!(sent.fields["ListenerArn"], LISTENER);
            let (last, first) = rules.split_last().unwrap();
            if sent.fields.contains_key("Marker") {
                xml("DescribeRules", &format!("<Rules>{last}</Rules>"))
            } else {
                let first = first.concat();
                xml("DescribeRules", &format!("<Rules>{first}</Rules><NextMarker>m</NextMarker>"))
            }
        }
        "DescribeTargetGroups" => xml(
            "DescribeTargetGroups",
            &format!(
                "<TargetGroups><member><TargetGroupArn>{}</TargetGroupArn></member></TargetGroups>",
                group_arn(&sent.fields["Names.member.1"])
            ),
        ),
        "DescribeAccountLimits" => xml("DescribeAccountLimits", limits),
        "DescribeListeners" => xml(
            "DescribeListeners",
            &format!(
                "<Listeners><member><ListenerArn>{LISTENER}</ListenerArn></member><member>\
                 <ListenerArn>{LISTENER}0</ListenerArn></member></Listeners>"
            ),
        ),
        operation => xml(operation, ""),
    })
}

fn limit(name: &str, most: &str) -> String {
    format!("<member><Name>{name}</Name><Max>{most}</Max></member>")
}

fn own() -> String {
    rule("own", "10", PATH, &["blue", "green"], COGNITO)
}

fn default() -> String {
    rule("dflt", "default", "", &["blue", "green"], "")
}

fn green() -> Member {
    Member::new("green")
}

fn made(wire: &Wire) -> Vec<Sent> {
    wire.sent().into_iter().filter(|sent| !sent.operation.starts_with("Describe")).collect()
}

#[tokio::test]
async fn a_test_route_is_the_own_rule_with_a_header_right_ahead_of_it() {
    let wire = listener(vec![rule("x", "9", PATH, &["blue"], ""), own(), default()]);
    let port = &wire.services.load_balancing;
    port.add(&rule_arn("own"), &header(), &green()).await.unwrap();
    let [create] = &made(&wire)[..] else { panic!() };
    assert_eq!(
        (create.operation.as_str(), create.fields["Priority"].as_str()),
        ("CreateRule", "8")
    );
    assert_eq!(create.fields["ListenerArn"], LISTENER);
    let conditions = create.under("Conditions.member.");
    assert_eq!(conditions["1.Field"], "path-pattern");
    assert_eq!(conditions["1.PathPatternConfig.Values.member.1"], "/shop/*");
    assert!(!conditions.contains_key("1.Values.member.1"), "{conditions:?}");
    assert_eq!(conditions["2.Field"], "http-header");
    assert_eq!(conditions["2.HttpHeaderConfig.HttpHeaderName"], "x-canary");
    assert_eq!(conditions["2.HttpHeaderConfig.Values.member.1"], "1");
    let actions = create.under("Actions.member.");
    assert_eq!(actions["1.Type"], "authenticate-cognito");
    assert_eq!(actions["2.ForwardConfig.TargetGroups.member.1.TargetGroupArn"], group_arn("green"));
    assert!(!actions.keys().any(|key| key.contains("TargetGroups.member.2")), "{actions:?}");
}

#[tokio::test]
async fn ahead_of_a_default_action_comes_the_last_free_priority() {
    let wire = listener(vec![rule("x", "50000", PATH, &["blue"], ""), default()]);
    wire.services.load_balancing.add(LISTENER, &header(), &green()).await.unwrap();
    let [create] = &made(&wire)[..] else { panic!() };
    assert_eq!(create.fields["Priority"], "49999");
    assert_eq!(create.under("Conditions.member.")["1.Field"], "http-header");
}

#[tokio::test]
async fn it_is_known_by_its_header_and_its_only_group() {
    for (there, conditions, groups) in [
        (true, asks("1") + PATH, &["green"][..]),
        (false, asks("2"), &["green"][..]),
        (false, PATH.to_owned(), &["green"][..]),
        (false, asks("1"), &["blue"][..]),
        (false, asks("1"), &["green", "blue"][..]),
    ] {
        let wire = listener(vec![rule("t", "3", &conditions, groups, ""), own(), default()]);
        let port = &wire.services.load_balancing;
        let found = port.test_route(&rule_arn("own"), &header(), &green()).await.unwrap();
        assert_eq!(found != TestRoute::Absent, there, "{conditions} {groups:?}");
        port.add(&rule_arn("own"), &header(), &green()).await.unwrap();
        assert_eq!(made(&wire).is_empty(), there, "{conditions} {groups:?}");
        port.remove(&rule_arn("own"), &header(), &green()).await.unwrap();
        let deleted = made(&wire);
        assert_eq!(deleted.len(), usize::from(there));
        assert!(deleted.iter().all(|sent| sent.fields["RuleArn"] == rule_arn("t")));
    }
}

#[tokio::test]
async fn what_cannot_be_added_is_refused_before_anything_is_written() {
    let full = (1..10).map(|n| rule(&n.to_string(), &n.to_string(), PATH, &["blue"], ""));
    let oidc = rule("own", "10", PATH, &["blue"], OIDC);
    for (rules, words) in [
        (full.chain([own(), default()]).collect::<Vec<_>>(), "is free"),
        (vec![oidc, default()], "OIDC"),
    ] {
        let wire = listener(rules);
        let port = &wire.services.load_balancing;
        let add = port.add(&rule_arn("own"), &header(), &green()).await;
        let Err(Error::Rejected { message, .. }) = &add else { panic!("{add:?}") };
        assert!(message.contains(words), "{message}");
        let drawn = port.draw_test_route(&rule_arn("own"), &header(), &green()).await;
        assert_eq!(drawn.map(|_| ()), add);
        assert!(made(&wire).is_empty());
    }
    let wire = listener(vec![own(), default()]);
    let gone = wire.services.load_balancing.add(&rule_arn("gone"), &header(), &green()).await;
    assert!(matches!(gone, Err(Error::Absent { .. })), "{gone:?}");
}

#[tokio::test]
async fn what_the_accounts_limits_leave_no_room_for_is_known_before() {
    let may = async |limits: String| {
        let limits: &'static str = format!("<Limits>{limits}</Limits>").leak();
        let wire = limited(vec![own(), default()], limits);
        let port = &wire.services.load_balancing;
        let told = port.draw_test_route(&rule_arn("own"), &header(), &green()).await;
        assert!(made(&wire).is_empty());
        told.map(|_| ()).map_err(|error| error.to_string())
    };
    let (rules, values, wildcards) = (
        "rules-per-application-load-balancer",
        "condition-values-per-alb-rule",
        "condition-wildcards-per-alb-rule",
    );
    let enough = limit(rules, "3") + &limit(values, "2") + &limit(wildcards, "1");
    assert_eq!(may(enough).await, Ok(()));
    assert_eq!(may(String::new()).await, Ok(()), "what is not told stands in nobody's way");
    for (limit, words) in [
        (limit(rules, "2"), "its load balancer has 2 rules, and 2 at most"),
        (limit(values, "1"), "2 values in its conditions, and a rule has 1 at most"),
        (limit(wildcards, "0"), "1 wildcards in its conditions"),
    ] {
        let refused = may(limit).await.unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
}

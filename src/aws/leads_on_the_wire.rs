//! What is asked about the ways to a target group, and which of the answers count as one.

use super::wire::{Wire, xml};
use crate::{
    cloud::{Lead, LoadBalancers},
    plan::{Header, Member, units::Weight},
};

const ACCOUNT: &str = "arn:aws:elasticloadbalancing:eu-west-1:111122223333";

fn group_arn(name: &str) -> String {
    format!("{ACCOUNT}:targetgroup/{name}/73e2")
}

fn forward(groups: &[(&str, u16)]) -> String {
    let group = |(name, weight): &(&str, u16)| {
        let arn = group_arn(name);
        format!("<member><TargetGroupArn>{arn}</TargetGroupArn><Weight>{weight}</Weight></member>")
    };
    let groups: String = groups.iter().map(group).collect();
    format!(
        "<member><Type>forward</Type><ForwardConfig><TargetGroups>{groups}</TargetGroups>\
         </ForwardConfig></member>"
    )
}

fn bare(name: &str) -> String {
    let arn = group_arn(name);
    format!("<member><Type>forward</Type><TargetGroupArn>{arn}</TargetGroupArn></member>")
}

const REDIRECT: &str = "<member><Type>redirect</Type></member>";
const PATH: &str = "<member><Field>path-pattern</Field><Values><member>/api/*</member></Values>\
    <PathPatternConfig><Values><member>/api/*</member><member>/v1/*</member></Values>\
    </PathPatternConfig></member>";
const CANARY: &str = "<member><Field>http-header</Field><HttpHeaderConfig>\
    <HttpHeaderName>X-Canary</HttpHeaderName><Values><member>1</member></Values>\
    </HttpHeaderConfig></member>";

fn rule(id: &str, priority: &str, conditions: &str, actions: &str) -> String {
    let arn = format!("{ACCOUNT}:listener-rule/app/shop/50dc/l443/{id}");
    format!(
        "<member><RuleArn>{arn}</RuleArn><Priority>{priority}</Priority><IsDefault>{}</IsDefault>\
         <Conditions>{conditions}</Conditions><Actions>{actions}</Actions></member>",
        priority == "default",
    )
}

fn listener(family: &str, port: u16, actions: &str) -> String {
    format!(
        "<member><ListenerArn>{ACCOUNT}:listener/{family}/shop/50dc/l{port}</ListenerArn>\
         <Port>{port}</Port><DefaultActions>{actions}</DefaultActions></member>"
    )
}

/// A load balancer with these listeners, the last on a second page, and these rules on port 443.
fn shop(family: &'static str, listeners: [String; 2], rules: String) -> Wire {
    Wire::new(move |sent| match sent.operation.as_str() {
        "DescribeTargetGroups" => {
            let name = &sent.fields["Names.member.1"];
            xml(
                "DescribeTargetGroups",
                &format!(
                    "<TargetGroups><member><TargetGroupArn>{}</TargetGroupArn><LoadBalancerArns>\
                     <member>{ACCOUNT}:loadbalancer/{family}/shop/50dc</member></LoadBalancerArns>\
                     </member></TargetGroups>",
                    group_arn(name)
                ),
            )
        }
        "DescribeListeners" if sent.fields.contains_key("Marker") => {
            xml("DescribeListeners", &format!("<Listeners>{}</Listeners>", listeners[1]))
        }
        "DescribeListeners" => xml(
            "DescribeListeners",
            &format!("<Listeners>{}</Listeners><NextMarker>m</NextMarker>", listeners[0]),
        ),
        "DescribeRules" if sent.fields["ListenerArn"].ends_with("l443") => {
            xml("DescribeRules", &format!("<Rules>{rules}</Rules>"))
        }
        operation => xml(operation, ""),
    })
}

fn words(leads: &[Lead]) -> Vec<(&str, u16)> {
    leads.iter().map(|lead| (lead.words.as_str(), lead.weight.get())).collect()
}

#[tokio::test]
async fn every_forward_action_of_the_load_balancer_counts_that_gives_a_weight() {
    let rules = [
        rule("r1", "10", PATH, &forward(&[("blue", 250), ("green", 750)])),
        rule("r2", "20", PATH, &forward(&[("blue", 0), ("green", 1)])),
        rule("r3", "30", CANARY, &bare("green")),
        rule("r4", "40", PATH, REDIRECT),
        rule("dflt", "default", "", &forward(&[("blue", 1)])),
    ];
    let listeners = [listener("app", 443, &forward(&[("blue", 1)])), listener("app", 80, REDIRECT)];
    let wire = shop("app", listeners, rules.concat());
    let port = &wire.services.load_balancing;
    let blue = port.leads(&Member::new("blue"), None).await.unwrap();
    let expected = [
        ("the default action of port 443 of shop", 1),
        ("rule 10 (path /api/* or /v1/*) of port 443 of shop", 250),
    ];
    assert_eq!(words(&blue), expected);
    assert_eq!(blue[0].place, format!("{ACCOUNT}:listener/app/shop/50dc/l443"));
    assert_eq!(blue[1].place, format!("{ACCOUNT}:listener-rule/app/shop/50dc/l443/r1"));
    let asked = [
        "DescribeTargetGroups",
        "DescribeListeners",
        "DescribeListeners",
        "DescribeRules",
        "DescribeRules",
    ];
    assert_eq!(wire.operations(), asked);
    let green = port.leads(&Member::new("green"), None).await.unwrap();
    assert_eq!(green.len(), 3);
    assert_eq!(words(&green)[2], ("rule 30 (header X-Canary 1) of port 443 of shop", 1));
}

#[tokio::test]
async fn the_runs_own_test_route_is_no_lead_and_another_ones_is() {
    let rules = rule("r3", "30", CANARY, &bare("green"));
    let listeners = [listener("app", 443, REDIRECT), listener("app", 80, REDIRECT)];
    let wire = shop("app", listeners, rules);
    let port = &wire.services.load_balancing;
    let own = format!("{ACCOUNT}:listener-rule/app/shop/50dc/l443/own");
    let header = |value: &str| Header { name: "x-canary".into(), value: value.into() };
    let (ours, other) = (header("1"), header("2"));
    let elsewhere = own.replace("l443", "l80");
    for (own, count) in [
        (Some((own.as_str(), &ours)), 0),
        (Some((own.as_str(), &other)), 1),
        (Some((elsewhere.as_str(), &ours)), 1),
        (None, 1),
    ] {
        let leads = port.leads(&Member::new("green"), own).await.unwrap();
        assert_eq!(leads.len(), count, "{own:?}");
    }
}

#[tokio::test]
async fn a_network_load_balancers_listeners_are_not_asked_for_rules() {
    let listeners = [listener("net", 443, &bare("blue")), listener("net", 80, &bare("green"))];
    let wire = shop("net", listeners, String::new());
    let leads = wire.services.load_balancing.leads(&Member::new("blue"), None).await.unwrap();
    assert_eq!(words(&leads), [("the default action of port 443 of shop", 1)]);
    assert_eq!(leads[0].weight, Weight::new(1).unwrap());
    assert!(!wire.operations().contains(&"DescribeRules".to_owned()));
}

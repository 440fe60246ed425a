//! What is said of places that are not there or do not forward: what there is instead, so that nobody has to look it up.

use super::wire::{Sent, Wire, xml};
use crate::{
    cloud::{Dns, Error, Kind, LoadBalancers, Names},
    plan::{ListenerRule, RecordSet, RecordType},
};

const ACCOUNT: &str = "arn:aws:elasticloadbalancing:eu-west-1:111122223333";

fn forward() -> String {
    format!(
        "<member><Type>forward</Type><TargetGroupArn>{ACCOUNT}:targetgroup/blue/1</TargetGroupArn></member>"
    )
}

/// Port 80 redirects to 443, where the default action forwards; two rules of port 80 do, of which one redirects too.
fn redirecting() -> Wire {
    let redirect = "<member><Type>redirect</Type><RedirectConfig><StatusCode>HTTP_301</StatusCode>\
                    </RedirectConfig></member>";
    let listener = |port: u16, actions: &str| {
        format!(
            "<member><ListenerArn>{ACCOUNT}:listener/app/shop/50dc/{port}</ListenerArn><Port>{port}</Port>\
             <DefaultActions>{actions}</DefaultActions></member>"
        )
    };
    let rule = |priority: &str, actions: &str| {
        format!(
            "<member><RuleArn>{ACCOUNT}:listener-rule/app/shop/50dc/80/{priority}</RuleArn>\
             <Priority>{priority}</Priority><Actions>{actions}</Actions></member>"
        )
    };
    let listeners = [listener(80, redirect), listener(443, &forward())].concat();
    let rules = [rule("5", redirect), rule("10", &forward()), rule("default", redirect)].concat();
    Wire::new(move |sent: &Sent| match sent.operation.as_str() {
        "DescribeLoadBalancers" => xml(
            "DescribeLoadBalancers",
            &format!(
                "<LoadBalancers><member><LoadBalancerArn>{ACCOUNT}:loadbalancer/app/shop/50dc\
                 </LoadBalancerArn><LoadBalancerName>shop</LoadBalancerName></member></LoadBalancers>"
            ),
        ),
        "DescribeListeners" => {
            xml("DescribeListeners", &format!("<Listeners>{listeners}</Listeners>"))
        }
        "DescribeRules" => xml("DescribeRules", &format!("<Rules>{rules}</Rules>")),
        other => panic!("{other}"),
    })
}

async fn told(port: u16, priority: Option<u32>) -> (String, String) {
    let at = ListenerRule::Named { load_balancer: "shop".into(), port, priority };
    match redirecting().services.load_balancing.find(&at).await {
        Err(Error::Unfit { problem, hint }) => (problem, hint),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_redirects_is_told_with_the_rule_and_the_port_that_forward() {
    let (problem, hint) = told(80, None).await;
    assert!(problem.contains("listener/app/shop/50dc/80"), "{problem}");
    assert_eq!(
        hint,
        "name the rule by `priority` (10 forwards), or the `port` of the listener that forwards; on this load \
         balancer 443 does"
    );
}

#[tokio::test(start_paused = true)]
async fn a_port_or_priority_that_is_not_there_is_told_with_those_that_are() {
    let (problem, hint) = told(8080, None).await;
    assert_eq!(problem, "load balancer shop has no listener on port 8080");
    assert_eq!(hint, "there is one on 80 or 443");
    let (problem, hint) = told(80, Some(11)).await;
    assert!(problem.ends_with("has priority 11"), "{problem}");
    assert_eq!(hint, "its rules have the priorities 5, 10, default");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_not_there_is_told_with_the_nearest_weighted_one() {
    let wire = Wire::new(|sent: &Sent| {
        let record = |name: &str, weight: &str| {
            format!(
                "<ResourceRecordSet><Name>{name}.example.com.</Name><Type>A</Type>{weight}</ResourceRecordSet>"
            )
        };
        let weighted = "<SetIdentifier>blue</SetIdentifier><Weight>1</Weight>";
        // What is asked from a name on begins behind it.
        let records = if sent.operation.contains("name=") {
            String::new()
        } else {
            [record("shop", weighted), record("shopp", "")].concat()
        };
        let body = format!(
            "<ListResourceRecordSetsResponse><ResourceRecordSets>{records}</ResourceRecordSets>\
             <IsTruncated>false</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>"
        );
        (200, body.into_bytes())
    });
    let at = RecordSet { zone: "Z1".into(), name: "shops.example.com".into(), kind: RecordType::A };
    let error = wire.services.route53.find(&at).await.unwrap_err();
    assert_eq!(error.to_string(), "hosted zone Z1 has no records shops.example.com A");
    assert_eq!(error.hint(), "did you mean `shop.example.com A`?");
}

#[tokio::test(start_paused = true)]
async fn names_are_listed_page_by_page() {
    let wire = Wire::new(|sent: &Sent| {
        let group = |name| format!("<member><TargetGroupName>{name}</TargetGroupName></member>");
        let is_last = sent.fields.contains_key("Marker");
        let (name, next) =
            if is_last { ("green", "") } else { ("blue", "<NextMarker>m</NextMarker>") };
        let groups = group(name);
        xml(&sent.operation, &format!("<TargetGroups>{groups}</TargetGroups>{next}"))
    });
    let names = wire.services.directory().names(Kind::TargetGroup).await.unwrap();
    assert_eq!(names, ["blue", "green"]);
}

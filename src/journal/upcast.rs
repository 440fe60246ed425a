//! Events of older formats, brought to what today's would have said. Only the first event of a run has ever changed:
//!
//! * format 1 called the service of a route its medium and that of a fleet its resource, in English, and said nothing of
//!   the place; what it knew of that stands beside, in `acting-as`. What groups launch stood beside the fleets, by group.

use serde_json::{Map, Value, json};

use super::FORMAT;

/// Whether an event of this format can be brought to today's.
pub(super) const fn is_known(format: u32) -> bool {
    format >= 1 && format <= FORMAT
}

/// Brings an envelope of format 1 to format 2. What is not as that format has it stays, and is told by whoever reads it.
pub(super) fn from_first(envelope: &mut Value) {
    let Some(event) = envelope.get_mut("event").and_then(Value::as_object_mut) else { return };
    if event.get("event").and_then(Value::as_str) == Some("run-started") {
        let place = event.get("acting-as").map(place);
        let bindings = event.get_mut("bindings");
        for_each(bindings, "routes", |bound| {
            // The very first runs had nothing else.
            let medium = bound.remove("medium").unwrap_or_else(|| json!("load-balancer"));
            if let Some((service, nature)) = by_medium(&medium) {
                bound.insert("service".to_owned(), service);
                bound.insert("nature".to_owned(), nature);
            }
            bound.extend(place.clone().map(|place| ("place".to_owned(), place)));
        });
        let bindings = event.get_mut("bindings");
        let versions =
            bindings.and_then(Value::as_object_mut).and_then(|all| all.remove("versions"));
        let bindings = event.get_mut("bindings");
        for_each(bindings, "fleets", |bound| {
            bound.remove("medium");
            let members =
                ["stable", "candidate"].map(|side| bound.get(side).and_then(Value::as_str));
            let launched = members.into_iter().flatten().filter_map(|member| {
                Some((member.to_owned(), versions.as_ref()?.get(member)?.clone()))
            });
            let launched: Map<String, Value> = launched.collect();
            bound.insert("versions".to_owned(), Value::Object(launched));
            let service = match bound.remove("resource").as_ref().and_then(Value::as_str) {
                Some("codedeploy group") => "codedeploy",
                Some(_) | None => "autoscaling",
            };
            bound.insert("service".to_owned(), json!(service));
            bound.extend(place.clone().map(|place| ("place".to_owned(), place)));
        });
    }
    if let Some(envelope) = envelope.as_object_mut() {
        envelope.insert("format".to_owned(), json!(2));
    }
}

fn for_each(bindings: Option<&mut Value>, kind: &str, change: impl Fn(&mut Map<String, Value>)) {
    let all = bindings.and_then(|bindings| bindings.get_mut(kind)).and_then(Value::as_object_mut);
    all.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut).for_each(change);
}

fn place(acting_as: &Value) -> Value {
    json!({ "region": acting_as.get("region"), "account": acting_as.get("account") })
}

/// Service and nature.
fn by_medium(medium: &Value) -> Option<(Value, Value)> {
    if let Some(ttl) = medium.get("dns").map(|dns| dns.get("ttl").cloned().unwrap_or_default()) {
        let nature = json!({ "scale": "dns", "lag": ttl, "spreading": 60, "named": "by-maker" });
        return Some((json!("route53"), nature));
    }
    match medium.as_str()? {
        "load-balancer" => {
            let nature = json!({ "scale": "load-balancer", "named": "by-aws" });
            Some((json!("elasticloadbalancing"), nature))
        }
        "function" => {
            Some((json!("lambda"), json!({ "scale": "hundredths", "named": "by-maker" })))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        journal::Envelope,
        plan::{FleetKind, Place},
        rollout::{Event, Nature, RouteService},
    };

    /// The first event of a run as tidegate 0.1.0 wrote it.
    fn first(route: &str, fleet: &str, rest: &str) -> String {
        format!(
            r#"{{"format":1,"seq":1,"at":1,"run":"r","writer":"tidegate 0.1.0","event":{{"event":"run-started","plan":"p","digest":"d","by":"ann","bindings":{{"routes":{{"web":{{"resource":"x","stable":"a","candidate":"b"{route}}}}},"fleets":{{"app":{{"resource":"{fleet}","stable":"a","candidate":"b","medium":"load-balancer"}}}}}},"found":[]{rest}}}}}"#
        )
    }

    fn bindings(line: &str) -> crate::rollout::Bindings {
        match Envelope::from_line(line, "f").unwrap().event {
            Event::RunStarted { bindings, .. } => bindings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_first_format_called_a_medium_is_service_and_nature() {
        for (medium, service, nature) in [
            (r#""load-balancer""#, RouteService::ElasticLoadBalancing, Nature::LOAD_BALANCER),
            (r#"{"dns":{"ttl":40}}"#, RouteService::Route53, Nature::records(40)),
            (r#""function""#, RouteService::Lambda, Nature::ALIAS),
        ] {
            let line = first(&format!(r#","medium":{medium}"#), "autoscaling group", "");
            let bound = bindings(&line).routes["web"].clone();
            assert_eq!((bound.service, bound.nature), (service, nature), "{medium}");
            assert!(bound.place.is_open());
        }
        let unknown = first(r#","medium":"pigeon""#, "autoscaling group", "");
        assert!(Envelope::from_line(&unknown, "f").is_err());
    }

    #[test]
    fn a_fleet_of_the_first_format_is_known_by_its_english_word_and_placed_by_who_acted() {
        let acting = r#","acting-as":{"account":"1","identity":"arn","region":"eu-west-1"}"#;
        let line = first(r#","medium":"function""#, "codedeploy group", acting);
        let bindings = bindings(&line);
        assert_eq!(bindings.fleets["app"].service, FleetKind::CodeDeploy);
        let place =
            Place { region: Some("eu-west-1".into()), account: Some("1".into()), role: None };
        assert_eq!(bindings.fleets["app"].place, place);
        assert_eq!(bindings.routes["web"].place, place);
    }
}

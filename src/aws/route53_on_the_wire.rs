//! What is sent to Route 53 and made of its answers, over a wire that stays in the process (`wire.rs`).

use std::sync::atomic::{AtomicUsize, Ordering};

use super::wire::{Sent, Wire, refusal};
use crate::{
    cloud::{Checkers, Dns, Error, SetWeights},
    plan::{Member, RecordSet, RecordType, units::Weight},
    rollout::Split,
};

const RECORDS: &str = "hostedzone/Z1/www.example.com/A";

fn split(blue: u16, green: u16) -> Split {
    let weight = |weight| Weight::new(weight).unwrap();
    Split([(Member::new("blue"), weight(blue)), (Member::new("green"), weight(green))].into())
}

fn record(identifier: &str, weight: u16, rest: &str) -> String {
    format!(
        "<ResourceRecordSet><Name>www.example.com.</Name><Type>A</Type>\
         <SetIdentifier>{identifier}</SetIdentifier><Weight>{weight}</Weight>{rest}\
         </ResourceRecordSet>"
    )
}

/// Blue is an alias, green has an address and a health check; another name follows in the listing.
fn listing() -> String {
    let alias = "<AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>lb.example.com.</DNSName>\
                 <EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>";
    let address = "<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value>\
                   </ResourceRecord></ResourceRecords><HealthCheckId>h-1</HealthCheckId>";
    let next = record("blue", 7, address).replace("www.", "zzz.");
    let records = [record("blue", 255, alias), record("green", 0, address), next].concat();
    format!(
        "<ListResourceRecordSetsResponse><ResourceRecordSets>{records}</ResourceRecordSets>\
         <IsTruncated>false</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>"
    )
}

fn change(operation: &str, status: &str) -> String {
    format!(
        "<{operation}Response><ChangeInfo><Id>/change/C1</Id><Status>{status}</Status>\
         <SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></{operation}Response>"
    )
}

/// What a request is for; the wire knows only the last part of its path.
fn operation(sent: &Sent) -> &str {
    match sent.operation.split('?').next().unwrap() {
        "rrset" if sent.body.is_empty() => "list",
        "rrset" => "change",
        other => other,
    }
}

/// A zone whose change is INSYNC when it was asked about for the third time.
fn zone() -> Wire {
    let asked = AtomicUsize::new(0);
    Wire::new(move |sent| {
        let body = match operation(sent) {
            "list" => listing(),
            "change" => change("ChangeResourceRecordSets", "PENDING"),
            "C1" if asked.fetch_add(1, Ordering::Relaxed) < 2 => change("GetChange", "PENDING"),
            "C1" => change("GetChange", "INSYNC"),
            other => panic!("{other}"),
        };
        (200, body.into_bytes())
    })
}

#[tokio::test(start_paused = true)]
async fn both_records_change_in_one_batch_that_is_followed_until_it_is_everywhere() {
    let wire = zone();
    let dns = &wire.services.route53;
    dns.set_weights(RECORDS, &split(255, 0), &split(19, 1)).await.unwrap();
    let sent = wire.sent();
    let operations: Vec<&str> = sent.iter().map(operation).collect();
    assert_eq!(operations, ["list", "change", "C1", "C1", "C1"]);
    assert!(sent[0].operation.contains("name=www.example.com&type=A"), "{}", sent[0].operation);
    let batch = String::from_utf8(sent[1].body.clone()).unwrap();
    assert_eq!(batch.matches("<Action>UPSERT</Action>").count(), 2);
    for kept in [
        "<SetIdentifier>blue</SetIdentifier><Weight>19</Weight><AliasTarget>\
         <HostedZoneId>Z2</HostedZoneId><DNSName>lb.example.com.</DNSName>\
         <EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>",
        "<SetIdentifier>green</SetIdentifier><Weight>1</Weight><TTL>60</TTL><ResourceRecords>\
         <ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>\
         <HealthCheckId>h-1</HealthCheckId>",
    ] {
        assert!(batch.contains(kept), "{kept} is not in {batch}");
    }
}

/// A zone with records of several names.
fn names() -> Wire {
    Wire::new(move |sent| {
        let name = ["api", "app", "web", "www"].into_iter().find(|name| {
            operation(sent) == "list" && sent.operation.contains(&format!("name={name}."))
        });
        let body = match (operation(sent), name) {
            ("list", Some(name)) => listing().replace("www.", &format!("{name}.")),
            ("change", _) if String::from_utf8_lossy(&sent.body).contains("app.") => {
                return refusal(400, "InvalidChangeBatch", "app is not as it should be");
            }
            ("change", _) => change("ChangeResourceRecordSets", "PENDING"),
            _ => change("GetChange", "INSYNC"),
        };
        (200, body.into_bytes())
    })
}

/// How many changes each batch holds, refused ones too.
fn batches(sent: &[Sent]) -> Vec<usize> {
    let changes = sent.iter().filter(|sent| operation(sent) == "change");
    changes
        .map(|sent| String::from_utf8_lossy(&sent.body).matches("<Action>UPSERT</Action>").count())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn changes_of_one_zone_at_once_go_in_one_batch() {
    let wire = names();
    let dns = &wire.services.route53;
    let (from, to) = (split(255, 0), split(19, 1));
    let (www, api, web) = tokio::join!(
        dns.set_weights(RECORDS, &from, &to),
        dns.set_weights("hostedzone/Z1/api.example.com/A", &from, &to),
        dns.set_weights("hostedzone/Z1/web.example.com/A", &from, &to),
    );
    assert_eq!((www, api, web), (Ok(()), Ok(()), Ok(())));
    // The first may go at once; what comes up until the next may go goes with it.
    assert_eq!(batches(&wire.sent()), [2, 4]);
}

#[tokio::test(start_paused = true)]
async fn one_bad_change_does_not_spoil_the_others_of_its_batch() {
    let wire = names();
    let dns = &wire.services.route53;
    let (from, to) = (split(255, 0), split(19, 1));
    let (www, api, app) = tokio::join!(
        dns.set_weights(RECORDS, &from, &to),
        dns.set_weights("hostedzone/Z1/api.example.com/A", &from, &to),
        dns.set_weights("hostedzone/Z1/app.example.com/A", &from, &to),
    );
    assert_eq!((www, api), (Ok(()), Ok(())));
    assert!(matches!(app, Err(Error::Rejected { .. })), "{app:?}");
    assert_eq!(batches(&wire.sent()), [2, 4, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_already_is_written_again_and_what_is_foreign_is_left() {
    let wire = zone();
    let dns = &wire.services.route53;
    dns.set_weights(RECORDS, &split(1, 1), &split(255, 0)).await.unwrap();
    assert!(wire.sent().iter().any(|sent| operation(sent) == "change"));
    let conflict = dns.set_weights(RECORDS, &split(1, 1), &split(1, 2)).await.unwrap_err();
    assert!(matches!(conflict, Error::Conflict { .. }), "{conflict}");
    assert!(wire.sent().iter().all(|sent| operation(sent) == "list"));
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_is_busy_is_asked_again_and_then_told_as_passing() {
    let wire = Wire::new(|sent| match operation(sent) {
        "list" => (200, listing().into_bytes()),
        _ => refusal(400, "PriorRequestNotComplete", "still working on the last one"),
    });
    let dns = &wire.services.route53;
    let error = dns.set_weights(RECORDS, &split(255, 0), &split(1, 1)).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert_eq!(wire.sent().iter().filter(|sent| operation(sent) == "change").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_found_by_its_domain_unless_several_have_it() {
    let zones = |ids: &'static [&'static str]| {
        Wire::new(move |sent| {
            if operation(sent) == "list" {
                return (200, listing().into_bytes());
            }
            let zone = |(name, id): (&str, &str)| {
                let is_private = id == "Z2";
                format!(
                    "<HostedZone><Id>/hostedzone/{id}</Id><Name>{name}.</Name>\
                     <CallerReference>r</CallerReference><Config><PrivateZone>{is_private}\
                     </PrivateZone></Config></HostedZone>"
                )
            };
            let named = ids.iter().map(|id| zone(("example.com", id))).collect::<String>();
            let others = zone(("example.net", "Z9"));
            let body = format!(
                "<ListHostedZonesByNameResponse><HostedZones>{named}{others}</HostedZones>\
                 <IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>\
                 </ListHostedZonesByNameResponse>"
            );
            (200, body.into_bytes())
        })
    };
    let zone = "example.com".to_owned();
    let at = RecordSet { zone, name: "www.example.com".into(), kind: RecordType::A };
    let found = zones(&["Z1"]).services.route53.find(&at).await.unwrap();
    assert_eq!((found.resource.as_str(), found.split), (RECORDS, split(255, 0)));
    let none = zones(&[]).services.route53.find(&at).await.unwrap_err();
    assert_eq!(none.to_string(), "hosted zone example.com does not exist");
    let several = zones(&["Z1", "Z2"]).services.route53.find(&at).await.unwrap_err();
    let told = "example.com names several hosted zones: Z1 (public), Z2 (private)";
    assert_eq!(several.to_string(), told);
    assert!(several.hint().contains("`zone: Z1`"), "{}", several.hint());
}

#[tokio::test(start_paused = true)]
async fn checkers_are_counted_by_what_they_say() {
    let wire = Wire::new(|_| {
        let seen = |status| {
            format!(
                "<HealthCheckObservation><Region>eu-west-1</Region><StatusReport>\
                 <Status>{status}</Status></StatusReport></HealthCheckObservation>"
            )
        };
        let all = [seen("Success: HTTP Status Code 200, OK"), seen("Failure: timed out")].concat();
        let body = format!(
            "<GetHealthCheckStatusResponse><HealthCheckObservations>{all}\
             </HealthCheckObservations></GetHealthCheckStatusResponse>"
        );
        (200, body.into_bytes())
    });
    let checkers = wire.services.route53.checkers("h-1").await.unwrap();
    assert_eq!(checkers, Checkers { healthy: 1, all: 2 });
}

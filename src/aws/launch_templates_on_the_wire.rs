//! What is asked of EC2 about launch templates and made of its answers, and what an Auto Scaling group tells of the
//! versions of its instances, over a wire that stays in the process (`wire.rs`).

use std::collections::BTreeMap;

use super::wire::{Wire, refusal, xml};
use crate::{
    cloud::{Error, Groups, ResizeGroups},
    plan::Member,
    rollout::{Capacity, Version},
};

fn template(tag: &str, id: &str, version: &str) -> String {
    format!("<{tag}><LaunchTemplateId>{id}</LaunchTemplateId><Version>{version}</Version></{tag}>")
}

fn group(own: &str, instances: &str) -> (u16, Vec<u8>) {
    let group = format!(
        "<AutoScalingGroups><member><AutoScalingGroupName>app</AutoScalingGroupName>\
         <MinSize>0</MinSize><MaxSize>4</MaxSize><DesiredCapacity>2</DesiredCapacity>{own}\
         <Instances>{instances}</Instances></member></AutoScalingGroups>"
    );
    xml("DescribeAutoScalingGroups", &group)
}

fn instance(state: &str, version: &str) -> String {
    format!("<member><LifecycleState>{state}</LifecycleState>{version}</member>")
}

fn versions(number: &str) -> (u16, Vec<u8>) {
    let answer = format!(
        "<DescribeLaunchTemplateVersionsResponse><launchTemplateVersionSet><item>\
         <launchTemplateId>lt-1</launchTemplateId><versionNumber>{number}</versionNumber>\
         </item></launchTemplateVersionSet></DescribeLaunchTemplateVersionsResponse>"
    );
    (200, answer.into_bytes())
}

fn app() -> Member {
    Member::new("app")
}

#[tokio::test]
async fn each_instance_says_what_it_runs_and_those_that_leave_are_not_counted() {
    let wire = Wire::new(|_| {
        let of = |version| template("LaunchTemplate", "lt-1", version);
        let instances = [
            instance("InService", &of("1")),
            instance("Pending", &of("2")),
            instance("InService", "<LaunchConfigurationName>old</LaunchConfigurationName>"),
            instance("InService", ""),
            instance("Terminating:Wait", &of("1")),
            instance("Warmed:Stopped", &of("1")),
        ];
        group(&of("2"), &instances.concat())
    });
    let group = wire.services.auto_scaling.group(&app()).await.unwrap();
    let running = [("lt-1:1", 1), ("lt-1:2", 1), ("not told", 1), ("old", 1)];
    let running = running.map(|(version, count)| (Version::new(version), count));
    assert_eq!(group.running, BTreeMap::from(running));
}

#[tokio::test]
async fn a_version_that_moves_is_looked_up_signed_for_ec2() {
    let wire = Wire::new(|sent| match sent.operation.as_str() {
        "DescribeAutoScalingGroups" => group(&template("LaunchTemplate", "lt-1", "$Latest"), ""),
        _ => versions("7"),
    });
    let launches = wire.services.auto_scaling.launches(&app()).await.unwrap();
    assert_eq!(launches, [Version::new("lt-1:7")]);
    let sent = wire.sent().pop().unwrap();
    assert_eq!(sent.operation, "DescribeLaunchTemplateVersions");
    assert_eq!(sent.fields["LaunchTemplateId"], "lt-1");
    assert_eq!(sent.fields["LaunchTemplateVersion.1"], "$Latest");
    assert_eq!(sent.fields["Version"], "2016-11-15");
    assert!(sent.uri.starts_with("https://ec2.eu-west-1.amazonaws.com/"), "{}", sent.uri);
    let signed = &sent.headers["authorization"];
    assert!(signed.contains("AKIDEXAMPLE/") && signed.contains("/eu-west-1/ec2/"), "{signed}");
    assert_eq!(wire.calls.by_operation()["DescribeLaunchTemplateVersions"], 1);
}

#[tokio::test]
async fn every_template_of_a_mixed_instances_policy_is_launched_and_so_is_a_configuration() {
    let wire = Wire::new(|_| {
        let spec = |id, version| template("LaunchTemplateSpecification", id, version);
        let policy = format!(
            "<MixedInstancesPolicy><LaunchTemplate>{}<Overrides><member>{}</member>\
             <member><InstanceType>m7g.large</InstanceType></member></Overrides></LaunchTemplate>\
             </MixedInstancesPolicy>",
            spec("lt-1", "3"),
            spec("lt-arm", "5"),
        );
        group(&policy, "")
    });
    let launches = wire.services.auto_scaling.launches(&app()).await.unwrap();
    assert_eq!(launches, ["lt-1:3", "lt-arm:5"].map(Version::new));

    let configuration = "<LaunchConfigurationName>app-17</LaunchConfigurationName>";
    let wire = Wire::new(move |_| group(configuration, ""));
    let launches = wire.services.auto_scaling.launches(&app()).await.unwrap();
    assert_eq!(launches, [Version::new("app-17")]);
    wire.sent();
    wire.services.auto_scaling.check_version(&launches[0]).await.unwrap();
    assert_eq!(wire.operations(), [""; 0], "EC2 knows nothing of launch configurations");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_there_is_told_in_awss_words_and_a_denial_as_one() {
    let check = async |answer: fn() -> (u16, Vec<u8>)| {
        let wire = Wire::new(move |_| answer());
        let asked = Version::new("lt-1:9");
        let error = wire.services.auto_scaling.check_version(&asked).await.unwrap_err();
        (error, wire.operations().len())
    };
    let (missing, _) = check(|| {
        let error = "<Response><Errors><Error><Code>InvalidLaunchTemplateId.VersionNotFound</Code>\
                     <Message>Could not find the specified version 9 for the launch template with ID \
                     lt-1.</Message></Error></Errors><RequestID>r</RequestID></Response>";
        (400, error.as_bytes().to_vec())
    })
    .await;
    assert!(
        missing.to_string().contains(
            "InvalidLaunchTemplateId.VersionNotFound: Could not find the specified version 9"
        ),
        "{missing}"
    );
    let (denied, _) = check(|| refusal(403, "UnauthorizedOperation", "no")).await;
    let action = "ec2:DescribeLaunchTemplateVersions".to_owned();
    assert!(matches!(&denied, Error::Denied { action: of, .. } if *of == action), "{denied}");
    let (throttled, attempts) = check(|| refusal(503, "RequestLimitExceeded", "slow")).await;
    assert!(matches!(throttled, Error::Throttled { .. }), "{throttled}");
    assert_eq!(attempts, 3);
    let (garbled, _) = check(|| (502, b"<html>".to_vec())).await;
    assert!(garbled.is_passing(), "{garbled}");
    let (none, _) = check(|| versions("")).await;
    assert!(!none.is_passing(), "{none}");
}

#[tokio::test(start_paused = true)]
async fn a_group_made_empty_is_left_only_when_other_versions_are_told_to_go() {
    let looks = std::sync::atomic::AtomicU32::new(0);
    let wire = Wire::new(move |sent| match sent.operation.as_str() {
        "DescribeAutoScalingGroups" => {
            let look = looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let state = if look < 2 { "InService" } else { "Terminating" };
            let old = instance(state, &template("LaunchTemplate", "lt-1", "1"));
            group(&template("LaunchTemplate", "lt-1", "2"), &old)
        }
        operation => xml(operation, ""),
    });
    let nothing = Capacity { min: 0, max: 4, desired: 0 };
    wire.services.auto_scaling.resize(&app(), nothing).await.unwrap();
    let looked = ["DescribeAutoScalingGroups"; 3];
    assert_eq!(wire.operations(), [&["UpdateAutoScalingGroup"], &looked[..]].concat());
    let some = Capacity { desired: 2, ..nothing };
    wire.services.auto_scaling.resize(&app(), some).await.unwrap();
    assert_eq!(wire.operations(), ["UpdateAutoScalingGroup"]);
}

#[tokio::test]
async fn the_zones_of_a_group_are_asked_whether_they_offer_what_it_launches() {
    let zones = "<AvailabilityZones><member>eu-west-1a</member><member>eu-west-1b</member></AvailabilityZones>";
    let wire = Wire::new(move |sent| match sent.operation.as_str() {
        "DescribeAutoScalingGroups" => group(zones, ""),
        "DescribeLaunchTemplateVersions" => {
            let answer = "<DescribeLaunchTemplateVersionsResponse><launchTemplateVersionSet><item>\
                 <versionNumber>7</versionNumber><launchTemplateData><instanceType>m7g.large</instanceType>\
                 </launchTemplateData></item></launchTemplateVersionSet></DescribeLaunchTemplateVersionsResponse>";
            (200, answer.as_bytes().to_vec())
        }
        operation => {
            let (zone, token) = match sent.fields.get("NextToken") {
                None => ("eu-west-1c", "<nextToken>more</nextToken>"),
                Some(_) => ("eu-west-1b", "<nextToken/>"),
            };
            let answer = format!(
                "<{operation}Response><instanceTypeOfferingSet><item><instanceType>m7g.large</instanceType>\
                 <locationType>availability-zone</locationType><location>{zone}</location></item>\
                 </instanceTypeOfferingSet>{token}</{operation}Response>"
            );
            (200, answer.into_bytes())
        }
    });
    let offers = wire.services.auto_scaling.offers(&app(), &Version::new("lt-1:7")).await.unwrap();
    let named = |zones: &[&str]| zones.iter().map(ToString::to_string).collect();
    assert_eq!(offers.zones, named(&["eu-west-1a", "eu-west-1b"]));
    // Whatever else AWS may answer, what was not asked for is no zone of the group.
    assert_eq!(offers.of["m7g.large"], named(&["eu-west-1b"]));
    let sent = wire.sent().pop().unwrap();
    assert_eq!(sent.operation, "DescribeInstanceTypeOfferings");
    let asked = ["Filter.1.Name", "Filter.1.Value.1", "Filter.2.Name", "Filter.2.Value.2"];
    let asked = asked.map(|field| sent.fields[field].as_str());
    assert_eq!(asked, ["instance-type", "m7g.large", "location", "eu-west-1b"]);
}

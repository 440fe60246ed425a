//! What is made of Auto Scaling's answers about instance refreshes, over a wire that stays in the process (`wire.rs`).

use std::sync::atomic::{AtomicBool, Ordering};

use super::wire::{Wire, xml};
use crate::{
    cloud::Installations,
    plan::Member,
    rollout::{Flow, Software, Version},
};

fn template(version: u8) -> String {
    format!(
        "<LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId><Version>{version}</Version></LaunchTemplate>"
    )
}

#[tokio::test]
async fn a_refresh_that_ends_between_two_questions_has_succeeded() {
    let ended = AtomicBool::new(false);
    let wire = Wire::new(move |sent| {
        let has_ended = ended.swap(true, Ordering::Relaxed);
        let (version, status) = if has_ended { (2, "Successful") } else { (1, "InProgress") };
        let (of_group, of_refresh) = (template(version), template(2));
        let result = match sent.operation.as_str() {
            "DescribeAutoScalingGroups" => format!(
                "<AutoScalingGroups><member><AutoScalingGroupName>app</AutoScalingGroupName>{of_group}\
                 </member></AutoScalingGroups>"
            ),
            _ => format!(
                "<InstanceRefreshes><member><InstanceRefreshId>r-1</InstanceRefreshId>\
                 <Status>{status}</Status><DesiredConfiguration>{of_refresh}</DesiredConfiguration>\
                 </member></InstanceRefreshes>"
            ),
        };
        xml(&sent.operation, &result)
    });
    let app = wire.services.auto_scaling.installation(&Member::new("app")).await.unwrap();
    let version = Version::new("lt-1:2");
    assert_eq!(app.software, Software { version, operation: None, flow: Flow::Open });
}

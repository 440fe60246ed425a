//! The port onto whoever takes simulated events and requests. What a bus leads to stands for a group of targets, like any
//! other side; a function behind an API is there, and that is all. Every one lets its caller in.

use async_trait::async_trait;
use serde_json::json;

use super::{hindrance::Hindrance, home::BEHIND_STAGES, world::World};
use crate::{
    cloud::{Error, Operation, Taker, Takers},
    plan::{Member, Side},
};

#[async_trait]
impl Takers for World {
    async fn taker(&self, _from: &str, arn: &Member) -> Result<Taker, Error> {
        let policy =
            json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*" }] });
        let service = arn.as_str().split(':').nth(2);
        let asked = match service {
            Some("lambda") => Operation::GetFunctionConfiguration,
            Some("sqs") => Operation::GetQueueAttributes,
            Some(_) | None => return Ok(Taker::Unasked),
        };
        self.request(asked, |landscape, _| {
            let policy = (!landscape.is_hindered(Hindrance::NotLetIn)).then(|| policy.to_string());
            if arn.as_str().contains(BEHIND_STAGES) {
                let version = landscape.function(Side::Candidate, true);
                return Ok(Taker::Function { version, policy });
            }
            let group = landscape.target_groups.get(arn);
            let group = group.ok_or_else(|| Error::Absent { what: arn.to_string() })?;
            if asked == Operation::GetQueueAttributes {
                return Ok(Taker::Queue { policy });
            }
            let version = landscape.function(group.side, group.healthy() > 0);
            Ok(Taker::Function { version, policy })
        })
    }
}

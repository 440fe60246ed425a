//! Whoever is called by a service of AWS: whether a function or a queue is there, and its resource policy, which says who may
//! call it.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html>

use std::sync::Arc;

use async_trait::async_trait;

use super::{aliases::parts, error::classed, lambda::Lambda, news::SimpleQueues};
use crate::{
    cloud::{Aliases, Error, Operation, Taker, Takers, UNPUBLISHED},
    plan::{Member, Queue},
};

/// Those who know about functions and queues.
#[derive(Debug)]
pub(super) struct LambdaAndQueues {
    pub(super) lambda: Arc<Lambda>,
    pub(super) queues: Arc<SimpleQueues>,
}

impl LambdaAndQueues {
    async fn function(&self, arn: &str) -> Result<Taker, Error> {
        // `arn:partition:lambda:region:account:function:name`, and its version or alias where it names one.
        let qualifier = arn.split(':').nth(7);
        let place = match qualifier {
            Some(_) => arn.to_owned(),
            None => format!("{arn}:{UNPUBLISHED}"),
        };
        let version = Member::new(qualifier.unwrap_or(UNPUBLISHED));
        let version = self.lambda.version(&place, &version).await?;
        let (function, _) = parts(&place)?;
        self.lambda.pace.turn().await;
        let call = self.lambda.client.get_policy().function_name(function);
        let answer = call.set_qualifier(qualifier.map(str::to_owned)).send().await;
        let what = format!("the resource policy of function {arn}");
        let policy = match answer.map_err(classed(Operation::GetFunctionPolicy, &what)) {
            Ok(answer) => answer.policy.filter(|policy| !policy.is_empty()),
            Err(Error::Absent { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Taker::Function { version, policy })
    }
}

/// Service, region and account of an ARN.
fn whereabouts(arn: &str) -> Option<(&str, (&str, &str))> {
    let mut parts = arn.split(':').skip(2);
    Some((parts.next()?, (parts.next()?, parts.next()?)))
}

#[async_trait]
impl Takers for LambdaAndQueues {
    async fn taker(&self, from: &str, arn: &Member) -> Result<Taker, Error> {
        let (arn, home) = (arn.as_str(), whereabouts(from).map(|(_, home)| home));
        match whereabouts(arn) {
            Some((_, there)) if Some(there) != home => Ok(Taker::Unasked),
            Some(("lambda", _)) => self.function(arn).await,
            Some(("sqs", _)) => {
                let name = arn.rsplit(':').next().unwrap_or(arn);
                let policy = self.queues.policy(&Queue::new(name)).await?;
                Ok(Taker::Queue { policy })
            }
            Some(_) | None => Ok(Taker::Unasked),
        }
    }
}

//! The ports onto simulated functions whose new version is not published yet. Its targets are there from the beginning, as
//! everything that a plan moves is; until it is published nobody is told of them.

use async_trait::async_trait;

use super::{release::UPLOADED, world::World};
use crate::{
    cloud::{Error, Operation, Publishing, Releases},
    plan::{CodeDigest, Member},
    rollout::Made,
};

#[async_trait]
impl Releases for World {
    async fn made(&self, alias: &str, description: &str) -> Result<Option<Member>, Error> {
        self.request(Operation::ListVersionsByFunction, |landscape, _| {
            let release = landscape.releases.get(alias);
            Ok(release.filter(|it| it.is_published_as(description)).map(|it| it.number.clone()))
        })
    }
}

#[async_trait]
impl Publishing for World {
    async fn publish(
        &self,
        alias: &str,
        code: &CodeDigest,
        description: &str,
    ) -> Result<Made, Error> {
        self.request(Operation::PublishVersion, |landscape, _| {
            if code.as_str() != UPLOADED {
                return Err(Error::Conflict {
                    operation: Operation::PublishVersion,
                    message: format!("the code that is uploaded is not {code}"),
                });
            }
            let release = landscape.releases.get_mut(alias);
            let release =
                release.ok_or_else(|| Error::Absent { what: format!("function of {alias}") })?;
            let making = release.publish(description);
            Ok(Made { member: release.number.clone(), making })
        })
    }
}

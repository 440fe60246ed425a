//! Counts what really goes over the wire: every attempt of every operation, retries included.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextRef},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

use crate::cloud::Calls;

/// Counts attempts into [`Calls`].
#[derive(Clone, Debug)]
pub(super) struct Tally(pub(super) Calls);

impl Intercept for Tally {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.count(config.load::<Metadata>().map_or("other", Metadata::name));
        Ok(())
    }
}

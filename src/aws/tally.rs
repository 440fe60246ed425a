//! What really goes over the wire: every attempt of every operation is counted, retries included, and no more of an
//! answer is read than an answer of AWS's could need.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
            },
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::cloud::Calls;

/// The largest answer that is read, in bytes. A page of metrics may have some 10 MB; all other answers are far smaller.
pub(super) const LARGEST: usize = 16 * 1024 * 1024;

/// Counts attempts into [`Calls`], and bounds answers.
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

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        let bounded = Limited::new(whole, LARGEST).map_err(in_words);
        *body = SdkBody::from_body_1_x(bounded);
        Ok(())
    }
}

fn in_words(error: BoxError) -> BoxError {
    if error.is::<LengthLimitError>() {
        format!("the answer is larger than {} MiB", LARGEST / 1024 / 1024).into()
    } else {
        error
    }
}

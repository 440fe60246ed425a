//! What an answer says beside its result: what time it was over there (alarms change by AWS's clock, runs are driven by
//! this machine's), and whether fields were in it that the SDK would fill in. <https://www.rfc-editor.org/rfc/rfc9110#name-date>

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                AfterDeserializationInterceptorContextRef,
                BeforeDeserializationInterceptorContextRef,
            },
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{DateTime, config_bag::ConfigBag, date_time::Format};

use crate::{cloud::Told, rollout::Timestamp};

/// Listens to the answer of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Option<Told>>>);

impl Heard {
    /// What was heard last; nothing where an endpoint sends no date.
    pub(super) fn told(&self) -> Option<Told> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Heard {
    fn name(&self) -> &'static str {
        "heard"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let there = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let here = components.time_source().map(|source| source.now());
        let told = there.and_then(moment).zip(here.and_then(on_this_machine));
        let told = told.map(|(there, here)| Told { there, here });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = told;
        Ok(())
    }
}

fn on_this_machine(at: SystemTime) -> Option<Timestamp> {
    moment(DateTime::from(at))
}

fn moment(at: DateTime) -> Option<Timestamp> {
    at.to_millis().ok().map(Timestamp::from_millis)
}

/// Fields that the SDK fills in where an answer leaves them out, because AWS never does: a number becomes 0.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    wanted: &'static [&'static str],
    lacking: Arc<Mutex<Option<&'static str>>>,
}

impl Fields {
    pub(super) fn new(wanted: &'static [&'static str]) -> Self {
        Self { wanted, lacking: Arc::default() }
    }

    /// The first of them that the last answer of the query protocol did not have.
    pub(super) fn lacking(&self) -> Option<&'static str> {
        *self.lacking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Fields {
    fn name(&self) -> &'static str {
        "fields"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        let text = String::from_utf8_lossy(body);
        let lacks = |field: &&&str| !text.contains(&format!("<{field}>"));
        let lacking = self.wanted.iter().find(lacks).copied();
        *self.lacking.lock().unwrap_or_else(PoisonError::into_inner) = lacking;
        Ok(())
    }
}

//! Aliases of Lambda functions: reading how requests are split between two published versions, and setting it. `RevisionId`
//! is a compare-and-set, so what somebody else changes between our reading and our writing is never overwritten.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html>

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use aws_sdk_lambda::{
    operation::{
        get_alias::GetAliasOutput, get_function_configuration::GetFunctionConfigurationOutput,
        update_alias::UpdateAliasError,
    },
    types::{
        AliasRoutingConfiguration, DeadLetterConfig, LastUpdateStatus, SnapStartApplyOn, State,
    },
};

use super::{error::classed, lambda::Lambda};
use crate::{
    cloud::{
        AliasStanding, Aliases, Error, FunctionVersion, Operation, SetWeights, VersionState,
        Weights,
    },
    plan::{
        Alias, CodeDigest, Member,
        units::{Scale, Weight},
    },
    rollout::Split,
};

/// How far from a whole hundredth a fraction may be by the way that it is written.
const ROUNDING: f64 = 1e-6;

/// An alias as AWS has it.
struct Live {
    /// The version that gets what no other does.
    version: String,
    split: Split,
    revision: Option<String>,
    arn: Option<String>,
}

impl Lambda {
    /// A function, or a version or alias of it.
    pub(super) async fn configuration(
        &self,
        (function, qualifier): (&str, Option<&str>),
        what: &str,
    ) -> Result<GetFunctionConfigurationOutput, Error> {
        self.pace.turn().await;
        let call = self.client.get_function_configuration().function_name(function);
        let answer = call.set_qualifier(qualifier.map(str::to_owned)).send().await;
        answer.map_err(classed(Operation::GetFunctionConfiguration, what))
    }

    async fn alias(&self, function: &str, name: &str, what: &str) -> Result<Live, Error> {
        self.pace.turn().await;
        let call = self.client.get_alias().function_name(function).name(name).send();
        let alias = call.await.map_err(classed(Operation::GetAlias, what))?;
        live(alias, what)
    }
}

/// Whatever is missing in an answer must not look like a version that gets nothing.
fn live(alias: GetAliasOutput, what: &str) -> Result<Live, Error> {
    let refused = |why: String| Error::Rejected {
        operation: Operation::GetAlias,
        message: format!("{what} {why}"),
    };
    let version = alias.function_version.filter(|version| !version.is_empty());
    let version = version.ok_or_else(|| refused("points to no version".to_owned()))?;
    let others = alias.routing_config.and_then(|routing| routing.additional_version_weights);
    let mut weights = BTreeMap::new();
    let mut left = Scale::Hundredths.largest().get();
    for (other, fraction) in others.unwrap_or_default() {
        let weight = hundredths(fraction).and_then(|weight| {
            left = left.checked_sub(weight.get())?;
            Some(weight)
        });
        let weight = weight.ok_or_else(|| {
            refused(format!(
                "gives version {other} {fraction} of its requests, which is no number of hundredths"
            ))
        })?;
        weights.insert(Member::new(other), weight);
    }
    weights.insert(Member::new(version.as_str()), Weight::new(left).unwrap_or(Weight::ZERO));
    weights.retain(|_, weight| *weight != Weight::ZERO);
    Ok(Live { version, split: Split(weights), revision: alias.revision_id, arn: alias.alias_arn })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 100 by the lines before"
)]
fn hundredths(fraction: f64) -> Option<Weight> {
    let (exact, whole) = (fraction * 100.0, (fraction * 100.0).round());
    let fits = (0.0..=100.0).contains(&whole) && (exact - whole).abs() < ROUNDING;
    fits.then(|| Weight::new(whole as u16)).flatten()
}

/// The version that the alias points to, which stays where it is as long as it gets anything, and the other's fraction.
fn routing(live: &str, to: &Split) -> Option<(String, AliasRoutingConfiguration)> {
    let gets = |version: &Member| to.weight(version) != Weight::ZERO;
    let stays = Some(Member::new(live)).filter(gets);
    let heaviest = || to.0.iter().max_by_key(|(_, weight)| **weight).map(|(version, _)| version);
    let first = stays.or_else(|| heaviest().cloned())?;
    let others = to.0.iter().filter(|(version, _)| **version != first && gets(version));
    let others: HashMap<String, f64> = others
        .map(|(version, weight)| (version.to_string(), f64::from(weight.get()) / 100.0))
        .collect();
    let routing = AliasRoutingConfiguration::builder();
    // An empty map takes away what was there; none would leave it.
    Some((first.to_string(), routing.set_additional_version_weights(Some(others)).build()))
}

/// The function and the alias of an alias's ARN, as calls take them.
pub(super) fn parts(arn: &str) -> Result<(&str, &str), Error> {
    arn.rsplit_once(':').ok_or_else(|| Error::Absent { what: format!("alias {arn}") })
}

#[async_trait]
impl Aliases for Lambda {
    async fn find(&self, at: &Alias) -> Result<AliasStanding, Error> {
        let what = format!("alias {at}");
        let live = self.alias(&at.function, &at.name, &what).await?;
        let unnamed = || Error::Absent { what: format!("the ARN of {what}") };
        Ok(AliasStanding { resource: live.arn.ok_or_else(unnamed)?, split: live.split })
    }

    async fn version(&self, alias: &str, version: &Member) -> Result<FunctionVersion, Error> {
        let (function, _) = parts(alias)?;
        let name = function.rsplit(':').next().unwrap_or(function);
        let what = format!("version {version} of function {name}");
        Ok(self::version(self.configuration((function, Some(version.as_str())), &what).await?))
    }

    async fn all(&self, alias: &str) -> Result<BTreeMap<String, BTreeSet<Member>>, Error> {
        let (function, _) = parts(alias)?;
        self.aliases_of(function).await
    }
}

/// How a function stands, as far as anybody wants to know.
pub(super) fn version(answer: GetFunctionConfigurationOutput) -> FunctionVersion {
    let update = answer.last_update_status;
    let state = match answer.state {
        Some(State::Active) if update == Some(LastUpdateStatus::InProgress) => {
            VersionState::Pending
        }
        Some(State::Active) if update == Some(LastUpdateStatus::Failed) => VersionState::Failed,
        Some(State::Active) => VersionState::Active,
        Some(State::Inactive) => VersionState::Inactive,
        Some(State::Failed) => VersionState::Failed,
        // A state that is not known yet, or not told, is at least not active.
        Some(_) | None => VersionState::Pending,
    };
    let reason = match state {
        VersionState::Active => String::new(),
        VersionState::Pending | VersionState::Inactive | VersionState::Failed => {
            let update = answer.last_update_status_reason;
            answer.state_reason.or(update).unwrap_or_else(|| "AWS gives no reason".to_owned())
        }
    };
    let dead_letters = answer
        .dead_letter_config
        .and_then(|config: DeadLetterConfig| config.target_arn.filter(|arn| !arn.is_empty()));
    let snapshots = answer
        .snap_start
        .is_some_and(|snap| snap.apply_on == Some(SnapStartApplyOn::PublishedVersions));
    let code = answer.code_sha256.filter(|code| !code.is_empty()).map(CodeDigest::new);
    FunctionVersion { state, reason, role: answer.role, dead_letters, code, snapshots }
}

#[async_trait]
impl Weights for Lambda {
    async fn split(&self, place: &str) -> Result<Split, Error> {
        let (function, name) = parts(place)?;
        Ok(self.alias(function, name, &format!("alias {place}")).await?.split)
    }
}

#[async_trait]
impl SetWeights for Lambda {
    async fn set_weights(&self, place: &str, expected: &Split, to: &Split) -> Result<(), Error> {
        let (function, name) = parts(place)?;
        let what = format!("alias {place}");
        let live = self.alias(function, name, &what).await?;
        if live.split == *to {
            return Ok(());
        }
        let conflict =
            |message: String| Error::Conflict { operation: Operation::UpdateAlias, message };
        if live.split != *expected {
            return Err(conflict(format!("expected {expected}, found {}", live.split)));
        }
        let nobody = || Error::Rejected {
            operation: Operation::UpdateAlias,
            message: format!("{what} cannot lead to {to}"),
        };
        let (version, routing) = routing(&live.version, to).ok_or_else(nobody)?;
        self.pace.turn().await;
        let call = self.client.update_alias().function_name(function).name(name);
        let call = call.function_version(version).routing_config(routing);
        let sent = call.set_revision_id(live.revision).send().await;
        let changed = |error: &UpdateAliasError| error.is_precondition_failed_exception();
        match sent {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(changed) => {
                Err(conflict(format!("{what} was changed by somebody else in the meantime")))
            }
            Err(error) => Err(classed(Operation::UpdateAlias, &what)(error)),
        }
    }
}

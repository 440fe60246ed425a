//! Stages of REST APIs: reading which deployment and variables a stage and its canary serve, and setting both. `UpdateStage`
//! applies the operations of one call in their order and together, so a promotion is one call, and no stage is ever between
//! two deployments. There is no compare-and-set: what somebody else changes in the moment between our reading and our
//! writing is seen by the reading that follows.
//! <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateStage.html>

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_apigateway::{
    Client,
    operation::{
        get_deployment::GetDeploymentError,
        get_stage::{GetStageError, GetStageOutput},
        update_stage::UpdateStageError,
    },
    types::{Op, PatchOperation, Resource},
};

use super::{error::classed, pace::Pace};
use crate::{
    cloud::{
        Error, Integration, NewDeployments, Operation, SetWeights, StageStanding, Stages, Weights,
    },
    plan::{
        Cached, Deployed, Member, Stage, StageCache,
        units::{Scale, Weight},
    },
    rollout::{Split, StagePlace},
};

/// How far from a whole hundredth a share may be by the way that it is written.
const ROUNDING: f64 = 1e-6;

/// Amazon API Gateway.
#[derive(Debug)]
pub(super) struct ApiGateway {
    pub(super) client: Client,
    pub(super) pace: Pace,
    region: String,
}

/// A stage as AWS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Live {
    serves: Deployed,
    canary: Option<(Deployed, Weight)>,
}

impl Live {
    fn split(&self) -> Split {
        let share = self.canary.as_ref().map_or(Weight::ZERO, |(_, share)| *share);
        let left = Scale::Hundredths.largest().get().saturating_sub(share.get());
        let left = Weight::new(left).unwrap_or(Weight::ZERO);
        let canary = self.canary.iter().map(|(canary, share)| (canary.member(), *share));
        Split(canary.chain([(self.serves.member(), left)]).collect())
    }
}

impl ApiGateway {
    pub(super) fn new(client: Client, region: String) -> Self {
        Self { client, pace: Pace::api_gateway(), region }
    }

    async fn live(&self, place: &StagePlace<'_>) -> Result<Live, Error> {
        let what = format!("stage {} of REST API {}", place.name, place.api);
        self.pace.turn().await;
        let call = self.client.get_stage().rest_api_id(place.api).stage_name(place.name).send();
        let stage = call.await.map_err(|error| {
            let missing = error.as_service_error().and_then(|error| match error {
                GetStageError::NotFoundException(error) => Some(error.to_string()),
                _ => None,
            });
            match missing {
                // API Gateway says which of the two identifiers is invalid: of the API, or of the stage.
                Some(words) if words.to_ascii_lowercase().contains("stage") => {
                    Error::Absent { what: what.clone() }
                }
                Some(_) => Error::Absent { what: format!("REST API {}", place.api) },
                None => classed(Operation::GetStage, &what)(error),
            }
        })?;
        live(stage, place.cache, &what)
    }
}

/// Whatever is missing in an answer must not look like a stage without a canary.
fn live(stage: GetStageOutput, cache: StageCache, what: &str) -> Result<Live, Error> {
    let refused = |why: String| Error::Rejected {
        operation: Operation::GetStage,
        message: format!("{what} {why}"),
    };
    let id = |id: Option<String>| id.filter(|id| !id.is_empty());
    let deployment = id(stage.deployment_id);
    let deployment = deployment.ok_or_else(|| refused("serves no deployment".to_owned()))?;
    let serves = Deployed::new(&deployment, sorted(stage.variables));
    let Some(settings) = stage.canary_settings else { return Ok(Live { serves, canary: None }) };
    let percent = settings.percent_traffic;
    let share = hundredths(percent).ok_or_else(|| {
        refused(format!(
            "gives its canary {percent}% of its requests, which is no number of hundredths"
        ))
    })?;
    // A canary that names none is of the stage's own, by other variables.
    let of = id(settings.deployment_id).unwrap_or(deployment);
    let is_shared = settings.use_stage_cache;
    let cached = if is_shared == (cache == StageCache::Shared) {
        Cached::AsPlanned
    } else {
        Cached::Otherwise
    };
    let canary = Deployed::new(&of, sorted(settings.stage_variable_overrides));
    Ok(Live { serves, canary: Some((Deployed { cached, ..canary }, share)) })
}

fn sorted(variables: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    variables.into_iter().flatten().collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 100 by the lines before"
)]
fn hundredths(percent: f64) -> Option<Weight> {
    let fits = (0.0..=100.0).contains(&percent) && (percent - percent.round()).abs() < ROUNDING;
    fits.then(|| Weight::new(percent.round() as u16)).flatten()
}

/// One operation of a patch: a value to set, or none to remove what is there.
type Patch = (String, Option<String>);

/// What leads from a stage to a split, in AWS's order; `None` where no stage can look like it. Whatever the stage serves
/// stays its own as long as it gets anything, so that a shift only ever changes the canary.
fn patch(live: &Live, to: &Split, cache: StageCache) -> Option<Vec<Patch>> {
    let gets = |side: &Deployed| to.weight(&side.member()) != Weight::ZERO;
    let heaviest =
        || to.0.iter().max_by_key(|(_, weight)| **weight).map(|(it, _)| Deployed::of(it));
    let serves = Some(live.serves.clone()).filter(gets).or_else(heaviest)?;
    let mut others = to.0.iter().filter(|(member, _)| **member != serves.member());
    let (canary, None) = (others.next(), others.next()) else { return None };
    let canary = canary.map(|(member, share)| (Deployed::of(member), *share));
    if canary.as_ref().is_some_and(|(canary, _)| canary.without(&serves).next().is_some()) {
        // A canary that lacks a variable of its stage may be given the stage's.
        return None;
    }
    let there = live.canary.as_ref().map(|(there, _)| there);
    let stays = serves == live.serves && there == canary.as_ref().map(|(canary, _)| canary);
    let mut patch: Vec<Patch> = Vec::new();
    if !stays && there.is_some() {
        // First, because a stage takes no other deployment while it has a canary.
        patch.push(("/canarySettings".to_owned(), None));
    }
    let mut set = |path: &str, value: &str| patch.push((path.to_owned(), Some(value.to_owned())));
    if serves.deployment != live.serves.deployment {
        set("/deploymentId", &serves.deployment);
    }
    for (name, value) in serves.beside(&live.serves) {
        set(&format!("/variables/{name}"), &value);
    }
    if let Some((canary, share)) = canary {
        if !stays {
            set("/canarySettings/deploymentId", &canary.deployment);
        }
        set("/canarySettings/percentTraffic", &format!("{share}.0"));
        if !stays {
            // All of them, so that it does not matter which it would have from its stage.
            for (name, value) in &canary.variables {
                set(&format!("/canarySettings/stageVariableOverrides/{name}"), value);
            }
            let is_shared = (cache == StageCache::Shared) == (canary.cached == Cached::AsPlanned);
            set("/canarySettings/useStageCache", &is_shared.to_string());
        }
    }
    let gone = serves.without(&live.serves).map(|name| (format!("/variables/{name}"), None));
    patch.extend(gone);
    Some(patch)
}

fn operation((path, value): Patch) -> PatchOperation {
    let op = if value.is_some() { Op::Replace } else { Op::Remove };
    PatchOperation::builder().op(op).path(path).set_value(value).build()
}

/// The most resources or deployments of an API that are told at once.
const MOST_AT_ONCE: i32 = 500;

/// Those methods of a resource whose function depends on stage variables.
fn integrations_of(resource: Resource) -> impl Iterator<Item = Integration> {
    let path = resource.path.unwrap_or_default();
    let methods = resource.resource_methods.into_iter().flatten();
    methods.filter_map(move |(method, told)| {
        let integration = told.method_integration?;
        let function = called(&integration.uri?)?;
        let role = integration.credentials.filter(|role| !role.is_empty());
        Some(Integration { method, path: path.clone(), function, role })
    })
}

/// The function in `arn:aws:apigateway:region:lambda:path/2015-03-31/functions/FUNCTION/invocations`, where variables have
/// a part in it.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_Integration.html>
fn called(uri: &str) -> Option<String> {
    let (service, path) = uri.split_once(":path/")?;
    let (_, function) = path.split_once("/functions/")?;
    let is_lambda = service.starts_with("arn:") && service.ends_with(":lambda");
    let function = function.strip_suffix("/invocations").unwrap_or(function);
    (is_lambda && function.contains("${stageVariables.")).then(|| function.to_owned())
}

/// Where the stage is that a place names.
fn at(place: &str) -> Result<StagePlace<'_>, Error> {
    StagePlace::of(place).ok_or_else(|| Error::Absent { what: format!("stage {place}") })
}

/// The partition that a region is in.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        Some("us") if region.starts_with("us-isob-") => "aws-iso-b",
        Some("us") if region.starts_with("us-iso-") => "aws-iso",
        _ => "aws",
    }
}

#[async_trait]
impl Stages for ApiGateway {
    async fn find(&self, at: &Stage) -> Result<StageStanding, Error> {
        let resource = StagePlace::written(partition(&self.region), &self.region, at);
        let place = StagePlace { arn: &resource, api: &at.api, name: &at.name, cache: at.cache };
        let live = self.live(&place).await?;
        let split = live.split();
        let Live { serves, canary } = live;
        Ok(StageStanding { resource, serves, canary: canary.map(|(canary, _)| canary), split })
    }

    async fn deployment(&self, place: &str, side: &Member) -> Result<(), Error> {
        let (place, Deployed { deployment, .. }) = (at(place)?, Deployed::of(side));
        let what = format!("deployment {deployment} of REST API {}", place.api);
        self.pace.turn().await;
        let call = self.client.get_deployment().rest_api_id(place.api).deployment_id(deployment);
        let answer = call.send().await;
        answer.map(|_| ()).map_err(|error| {
            let is_missing =
                error.as_service_error().is_some_and(GetDeploymentError::is_not_found_exception);
            if is_missing {
                Error::Absent { what }
            } else {
                classed(Operation::GetApiDeployment, &what)(error)
            }
        })
    }

    async fn integrations(&self, place: &str) -> Result<Vec<Integration>, Error> {
        let place = at(place)?;
        let (mut found, mut position) = (Vec::new(), None);
        loop {
            self.pace.turn().await;
            let call = self.client.get_resources().rest_api_id(place.api).embed("methods");
            let page = call.limit(MOST_AT_ONCE).set_position(position).send().await;
            let what = format!("the resources of REST API {}", place.api);
            let page = page.map_err(classed(Operation::GetApiResources, &what))?;
            found.extend(page.items.unwrap_or_default().into_iter().flat_map(integrations_of));
            position = page.position.filter(|position| !position.is_empty());
            if position.is_none() {
                found.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
                return Ok(found);
            }
        }
    }

    async fn made(&self, place: &str, description: &str) -> Result<Option<Member>, Error> {
        let place = at(place)?;
        let mut position = None;
        loop {
            self.pace.turn().await;
            let call = self.client.get_deployments().rest_api_id(place.api).limit(MOST_AT_ONCE);
            let page = call.set_position(position).send().await;
            let what = format!("the deployments of REST API {}", place.api);
            let page = page.map_err(classed(Operation::GetApiDeployments, &what))?;
            let mut all = page.items.unwrap_or_default().into_iter();
            let ours = all.find(|it| it.description.as_deref() == Some(description));
            if let Some(id) = ours.and_then(|it| it.id).filter(|id| !id.is_empty()) {
                return Ok(Some(Member::new(id)));
            }
            position = page.position.filter(|position| !position.is_empty());
            if position.is_none() {
                return Ok(None);
            }
        }
    }
}

#[async_trait]
impl NewDeployments for ApiGateway {
    /// AWS makes as many deployments as it is asked for, so it is asked for this one before.
    async fn deploy(&self, place: &str, description: &str) -> Result<Member, Error> {
        if let Some(made) = self.made(place, description).await? {
            return Ok(made);
        }
        let StagePlace { api, .. } = at(place)?;
        self.pace.turn().await;
        let call = self.client.create_deployment().rest_api_id(api).description(description);
        let what = format!("a deployment of REST API {api}");
        let made = call.send().await.map_err(classed(Operation::CreateApiDeployment, &what))?;
        let unnamed = || Error::Absent { what: format!("the id of {what}") };
        made.id.filter(|id| !id.is_empty()).map(Member::new).ok_or_else(unnamed)
    }
}

#[async_trait]
impl Weights for ApiGateway {
    async fn split(&self, place: &str) -> Result<Split, Error> {
        Ok(self.live(&at(place)?).await?.split())
    }
}

#[async_trait]
impl SetWeights for ApiGateway {
    async fn set_weights(&self, place: &str, expected: &Split, to: &Split) -> Result<(), Error> {
        let place = at(place)?;
        let what = format!("stage {}", place.arn);
        let live = self.live(&place).await?;
        let split = live.split();
        if split == *to {
            return Ok(());
        }
        if split != *expected {
            let message = format!("expected {expected}, found {split}");
            return Err(Error::Conflict { operation: Operation::UpdateStage, message });
        }
        let cannot = || Error::Rejected {
            operation: Operation::UpdateStage,
            message: format!("{what} cannot serve {to}"),
        };
        let patch = patch(&live, to, place.cache).ok_or_else(cannot)?;
        self.pace.turn().await;
        let call = self.client.update_stage().rest_api_id(place.api).stage_name(place.name);
        let operations = patch.into_iter().map(operation).collect();
        let sent = call.set_patch_operations(Some(operations)).send().await;
        sent.map(|_| ()).map_err(|error| match error.as_service_error() {
            // Somebody else's change was not yet taken in.
            Some(UpdateStageError::ConflictException(words)) => {
                Error::Conflict { operation: Operation::UpdateStage, message: words.to_string() }
            }
            Some(UpdateStageError::NotFoundException(_)) => Error::Absent { what },
            _ => classed(Operation::UpdateStage, &what)(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(id: &str, variables: &[(&str, &str)]) -> Deployed {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Deployed::new(id, variables.collect())
    }

    fn split(sides: &[(&Deployed, u16)]) -> Split {
        let weight = |weight| Weight::new(weight).unwrap();
        Split(sides.iter().map(|(side, share)| (side.member(), weight(*share))).collect())
    }

    fn patched(live: &Live, to: &Split) -> Vec<String> {
        let patch = patch(live, to, StageCache::Apart).unwrap();
        let told = |(path, value): Patch| {
            value.map_or_else(|| format!("- {path}"), |v| format!("{path} {v}"))
        };
        patch.into_iter().map(told).collect()
    }

    #[test]
    fn a_stage_is_given_a_canary_promoted_and_taken_back_each_in_one_patch() {
        let old = side("d1", &[("alias", "live"), ("table", "shop")]);
        let new = old.overridden(
            "d2",
            &[("alias".into(), "next".into()), ("debug".into(), "1".into())].into(),
        );
        let bare = Live { serves: old.clone(), canary: None };
        let canary = |share| Live {
            serves: old.clone(),
            canary: Some((new.clone(), Weight::new(share).unwrap())),
        };
        let promoted = Live { serves: new.clone(), canary: None };
        let ten = split(&[(&old, 90), (&new, 10)]);
        assert_eq!(canary(10).split(), ten);
        let made = [
            "/canarySettings/deploymentId d2",
            "/canarySettings/percentTraffic 10.0",
            "/canarySettings/stageVariableOverrides/alias next",
            "/canarySettings/stageVariableOverrides/debug 1",
            "/canarySettings/stageVariableOverrides/table shop",
            "/canarySettings/useStageCache false",
        ];
        assert_eq!(patched(&bare, &ten), made);
        assert_eq!(patched(&canary(5), &ten), ["/canarySettings/percentTraffic 10.0"]);
        let all = [
            "- /canarySettings",
            "/deploymentId d2",
            "/variables/alias next",
            "/variables/debug 1",
        ];
        assert_eq!(patched(&canary(50), &split(&[(&new, 100)])), all);
        let back = split(&[(&old, 100)]);
        assert_eq!(patched(&canary(50), &back), ["- /canarySettings"]);
        let undone = ["/deploymentId d1", "/variables/alias live", "- /variables/debug"];
        assert_eq!(patched(&promoted, &back), undone);
        assert_eq!(patch(&promoted, &ten, StageCache::Apart), None, "it would lack `debug`");
    }

    #[test]
    fn whatever_somebody_else_changes_of_a_stage_is_another_split() {
        let old = side("d1", &[("alias", "live")]);
        let new = side("d2", &[("alias", "next")]);
        let canary = |serves: &Deployed, canary: &Deployed, share| {
            let canary = Some((canary.clone(), Weight::new(share).unwrap()));
            Live { serves: serves.clone(), canary }.split()
        };
        let ours = canary(&old, &new, 10);
        let with = |pairs: &[(&str, &str)]| (side("d1", pairs), side("d2", pairs));
        let (theirs, of_canary) = with(&[("alias", "next"), ("debug", "1")]);
        let all = [
            canary(&old, &new, 11),
            canary(&theirs, &new, 10),
            canary(&old, &of_canary, 10),
            canary(&old, &side("d2", &[("alias", "live")]), 10),
            canary(&old, &side("d3", &[("alias", "next")]), 10),
            canary(&old, &Deployed { cached: Cached::Otherwise, ..new.clone() }, 10),
            Live { serves: old.clone(), canary: None }.split(),
        ];
        assert!(all.iter().all(|other| *other != ours), "{all:?}");
        let nothing = canary(&old, &new, 0);
        assert_ne!(nothing, Live { serves: old.clone(), canary: None }.split(), "it is somebody's");
    }
}

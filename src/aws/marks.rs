//! Marks as tags, with the seven services whose things a run owns. Each has operations and limits of its own: a hosted
//! zone takes ten tags, everything else fifty; a deployment group is named by an ARN, which nothing tells but the
//! caller's account.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html>
//! <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateOrUpdateTags.html>
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeTagsForResource.html>
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_TagResource.html>
//! <https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html>
//! <https://docs.aws.amazon.com/apigateway/latest/api/API_TagResource.html>
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TagResource.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_autoscaling::types::{Filter, Tag as GroupTag};
use aws_sdk_codedeploy::types::Tag as DeploymentTag;
use aws_sdk_elasticloadbalancingv2::types::{Tag as BalancerTag, TagDescription};
use aws_sdk_eventbridge::types::Tag as RuleTag;
use aws_sdk_route53::types::{ResourceTagSet, Tag as ZoneTag, TagResourceType};

use super::{
    auto_scaling::AutoScaling, balancing::ElasticLoadBalancing, buses::EventBridge,
    codedeploy::CodeDeploy, error::classed, identity::SecurityTokens, lambda::Lambda,
    records::Address, route53::Route53, stages::ApiGateway,
};
use crate::{
    cloud::{Bearer, Error, Identity, Mark, Marks, Operation, Owned, SetMarks},
    plan::Member,
    rollout::BusPlace,
};

/// What Auto Scaling calls its groups where tags are concerned.
const GROUP: &str = "auto-scaling-group";

/// The tags of what a run owns.
#[derive(Debug)]
pub(super) struct Tags {
    pub(super) load_balancing: Arc<ElasticLoadBalancing>,
    pub(super) auto_scaling: Arc<AutoScaling>,
    pub(super) route53: Arc<Route53>,
    pub(super) code_deploy: Arc<CodeDeploy>,
    pub(super) lambda: Arc<Lambda>,
    pub(super) api_gateway: Arc<ApiGateway>,
    pub(super) events: Arc<EventBridge>,
    pub(super) identity: Arc<SecurityTokens>,
    pub(super) region: String,
}

/// By which service's operations something is tagged.
enum Tagged<'a> {
    OnBalancer(&'a str),
    OnLambda(&'a str),
    Stage(&'a str),
    RuleOf(&'a str),
    ZoneOf(&'a str),
    Group(&'a Member),
    DeploymentGroup(&'a Member),
}

impl<'a> Tagged<'a> {
    fn of(on: &'a Owned) -> Self {
        match on {
            Owned::Route { service, resource } => match service.traits().bearer {
                Bearer::Balancer => Self::OnBalancer(resource),
                Bearer::Lambda => Self::OnLambda(resource),
                Bearer::Stage => Self::Stage(resource),
                Bearer::Rule => Self::RuleOf(resource),
                Bearer::Zone => Self::ZoneOf(resource),
            },
            Owned::AutoScalingGroup(group) => Self::Group(group),
            Owned::DeploymentGroup(group) => Self::DeploymentGroup(group),
        }
    }
}

impl Tags {
    /// `arn:aws:codedeploy:region:account:deploymentgroup:application/group`
    async fn deployment_group(&self, group: &Member) -> Result<String, Error> {
        let caller = self.identity.caller().await?;
        let partition = caller.arn.split(':').nth(1).unwrap_or("aws").to_owned();
        let (region, account) = (&self.region, &caller.account);
        Ok(format!("arn:{partition}:codedeploy:{region}:{account}:deploymentgroup:{group}"))
    }

    /// All tags of a thing, by key.
    async fn tags(&self, on: &Owned) -> Result<Vec<(String, String)>, Error> {
        let what = on.to_string();
        let pair = |key: Option<&str>, value: Option<&str>| {
            Some((key?.to_owned(), value.unwrap_or_default().to_owned()))
        };
        Ok(match Tagged::of(on) {
            Tagged::OnBalancer(arn) => {
                self.load_balancing.pace.turn().await;
                let call = self.load_balancing.client.describe_tags().resource_arns(arn);
                let answer = call.send().await;
                let answer = answer.map_err(classed(Operation::DescribeTags, &what))?;
                let described = answer.tag_descriptions().iter();
                let tags = described.flat_map(TagDescription::tags);
                tags.filter_map(|tag| pair(tag.key(), tag.value())).collect()
            }
            Tagged::OnLambda(arn) => {
                self.lambda.pace.turn().await;
                let call = self.lambda.client.list_tags().resource(function_or_mapping(arn));
                let answer = call.send().await;
                let answer = answer.map_err(classed(Operation::ListFunctionTags, &what))?;
                answer.tags.unwrap_or_default().into_iter().collect()
            }
            Tagged::Stage(arn) => {
                self.api_gateway.pace.turn().await;
                let answer = self.api_gateway.client.get_tags().resource_arn(arn).send().await;
                let answer = answer.map_err(classed(Operation::GetStageTags, &what))?;
                answer.tags.unwrap_or_default().into_iter().collect()
            }
            Tagged::RuleOf(target) => {
                self.events.pace.turn().await;
                let call = self.events.client.list_tags_for_resource();
                let answer = call.resource_arn(rule_of(target)).send().await;
                let answer = answer.map_err(classed(Operation::ListRuleTags, &what))?;
                let tags = answer.tags().iter();
                tags.filter_map(|tag| pair(Some(tag.key()), Some(tag.value()))).collect()
            }
            Tagged::Group(group) => {
                self.auto_scaling.pace.turn().await;
                let filter = Filter::builder().name(GROUP).values(group.as_str()).build();
                // A group has fifty at most.
                let call = self.auto_scaling.client.describe_tags().filters(filter);
                let answer = call.max_records(100).send().await;
                let answer = answer.map_err(classed(Operation::DescribeGroupTags, &what))?;
                answer.tags().iter().filter_map(|tag| pair(tag.key(), tag.value())).collect()
            }
            Tagged::ZoneOf(records) => {
                let zone = Address::of(records)?.zone;
                self.route53.pace.turn().await;
                let call = self.route53.client.list_tags_for_resource().resource_id(zone);
                let answer = call.resource_type(TagResourceType::Hostedzone).send().await;
                let answer = answer.map_err(classed(Operation::ListZoneTags, &what))?;
                let tags = answer.resource_tag_set().map(ResourceTagSet::tags).unwrap_or_default();
                tags.iter().filter_map(|tag| pair(tag.key(), tag.value())).collect()
            }
            Tagged::DeploymentGroup(group) => {
                let arn = self.deployment_group(group).await?;
                let (mut tags, mut token) = (Vec::new(), None);
                loop {
                    self.code_deploy.rate.turn().await;
                    let call = self.code_deploy.client.list_tags_for_resource().resource_arn(&arn);
                    let page = call.set_next_token(token).send().await;
                    let page = page.map_err(classed(Operation::ListDeploymentGroupTags, &what))?;
                    tags.extend(page.tags().iter().filter_map(|tag| pair(tag.key(), tag.value())));
                    token = page.next_token.filter(|token| !token.is_empty());
                    if token.is_none() {
                        break tags;
                    }
                }
            }
        })
    }
}

#[async_trait]
impl Marks for Tags {
    async fn marks(&self, on: &Owned) -> Result<Vec<Mark>, Error> {
        let tags = self.tags(on).await?;
        Ok(tags.iter().filter_map(|(key, value)| on.mark(key, value)).collect())
    }
}

#[async_trait]
impl SetMarks for Tags {
    async fn put(&self, on: &Owned, mark: &Mark) -> Result<(), Error> {
        let (key, value, what) = (on.key(&mark.run), mark.value(), on.to_string());
        match Tagged::of(on) {
            Tagged::OnBalancer(arn) => {
                self.load_balancing.pace.turn().await;
                let tag = BalancerTag::builder().key(key).value(value).build();
                let call = self.load_balancing.client.add_tags().resource_arns(arn).tags(tag);
                let sent = call.send().await;
                sent.map(|_| ()).map_err(classed(Operation::AddTags, &what))
            }
            Tagged::OnLambda(arn) => {
                self.lambda.pace.turn().await;
                let call = self.lambda.client.tag_resource().resource(function_or_mapping(arn));
                let sent = call.tags(key, value).send().await;
                sent.map(|_| ()).map_err(classed(Operation::TagFunction, &what))
            }
            Tagged::Stage(arn) => {
                self.api_gateway.pace.turn().await;
                let call = self.api_gateway.client.tag_resource().resource_arn(arn);
                let sent = call.tags(key, value).send().await;
                sent.map(|_| ()).map_err(classed(Operation::TagStage, &what))
            }
            Tagged::RuleOf(target) => {
                self.events.pace.turn().await;
                let tag = RuleTag::builder().key(key).value(value).build();
                let tag = tag.map_err(|error| Error::Rejected {
                    operation: Operation::TagRule,
                    message: error.to_string(),
                })?;
                let call =
                    self.events.client.tag_resource().resource_arn(rule_of(target)).tags(tag);
                let sent = call.send().await;
                sent.map(|_| ()).map_err(classed(Operation::TagRule, &what))
            }
            Tagged::Group(group) => {
                self.auto_scaling.pace.turn().await;
                let tag = group_tag(group, key).value(value).propagate_at_launch(false).build();
                let sent = self.auto_scaling.client.create_or_update_tags().tags(tag).send().await;
                sent.map(|_| ()).map_err(classed(Operation::CreateOrUpdateTags, &what))
            }
            Tagged::ZoneOf(records) => {
                let zone = Address::of(records)?.zone;
                self.route53.pace.turn().await;
                let tag = ZoneTag::builder().key(key).value(value).build();
                let call = self.route53.client.change_tags_for_resource().resource_id(zone);
                let call = call.resource_type(TagResourceType::Hostedzone).add_tags(tag);
                let sent = call.send().await;
                sent.map(|_| ()).map_err(classed(Operation::ChangeTagsForResource, &what))
            }
            Tagged::DeploymentGroup(group) => {
                let arn = self.deployment_group(group).await?;
                self.code_deploy.rate.turn().await;
                let tag = DeploymentTag::builder().key(key).value(value).build();
                let call = self.code_deploy.client.tag_resource().resource_arn(arn).tags(tag);
                let sent = call.send().await;
                sent.map(|_| ()).map_err(classed(Operation::TagResource, &what))
            }
        }
    }

    async fn remove(&self, on: &Owned, run: &str) -> Result<(), Error> {
        let (key, what) = (on.key(run), on.to_string());
        match Tagged::of(on) {
            Tagged::OnBalancer(arn) => {
                self.load_balancing.pace.turn().await;
                let call = self.load_balancing.client.remove_tags().resource_arns(arn);
                let sent = call.tag_keys(key).send().await;
                sent.map(|_| ()).map_err(classed(Operation::RemoveTags, &what))
            }
            Tagged::OnLambda(arn) => {
                self.lambda.pace.turn().await;
                let call = self.lambda.client.untag_resource().resource(function_or_mapping(arn));
                let sent = call.tag_keys(key).send().await;
                sent.map(|_| ()).map_err(classed(Operation::UntagFunction, &what))
            }
            Tagged::Stage(arn) => {
                self.api_gateway.pace.turn().await;
                let call = self.api_gateway.client.untag_resource().resource_arn(arn);
                let sent = call.tag_keys(key).send().await;
                sent.map(|_| ()).map_err(classed(Operation::UntagStage, &what))
            }
            Tagged::RuleOf(target) => {
                self.events.pace.turn().await;
                let call = self.events.client.untag_resource().resource_arn(rule_of(target));
                let sent = call.tag_keys(key).send().await;
                sent.map(|_| ()).map_err(classed(Operation::UntagRule, &what))
            }
            Tagged::Group(group) => {
                self.auto_scaling.pace.turn().await;
                let tag = group_tag(group, key).build();
                let sent = self.auto_scaling.client.delete_tags().tags(tag).send().await;
                sent.map(|_| ()).map_err(classed(Operation::DeleteTags, &what))
            }
            Tagged::ZoneOf(records) => {
                let zone = Address::of(records)?.zone;
                self.route53.pace.turn().await;
                let call = self.route53.client.change_tags_for_resource().resource_id(zone);
                let call = call.resource_type(TagResourceType::Hostedzone).remove_tag_keys(key);
                let sent = call.send().await;
                sent.map(|_| ()).map_err(classed(Operation::ChangeTagsForResource, &what))
            }
            Tagged::DeploymentGroup(group) => {
                let arn = self.deployment_group(group).await?;
                self.code_deploy.rate.turn().await;
                let call = self.code_deploy.client.untag_resource().resource_arn(arn);
                let sent = call.tag_keys(key).send().await;
                sent.map(|_| ()).map_err(classed(Operation::UntagResource, &what))
            }
        }
    }
}

/// Targets have no tags.
fn rule_of(target: &str) -> &str {
    BusPlace::of(target).map_or(target, |place| place.rule_arn)
}

/// Aliases have no tags.
fn function_or_mapping(arn: &str) -> &str {
    let is_qualified = arn.split(':').nth(5) == Some("function") && arn.split(':').count() > 7;
    let of_alias = arn.rsplit_once(':').filter(|_| is_qualified);
    of_alias.map_or(arn, |(function, _)| function)
}

fn group_tag(group: &Member, key: String) -> aws_sdk_autoscaling::types::builders::TagBuilder {
    GroupTag::builder().resource_id(group.as_str()).resource_type(GROUP).key(key)
}

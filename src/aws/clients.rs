//! Makes the clients, the ordinary way: region, profile, credentials and endpoint come from where the AWS CLI takes
//! them. Nothing here knows LocalStack; an endpoint URL is all it takes.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

use super::{
    auto_scaling::{AutoScaling, RetryContention},
    cloudwatch::CloudWatch,
    codedeploy::CodeDeploy,
    identity::SecurityTokens,
    lambda::Lambda,
    load_balancers::ElasticLoadBalancing,
    news::{SimpleQueues, patient},
    route53::Route53,
    tally::Tally,
};
use crate::cloud::{Calls, Cloud, Error, LocalCommands, Reads, WebProbe};

/// What was said on the command line or in the plan; what is `None` comes from the environment or the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// In place of every service's own endpoint.
    pub endpoint_url: Option<String>,
}

/// Clients that read and write. Attempts are counted into `calls`. `Rejected` when no region is known; credentials
/// are first looked for by the first call.
pub async fn connect(settings: &Settings, calls: &Calls) -> Result<Cloud, Error> {
    let services = Services::new(&load(settings).await, calls);
    let (weights, test_routes) = (services.load_balancing.clone(), services.load_balancing.clone());
    let sizes = services.auto_scaling.clone();
    let records = services.route53.clone();
    let (refreshing, deploying) = (sizes.clone(), services.code_deploy.clone());
    let news = services.queues.clone();
    let reads = services.reads()?;
    Ok(Cloud { reads, weights, records, test_routes, sizes, refreshing, deploying, news })
}

/// Clients for a preview: there is no way from these to a call that changes something.
pub async fn read_only(settings: &Settings, calls: &Calls) -> Result<Reads, Error> {
    Services::new(&load(settings).await, calls).reads()
}

/// One attempt may take 10 s and a call with its retries a minute: longer than any answer that is still worth having,
/// and shorter than the patience of whoever watches.
async fn load(settings: &Settings) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_mins(1))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(5));
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

/// One adapter per service.
pub(super) struct Services {
    pub(super) load_balancing: Arc<ElasticLoadBalancing>,
    pub(super) route53: Arc<Route53>,
    pub(super) auto_scaling: Arc<AutoScaling>,
    pub(super) cloudwatch: Arc<CloudWatch>,
    pub(super) code_deploy: Arc<CodeDeploy>,
    pub(super) queues: Arc<SimpleQueues>,
    pub(super) identity: Arc<SecurityTokens>,
    pub(super) lambda: Arc<Lambda>,
    region: Option<String>,
}

impl Services {
    pub(super) fn new(config: &SdkConfig, calls: &Calls) -> Self {
        let tally = Tally(calls.clone());
        let load_balancing = aws_sdk_elasticloadbalancingv2::Client::from_conf(
            aws_sdk_elasticloadbalancingv2::config::Builder::from(config)
                .interceptor(tally.clone())
                .build(),
        );
        let route53 = aws_sdk_route53::Client::from_conf(
            aws_sdk_route53::config::Builder::from(config).interceptor(tally.clone()).build(),
        );
        let auto_scaling = aws_sdk_autoscaling::Client::from_conf(
            aws_sdk_autoscaling::config::Builder::from(config)
                .interceptor(tally.clone())
                .retry_classifier(RetryContention)
                .build(),
        );
        let cloudwatch = aws_sdk_cloudwatch::Client::from_conf(
            aws_sdk_cloudwatch::config::Builder::from(config).interceptor(tally.clone()).build(),
        );
        let code_deploy = aws_sdk_codedeploy::Client::from_conf(
            aws_sdk_codedeploy::config::Builder::from(config).interceptor(tally.clone()).build(),
        );
        let lambda = aws_sdk_lambda::Client::from_conf(
            aws_sdk_lambda::config::Builder::from(config).interceptor(tally.clone()).build(),
        );
        let queues = aws_sdk_sqs::Client::from_conf(
            patient(aws_sdk_sqs::config::Builder::from(config)).interceptor(tally.clone()).build(),
        );
        let identity = aws_sdk_sts::Client::from_conf(
            aws_sdk_sts::config::Builder::from(config).interceptor(tally).build(),
        );
        Self {
            load_balancing: Arc::new(ElasticLoadBalancing::new(load_balancing)),
            route53: Arc::new(Route53::new(route53)),
            auto_scaling: Arc::new(AutoScaling::new(auto_scaling)),
            cloudwatch: Arc::new(CloudWatch::new(cloudwatch)),
            code_deploy: Arc::new(CodeDeploy::new(code_deploy)),
            queues: Arc::new(SimpleQueues::new(queues)),
            identity: Arc::new(SecurityTokens::new(identity)),
            lambda: Arc::new(Lambda::new(lambda)),
            region: config.region().map(ToString::to_string),
        }
    }

    fn reads(self) -> Result<Reads, Error> {
        let region = self.region.filter(|region| !region.is_empty());
        let region = region.ok_or_else(|| Error::Rejected {
            operation: "connecting to AWS",
            message:
                "no region is set, neither in the plan nor by --region, AWS_REGION or the profile"
                    .to_owned(),
        })?;
        Ok(Reads {
            load_balancers: self.load_balancing,
            dns: self.route53,
            groups: self.auto_scaling.clone(),
            refreshes: self.auto_scaling,
            deployments: self.code_deploy,
            alarms: self.cloudwatch.clone(),
            queues: self.queues,
            metrics: self.cloudwatch,
            identity: self.identity,
            http: Arc::new(WebProbe::new()?),
            commands: Arc::new(LocalCommands),
            functions: self.lambda,
            region,
        })
    }
}

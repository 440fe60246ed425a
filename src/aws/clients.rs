//! Makes the clients, the ordinary way: region, profile, credentials and endpoint come from where the AWS CLI takes
//! them. Nothing here knows LocalStack; an endpoint URL is all it takes.

use std::{sync::Arc, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, default_provider::credentials::DefaultCredentialsChain,
    provider_config::ProviderConfig, retry::RetryConfig, sts::AssumeRoleProvider,
    timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::os_shim_internal::Env;

use super::{
    auto_scaling::{AutoScaling, RetryContention},
    balancing::ElasticLoadBalancing,
    buses::EventBridge,
    cloudwatch::CloudWatch,
    codedeploy::CodeDeploy,
    connection,
    identity::SecurityTokens,
    lambda::Lambda,
    launch_templates::LaunchTemplates,
    mappings::EventSources,
    marks::Tags,
    names::Directory,
    news::{SimpleQueues, patient},
    profile,
    renewal::{Renewable, Source},
    route53::Route53,
    settings::Settings,
    stages::ApiGateway,
    takers::LambdaAndQueues,
    tally::Tally,
};
use crate::cloud::{
    ByService, Calls, Cloud, Error, LocalCommands, Patience, Reads, SetWeights, WebProbe, Weights,
};

/// Clients that read and write. Attempts are counted into `calls`. `Unfit` when no region is known; credentials
/// are first looked for by the first call.
pub async fn connect(
    settings: &Settings,
    calls: &Calls,
    patience: Patience,
) -> Result<Cloud, Error> {
    let config = Box::pin(load(settings, patience)).await?;
    let services = Services::new(&config, settings, calls);
    let weights = ByService::<dyn SetWeights> {
        load_balancers: services.load_balancing.clone(),
        dns: services.route53.clone(),
        functions: services.lambda.clone(),
        gateways: services.api_gateway.clone(),
        buses: services.events.clone(),
        mappings: services.sources.clone(),
    };
    let test_routes = services.load_balancing.clone();
    let sizes = services.auto_scaling.clone();
    let (refreshing, deploying) = (sizes.clone(), services.code_deploy.clone());
    let news = services.queues.clone();
    let (marking, publishing) = (services.tags(), services.lambda.clone());
    let new_deployments = services.api_gateway.clone();
    let (pruning, provisioning) = (services.lambda.clone(), services.lambda.clone());
    let replaying = services.events.clone();
    let reads = services.reads()?;
    Ok(Cloud {
        reads,
        weights,
        test_routes,
        sizes,
        refreshing,
        deploying,
        publishing,
        new_deployments,
        pruning,
        provisioning,
        replaying,
        marking,
        news,
    })
}

/// Clients for a preview: there is no way from these to a call that changes something.
pub async fn read_only(settings: &Settings, calls: &Calls) -> Result<Reads, Error> {
    let config = Box::pin(load(settings, Patience::Forward)).await?;
    Services::new(&config, settings, calls).reads()
}

/// Going forward one attempt may take 10 s and a call with its retries a minute: longer than any answer that is still
/// worth having, and shorter than the patience of whoever watches. Going back there is nothing better to do than to wait.
fn timeouts(patience: Patience) -> TimeoutConfig {
    let (attempt, operation) = match patience {
        Patience::Forward => (Duration::from_secs(10), Duration::from_mins(1)),
        Patience::Back => (Duration::from_mins(1), Duration::from_mins(5)),
    };
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

async fn load(settings: &Settings, patience: Patience) -> Result<SdkConfig, Error> {
    let (profiles, asked) = (profile::configured().await, settings.profile.as_deref());
    let bundle = profile::says(profiles.as_ref(), asked, "ca_bundle");
    let http = connection::client(bundle, patience).await?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .timeout_config(timeouts(patience))
        .retry_config(RetryConfig::standard().with_max_attempts(5));
    let region = settings.region.clone().map(Region::new);
    if let Some(region) = &region {
        loader = loader.region(region.clone());
    }
    let credentials = if let Some(name) = asked {
        loader = loader.profile_name(name);
        SharedCredentialsProvider::new(profile::of(name, region, http).await)
    } else {
        let config = ProviderConfig::default().with_http_client(http);
        let chain = DefaultCredentialsChain::builder().configure(config);
        let chain = match region {
            Some(region) => chain.region(region),
            None => chain,
        };
        SharedCredentialsProvider::new(chain.build().await)
    };
    let source = Source::of(asked, &Env::real(), profiles.as_ref());
    loader = loader.credentials_provider(Renewable::new(credentials, source.clone()));
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let names = SERVICES.iter().map(|service| format!("AWS_ENDPOINT_URL_{service}"));
    let mut set = std::iter::once("AWS_ENDPOINT_URL".to_owned()).chain(names);
    let is_empty = |name: String| Env::real().get(&name).is_ok_and(|url| url.trim().is_empty());
    let in_profile = profile::says(profiles.as_ref(), asked, "endpoint_url");
    let is_told = settings.endpoint_url.is_some();
    if !is_told && (set.any(is_empty) || in_profile.is_some_and(|url| url.trim().is_empty())) {
        connection::check_endpoint("")?;
    }
    let config = loader.load().await;
    let of_service = SERVICES
        .iter()
        .filter_map(|service| Env::real().get(&format!("AWS_ENDPOINT_URL_{service}")).ok());
    let of_all = Env::real().get("AWS_ENDPOINT_URL").ok().filter(|_| !is_told);
    let told = config.endpoint_url().map(str::to_owned).into_iter();
    for url in told.chain(of_all).chain(of_service) {
        connection::check_endpoint(&url)?;
    }
    Ok(match &settings.role {
        None => config,
        Some(role) => assuming(role, &settings.session, source, config).await?,
    })
}

/// The most characters of a session's name; of a longer one the end tells it from others.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION: usize = 64;

/// The same, acting as a role; never as whoever would assume it.
async fn assuming(
    role: &str,
    session: &str,
    from: Source,
    config: SdkConfig,
) -> Result<SdkConfig, Error> {
    let skipped = session.chars().count().saturating_sub(SESSION);
    let session: String = session.chars().skip(skipped).collect();
    let base = config.credentials_provider().ok_or_else(|| Error::Unfit {
        problem: format!("there are no credentials to assume {role} with"),
        hint: "name a profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
    })?;
    let provider = AssumeRoleProvider::builder(role).session_name(session).configure(&config);
    let provider = SharedCredentialsProvider::new(provider.build_from_provider(base).await);
    let source = Source::Role { arn: role.to_owned(), from: Box::new(from) };
    let renewable = SharedCredentialsProvider::new(Renewable::new(provider, source));
    Ok(config.into_builder().credentials_provider(renewable).build())
}

/// As endpoints of single services are named in the environment.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>
const SERVICES: [&str; 11] = [
    "API_GATEWAY",
    "AUTO_SCALING",
    "CLOUDWATCH",
    "CODEDEPLOY",
    "EC2",
    "ELASTIC_LOAD_BALANCING_V2",
    "EVENTBRIDGE",
    "LAMBDA",
    "ROUTE_53",
    "SQS",
    "STS",
];

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
    pub(super) api_gateway: Arc<ApiGateway>,
    pub(super) events: Arc<EventBridge>,
    pub(super) sources: Arc<EventSources>,
    pub(super) takers: Arc<LambdaAndQueues>,
    region: Option<String>,
    role: Option<String>,
}

impl Services {
    pub(super) fn new(config: &SdkConfig, settings: &Settings, calls: &Calls) -> Self {
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
        let templates = LaunchTemplates::new(config, &tally);
        let cloudwatch = aws_sdk_cloudwatch::Client::from_conf(
            aws_sdk_cloudwatch::config::Builder::from(config).interceptor(tally.clone()).build(),
        );
        let code_deploy = aws_sdk_codedeploy::Client::from_conf(
            aws_sdk_codedeploy::config::Builder::from(config).interceptor(tally.clone()).build(),
        );
        let lambda = aws_sdk_lambda::Client::from_conf(
            aws_sdk_lambda::config::Builder::from(config).interceptor(tally.clone()).build(),
        );
        let api_gateway = aws_sdk_apigateway::Client::from_conf(
            aws_sdk_apigateway::config::Builder::from(config).interceptor(tally.clone()).build(),
        );
        let events = aws_sdk_eventbridge::Client::from_conf(
            aws_sdk_eventbridge::config::Builder::from(config).interceptor(tally.clone()).build(),
        );
        let queues = aws_sdk_sqs::Client::from_conf(
            patient(aws_sdk_sqs::config::Builder::from(config)).interceptor(tally.clone()).build(),
        );
        let identity = aws_sdk_sts::Client::from_conf(
            aws_sdk_sts::config::Builder::from(config).interceptor(tally).build(),
        );
        let queues = Arc::new(SimpleQueues::new(queues));
        let lambda = Arc::new(Lambda::new(lambda));
        Self {
            takers: Arc::new(LambdaAndQueues { lambda: lambda.clone(), queues: queues.clone() }),
            sources: Arc::new(EventSources { lambda: lambda.clone(), queues: queues.clone() }),
            load_balancing: Arc::new(ElasticLoadBalancing::new(load_balancing)),
            route53: Arc::new(Route53::new(route53)),
            auto_scaling: Arc::new(AutoScaling::new(auto_scaling, templates)),
            cloudwatch: Arc::new(CloudWatch::new(cloudwatch)),
            code_deploy: Arc::new(CodeDeploy::new(code_deploy)),
            events: Arc::new(EventBridge::new(events)),
            queues,
            identity: Arc::new(SecurityTokens::new(identity)),
            lambda,
            api_gateway: Arc::new(ApiGateway::new(
                api_gateway,
                config.region().map(ToString::to_string).unwrap_or_default(),
            )),
            region: config.region().map(ToString::to_string),
            role: settings.role.clone(),
        }
    }

    pub(super) fn tags(&self) -> Arc<Tags> {
        Arc::new(Tags {
            load_balancing: self.load_balancing.clone(),
            auto_scaling: self.auto_scaling.clone(),
            route53: self.route53.clone(),
            code_deploy: self.code_deploy.clone(),
            lambda: self.lambda.clone(),
            api_gateway: self.api_gateway.clone(),
            events: self.events.clone(),
            identity: self.identity.clone(),
            region: self.region.clone().unwrap_or_default(),
        })
    }

    pub(super) fn directory(&self) -> Directory {
        Directory {
            load_balancing: self.load_balancing.clone(),
            auto_scaling: self.auto_scaling.clone(),
            cloudwatch: self.cloudwatch.clone(),
            route53: self.route53.clone(),
        }
    }

    fn reads(self) -> Result<Reads, Error> {
        let (marks, names) = (self.tags(), self.directory());
        let region = self.region.filter(|region| !region.is_empty());
        let region = region.ok_or_else(|| Error::Unfit {
            problem:
                "no region is set, neither in the plan nor by --region, AWS_REGION or the profile"
                    .to_owned(),
            hint: "write `aws: { region: eu-west-1 }` into the plan, or give `--region`".to_owned(),
        })?;
        Ok(Reads {
            weights: ByService::<dyn Weights> {
                load_balancers: self.load_balancing.clone(),
                dns: self.route53.clone(),
                functions: self.lambda.clone(),
                gateways: self.api_gateway.clone(),
                buses: self.events.clone(),
                mappings: self.sources.clone(),
            },
            load_balancers: self.load_balancing,
            dns: self.route53,
            aliases: self.lambda.clone(),
            alias_deployments: self.code_deploy.clone(),
            releases: self.lambda.clone(),
            old_versions: self.lambda.clone(),
            provisioned: self.lambda.clone(),
            stages: self.api_gateway,
            buses: self.events.clone(),
            takers: self.takers,
            replays: self.events,
            mappings: self.sources,
            groups: self.auto_scaling.clone(),
            refreshes: self.auto_scaling,
            deployments: self.code_deploy,
            alarms: self.cloudwatch.clone(),
            queues: self.queues,
            metrics: self.cloudwatch,
            identity: self.identity,
            names: Arc::new(names),
            http: Arc::new(WebProbe::new()?),
            commands: Arc::new(LocalCommands),
            functions: self.lambda,
            marks,
            region,
            role: self.role,
        })
    }
}

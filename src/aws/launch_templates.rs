//! Versions of launch templates and where their instance types are offered, which EC2 knows. The SDK's client for EC2 is
//! its largest by far, minutes of building and hundreds of operations for the two that are asked here; so this one is put
//! together from what the SDK's own clients are made of, and shares their credentials, endpoint, retries, time limits and
//! counting.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html>
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html>

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

use aws_config::SdkConfig;
use aws_runtime::{
    auth::{
        SigV4OperationSigningConfig, SigningOptions,
        sigv4::{SCHEME_ID, SigV4AuthScheme},
    },
    retries::classifiers::AwsErrorCodeClassifier,
};
use aws_smithy_runtime::client::{
    identity::IdentityCache,
    orchestrator::operation::Operation as Orchestrated,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{AuthSchemeOptionResolverParams, static_resolver::StaticAuthSchemeOptionResolver},
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        result::SdkError,
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::Layer,
    error::{ErrorMetadata, metadata::ProvideErrorMetadata},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use aws_types::{SigningName, region::SigningRegion, service_config::ServiceConfigKey};

use super::{error::classed, pace::Pace, tally::Tally};
use crate::cloud::{Error, Operation};

const API_VERSION: &str = "2016-11-15";

/// The fields of a form.
type Form = Vec<(String, String)>;

/// What stands in the elements of an answer that are [`WANTED`], in order, by their names.
type Answer = BTreeMap<&'static str, Vec<String>>;

const NUMBER: &str = "versionNumber";
const TYPE: &str = "instanceType";
const ZONE: &str = "location";
const TOKEN: &str = "nextToken";
const WANTED: [&str; 4] = [NUMBER, TYPE, ZONE, TOKEN];

type Ask = Orchestrated<Form, Answer, Refused>;

/// A version of a launch template, as far as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TemplateVersion {
    pub(super) number: String,
    /// Absent where types are chosen by attributes, or by whoever launches.
    pub(super) instance_type: Option<String>,
}

/// EC2, as far as it is asked.
#[derive(Debug)]
pub(super) struct LaunchTemplates {
    versions: Ask,
    offerings: Ask,
    pace: Pace,
}

fn operation(config: &SdkConfig, tally: Tally, asked: Operation) -> Ask {
    let mut builder = Orchestrated::builder()
        .service_name("EC2")
        .operation_name(asked.name())
        .endpoint_url(&endpoint(config))
        .standard_retry(&config.retry_config().cloned().unwrap_or_else(RetryConfig::standard))
        .timeout_config(config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled))
        .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
        .retry_classifier(TransientErrorClassifier::<Refused>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .interceptor(tally)
        .runtime_plugin(signing(config))
        .serializer(move |form| request(asked, form))
        .deserializer(answer);
    if let Some(client) = config.http_client() {
        builder = builder.http_client(client);
    }
    if let Some(sleep) = config.sleep_impl() {
        builder = builder.sleep_impl(sleep);
    }
    if let Some(time) = config.time_source() {
        builder = builder.time_source(time);
    }
    builder.build()
}

impl LaunchTemplates {
    pub(super) fn new(config: &SdkConfig, tally: &Tally) -> Self {
        Self {
            versions: operation(config, tally.clone(), Operation::DescribeLaunchTemplateVersions),
            offerings: operation(config, tally.clone(), Operation::DescribeInstanceTypeOfferings),
            pace: Pace::launch_templates(),
        }
    }

    /// A version by number, `$Latest` or `$Default`, of a template by id or name. `Rejected`, in AWS's words, when the
    /// template or the version is not there.
    pub(super) async fn version(
        &self,
        template: &str,
        version: &str,
    ) -> Result<TemplateVersion, Error> {
        let what = format!("version {version} of launch template {template}");
        let named =
            if template.starts_with("lt-") { "LaunchTemplateId" } else { "LaunchTemplateName" };
        let form = [(named, template), ("LaunchTemplateVersion.1", version)];
        self.pace.turn().await;
        let answer = self.versions.invoke(owned(form)).await;
        let mut answer = answer.map_err(|error| {
            missing(&error)
                .unwrap_or_else(|| classed(Operation::DescribeLaunchTemplateVersions, &what)(error))
        })?;
        let number = told(&mut answer, NUMBER).into_iter().next();
        let instance_type = told(&mut answer, TYPE).into_iter().next();
        Ok(TemplateVersion { number: number.ok_or(Error::Absent { what })?, instance_type })
    }

    /// In which of these availability zones each of these instance types is offered.
    pub(super) async fn offered(
        &self,
        types: &BTreeSet<String>,
        zones: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        let what = "the zones that offer its instance types";
        let mut offered: BTreeMap<_, _> =
            types.iter().map(|kind| (kind.clone(), BTreeSet::new())).collect();
        let mut token = None;
        loop {
            let mut form = owned([
                ("LocationType", "availability-zone"),
                ("Filter.1.Name", "instance-type"),
                ("Filter.2.Name", "location"),
            ]);
            for (filter, values) in [(1, types), (2, zones)] {
                let values = (1..).zip(values);
                form.extend(
                    values.map(|(n, value)| (format!("Filter.{filter}.Value.{n}"), value.clone())),
                );
            }
            form.extend(token.map(|token| ("NextToken".to_owned(), token)));
            self.pace.turn().await;
            let answer = self.offerings.invoke(form).await;
            let mut answer =
                answer.map_err(classed(Operation::DescribeInstanceTypeOfferings, what))?;
            let pairs = told(&mut answer, TYPE).into_iter().zip(told(&mut answer, ZONE));
            for (kind, zone) in pairs {
                if let Some(of_kind) = offered.get_mut(&kind).filter(|_| zones.contains(&zone)) {
                    of_kind.insert(zone);
                }
            }
            token = told(&mut answer, TOKEN).into_iter().next();
            if token.is_none() {
                return Ok(offered);
            }
        }
    }
}

fn owned<const N: usize>(fields: [(&str, &str); N]) -> Form {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What AWS says about a template or version that is not there. It names which of the two, so its words are kept.
fn missing(error: &SdkError<Refused, HttpResponse>) -> Option<Error> {
    let refused = error.as_service_error()?;
    let code = refused.code().filter(|code| code.starts_with("InvalidLaunchTemplate"))?;
    let message = format!("{code}: {}", refused.message().unwrap_or_default());
    Some(Error::Rejected { operation: Operation::DescribeLaunchTemplateVersions, message })
}

/// Where EC2 is asked: what was said on the command line, then what is set for EC2 alone or for every service, as the
/// SDK's clients have it; else the service's own.
fn endpoint(config: &SdkConfig) -> String {
    let for_all = config.endpoint_url().map(str::to_owned);
    let own = || {
        let key = ServiceConfigKey::builder()
            .service_id("ec2")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url");
        config.service_config()?.load_config(key.build().ok()?)
    };
    let said = if config.get_origin("endpoint_url").is_client_config() {
        for_all
    } else {
        own().or(for_all)
    };
    said.unwrap_or_else(|| {
        let region = config.region().map_or("us-east-1", AsRef::as_ref);
        let service = if config.use_fips() == Some(true) { "ec2-fips" } else { "ec2" };
        let domain = match region.split('-').next() {
            Some("cn") => "amazonaws.com.cn",
            Some(_) | None => "amazonaws.com",
        };
        format!("https://{service}.{region}.{domain}")
    })
}

fn signing(config: &SdkConfig) -> StaticRuntimePlugin {
    let mut layer = Layer::new("signing");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: config.region().cloned().map(SigningRegion::from),
        region_set: None,
        name: Some(SigningName::from_static("ec2")),
        signing_options: SigningOptions::default(),
    });
    let cache = config.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build());
    let components = RuntimeComponentsBuilder::new("signing")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![
            SCHEME_ID,
        ])))
        .with_identity_cache(Some(cache));
    let components = match config.credentials_provider() {
        Some(credentials) => components.with_identity_resolver(SCHEME_ID, credentials),
        None => components,
    };
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

fn request(operation: Operation, form: Form) -> Result<HttpRequest, BoxError> {
    let fields = form.into_iter().fold(String::new(), |fields, (name, value)| {
        format!("{fields}&{name}={}", encoded(&value))
    });
    let body = format!("Action={operation}&Version={API_VERSION}{fields}");
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
    Ok(request)
}

/// As a form's values are written.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _written = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// What is not empty.
fn told(answer: &mut Answer, tag: &str) -> Vec<String> {
    let texts = answer.remove(tag).unwrap_or_default();
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}

fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<Refused>> {
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    if response.status().is_success() {
        let wanted = WANTED.into_iter().map(|tag| Ok((tag, texts(&body, tag)?)));
        return wanted.collect::<Result<_, XmlDecodeError>>().map_err(OrchestratorError::other);
    }
    let first = |tag| texts(&body, tag).map(|texts| texts.into_iter().next());
    // What is no XML has neither code nor message; the status tells what can be told then.
    let (code, message) = (first("Code").ok().flatten(), first("Message").ok().flatten());
    let mut metadata = ErrorMetadata::builder();
    if let Some(code) = code {
        metadata = metadata.code(code);
    }
    if let Some(message) = message {
        metadata = metadata.message(message);
    }
    Err(OrchestratorError::operation(Refused(metadata.build())))
}

/// What stands in every element of this name, in order.
fn texts(body: &str, tag: &str) -> Result<Vec<String>, XmlDecodeError> {
    fn collect(
        within: &mut ScopedDecoder<'_, '_>,
        tag: &str,
        found: &mut Vec<String>,
    ) -> Result<(), XmlDecodeError> {
        while let Some(mut inner) = within.next_tag() {
            if inner.start_el().matches(tag) {
                found.push(try_data(&mut inner)?.into_owned());
            } else {
                collect(&mut inner, tag, found)?;
            }
        }
        Ok(())
    }
    let (mut document, mut found) = (Document::new(body), Vec::new());
    collect(&mut document.root_element()?, tag, &mut found)?;
    Ok(found)
}

/// An answer that is an error.
#[derive(Debug)]
struct Refused(ErrorMetadata);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

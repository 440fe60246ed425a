//! The way to AWS: who is trusted there, through which proxy it goes, and what is told when nobody answers. The SDK's own
//! client trusts what the machine trusts, knows no `AWS_CA_BUNDLE`, and its errors do not say where they come from.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html>

use std::{
    collections::BTreeSet,
    error::Error as StdError,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::HttpRequest,
        result::ConnectorError,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::os_shim_internal::{Env, Fs};

use crate::{
    cloud::{Error, Operation, Patience, check_authorities, check_url},
    printable,
};

/// The client for all services. `bundle` is the profile's `ca_bundle`; as with the CLI, `AWS_CA_BUNDLE` comes before it,
/// and either replaces what the machine trusts.
pub(super) async fn client(
    bundle: Option<&str>,
    patience: Patience,
) -> Result<SharedHttpClient, Error> {
    let variable = Env::real().get("AWS_CA_BUNDLE").ok().filter(|path| !path.is_empty());
    let trusted = match variable.as_deref().or(bundle) {
        None => TrustStore::default(),
        Some(path) => TrustStore::empty().with_pem_certificate(authorities(path).await?),
    };
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context.map_err(|error| Error::Unfit {
        problem: format!("TLS cannot be set up: {error}"),
        hint: "leave AWS_CA_BUNDLE and `ca_bundle` out to trust what this machine trusts"
            .to_owned(),
    })?;
    let connector = move |settings: Option<&HttpConnectorSettings>,
                          components: Option<&RuntimeComponents>| {
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.clone())
            .build()
    };
    let inner = aws_smithy_http_client::Builder::new().build_with_connector_fn(connector);
    Ok(SharedHttpClient::new(Named { inner, patience, answered: Arc::default() }))
}

/// Reads a bundle, and makes sure that there are certificates in it: the SDK panics where there are not.
async fn authorities(path: &str) -> Result<Vec<u8>, Error> {
    let unfit = |problem: String| Error::Unfit {
        problem: format!("the certificate authorities in {path} cannot be used: {problem}"),
        hint: "AWS_CA_BUNDLE, or `ca_bundle` in the profile, names a file of PEM certificates"
            .to_owned(),
    };
    let bytes = Fs::real().read_to_end(path).await.map_err(|error| unfit(error.to_string()))?;
    check_authorities(&bytes).map_err(unfit)?;
    Ok(bytes)
}

/// Says of every failure which endpoint it is about.
#[derive(Debug)]
struct Named {
    inner: SharedHttpClient,
    patience: Patience,
    /// Those that have ever answered.
    answered: Arc<Mutex<BTreeSet<String>>>,
}

impl HttpClient for Named {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(NamedConnector {
            inner: self.inner.http_connector(settings, components),
            patience: self.patience,
            answered: Arc::clone(&self.answered),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(components, config)
    }
}

#[derive(Debug)]
struct NamedConnector {
    inner: SharedHttpConnector,
    patience: Patience,
    answered: Arc<Mutex<BTreeSet<String>>>,
}

impl HttpConnector for NamedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = endpoint_of(request.uri());
        let (patience, answered) = (self.patience, Arc::clone(&self.answered));
        let call = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            match call.await {
                Ok(response) => {
                    let mut answered = answered.lock().unwrap_or_else(PoisonError::into_inner);
                    if !answered.contains(&endpoint) {
                        answered.insert(endpoint);
                    }
                    Ok(response)
                }
                Err(error) => {
                    let known = answered.lock().unwrap_or_else(PoisonError::into_inner);
                    let is_new = !known.contains(&endpoint) && patience == Patience::Forward;
                    Err(named(endpoint, error, is_new))
                }
            }
        })
    }
}

/// An endpoint that has never answered is not asked five times over: it is mistyped, or not to be reached from here.
fn named(endpoint: String, error: ConnectorError, is_new: bool) -> ConnectorError {
    let (is_io, is_timeout, other) = (error.is_io(), error.is_timeout(), error.as_other());
    let source = AtEndpoint { endpoint, source: error };
    let final_now = is_new && source.is_unconnected() || source.is_untrusted();
    let source: BoxError = Box::new(source);
    match (final_now, is_io, is_timeout) {
        (true, _, _) => ConnectorError::user(source),
        (false, true, _) => ConnectorError::io(source),
        (false, _, true) => ConnectorError::timeout(source),
        (false, false, false) => ConnectorError::other(source, other),
    }
}

/// `https://host:port` of a request's address.
fn endpoint_of(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    // Who calls is nobody's business who reads of it.
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}")
}

/// A request that came to nothing at this endpoint.
#[derive(Debug)]
pub(super) struct AtEndpoint {
    endpoint: String,
    source: ConnectorError,
}

impl AtEndpoint {
    fn says(&self, words: &[&str]) -> bool {
        chain(&self.source).any(|link| {
            let link = link.to_string();
            words.iter().any(|word| link.contains(word))
        })
    }

    /// Whether no connection came about; otherwise it broke under way, and the request may have had its effect.
    fn is_unconnected(&self) -> bool {
        self.says(&["(Connect)", "connect timeout", "dns error", "tcp connect error"])
    }

    fn is_untrusted(&self) -> bool {
        self.says(&["invalid peer certificate"])
    }

    pub(super) fn class(&self, operation: Operation) -> Error {
        let (endpoint, message) = (self.endpoint.clone(), deepest(&self.source));
        if self.is_untrusted() {
            Error::Untrusted { endpoint, message }
        } else if self.is_unconnected() {
            Error::Unreachable { endpoint, message }
        } else {
            Error::Transient { operation, message: format!("{endpoint}: {message}") }
        }
    }
}

impl fmt::Display for AtEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.endpoint, deepest(&self.source))
    }
}

impl StdError for AtEndpoint {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

pub(super) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&link| link.source())
}

/// What it comes down to: the outer links only say that something failed.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Whether an endpoint can be called at all. The SDK finds out with the first request, and says so 500 characters later.
pub(super) fn check_endpoint(url: &str) -> Result<(), Error> {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let told = printable::masked_url(url);
    match host {
        // The SDK panics where one is set and empty.
        None if url.trim().is_empty() => Err(Error::Unfit {
            problem: "an endpoint is set, and empty".to_owned(),
            hint: "unset AWS_ENDPOINT_URL and what else sets one (AWS_ENDPOINT_URL_…, `endpoint_url` of the profile, \
                   `--endpoint-url`), or write http://localhost:4566"
                .to_owned(),
        }),
        Some(host) if !host.trim_start_matches('/').is_empty() => {
            check_url(url).map_err(|error| Error::Unfit {
                problem: format!("endpoint `{told}` is no URL: {error}"),
                hint: "write http://localhost:4566, or leave it out for AWS".to_owned(),
            })
        }
        Some(_) => Err(Error::Unfit {
            problem: format!("endpoint `{told}` has no host"),
            hint: "write http://localhost:4566, or leave it out for AWS".to_owned(),
        }),
        None => {
            let bare = url.split_once("://").map_or(url, |(_, host)| host);
            Err(Error::Unfit {
                problem: match url.split_once("://") {
                    None => format!("endpoint `{told}` has no scheme"),
                    Some((scheme, _)) => {
                        format!("endpoint `{told}` has the unknown scheme {scheme}")
                    }
                },
                hint: format!("write http://{bare}, or https://{bare}"),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_scheme_is_told_with_one() {
        let told = |url: &str| check_endpoint(url).map_err(|e| (e.to_string(), e.hint()));
        assert_eq!(told("http://localhost:4566"), Ok(()));
        assert_eq!(told("https://elb.example.com/x"), Ok(()));
        let (problem, hint) = told("localhost:4566").unwrap_err();
        assert_eq!(problem, "endpoint `localhost:4566` has no scheme");
        assert!(hint.starts_with("write http://localhost:4566,"), "{hint}");
        assert!(told("ftp://x").unwrap_err().0.ends_with("unknown scheme ftp"));
        assert!(told("http://").unwrap_err().0.ends_with("has no host"));
        for empty in ["", " "] {
            assert_eq!(told(empty).unwrap_err().0, "an endpoint is set, and empty");
        }
        for wrong in ["http://[::1", "http://ex ample", "http://host:99999"] {
            let (problem, _) = told(wrong).unwrap_err();
            assert!(problem.contains("is no URL"), "{wrong}: {problem}");
        }
    }

    #[test]
    fn an_endpoint_is_what_stands_before_the_path() {
        assert_eq!(endpoint_of("http://localhost:1/a/b?c"), "http://localhost:1");
        assert_eq!(endpoint_of("http://ann:secret@localhost:1/a"), "http://localhost:1");
        assert_eq!(
            endpoint_of("https://sts.eu-west-1.amazonaws.com/"),
            "https://sts.eu-west-1.amazonaws.com"
        );
    }

    #[test]
    fn only_what_never_answered_is_not_asked_again_at_once() {
        let refused = || ConnectorError::io("client error (Connect)".into());
        let at = || "http://localhost:1".to_owned();
        assert!(named(at(), refused(), true).is_user());
        assert!(named(at(), refused(), false).is_io());
        let broken = ConnectorError::io("connection reset by peer".into());
        assert!(named(at(), broken, true).is_io());
        let stranger = ConnectorError::io("invalid peer certificate: UnknownIssuer".into());
        assert!(named(at(), stranger, false).is_user());
    }
}

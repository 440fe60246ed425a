//! The way to AWS: who is trusted there, through which proxy it goes, and what is told when nobody answers. The SDK's own
//! client trusts what the machine trusts, knows no `AWS_CA_BUNDLE`, and its errors do not say where they come from.
//!
//! A sixth of the file is tests of what is private here: what an endpoint that has not answered yet is believed.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html>

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
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
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::os_shim_internal::{Env, Fs};
use tokio::time::Instant;

use crate::{
    cloud::{Error, Operation, Patience, Proxies, check_authorities, check_url},
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
    let proxies = Arc::new(Proxies::of_environment());
    Ok(SharedHttpClient::new(Named { inner, patience, proxies, met: Acquaintances::default() }))
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

/// How long the first answer of an endpoint is waited for by one call. What AWS has to say takes a second; what comes
/// later than this, the first time, mostly never comes.
const FIRST_ANSWER: Duration = Duration::from_secs(8);
/// After so long without any answer an endpoint is given up: by the second call that waits in vain.
const GIVEN_UP: Duration = Duration::from_secs(15);
/// For how long that is told to every call at once. Whoever goes on by himself asks again after it.
const BELIEVED: Duration = Duration::from_secs(30);

/// How many pages of a gateway that cannot reach what is behind it are waited out, where it has never shown anything
/// else: fewer than one call asks for, so that it is told once.
const PAGES: u32 = 4;

/// Says of every failure which endpoint it is about.
#[derive(Debug)]
struct Named {
    inner: SharedHttpClient,
    patience: Patience,
    proxies: Arc<Proxies>,
    met: Acquaintances,
}

impl HttpClient for Named {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // Long polls and functions take their time, and say so.
        let takes_its_time = settings.read_timeout().is_some() || self.patience == Patience::Back;
        SharedHttpConnector::new(NamedConnector {
            inner: self.inner.http_connector(settings, components),
            patience: self.patience,
            first_answer: (!takes_its_time).then_some(FIRST_ANSWER),
            proxies: Arc::clone(&self.proxies),
            met: self.met.clone(),
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
    first_answer: Option<Duration>,
    proxies: Arc<Proxies>,
    met: Acquaintances,
}

impl HttpConnector for NamedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = endpoint_of(request.uri());
        let proxy = self.proxies.to(request.uri());
        let (patience, first_answer, met) = (self.patience, self.first_answer, self.met.clone());
        let call = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let acquaintance = met.meet(&endpoint);
            let answer = match (acquaintance, first_answer) {
                (Acquaintance::Silent(_), Some(_)) => Err(silence()),
                (Acquaintance::Asked { .. }, Some(limit)) => {
                    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(silence()))
                }
                _ => call.await,
            };
            let is_new = !matches!(acquaintance, Acquaintance::Answered);
            let answer = match answer {
                Ok(response) if is_new && is_page_for_people(&response) => {
                    let page = Page(response.status().as_u16());
                    let is_patient = page.may_pass()
                        && (patience == Patience::Back || !met.shows_too_many_pages(&endpoint));
                    if is_patient {
                        return Ok(response);
                    }
                    Err(ConnectorError::user(page.into()))
                }
                answer => answer,
            };
            match answer {
                Ok(response) => {
                    met.heard(&endpoint);
                    Ok(response)
                }
                Err(source) => {
                    let found = AtEndpoint { endpoint, proxy, source };
                    let is_final = found.is_untrusted()
                        || found.page().is_some()
                        || (found.is_silent() && met.gives_up(&found.endpoint))
                        || (is_new && patience == Patience::Forward && found.is_unconnected());
                    Err(named(found, if is_final { Ending::Final } else { Ending::MayPass }))
                }
            }
        })
    }
}

/// What an endpoint has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acquaintance {
    /// It was first asked then, and has not answered yet, but for so many pages of a gateway.
    Asked {
        at: Instant,
        pages: u32,
    },
    Answered,
    /// It was given up then.
    Silent(Instant),
}

/// All endpoints that were asked.
#[derive(Clone, Debug, Default)]
struct Acquaintances(Arc<Mutex<BTreeMap<String, Acquaintance>>>);

impl Acquaintances {
    /// How an endpoint stands that is about to be asked.
    fn meet(&self, endpoint: &str) -> Acquaintance {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(endpoint) {
            Some(Acquaintance::Silent(at)) if at.elapsed() > BELIEVED => {}
            Some(known) => return *known,
            None => {}
        }
        let asked = Acquaintance::Asked { at: Instant::now(), pages: 0 };
        all.insert(endpoint.to_owned(), asked);
        asked
    }

    fn heard(&self, endpoint: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(endpoint) != Some(&Acquaintance::Answered) {
            all.insert(endpoint.to_owned(), Acquaintance::Answered);
        }
    }

    /// Whether a page was one too many of an endpoint that has shown nothing else.
    fn shows_too_many_pages(&self, endpoint: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(endpoint) {
            Some(Acquaintance::Asked { pages, .. }) => {
                *pages = pages.saturating_add(1);
                *pages >= PAGES
            }
            Some(Acquaintance::Answered | Acquaintance::Silent(_)) | None => false,
        }
    }

    /// Whether a silence was one too many.
    fn gives_up(&self, endpoint: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(endpoint) {
            Some(Acquaintance::Asked { at, .. }) if at.elapsed() >= GIVEN_UP => {
                all.insert(endpoint.to_owned(), Acquaintance::Silent(Instant::now()));
                true
            }
            Some(Acquaintance::Silent(_)) => true,
            Some(Acquaintance::Asked { .. } | Acquaintance::Answered) | None => false,
        }
    }
}

/// Whether the same request may come to something at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Final,
    MayPass,
}

/// What is final is not asked five times over: the endpoint is mistyped, or not to be reached from here.
fn named(found: AtEndpoint, ending: Ending) -> ConnectorError {
    let error = &found.source;
    let (is_io, is_timeout, other) = (error.is_io(), error.is_timeout(), error.as_other());
    let source: BoxError = Box::new(found);
    match (ending, is_io, is_timeout) {
        (Ending::Final, _, _) => ConnectorError::user(source),
        (Ending::MayPass, true, _) => ConnectorError::io(source),
        (Ending::MayPass, false, true) => ConnectorError::timeout(source),
        (Ending::MayPass, false, false) => ConnectorError::other(source, other),
    }
}

/// That somebody takes connections there, and says nothing.
#[derive(Debug, thiserror::Error)]
#[error("it takes connections and does not answer")]
struct Silence;

fn silence() -> ConnectorError {
    ConnectorError::timeout(Silence.into())
}

/// A page for people where AWS would answer a program.
#[derive(Debug, thiserror::Error)]
#[error("a web server answers there with a page (status {0})")]
struct Page(u16);

/// What an endpoint that does not know the operation answers; asking again will not teach it.
pub(super) const NOT_IMPLEMENTED: u16 = 501;

impl Page {
    /// Gateways on the way to AWS have pages for when they cannot reach it.
    fn may_pass(&self) -> bool {
        self.0 >= 500 && self.0 != NOT_IMPLEMENTED
    }
}

fn is_page_for_people(response: &HttpResponse) -> bool {
    let kind = response.headers().get("content-type");
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
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
    /// The proxy that the environment names for it.
    proxy: Option<String>,
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

    fn is_silent(&self) -> bool {
        chain(&self.source).any(<dyn StdError>::is::<Silence>)
    }

    fn page(&self) -> Option<&Page> {
        chain(&self.source).find_map(|link| link.downcast_ref())
    }

    /// What helps against a certificate that is not taken.
    fn remedy(&self) -> &'static str {
        if self.says(&["not valid for name"]) {
            "the certificate is for another host: call the endpoint by a name that it names, or correct \
             `--endpoint-url` and AWS_ENDPOINT_URL"
        } else if self.says(&["certificate expired", "Expired", "not valid yet", "NotValidYet"]) {
            "the certificate is out of date, or this machine's clock is wrong: check `date` first"
        } else {
            "name the file with the certificate authority in AWS_CA_BUNDLE, or as `ca_bundle` in the profile"
        }
    }

    pub(super) fn class(&self, operation: Operation) -> Error {
        let (endpoint, message) = (self.endpoint.clone(), deepest(&self.source));
        if self.is_untrusted() {
            Error::Untrusted { endpoint, message, remedy: self.remedy().to_owned() }
        } else if self.page().is_some_and(|page| !page.may_pass()) {
            Error::Stranger { endpoint, message }
        } else if self.page().is_some() || self.is_unconnected() || self.is_silent() {
            match self.proxy.clone() {
                Some(proxy) => Error::Proxy { proxy, message },
                None => Error::Unreachable { endpoint, message },
            }
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

    fn at_end(error: ConnectorError, ending: Ending) -> ConnectorError {
        let endpoint = "http://localhost:1".to_owned();
        named(AtEndpoint { endpoint, proxy: None, source: error }, ending)
    }

    #[test]
    fn only_what_is_final_is_not_asked_again_at_once() {
        let refused = || ConnectorError::io("client error (Connect)".into());
        assert!(at_end(refused(), Ending::Final).is_user());
        assert!(at_end(refused(), Ending::MayPass).is_io());
        assert!(at_end(silence(), Ending::MayPass).is_timeout());
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_never_answered_is_given_up_by_the_second_call_and_asked_again_later()
    {
        let met = Acquaintances::default();
        let at = "http://localhost:1";
        assert!(matches!(met.meet(at), Acquaintance::Asked { .. }));
        tokio::time::advance(FIRST_ANSWER).await;
        assert!(!met.gives_up(at), "it may have been slow");
        assert!(matches!(met.meet(at), Acquaintance::Asked { .. }));
        tokio::time::advance(FIRST_ANSWER).await;
        assert!(met.gives_up(at));
        assert!(matches!(met.meet(at), Acquaintance::Silent(_)));
        assert!(matches!(met.meet("http://localhost:2"), Acquaintance::Asked { .. }));
        tokio::time::advance(BELIEVED * 2).await;
        assert!(matches!(met.meet(at), Acquaintance::Asked { .. }));
        met.heard(at);
        tokio::time::advance(BELIEVED * 2).await;
        assert!(!met.gives_up(at), "whoever has answered is waited for");
        assert_eq!(met.meet(at), Acquaintance::Answered);
    }

    #[test]
    fn each_fault_of_a_certificate_has_its_own_remedy() {
        let remedy = |words: &str| {
            let source = ConnectorError::io(format!("invalid peer certificate: {words}").into());
            let found = AtEndpoint { endpoint: "https://a".to_owned(), proxy: None, source };
            match found.class(Operation::ModifyRule) {
                Error::Untrusted { remedy, .. } => remedy,
                other => panic!("{other}"),
            }
        };
        assert!(remedy("UnknownIssuer").contains("AWS_CA_BUNDLE"));
        assert!(remedy("certificate not valid for name \"a\"").contains("another host"));
        assert!(remedy("certificate expired: verified at").contains("clock"));
    }
}

//! Probes over HTTP. No AWS in here: it works without the `aws` feature, and against anything with a URL.

use std::{collections::BTreeMap, error::Error as _, sync::Arc, time::Duration};

use async_trait::async_trait;
use hyper_util::client::proxy::matcher::Matcher;

use super::{Answer, Error, Http, Operation};
use crate::{plan::Proxy, printable::masked_url};

/// Sends probes to the real network.
#[derive(Clone, Debug)]
pub struct WebProbe {
    client: reqwest::Client,
    /// Goes straight to the target.
    direct: reqwest::Client,
    /// What the client goes by, to be told.
    proxies: Arc<Proxies>,
}

/// Which proxy leads to a URL.
#[derive(Debug)]
pub struct Proxies(Matcher);

impl Proxies {
    /// As the environment's variables say.
    pub fn of_environment() -> Self {
        Self(Matcher::from_env())
    }

    /// The proxy, without what may be a secret in it.
    pub fn to(&self, url: &str) -> Option<String> {
        let intercept = self.0.intercept(&url.parse().ok()?)?;
        Some(masked_url(&intercept.uri().to_string()))
    }
}

impl WebProbe {
    /// `Rejected` when this machine's TLS cannot be set up.
    pub fn new() -> Result<Self, Error> {
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|e| Error::Rejected {
                operation: Operation::HttpSetUp,
                message: in_words(&e),
            })
        };
        Ok(Self {
            client: build(Self::client())?,
            direct: build(Self::client().no_proxy())?,
            proxies: Arc::new(Proxies(Matcher::from_system())),
        })
    }

    fn client() -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            // A probe asks what this address answers; a redirect is an answer.
            .redirect(reqwest::redirect::Policy::none())
            // A kept connection stays with the load balancer node, and often the target, it was opened to. Every
            // probe opens its own, as new clients do.
            .pool_max_idle_per_host(0)
    }
}

#[async_trait]
impl Http for WebProbe {
    async fn get(
        &self,
        url: &str,
        headers: &BTreeMap<String, String>,
        timeout: Duration,
        proxy: Proxy,
    ) -> Answer {
        let client = match proxy {
            Proxy::OfEnvironment => &self.client,
            Proxy::None => &self.direct,
        };
        let request = client.get(url).timeout(timeout);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        // The body is not read: its length is the server's to choose, and only the status counts.
        match request.send().await {
            Ok(response) => Answer::Status(response.status().as_u16()),
            // The URL is left out because it may carry a password.
            Err(error) => Answer::None(in_words(&error.without_url())),
        }
    }

    fn proxy_to(&self, url: &str) -> Option<String> {
        self.proxies.to(url)
    }
}

/// The most telling words are the innermost: "connection refused" rather than "error sending request".
fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        words = inner.to_string();
        source = inner.source();
    }
    words
}

/// Whether these bytes are PEM certificates that an authority can be made of; in words, why not.
pub fn check_authorities(pem: &[u8]) -> Result<(), String> {
    let certificates =
        reqwest::Certificate::from_pem_bundle(pem).map_err(|error| in_full(&error))?;
    if certificates.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    let client = reqwest::Client::builder().tls_certs_only(certificates).build();
    client.map(|_| ()).map_err(|error| in_full(&error))
}

fn in_full(error: &(dyn std::error::Error + 'static)) -> String {
    let (mut words, mut source) = (error.to_string(), error.source());
    while let Some(inner) = source {
        words = format!("{words}: {inner}");
        source = inner.source();
    }
    words
}

/// Whether this is a URL that could be asked at all.
///
/// # Errors
///
/// The words for what is wrong with it.
pub fn check_url(url: &str) -> Result<(), String> {
    reqwest::Url::parse(url).map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use super::*;

    static NO_HEADERS: BTreeMap<String, String> = BTreeMap::new();

    /// A server that reads a request and gives one answer, on each of its connections.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let _ = connection.read(&mut [0; 1024]);
                if answer.is_empty() {
                    // Keeps silent until the client gives up.
                    let _ = connection.read(&mut [0; 1024]);
                }
                let _ = connection.write_all(answer.as_bytes());
            }
        });
        format!("http://user:secret@{address}/health")
    }

    async fn get(url: &str) -> Answer {
        WebProbe::new()
            .unwrap()
            .get(url, &BTreeMap::new(), Duration::from_millis(500), Proxy::None)
            .await
    }

    #[tokio::test]
    async fn headers_are_sent_along() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = connection.read(&mut request).unwrap();
            connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let headers = BTreeMap::from([("x-canary".to_owned(), "1".to_owned())]);
        let probe = WebProbe::new().unwrap();
        assert_eq!(
            probe.get(&url, &headers, Duration::from_secs(5), Proxy::None).await,
            Answer::Status(200)
        );
        assert!(server.join().unwrap().contains("x-canary: 1\r\n"));
    }

    #[tokio::test]
    async fn the_status_is_the_answer_even_of_a_redirect_or_a_fault() {
        let ok = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(get(&ok).await, Answer::Status(200));
        let redirect = server("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n");
        assert_eq!(get(&redirect).await, Answer::Status(302));
        let fault = server("HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert_eq!(get(&fault).await, Answer::Status(503));
    }

    #[tokio::test]
    async fn a_proxy_answers_in_the_place_of_the_target_and_is_told_without_its_password() {
        let proxy = server("HTTP/1.1 204 No Content\r\n\r\n");
        let with_proxy = WebProbe {
            client: WebProbe::client()
                .proxy(reqwest::Proxy::http(&proxy).unwrap())
                .build()
                .unwrap(),
            proxies: Arc::new(Proxies(Matcher::builder().http(&proxy).build())),
            ..WebProbe::new().unwrap()
        };
        let target = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let ask = |proxy| with_proxy.get(&target, &NO_HEADERS, Duration::from_secs(5), proxy);
        assert_eq!(ask(Proxy::OfEnvironment).await, Answer::Status(204));
        assert_eq!(ask(Proxy::None).await, Answer::Status(200));
        let told = with_proxy.proxy_to(&target).unwrap();
        assert!(told.starts_with("http://") && told.contains("127.0.0.1"), "{told}");
        assert!(!told.contains("secret"), "{told}");
        assert_eq!(with_proxy.proxy_to("https://other/"), None);
    }

    #[tokio::test]
    async fn no_answer_is_told_in_words_without_the_url() {
        assert_eq!(get(&server("")).await, Answer::None("no answer in time".to_owned()));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let Answer::None(words) = get(&format!("http://u:secret@127.0.0.1:{port}/")).await else {
            panic!("answered");
        };
        assert!(words.contains("refused") && !words.contains("secret"), "{words}");
        assert!(matches!(get("not a url").await, Answer::None(_)));
    }
}

//! From HTTP answers to a reading. A poll asks as often as the gate wants answers in a row and stops at the first wrong
//! one. No answer at all is a failure too: what cannot be reached does not serve. What a URL may hold in secret stays out
//! of readings, which are journaled and shown; the proxy that an answer came through stands in them.

use crate::{
    cloud::{Answer, Http},
    plan::{HttpGate, Proxy},
    printable::masked_url,
    rollout::{Outcome, Reading, Timestamp},
};

pub async fn probe(http: &dyn Http, gate: &HttpGate, at: Timestamp) -> Reading {
    let url = masked_url(&gate.url);
    let proxy = match gate.proxy {
        Proxy::OfEnvironment => http.proxy_to(&gate.url),
        Proxy::None => None,
    };
    let through =
        proxy.as_ref().map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
    let told = |reading: Reading| match &proxy {
        Some(proxy) => reading.with("proxy", proxy),
        None => reading,
    };
    for answered in 0..gate.consecutive.max(1) {
        let wrong = match http.get(&gate.url, &gate.headers, gate.timeout, gate.proxy).await {
            Answer::Status(status) if status == gate.status => continue,
            Answer::Status(status) => format!("answered {status} instead of {}", gate.status),
            Answer::None(words) => format!("did not answer: {words}"),
        };
        let reading = Reading::new(Outcome::Fail, at, format!("{url} {wrong}{through}"));
        return told(reading).with("right answers before", answered);
    }
    let times = gate.consecutive.max(1);
    let because = format!("{url} answered {} {times} times in a row{through}", gate.status);
    told(Reading::new(Outcome::Pass, at, because)).with("answers", times)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, net::TcpListener, time::Duration};

    use async_trait::async_trait;

    use super::*;
    use crate::cloud::WebProbe;

    /// A way to everywhere through a proxy that answers itself.
    struct Proxied;

    #[async_trait]
    impl Http for Proxied {
        async fn get(
            &self,
            _url: &str,
            _headers: &BTreeMap<String, String>,
            _timeout: Duration,
            proxy: Proxy,
        ) -> Answer {
            match proxy {
                Proxy::OfEnvironment => Answer::Status(407),
                Proxy::None => Answer::Status(200),
            }
        }

        fn proxy_to(&self, _url: &str) -> Option<String> {
            Some("http://proxy:3128/".to_owned())
        }
    }

    #[tokio::test]
    async fn an_answer_of_a_proxy_is_called_that_and_can_be_done_without() {
        let gate = |proxy| HttpGate {
            url: "http://shop/health".into(),
            headers: BTreeMap::new(),
            status: 200,
            consecutive: 1,
            timeout: Duration::from_secs(1),
            proxy,
        };
        let through = probe(&Proxied, &gate(Proxy::OfEnvironment), Timestamp::default()).await;
        assert_eq!(through.outcome, Outcome::Fail);
        let words = "answered 407 instead of 200 through the proxy http://proxy:3128/";
        assert!(through.because.ends_with(words), "{}", through.because);
        assert_eq!(through.evidence["proxy"], "http://proxy:3128/");
        let straight = probe(&Proxied, &gate(Proxy::None), Timestamp::default()).await;
        assert_eq!(straight.outcome, Outcome::Pass);
        assert!(!format!("{straight:?}").contains("proxy"), "{straight:?}");
    }

    #[tokio::test]
    async fn a_key_in_a_query_stands_in_no_reading() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let gate = HttpGate {
            url: format!("http://127.0.0.1:{port}/health?key=secret"),
            headers: BTreeMap::new(),
            status: 200,
            consecutive: 1,
            timeout: Duration::from_secs(1),
            proxy: Proxy::None,
        };
        let reading = probe(&WebProbe::new().unwrap(), &gate, Timestamp::default()).await;
        assert_eq!(reading.outcome, Outcome::Fail);
        let told = format!("{reading:?}");
        assert!(told.contains("/health?…") && !told.contains("secret"), "{told}");
    }
}

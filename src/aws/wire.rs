//! For tests: services that answer over a wire that never leaves the process. What is asserted is what AWS would have
//! received, after the SDK has done its part.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    client::orchestrator::{HttpRequest, HttpResponse},
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

use super::{clients::Services, settings::Settings};
use crate::cloud::Calls;

/// One request as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) operation: String,
    /// The form fields of a query request.
    pub(super) fields: BTreeMap<String, String>,
    /// By lower-case name.
    pub(super) headers: BTreeMap<String, String>,
    /// Where it went, from the host on.
    pub(super) uri: String,
    pub(super) body: Vec<u8>,
}

/// What a service answers.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Vec<u8>,
}

impl From<(u16, Vec<u8>)> for Answered {
    fn from((status, body): (u16, Vec<u8>)) -> Self {
        Self { status, headers: vec![("smithy-protocol", "rpc-v2-cbor")], body }
    }
}

impl Sent {
    /// Fields whose names begin like this, without that beginning.
    pub(super) fn under(&self, beginning: &str) -> BTreeMap<&str, &str> {
        let fields = self.fields.iter();
        fields.filter_map(|(k, v)| Some((k.strip_prefix(beginning)?, v.as_str()))).collect()
    }

    /// Strings stand in CBOR as they are.
    pub(super) fn mentions(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// Adapters on a wire, and all that went over it.
pub(super) struct Wire {
    pub(super) services: Services,
    pub(super) calls: Calls,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Wire {
    /// `answer` gives the status and body for a request, and headers where they matter.
    pub(super) fn new<A: Into<Answered>>(
        answer: impl Fn(&Sent) -> A + Send + Sync + 'static,
    ) -> Self {
        let sent = Arc::<Mutex<Vec<Sent>>>::default();
        let answer = move |sent: &Sent| answer(sent).into();
        let connector =
            SharedHttpConnector::new(Connector { answer: Box::new(answer), sent: sent.clone() });
        let credentials = Credentials::builder()
            .access_key_id("AKIDEXAMPLE")
            .secret_access_key("example")
            .provider_name("tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials.build()))
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .sleep_impl(sleep())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let calls = Calls::default();
        Self { services: Services::new(&config, &Settings::default(), &calls), calls, sent }
    }

    /// Takes what was sent since the last time.
    pub(super) fn sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    pub(super) fn operations(&self) -> Vec<String> {
        self.sent().into_iter().map(|sent| sent.operation).collect()
    }
}

/// The SDK waits before it tries again; with tokio's time paused that takes no time.
fn sleep() -> aws_sdk_sts::config::SharedAsyncSleep {
    #[derive(Debug)]
    struct TokioSleep;

    impl aws_sdk_sts::config::AsyncSleep for TokioSleep {
        #[expect(clippy::disallowed_methods, reason = "the SDK's own waiting, in a test")]
        fn sleep(&self, duration: std::time::Duration) -> aws_sdk_sts::config::Sleep {
            aws_sdk_sts::config::Sleep::new(tokio::time::sleep(duration))
        }
    }
    aws_sdk_sts::config::SharedAsyncSleep::new(TokioSleep)
}

type Answer = Box<dyn Fn(&Sent) -> Answered + Send + Sync>;

struct Connector {
    answer: Answer,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let fields: BTreeMap<_, _> = String::from_utf8_lossy(&body)
            .split('&')
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        let in_path = request.uri().rsplit('/').next().unwrap_or_default();
        // Of the JSON protocol: `AmazonSQS.ReceiveMessage`.
        let target =
            request.headers().get("x-amz-target").and_then(|target| target.split_once('.'));
        let named = target.map_or(in_path, |(_, operation)| operation).to_owned();
        let operation = fields.get("Action").cloned().unwrap_or(named);
        let headers =
            request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (headers, uri) = (headers.collect(), request.uri().to_owned());
        let sent = Sent { operation, fields, headers, uri, body };
        let Answered { status, headers, body } = (self.answer)(&sent);
        self.sent.lock().unwrap().push(sent);
        let mut response =
            HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
        for (name, value) in headers {
            response.headers_mut().insert(name, value);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// An answer of the query protocol.
pub(super) fn xml(operation: &str, result: &str) -> (u16, Vec<u8>) {
    let answer = format!(
        "<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"
    );
    (200, answer.into_bytes())
}

/// An error of the query protocol.
pub(super) fn refusal(status: u16, code: &str, message: &str) -> (u16, Vec<u8>) {
    let answer = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    (status, answer.into_bytes())
}

/// An answer of the CBOR protocol. An object with the one key `epoch` is a moment, in seconds.
pub(super) fn cbor(answer: &Value) -> (u16, Vec<u8>) {
    let mut bytes = Vec::new();
    encode(answer, &mut bytes);
    (200, bytes)
}

fn encode(value: &Value, into: &mut Vec<u8>) {
    let head = |major: u8, length: usize, into: &mut Vec<u8>| {
        // 26 says that four bytes of length follow.
        into.push(major * 32 + 26);
        into.extend(u32::try_from(length).unwrap().to_be_bytes());
    };
    match value {
        Value::Null => into.push(0xf6),
        Value::Bool(false) => into.push(0xf4),
        Value::Bool(true) => into.push(0xf5),
        Value::Number(n) => {
            if let Some(n) = n.as_u64() {
                head(0, usize::try_from(n).unwrap(), into);
            } else {
                into.push(0xfb);
                into.extend(n.as_f64().unwrap().to_be_bytes());
            }
        }
        Value::String(text) => {
            head(3, text.len(), into);
            into.extend(text.bytes());
        }
        Value::Array(items) => {
            head(4, items.len(), into);
            for item in items {
                encode(item, into);
            }
        }
        Value::Object(fields) => {
            if let Some(epoch) = fields.get("epoch") {
                into.push(0xc1);
                return encode(&Value::from(epoch.as_f64().unwrap()), into);
            }
            head(5, fields.len(), into);
            for (name, field) in fields {
                encode(&Value::from(name.as_str()), into);
                encode(field, into);
            }
        }
    }
}

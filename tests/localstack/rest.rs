//! Rest for worlds that no test looks at any more. As long as LocalStack runs, their instances are asked how they are and
//! their alarms are judged; fifty of them take half a processor from the tests that are still going on.

use serde_json::json;

/// Lets the world of this prefix rest when it is dropped. Held by whoever seeded it; others who look at it do not.
pub(crate) struct Rest(pub(crate) String);

impl Drop for Rest {
    fn drop(&mut self) {
        let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL") else { return };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let body = json!({ "prefix": self.0 }).to_string();
        let call = reqwest::Client::new().post(format!("{endpoint}/_tidegate/retire")).body(body);
        // A world that goes on costs time, and no test fails for it.
        drop(runtime.block_on(call.send()));
    }
}

//! Users: a process that sends requests through a world's load balancer until it is told to stop, and counts what came
//! back from which version.

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
};

use serde::Deserialize;

/// So many have to have come for a word on none of them being lost; how many came is told.
pub(crate) const ENOUGH: u64 = 1_000;

/// A load generator at work.
pub(crate) struct Load(Child);

/// What users saw.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    by_minute: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Seen {
    /// Answers of each version.
    pub(crate) fn versions(&self) -> BTreeMap<&str, u64> {
        let mut versions = BTreeMap::new();
        for (version, count) in self.by_minute.values().flatten() {
            *versions.entry(version.as_str()).or_default() += count;
        }
        versions
    }
}

impl Load {
    pub(crate) fn start(prefix: &str, per_second: u32) -> Self {
        Self::with(prefix, per_second, &[])
    }

    /// `share` of the requests come from browsers that keep their cookies.
    pub(crate) fn returning(prefix: &str, per_second: u32, share: f64) -> Self {
        Self::with(prefix, per_second, &["--returning", &share.to_string()])
    }

    /// All requests ask for this path.
    pub(crate) fn asking_for(path: &str, prefix: &str, per_second: u32) -> Self {
        Self::with(prefix, per_second, &["--path", path])
    }

    fn with(prefix: &str, per_second: u32, more: &[&str]) -> Self {
        let state = std::env::var("TIDE_AWS_STATE").expect("run through `make localstack`");
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/localstack/tide-aws");
        let rate = per_second.to_string();
        let child = Command::new(program)
            .args(["load", "--prefix", prefix, "--rate", &rate, "--state-dir", &state])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Lets them go on for a while, then stops them and asks what they saw.
    pub(crate) fn stop_after(self, seconds: u64) -> Seen {
        std::thread::sleep(std::time::Duration::from_secs(seconds));
        self.stop()
    }

    pub(crate) fn stop(self) -> Seen {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let output = self.0.wait_with_output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stdout)))
    }
}

//! Users: a process that sends requests through a world's load balancer until it is told to stop, and counts what came
//! back from which version.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use serde::Deserialize;

/// So many have to have come for a word on none of them being lost; how many came is told.
pub(crate) const ENOUGH: u64 = 1_000;

/// A load generator at work, which ends with the test that began it.
pub(crate) struct Load(Option<Child>);

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
        }
    }
}

/// What became of events that were sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Handled {
    pub(crate) sent: u64,
    pub(crate) once: u64,
    pub(crate) lost: u64,
    /// Some of these: a number for each sender, and how many it had sent by then.
    #[expect(dead_code, reason = "printed where a test fails")]
    lost_ids: Vec<String>,
    pub(crate) twice: u64,
    pub(crate) dead_letters: u64,
    pub(crate) by_version: BTreeMap<String, u64>,
}

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

    /// Events with ids of their own, to the bus or stream of a world. One that a version failed is hidden for a
    /// minute before it is handled again.
    pub(crate) fn events(prefix: &str, per_second: u32) -> Self {
        Self::with(prefix, per_second, &["--events", "--settle", "240"])
    }

    /// `share` of the requests come from browsers that keep their cookies.
    pub(crate) fn returning(prefix: &str, per_second: u32, share: f64) -> Self {
        Self::with(prefix, per_second, &["--returning", &share.to_string()])
    }

    /// All requests ask for this path.
    pub(crate) fn asking_for(path: &str, prefix: &str, per_second: u32) -> Self {
        Self::with(prefix, per_second, &["--path", path])
    }

    /// All users ask for this name of the world's zone, which is no weighted one.
    pub(crate) fn resolving(name: &str, prefix: &str, per_second: u32) -> Self {
        Self::with(prefix, per_second, &["--record", name])
    }

    /// An alias of the function is invoked.
    pub(crate) fn invoking(alias: &str, prefix: &str, per_second: u32) -> Self {
        Self::with(prefix, per_second, &["--alias", alias])
    }

    /// All requests ask this stage of the REST API.
    pub(crate) fn at_stage(stage: &str, prefix: &str, per_second: u32) -> Self {
        Self::with(prefix, per_second, &["--stage", stage])
    }

    fn with(prefix: &str, per_second: u32, more: &[&str]) -> Self {
        let state = std::env::var("TIDE_AWS_STATE").expect("run through `make localstack`");
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/localstack/tide-aws");
        let rate = per_second.to_string();
        let mut child = Command::new(program)
            .args(["load", "--prefix", prefix, "--rate", &rate, "--state-dir", &state])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // On a busy machine it takes long to start, and what is tried on users needs some to be there.
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        said.read_line(&mut first).unwrap();
        if !first.contains("users are answered") && !first.contains("events are handled") {
            said.read_to_string(&mut first).unwrap();
            panic!("no load on {prefix}: {first}");
        }
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self(Some(child))
    }

    /// Lets them go on for a while, then stops them and asks what they saw.
    pub(crate) fn stop_after(self, seconds: u64) -> Seen {
        std::thread::sleep(std::time::Duration::from_secs(seconds));
        self.stop()
    }

    pub(crate) fn stop(self) -> Seen {
        self.told()
    }

    /// Sends no more, and tells what became of all once they are handled.
    pub(crate) fn settle(self) -> Handled {
        self.told()
    }

    fn told<Told: serde::de::DeserializeOwned>(mut self) -> Told {
        let child = self.0.take().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let output = child.wait_with_output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stdout)))
    }
}

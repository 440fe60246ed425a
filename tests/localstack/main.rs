//! The wire: the real binary over real HTTP against a LocalStack process, killed with SIGKILL where that is the test.
//! Needs LocalStack (`make localstack` brings one) and fails without it; it never skips.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking, and prepares its own files"
)]

mod aliases;
mod buses;
mod cases;
mod events;
mod fault_stories;
mod faults;
mod fleets;
mod full_disk;
mod gates;
mod invocations;
mod judged_functions;
mod lambda;
mod leads;
mod load;
mod mappings;
mod marks;
mod places;
mod provisioning;
mod pruning;
mod publishing;
mod push;
mod queues;
mod replacements;
mod rest;
mod rollouts;
mod routes;
#[path = "../shared/sampled.rs"]
mod sampled;
mod shifts;
mod signals;
mod stages;
mod streams;
mod traffic;
mod world;

//! Everything that needs no AWS and no LocalStack: the walls of the architecture, what a person sees from the real
//! binary, and thousands of runs in the simulated cloud.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking, and prepares its own files"
)]

mod abort_elsewhere;
mod architecture;
mod attached;
#[cfg(feature = "aws")]
mod aws_config;
mod circles;
mod cli;
mod clocks;
#[cfg(feature = "aws")]
mod credentials;
mod denied;
mod failure_scope;
#[cfg(feature = "aws")]
mod half_set;
mod hostile;
mod in_parallel;
mod invocations;
mod lambda;
mod leads;
mod marks;
mod night;
mod old_journals;
mod places;
mod printable;
mod provisioning;
mod pruning;
mod push;
mod queues;
mod redriving;
mod refusals;
mod retention;
mod retry;
mod rough;
#[path = "../shared/sampled.rs"]
mod sampled;
mod scenarios;
mod shapes;
mod stage;
mod streams;
mod sweep;
mod taken_up_again;
mod test_route;
mod versions;
mod wrong_plans;

//! The wire: the real binary over real HTTP against a LocalStack process, killed with SIGKILL where that is the test.
//! Needs LocalStack (`make localstack` brings one) and fails without it; it never skips.

mod rollouts;
mod world;

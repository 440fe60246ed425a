//! Progressive delivery for AWS without Kubernetes.
//!
//! ```text
//!  YAML ──plan──▶ Plan ──┐                                   ┌──▶ report  (folds the same events)
//!                        ▼                                   │
//!    operator ───▶ rollout::handle(plan, state, input, now) ─┴─▶ events ──▶ journal (durable, fenced)
//!    readings ───▶         ▲                                                   │ apply
//!    results  ───▶         └────────────── state ◀────────────────────────────┘
//!                                           │ outstanding(plan, state, now)
//!                                           ▼
//!                       effects ──▶ runner performs them: action/*, gate/* through cloud/* ports
//! ```
//!
//! `plan` and `rollout` are pure. `cloud` has the ports, `aws` and `simulation` implement them, `runner` is the one
//! loop in which things happen. See ARCHITECTURE.md.

pub mod action;
#[cfg(feature = "aws")]
pub mod aws;
pub mod cli;
pub mod cloud;
pub mod gate;
pub mod journal;
pub mod judge;
pub mod plan;
pub mod printable;
pub mod report;
pub mod rollout;
pub mod runner;
pub mod simulation;
pub mod testkit;

//! What holds where a plan says nothing. The schema's descriptions tell the same to a person.

use std::time::Duration;

use super::units::Percent;

/// How long connections may still reach a side after its weight was taken away.
pub(super) const SETTLE: Duration = Duration::from_secs(30);
pub(super) const ALARMS_EVERY: Duration = Duration::from_secs(15);
pub(super) const OTHERS_EVERY: Duration = Duration::from_secs(10);
/// `CloudWatch` publishes a point a minute; also the usual period.
pub(super) const MEASURED_EVERY: Duration = Duration::from_mins(1);
/// For one request of an http gate.
pub(super) const HTTP_TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const LAMBDA_TIMEOUT: Duration = Duration::from_secs(30);
/// For what waits for machines.
pub const PATIENCE: Duration = Duration::from_mins(10);
/// For a roll-back that AWS throttles or fails: longer than most of its outages last.
pub(super) const ROLL_BACK_FOR: Duration = Duration::from_hours(1);
pub(super) const PROBE_PATIENCE: Duration = Duration::from_mins(1);

/// The share of a group that stays in service while its instances are replaced; AWS's own default.
pub(super) const MIN_HEALTHY: Percent = match Percent::from_basis_points(9_000) {
    Some(share) => share,
    None => Percent::HUNDRED,
};

/// How long a replacement may take, its bake included: machines come and go.
pub(super) const fn replace_timeout(bake: Duration) -> Duration {
    bake.saturating_add(Duration::from_hours(2))
}

/// How long a shift may take, its bake included.
pub(super) const fn shift_timeout(bake: Duration) -> Duration {
    bake.saturating_add(Duration::from_mins(30))
}
/// The name of the one component of a plan without components.
pub(super) const ONLY: &str = "main";

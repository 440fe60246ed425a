//! Keeps us inside the published request rates of a service with room left for everybody else in the account: ECS and
//! CodeDeploy watch alarms through the same quota, and their roll-backs must not starve because we poll.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A token bucket, kept as the moment when it will be full again.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    burst: u32,
    full_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// `DescribeAlarms` may be called 9 times a second per account and region; we take a third.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
    pub(super) fn alarms() -> Self {
        Self::new(3, 3)
    }

    /// `DescribeAlarmHistory` may be called 3 times a second, which cannot be raised.
    pub(super) fn alarm_history() -> Self {
        Self::new(1, 2)
    }

    /// Reads of load balancers have a bucket of 40 that refills by 10 a second.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>
    pub(super) fn load_balancers() -> Self {
        Self::new(5, 10)
    }

    /// All calls of Route 53 together, of everybody in the account, may be 5 a second, which cannot be raised.
    /// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>
    pub(super) fn route53() -> Self {
        Self::new(2, 2)
    }

    /// Auto Scaling publishes no rate.
    pub(super) fn auto_scaling() -> Self {
        Self::new(5, 10)
    }

    /// Describing calls of EC2 that name what they ask for have a bucket of 100 that refills by 20 a second.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>
    pub(super) fn launch_templates() -> Self {
        Self::new(5, 10)
    }

    /// Most calls of Lambda that invoke nothing may be 15 a second together, which cannot be raised.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
    pub(super) fn lambda() -> Self {
        Self::new(5, 10)
    }

    /// All calls that manage API Gateway, of everybody in the account and region, may be 10 a second together, with 40 at
    /// once, which cannot be raised.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
    pub(super) fn api_gateway() -> Self {
        Self::new(3, 10)
    }

    /// Calls that manage rules and targets may be 50 a second, of everybody in the account and region.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
    pub(super) fn event_bridge() -> Self {
        Self::new(5, 10)
    }

    /// `CodeDeploy` publishes no rate.
    pub(super) fn code_deploy() -> Self {
        Self::new(3, 6)
    }

    /// At most `per_second` calls a second in the long run (at least 1), and `burst` at once.
    fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, burst, full_at: Mutex::new(None) }
    }

    /// Waits until it is our turn to make one call.
    #[expect(
        clippy::disallowed_methods,
        reason = "paces real requests; a simulation has no adapters and never gets here"
    )]
    pub(super) async fn turn(&self) {
        let turn = self.reserve();
        if let Some(turn) = turn {
            tokio::time::sleep_until(turn).await;
        }
    }

    /// Waits before something is asked again.
    #[expect(
        clippy::disallowed_methods,
        reason = "waits for a real service; a simulation has no adapters and never gets here"
    )]
    pub(super) async fn rest(duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Takes a token, and says when it will be there if it is not yet.
    fn reserve(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = full_at.map_or(now, |full| full.max(now)) + self.interval;
        *full_at = Some(after);
        let turn = after.checked_sub(self.interval * self.burst)?;
        (turn > now).then_some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let pace = Pace::new(2, 3);
        let start = Instant::now();
        let mut turns = Vec::new();
        for _ in 0..6 {
            pace.turn().await;
            turns.push(start.elapsed().as_millis());
        }
        assert_eq!(turns, [0, 0, 0, 500, 1000, 1500]);
        tokio::time::advance(Duration::from_mins(1)).await;
        let start = Instant::now();
        for _ in 0..3 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "the bucket fills up again, and not further");
        pace.turn().await;
        assert_eq!(start.elapsed(), Duration::from_millis(500));
    }
}

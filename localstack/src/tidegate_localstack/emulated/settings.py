"""How fast the local AWS is, in one place.

Real AWS takes minutes where a test has seconds. What matters to a rehearsal is that things take
time, in the right order, and can be seen half done; the durations themselves are set here, each by
an environment variable `TIDEGATE_<FIELD>` given to `tide-aws up`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Settings:
    """Durations in seconds, read once when LocalStack starts."""

    launch_seconds: float = 0.5
    """From launching an instance until it is InService and registered."""
    terminate_seconds: float = 0.5
    """From the end of draining until a terminating instance is gone."""
    health_check_seconds: float = 0.25
    """Between two health checks of a target, whatever the target group says; 0 follows it."""
    max_drain_seconds: float = 2.0
    """Upper limit of every deregistration delay; 3600 follows the target group."""
    max_warmup_seconds: float = 1.0
    """Upper limit of every instance warm-up; 3600 follows the preferences."""
    propagation_seconds: float = 0.0
    """How long requests still follow the old weights after a rule was modified."""
    metrics_seconds: float = 1.0
    """How often load balancers publish their metrics."""
    alarm_seconds: float = 1.0
    """Between two evaluations of an alarm; AWS takes 10 s at best."""
    alarm_extra_periods: float = 0.0
    """Periods beyond EvaluationPeriods in which old datapoints still count; AWS has 2 or so."""
    alarm_hold_seconds: float = 5.0
    """How long a state set with SetAlarmState stays before evaluation takes over."""
    insync_seconds: float = 1.0
    """How long a Route 53 change is PENDING."""
    route53_rate: float = 5.0
    """Route 53 requests a second before `Throttling`; 0 means no limit."""
    refresh_seconds: float = 0.2
    """Pause between two decisions of an instance refresh."""
    lifecycle_event_seconds: float = 0.2
    """How long each lifecycle event of a CodeDeploy deployment takes."""
    codedeploy_minute_seconds: float = 60.0
    """How long a minute of CodeDeploy's waits, canaries and linear shifts lasts."""
    function_idle_seconds: float = 30.0
    """How long a process of a Lambda function waits for another invocation before it ends."""
    provisioning_seconds: float = 1.0
    """From asking for provisioned concurrency until it is READY; AWS takes a minute or more."""
    function_minute_seconds: float = 1.0
    """How long a minute lasts for an asynchronous invocation: AWS retries after 1 and 2 of them."""
    function_concurrency: float = 100.0
    """Executions at once of all functions that have none reserved; AWS has 1000."""
    account_concurrency: float = 1000.0
    """What an account is told that it may have at once; what is provisioned comes out of it."""

    mapping_seconds: float = 0.5
    """How long an event source mapping is Creating, Enabling and so on; on AWS up to a minute."""
    mapping_concurrency: float = 5.0
    """Batches a queue's mapping has in flight without a MaximumConcurrency; AWS goes up to 1250."""
    stream_poll_seconds: float = 0.2
    """Between two reads of a shard, and the first pause before a retry; AWS reads once a second."""
    replay_seconds: float = 0.5
    """How long a replay of archived events is STARTING; AWS takes minutes."""

    @staticmethod
    def from_environment() -> Settings:
        """Defaults, overridden by TIDEGATE_LAUNCH_SECONDS and so on."""
        given = {}
        for field in fields(Settings):
            text = os.environ.get(f"TIDEGATE_{field.name.upper()}")
            if text is not None:
                try:
                    given[field.name] = float(text)
                except ValueError:
                    raise ValueError(
                        f"TIDEGATE_{field.name.upper()} must be a number of seconds, not {text!r}"
                    ) from None
        return Settings(**given)


SETTINGS = Settings.from_environment()

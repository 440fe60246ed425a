//! What a service publishes of the requests that each side of a route got. A metric that never existed must not be
//! mistaken for one that is silent because all is well.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>

/// The metrics of one service, by the part they play.
#[derive(Debug, PartialEq, Eq)]
pub struct Published {
    pub namespace: &'static str,
    /// A 1 for each request.
    pub requests: &'static str,
    pub server_errors: &'static str,
    /// How long each answer took.
    pub time: &'static str,
    /// How many of the unit that times are published in make a second.
    pub per_second: u16,
    /// Counts that are published only where there is something to count.
    not_zero: &'static [&'static str],
    others: &'static [&'static str],
}

/// Of a target group behind an Application Load Balancer.
pub const OF_TARGET_GROUPS: Published = Published {
    namespace: "AWS/ApplicationELB",
    requests: "RequestCount",
    server_errors: "HTTPCode_Target_5XX_Count",
    time: "TargetResponseTime",
    per_second: 1,
    not_zero: &[
        "HTTPCode_Target_2XX_Count",
        "HTTPCode_Target_3XX_Count",
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "TargetConnectionErrorCount",
        "TargetTLSNegotiationErrorCount",
        "UnhealthyRoutingRequestCount",
    ],
    others: &[
        "RequestCountPerTarget",
        "HealthyHostCount",
        "UnHealthyHostCount",
        "AnomalousHostCount",
        "MitigatedHostCount",
        "HealthyStateDNS",
        "HealthyStateRouting",
        "UnhealthyStateDNS",
        "UnhealthyStateRouting",
    ],
};

/// Of a version of a function behind an alias.
pub const OF_VERSIONS: Published = Published {
    namespace: "AWS/Lambda",
    requests: "Invocations",
    server_errors: "Errors",
    time: "Duration",
    per_second: 1_000,
    not_zero: &[],
    others: &[
        "Throttles",
        "ConcurrentExecutions",
        "IteratorAge",
        "AsyncEventAge",
        "AsyncEventsDropped",
        "AsyncEventsReceived",
        "DeadLetterErrors",
        "DestinationDeliveryFailures",
        "PostRuntimeExtensionsDuration",
        "ProvisionedConcurrencyInvocations",
        "ProvisionedConcurrencySpilloverInvocations",
        "ProvisionedConcurrencyUtilization",
        "ProvisionedConcurrentExecutions",
    ],
};

impl Published {
    /// Of whoever publishes in this namespace.
    pub fn of(namespace: &str) -> Option<&'static Self> {
        let mut known = [&OF_TARGET_GROUPS, &OF_VERSIONS].into_iter();
        known.find(|published| published.namespace == namespace)
    }

    /// Every metric that it is known to publish.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        let parts = [self.requests, self.server_errors, self.time];
        parts.into_iter().chain(self.not_zero.iter().chain(self.others).copied())
    }

    /// Whether a minute with requests and without a figure of this metric means zero.
    pub fn is_silent_at_zero(&self, metric: &str) -> bool {
        self.not_zero.contains(&metric)
    }
}

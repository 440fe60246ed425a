//! What an Application Load Balancer publishes for a target group. A metric that never existed must not be mistaken for
//! one that is silent because all is well.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>

use std::collections::BTreeMap;

use super::{
    measure::Measure,
    model::{Gate, GateKind},
    names::GateName,
    problem::{Problem, did_you_mean},
    span::Span,
};

/// Counts that are published only where there is something to count.
const NOT_ZERO: [&str; 7] = [
    "HTTPCode_Target_2XX_Count",
    "HTTPCode_Target_3XX_Count",
    "HTTPCode_Target_4XX_Count",
    "HTTPCode_Target_5XX_Count",
    "TargetConnectionErrorCount",
    "TargetTLSNegotiationErrorCount",
    "UnhealthyRoutingRequestCount",
];

const ALWAYS: [&str; 11] = [
    "RequestCount",
    "RequestCountPerTarget",
    "TargetResponseTime",
    "HealthyHostCount",
    "UnHealthyHostCount",
    "AnomalousHostCount",
    "MitigatedHostCount",
    "HealthyStateDNS",
    "HealthyStateRouting",
    "UnhealthyStateDNS",
    "UnhealthyStateRouting",
];

/// Whether a minute with requests and without a figure of this metric means zero.
pub fn is_silent_at_zero(metric: &str) -> bool {
    NOT_ZERO.contains(&metric)
}

/// Doubts about gates that measure what is not known to be published. AWS may add metrics, so these are no errors.
pub(super) fn doubts(gates: &BTreeMap<GateName, (Gate, Span)>, problems: &mut Vec<Problem>) {
    let known = || NOT_ZERO.into_iter().chain(ALWAYS);
    for (name, (gate, at)) in gates {
        let asked: Vec<&str> = match &gate.kind {
            GateKind::Metric(gate) => match &gate.measure {
                Measure::One { name, .. } => vec![name],
                Measure::Ratio { of, to } => vec![of, to],
            },
            GateKind::ErrorBudget(gate) => vec![&gate.of, &gate.to],
            GateKind::Alarms(_)
            | GateKind::Healthy { .. }
            | GateKind::Http(_)
            | GateKind::Compare(_)
            | GateKind::Command(_)
            | GateKind::Lambda(_)
            | GateKind::Window(_) => continue,
        };
        for metric in asked.into_iter().filter(|asked| known().all(|known| known != *asked)) {
            let meant = did_you_mean(metric, known()).map_or_else(
                || "without figures the gate is unknown and never passes".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            problems.push(
                Problem::warning(
                    "lint::unpublished",
                    format!("no target group is known to have the metric `{metric}`"),
                )
                .at(*at, format!("gate `{name}` measures it"))
                .help(meant),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::read_with;

    fn warnings(gate: &str) -> Vec<String> {
        let text = format!(
            "{}steps: [{{ shift: {{ route: web, candidate: 100%, bake: 10m, gates: [errors, new] }} }}]\n",
            crate::plan::sample::HEAD.replace("gates:\n", &format!("gates:\n  new: {gate}\n")),
        );
        let found = read_with(&text, &[]).unwrap().warnings;
        let doubts = found.iter().filter(|problem| problem.code == "lint::unpublished");
        doubts
            .map(|problem| format!("{problem}; {}", problem.help.as_deref().unwrap_or("")))
            .collect()
    }

    #[test]
    fn a_misspelt_metric_is_told_before_it_never_has_figures() {
        let ratio = |of: &str| {
            format!(
                "{{ metric: {{ route: web, side: candidate, ratio: {{ of: {of}, to: RequestCount }}, below: 1% }} }}"
            )
        };
        assert_eq!(warnings(&ratio("HTTPCode_Target_5XX_Count")), [""; 0]);
        assert_eq!(
            warnings(&ratio("HTTPCode_Target_5X_Count")),
            ["no target group is known to have the metric `HTTPCode_Target_5X_Count`; \
              did you mean `HTTPCode_Target_5XX_Count`?"]
        );
        assert_eq!(warnings(&ratio("Sadness")).len(), 1);
    }
}

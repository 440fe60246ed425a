//! Doubts about gates that measure what nobody is known to publish: without figures a gate is unknown and never passes.

use std::collections::BTreeMap;

use super::{
    gate::{Gate, GateKind},
    measure::Measure,
    names::{GateName, RouteName},
    problem::{Problem, did_you_mean},
    route_kind::Route,
    span::Span,
};

/// Doubts about gates that measure what is not known to be published. AWS may add metrics, so these are no errors.
pub(super) fn doubts(
    gates: &BTreeMap<GateName, (Gate, Span)>,
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) {
    for (name, (gate, at)) in gates {
        let (route, asked): (&RouteName, Vec<&str>) = match &gate.kind {
            GateKind::Metric(gate) => match &gate.measure {
                Measure::One { name, .. } => (&gate.route, vec![name]),
                Measure::Ratio { of, to } => (&gate.route, vec![of, to]),
            },
            GateKind::ErrorBudget(gate) => (&gate.route, vec![&gate.of, &gate.to]),
            GateKind::Alarms(_)
            | GateKind::Healthy { .. }
            | GateKind::Http(_)
            | GateKind::Compare(_)
            | GateKind::Command(_)
            | GateKind::Lambda(_)
            | GateKind::Queue(_)
            | GateKind::Stream(_)
            | GateKind::Invoke(_)
            | GateKind::Window(_) => continue,
        };
        // A route that cannot be measured has been told of.
        let Some(published) = routes.get(route).and_then(|(route, _)| route.kind.published())
        else {
            continue;
        };
        let is_strange = |asked: &&str| published.all().all(|known| known != *asked);
        for metric in asked.into_iter().filter(is_strange) {
            let meant = did_you_mean(metric, published.all()).map_or_else(
                || "without figures the gate is unknown and never passes".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            problems.push(
                Problem::warning(
                    "lint::unpublished",
                    format!("{} is not known to have the metric `{metric}`", published.namespace),
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
            ["AWS/ApplicationELB is not known to have the metric `HTTPCode_Target_5X_Count`; \
              did you mean `HTTPCode_Target_5XX_Count`?"]
        );
        assert_eq!(warnings(&ratio("Sadness")).len(), 1);
    }
}

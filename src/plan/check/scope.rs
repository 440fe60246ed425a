//! Which names a plan declares, and the small checks that many places share.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};

use crate::plan::{
    attached::Attached,
    form::{List, Named, Slot},
    names::{FleetName, GateName, RouteName},
    plan_form::PlanForm,
    problem::{Problem, did_you_mean, enough, listed},
    published::{OF_TARGET_GROUPS, OF_VERSIONS, Published},
    route_form::RouteForm,
    span::{Span, Spanned},
};

/// The names a plan declares, those of broken declarations included: what refers to them is not wrong.
pub(super) struct Scope {
    routes: Vec<String>,
    /// Those of them that are aliases of functions.
    aliases: Vec<String>,
    fleets: Vec<String>,
    gates: Vec<String>,
    files: Attached,
}

/// The names of a mapping.
pub(super) fn keys<T>(named: &Slot<Named<T>>) -> Vec<String> {
    named.given().map_or_else(Vec::new, |named| {
        named.value.0.iter().map(|(name, _)| name.value.clone()).collect()
    })
}

fn aliases(routes: &Slot<Named<RouteForm>>) -> Vec<String> {
    let routes = routes.given().map_or(&[][..], |routes| &routes.value.0);
    let aliases = routes
        .iter()
        .filter(|(_, form)| form.as_ref().is_some_and(|form| !form.lambda.is_absent()));
    aliases.map(|(name, _)| name.value.clone()).collect()
}

impl Scope {
    pub(super) fn of(form: &PlanForm, files: Attached) -> Self {
        Self {
            routes: keys(&form.routes),
            aliases: aliases(&form.routes),
            fleets: keys(&form.fleets),
            gates: keys(&form.gates),
            files,
        }
    }

    /// The event in a file that the plan names; `None` where that has been told to be none.
    pub(super) fn event(&self, file: &str) -> Option<Map<String, Value>> {
        self.files.get(file).cloned()
    }

    /// The metrics that stand for requests and errors on a route, unless a plan names others.
    pub(super) fn published(&self, route: &RouteName) -> &'static Published {
        let is_alias = self.aliases.iter().any(|alias| alias == route.as_str());
        if is_alias { &OF_VERSIONS } else { &OF_TARGET_GROUPS }
    }

    pub(super) fn route(
        &self,
        name: &Slot<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<RouteName> {
        self.named_route(name.given()?, problems)
    }

    pub(super) fn named_route(
        &self,
        name: &Spanned<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<RouteName> {
        find("route", "plan::unknown-route", &self.routes, name, problems).map(RouteName::new)
    }

    pub(super) fn fleet(
        &self,
        name: &Slot<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<FleetName> {
        let name = name.given()?;
        find("fleet", "plan::unknown-fleet", &self.fleets, name, problems).map(FleetName::new)
    }

    pub(super) fn gate(
        &self,
        name: &Spanned<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<GateName> {
        find("gate", "plan::unknown-gate", &self.gates, name, problems).map(GateName::new)
    }

    pub(super) fn gates(
        &self,
        names: &Slot<List<String>>,
        problems: &mut Vec<Problem>,
    ) -> Vec<GateName> {
        let names = names.value_or(Vec::new());
        refuse_repetition(&names, problems);
        names.iter().filter_map(|name| self.gate(name, problems)).collect()
    }
}

/// The name as declared, or a problem that says which there are.
pub(super) fn find<'n>(
    what: &str,
    code: &'static str,
    declared: &[String],
    name: &'n Spanned<String>,
    problems: &mut Vec<Problem>,
) -> Option<&'n str> {
    if declared.contains(&name.value) {
        return Some(&name.value);
    }
    if enough(problems) {
        return None;
    }
    let names = || declared.iter().map(String::as_str);
    let help = match (declared, did_you_mean(&name.value, names())) {
        ([], _) => format!("the plan declares none; add `{}:` under `{what}s:`", name.value),
        (_, Some(meant)) => format!("did you mean `{meant}`? declared are {}", listed(names())),
        (_, None) => format!("declared are {}; or add it under `{what}s:`", listed(names())),
    };
    problems.push(
        Problem::error(code, format!("there is no {what} `{}`", name.value))
            .at(name.span, "not declared")
            .help(help),
    );
    None
}

/// Reports what stands in a list twice.
pub(super) fn refuse_repetition(list: &[Spanned<String>], problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for item in list {
        let first = *seen.entry(&item.value).or_insert(item.span);
        if first != item.span && !enough(problems) {
            problems.push(
                Problem::error("plan::repeated", format!("`{}` stands here twice", item.value))
                    .at(item.span, "second time")
                    .at(first, "first time")
                    .help("remove one of the two"),
            );
        }
    }
}

/// A duration that must not be zero.
pub(super) fn positive(
    slot: &Slot<Duration>,
    default: Duration,
    problems: &mut Vec<Problem>,
) -> Duration {
    if let Some(given) = slot.given().filter(|given| given.value.is_zero()) {
        problems.push(
            Problem::error("plan::out-of-range", "this has to be longer than nothing")
                .at(given.span, "no time at all")
                .help("write a duration such as `10m`, or leave it out for the default"),
        );
    }
    slot.value_or(default)
}

/// A text that must not be empty.
pub(super) fn filled(slot: &Slot<String>, problems: &mut Vec<Problem>) -> Option<String> {
    not_blank(slot.given()?, problems)
}

/// The same of one that is given.
pub(super) fn not_blank(given: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    if given.value.trim().is_empty() {
        problems.push(
            Problem::error("plan::blank", "this must not be empty")
                .at(given.span, "empty")
                .help("write what is meant"),
        );
        return None;
    }
    Some(given.value.clone())
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::{HEAD, read_with};

    #[test]
    fn whatever_is_named_and_not_declared_is_answered_with_the_nearest_name() {
        let steps = "steps: [shift: { route: wbe, candidate: 5%, bake: 1m, gates: [erorrs] }, \
             scale: { fleet: ap, side: candidate, to: 1 }]";
        let plan = format!(
            "{HEAD}components:\n  first: {{ {steps} }}\n  second: {{ needs: [frist], steps: [pause: 1m] }}\n"
        );
        let problems = read_with(&plan, &[]).unwrap_err();
        let helps: Vec<&str> = problems.iter().filter_map(|it| it.help.as_deref()).collect();
        for meant in ["web", "errors", "app", "first"] {
            let asked = format!("did you mean `{meant}`? declared are ");
            assert!(helps.iter().any(|help| help.starts_with(&asked)), "{meant}: {helps:?}");
        }
    }
}

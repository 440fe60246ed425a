//! Routes that are the stage of a REST API: what its canary can be.

use std::collections::BTreeMap;

use crate::plan::{
    defaults::SETTLE,
    names::Member,
    place::Place,
    problem::Problem,
    route::{Sides, Stage, StageCache},
    route_form::StageForm,
    route_kind::{Route, RouteKind},
    span::Spanned,
    stage_values::{Deployment, TO_BE, Variables, deployment, is_id},
};

pub(super) fn api_gateway(form: &Spanned<StageForm>, problems: &mut Vec<Problem>) -> Option<Route> {
    let form = &form.value;
    let api = form.api.given().and_then(|api| {
        let help = "write the `id` of one of `aws apigateway get-rest-apis`, not its name or ARN";
        named(api, ("REST API", help), is_id, problems)
    });
    let name = form.stage.given().and_then(|name| {
        let help = "write the name of one of `aws apigateway get-stages`: letters, digits, hyphens and underscores";
        named(name, ("stage", help), is_stage, problems)
    });
    let given = form.candidate.given()?;
    let is_made = given.value == TO_BE;
    let candidate = if is_made { Member::new(TO_BE) } else { deployment(given, problems)? };
    let overrides = form.variables.given().map(|Spanned { value: Variables(all), .. }| all.clone());
    let overrides: BTreeMap<String, String> = overrides.unwrap_or_default();
    let sides = match form.stable.value_or(Deployment::Serving) {
        Deployment::Serving if is_made => Sides::Made { stable: None },
        Deployment::Named(stable) if is_made => Sides::Made { stable: Some(stable) },
        Deployment::Serving => Sides::Serving { candidate },
        // The same deployment with other variables is another side.
        Deployment::Named(stable) if stable == candidate && overrides.is_empty() => {
            problems.push(
                Problem::error("plan::same-sides", format!("both sides are deployment {stable}"))
                    .at(given.span, "the same again")
                    .at(form.stable.span_or(given.span), "first")
                    .help(
                        "name the new deployment as `candidate`, or give it `variables` of its own",
                    ),
            );
            return None;
        }
        Deployment::Named(stable) => Sides::Fixed { stable, candidate },
    };
    let is_shared = form.use_stage_cache.value_or(false);
    let cache = if is_shared { StageCache::Shared } else { StageCache::Apart };
    Some(Route {
        kind: RouteKind::ApiGateway(Stage { api: api?, name: name?, overrides, cache }),
        sides,
        baseline: None,
        keep: None,
        settle: form.settle.value_or(SETTLE),
        place: Place::default(),
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateStage.html>
fn is_stage(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

fn named(
    name: &Spanned<String>,
    (what, help): (&str, &str),
    is_one: fn(&str) -> bool,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    if is_one(&name.value) {
        return Some(name.value.clone());
    }
    let message = format!("`{}` cannot be a {what}", name.value);
    problems.push(Problem::error("plan::member", message).at(name.span, "not possible").help(help));
    None
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        RouteKind, Sides, StageCache,
        sample::{codes, read_with},
    };

    fn plan(route: &str) -> String {
        format!(
            "tidegate: 1\nname: x\nroutes: {{ a: {{ api-gateway: {{ {route} }} }} }}\n\
             gates: {{ errors: {{ alarms: {{ names: [a] }} }} }}\n\
             steps: [{{ shift: {{ route: a, candidate: 10%, bake: 10m, gates: [errors] }} }}]\n"
        )
    }

    const STAGE: &str = "api: a1b2c3, stage: prod";

    #[test]
    fn a_stage_is_split_between_what_it_serves_and_a_deployment() {
        let told = |sides: &Sides| {
            sides.members().into_iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let route = |keys: &str| {
            let text = plan(&format!("{STAGE}, {keys}"));
            read_with(&text, &[]).unwrap().plan.routes["a"].clone()
        };
        let served = route("candidate: d2");
        assert!(
            matches!(&served.sides, Sides::Serving { candidate } if candidate.as_str() == "d2")
        );
        assert_eq!(route("candidate: d2, stable: stage"), served);
        let made = |text: &str| {
            let text =
                plan(&format!("{STAGE}, {text}")).replace("steps: [", "steps: [{ publish: a }, ");
            read_with(&text, &[]).unwrap().plan.routes["a"].sides.clone()
        };
        assert_eq!(made("candidate: published"), Sides::Made { stable: None });
        let stable = Some(crate::plan::Member::new("d1"));
        assert_eq!(made("candidate: published, stable: d1"), Sides::Made { stable });
        let fixed = route("candidate: d2, stable: d1").sides;
        assert_eq!(told(&fixed), ["d1", "d2"]);
        let own =
            route("candidate: d2, variables: { Alias_1: next, port: 80 }, use-stage-cache: true");
        let RouteKind::ApiGateway(stage) = own.kind else { panic!("a stage") };
        assert_eq!(stage.overrides["Alias_1"], "next");
        assert_eq!(stage.overrides["port"], "80");
        assert_eq!(stage.cache, StageCache::Shared);
        let same = "candidate: d1, stable: d1, variables: { alias: next }";
        assert_eq!(told(&route(same).sides), ["d1", "d1"]);
    }

    #[test]
    fn what_is_no_stage_deployment_or_variable_is_told() {
        for (wrong, code) in [
            ("api: a1b2c3, stage: prod", "plan::missing-field"),
            ("api: shop-api, stage: prod, candidate: d2", "plan::member"),
            ("api: a1b2c3, stage: 'a b', candidate: d2", "plan::member"),
            ("api: a1b2c3, stage: prod, candidate: 'd 2'", "plan::member"),
            ("api: a1b2c3, stage: prod, candidate: d2, stable: d2", "plan::same-sides"),
            (
                "api: a1b2c3, stage: prod, candidate: d2, variables: { a-b: c }",
                "plan::stage-variable",
            ),
            (
                "api: a1b2c3, stage: prod, candidate: d2, variables: { a: 'b c' }",
                "plan::stage-variable",
            ),
        ] {
            let codes = codes(&plan(wrong));
            assert_eq!(codes.first(), Some(&code), "{wrong}: {codes:?}");
        }
    }

    #[test]
    fn nobody_counts_a_canarys_requests_and_it_has_no_fleet() {
        let right = plan(&format!("{STAGE}, candidate: d2"));
        assert_eq!(codes(&right.replace("10%", "0.5%")), ["plan::too-fine"]);
        let fleet = "fleets: { app: { autoscaling: { stable: a, candidate: b }, behind: a } }\n";
        let with = codes(&right.replace("gates: {", &format!("{fleet}gates: {{")));
        assert!(with.contains(&"plan::no-fleet"), "{with:?}");
        let judge = "gates: { judge: { compare: { route: a } }, ";
        let judged = right.replace("gates: {", judge).replace("[errors]", "[errors, judge]");
        let judged = codes(&judged);
        assert!(judged.contains(&"plan::unmeasurable"), "{judged:?}");
        let counted = right.replace("gates: [errors]", "gates: [errors], min-requests: 10");
        let counted = codes(&counted);
        assert!(!counted.is_empty(), "{counted:?}");
    }
}

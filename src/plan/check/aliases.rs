//! Routes that are the alias of a function: what may be split off one, and who can stand behind it.

use std::collections::BTreeMap;

use crate::plan::{
    defaults::SETTLE,
    model::{Fleet, FleetKind},
    names::{FleetName, RouteName},
    place::Place,
    problem::Problem,
    route::{Alias, Sides},
    route_form::AliasForm,
    route_kind::Behind,
    route_kind::{Route, RouteKind},
    route_values::{NewVersion, Published, Serving},
    span::{Span, Spanned},
};

pub(super) fn lambda(form: &Spanned<AliasForm>, problems: &mut Vec<Problem>) -> Option<Route> {
    let form = &form.value;
    let function = form.function.given().and_then(|name| named(name, "function", 64, problems));
    let alias = form.alias.given().and_then(|name| named(name, "alias", 128, problems));
    let candidate = form.candidate.given()?;
    let sides = match (form.stable.value_or(Serving::Alias), &candidate.value) {
        (Serving::Alias, NewVersion::ToBe) => Sides::Made { stable: None },
        (Serving::Version(stable), NewVersion::ToBe) => Sides::Made { stable: Some(stable) },
        (Serving::Alias, NewVersion::Numbered(Published(version))) => {
            Sides::Serving { candidate: version.clone() }
        }
        (Serving::Version(stable), NewVersion::Numbered(Published(version)))
            if stable == *version =>
        {
            problems.push(
                Problem::error("plan::same-sides", format!("both sides are version {stable}"))
                    .at(candidate.span, "the same again")
                    .at(form.stable.span_or(candidate.span), "first")
                    .help("name the new version as `candidate`"),
            );
            return None;
        }
        (Serving::Version(stable), NewVersion::Numbered(Published(version))) => {
            Sides::Fixed { stable, candidate: version.clone() }
        }
    };
    let kind = RouteKind::Lambda(Alias { function: function?, name: alias? });
    Some(Route {
        kind,
        sides,
        baseline: None,
        keep: form.versions.given().and_then(|form| Some(form.value.keep.value()?.0)),
        settle: form.settle.value_or(SETTLE),
        place: Place::default(),
    })
}

/// A name as Lambda takes it. Of an alias, a number would be a version's.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>
fn named(
    name: &Spanned<String>,
    what: &str,
    longest: usize,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let text = &name.value;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    if (1..=longest).contains(&text.len()) && text.bytes().all(allowed) && !is_number {
        return Some(text.clone());
    }
    let message = format!("`{text}` cannot be the name of a {what}");
    problems.push(Problem::error("plan::member", message).at(name.span, "not possible").help(
        "write its name (letters, digits, hyphens and underscores, not a number alone), without an ARN or a version",
    ));
    None
}

/// Refuses fleets behind what runs by itself: the versions of a function, the deployments of an API.
pub(super) fn without_fleets(
    fleets: &BTreeMap<FleetName, (Fleet, Span)>,
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) {
    for (name, (fleet, at)) in fleets.iter().filter(|(_, (it, _))| it.kind != FleetKind::Lambda) {
        let Some((route, span)) = fleet.behind.as_ref().and_then(|route| routes.get(route)) else {
            continue;
        };
        match route.kind.traits().behind {
            Behind::Registered | Behind::Anywhere => {}
            Behind::Itself { lacks, is, help } => {
                let called = route.kind.called().unwrap_or_else(|| is.to_owned());
                problems.push(
                    Problem::error(
                        "plan::no-fleet",
                        format!("fleet `{name}` cannot stand behind `{called}`"),
                    )
                    .at(*at, lacks)
                    .at(*span, is)
                    .help(help),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        Member, RouteKind, Sides,
        sample::{codes, read_with},
    };

    fn plan(route: &str) -> String {
        format!(
            "tidegate: 1\nname: x\nroutes: {{ f: {{ lambda: {{ {route} }} }} }}\n\
             gates: {{ errors: {{ alarms: {{ names: [a] }} }} }}\n\
             steps: [{{ shift: {{ route: f, candidate: 10%, bake: 10m, gates: [errors] }} }}]\n"
        )
    }

    #[test]
    fn an_alias_is_split_between_what_it_serves_and_a_version() {
        let route = |text: &str| read_with(&plan(text), &[]).unwrap().plan.routes["f"].clone();
        let served = route("function: checkout, alias: live, candidate: 7");
        assert!(matches!(&served.sides, Sides::Serving { candidate } if candidate.as_str() == "7"));
        assert!(matches!(&served.kind, RouteKind::Lambda(at) if at.to_string() == "checkout:live"));
        assert_eq!(route("function: checkout, alias: live, stable: alias, candidate: 7"), served);
        let fixed = route("function: checkout, alias: live, stable: 6, candidate: 7").sides;
        let told: Vec<&str> = fixed.members().into_iter().map(Member::as_str).collect();
        assert_eq!(told, ["6", "7"]);
        let made = plan("function: checkout, alias: live, stable: 6, candidate: published");
        let made = made.replace("steps: [", "steps: [{ publish: f }, ");
        let stable = Some(Member::new("6"));
        assert_eq!(read_with(&made, &[]).unwrap().plan.routes["f"].sides, Sides::Made { stable });
    }

    #[test]
    fn what_is_no_alias_or_version_is_told() {
        for (wrong, code) in [
            ("function: checkout, alias: live", "plan::missing-field"),
            ("function: checkout, alias: live, candidate: $LATEST", "plan::unpublished"),
            ("function: checkout, alias: '7', candidate: 7", "plan::member"),
            ("function: 'a:b', alias: live, candidate: 7", "plan::member"),
            ("function: f, alias: live, stable: 7, candidate: 7", "plan::same-sides"),
        ] {
            assert_eq!(
                codes(&plan(wrong)).first(),
                Some(&code),
                "{wrong}: {:?}",
                codes(&plan(wrong))
            );
        }
    }

    #[test]
    fn an_alias_is_split_in_whole_hundredths_and_has_no_fleet() {
        let right = plan("function: f, alias: live, candidate: 7");
        let finer = right.replace("10%", "0.5%");
        assert_eq!(codes(&finer), ["plan::too-fine"]);
        let fleet = "fleets: { app: { autoscaling: { stable: a, candidate: b }, behind: f } }\n";
        let with = right.replace("gates: {", &format!("{fleet}gates: {{"));
        assert!(codes(&with).contains(&"plan::no-fleet"), "{:?}", codes(&with));
    }
}

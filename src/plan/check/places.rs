//! Where things are. A route, fleet or gate says so itself, or is where the components that use it are, or where the
//! whole plan is; a fleet is where the route is that it stands behind, and what measures a route is where the route is.

use std::collections::BTreeMap;

use super::draft::DraftComponent;
use crate::plan::{
    conduct::{Aim, Ends},
    form::{Named, Slot},
    gate::{Gate, GateKind},
    model::{Fleet, Until},
    names::{FleetName, GateName, RouteName},
    place::Place,
    place_form::AwsForm,
    plan_form::{ComponentForm, PlanForm},
    problem::Problem,
    region::check_region,
    replay::Replay,
    route_kind::{Behind, Route},
    span::{Span, Spanned},
};

/// What is said of a place, read.
pub(super) fn place(form: &Slot<AwsForm>, problems: &mut Vec<Problem>) -> Place {
    let Some(Spanned { value: form, .. }) = form.given() else { return Place::default() };
    if let Some(region) = form.region.given()
        && let Err(instead) = check_region(&region.value)
    {
        problems.push(
            Problem::error(
                "plan::region",
                format!("`{}` is not the name of a region", region.value),
            )
            .at(region.span, "not a region")
            .help(instead),
        );
    }
    if let Some(account) = form.account.given().filter(|account| !is_account(&account.value.0)) {
        problems.push(
            Problem::error(
                "plan::account",
                format!("`{}` is not the number of an account", account.value.0),
            )
            .at(account.span, "not twelve digits")
            .help("write its twelve digits in quotes, such as \"111122223333\""),
        );
    }
    let account = form.account.value().map(|account| account.0);
    if let Some(role) = form.role.given() {
        check_role(role, account.as_deref(), problems);
    }
    Place { region: form.region.value(), account, role: form.role.value() }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn check_role(role: &Spanned<String>, account: Option<&str>, problems: &mut Vec<Problem>) {
    let parts: Vec<&str> = role.value.splitn(6, ':').collect();
    let of = match parts.as_slice() {
        ["arn", _, "iam", "", of, name] if is_account(of) && name.starts_with("role/") => *of,
        _ => {
            problems.push(
                Problem::error("plan::arn", format!("`{}` is not the ARN of a role", role.value))
                    .at(role.span, "not a role")
                    .help("write `arn:aws:iam::111122223333:role/<name>`"),
            );
            return;
        }
    };
    if let Some(account) = account.filter(|account| *account != of) {
        problems.push(
            Problem::error(
                "plan::account",
                format!("this role leads into account {of}, not {account}"),
            )
            .at(role.span, "the role of another account")
            .help("correct one of them, or leave `account` out: the role tells it"),
        );
    }
}

/// Where the routes, fleets and gates of a plan are, and where it is told.
type Own = BTreeMap<String, (Place, Span)>;

fn own<T>(
    named: &Slot<Named<T>>,
    aws: impl Fn(&T) -> &Slot<AwsForm>,
    problems: &mut Vec<Problem>,
) -> Own {
    let forms = named.given().map_or(&[][..], |named| &named.value.0);
    let given = forms.iter().filter_map(|(name, form)| {
        let slot = aws(form.as_ref()?);
        let span = slot.given()?.span;
        Some((name.value.clone(), (place(slot, problems), span)))
    });
    given.collect()
}

/// Who uses what, by the places of components.
#[derive(Default)]
struct Users<'a> {
    routes: BTreeMap<&'a RouteName, Vec<(&'a Place, Span)>>,
    fleets: BTreeMap<&'a FleetName, Vec<(&'a Place, Span)>>,
    gates: BTreeMap<&'a GateName, Vec<(&'a Place, Span)>>,
}

impl<'a> Users<'a> {
    fn of(drafts: &'a [DraftComponent], places: &'a [Place]) -> Self {
        let mut users = Self::default();
        for (draft, place) in drafts.iter().zip(places) {
            let who = (place, draft.name.span);
            for step in &draft.steps {
                let conduct = step.verb.conduct();
                match conduct.aim {
                    Aim::Weights { route, .. }
                    | Aim::TestRoute { route, .. }
                    | Aim::Release { route, .. }
                    | Aim::OldVersions { route, .. }
                    | Aim::Replay(Replay { route, .. }) => {
                        users.routes.entry(route).or_default().push(who);
                    }
                    Aim::Capacity { fleet, .. } => {
                        users.fleets.entry(fleet).or_default().push(who);
                    }
                    Aim::Software(replace) => {
                        users.fleets.entry(&replace.fleet).or_default().push(who);
                    }
                    Aim::Nothing => {}
                }
                if let Ends::WhenAllPass { until: Some(Until::Healthy { route, .. }) } =
                    conduct.ends
                {
                    users.routes.entry(route).or_default().push(who);
                }
                for gate in conduct.gates {
                    users.gates.entry(gate).or_default().push(who);
                }
            }
        }
        users
    }
}

/// The place that all who use a thing agree on, or else the plan's.
fn agreed(
    (what, at): (String, Span),
    users: Option<&Vec<(&Place, Span)>>,
    plan: &Place,
    problems: &mut Vec<Problem>,
) -> Place {
    let Some([(first, one), rest @ ..]) = users.map(Vec::as_slice) else { return plan.clone() };
    if let Some((other, two)) = rest.iter().find(|(place, _)| place != first) {
        problems.push(
            Problem::error(
                "plan::place",
                format!("{what} is used in two places: in {first}, and in {other}"),
            )
            .at(at, "where is it?")
            .at(*one, "used here")
            .at(*two, "and here")
            .help("give it an `aws:` of its own, or declare one for each place"),
        );
    }
    (*first).clone()
}

/// Things by name, each with the place of its name in the file.
type Declared<N, T> = BTreeMap<N, (T, Span)>;

/// What of a plan is somewhere.
pub(super) struct Parts<'a> {
    pub(super) routes: &'a mut Declared<RouteName, Route>,
    pub(super) fleets: &'a mut Declared<FleetName, Fleet>,
    pub(super) gates: &'a mut Declared<GateName, Gate>,
}

/// Puts everything in its place.
pub(super) fn settle(
    form: &PlanForm,
    plan: &Place,
    drafts: &[DraftComponent],
    Parts { routes, fleets, gates }: Parts<'_>,
    problems: &mut Vec<Problem>,
) {
    let components = of_components(&form.components, plan, drafts, problems);
    let users = Users::of(drafts, &components);
    let own_routes = own(&form.routes, |form| &form.aws, problems);
    for (name, (route, span)) in routes.iter_mut() {
        route.place = match own_routes.get(name.as_str()) {
            Some((own, _)) => own.clone().within(plan),
            None => {
                agreed((format!("route `{name}`"), *span), users.routes.get(name), plan, problems)
            }
        };
    }
    let own_fleets = own(&form.fleets, |form| &form.aws, problems);
    for (name, (fleet, span)) in fleets.iter_mut() {
        let front =
            fleet.behind.as_ref().and_then(|route| routes.get(route)).map(|(route, _)| route);
        fleet.place = match (own_fleets.get(name.as_str()), front) {
            (Some((own, at)), front) => {
                let own = own.clone().within(plan);
                if let Some(front) = front.filter(|front| front.place != own && registers(front)) {
                    problems.push(stands_elsewhere(name, &own, &front.place, *at));
                }
                own
            }
            (None, Some(front)) => front.place.clone(),
            (None, None) => {
                agreed((format!("fleet `{name}`"), *span), users.fleets.get(name), plan, problems)
            }
        };
    }
    let own_gates = own(&form.gates, |form| &form.aws, problems);
    for (name, (gate, span)) in gates.iter_mut() {
        let front =
            gate.kind.measures().and_then(|route| routes.get(route)).map(|(route, _)| route);
        gate.place = match (own_gates.get(name.as_str()), front) {
            (Some((_, at)), _) if !is_somewhere(&gate.kind) => {
                problems.push(nowhere(name, *at));
                plan.clone()
            }
            (Some((own, _)), _) => own.clone().within(plan),
            (None, Some(front)) => front.place.clone(),
            (None, None) if !is_somewhere(&gate.kind) => plan.clone(),
            (None, None) => {
                agreed((format!("gate `{name}`"), *span), users.gates.get(name), plan, problems)
            }
        };
    }
}

/// Where the components are, in the order of the drafts.
fn of_components(
    forms: &Slot<Named<ComponentForm>>,
    plan: &Place,
    drafts: &[DraftComponent],
    problems: &mut Vec<Problem>,
) -> Vec<Place> {
    let own = own(forms, |form| &form.aws, problems);
    let place = |draft: &DraftComponent| match own.get(draft.name.value.as_str()) {
        Some((own, _)) => own.clone().within(plan),
        None => plan.clone(),
    };
    drafts.iter().map(place).collect()
}

/// Whether the instances of a fleet register with what the route names, which only those of the same place can.
const fn registers(route: &Route) -> bool {
    match route.kind.traits().behind {
        Behind::Registered | Behind::Itself { .. } => true,
        // What a record leads to may be anywhere.
        Behind::Anywhere => false,
    }
}

/// Whether a gate asks AWS somewhere: otherwise a place says nothing of it.
const fn is_somewhere(kind: &GateKind) -> bool {
    match kind {
        GateKind::Alarms(_)
        | GateKind::Metric(_)
        | GateKind::Compare(_)
        | GateKind::ErrorBudget(_)
        | GateKind::Lambda(_)
        | GateKind::Queue(_)
        | GateKind::Stream(_)
        | GateKind::Invoke(_) => true,
        // That of its route is asked.
        GateKind::Healthy { .. }
        | GateKind::Http(_)
        | GateKind::Command(_)
        | GateKind::Window(_) => false,
    }
}

fn stands_elsewhere(name: &FleetName, own: &Place, route: &Place, at: Span) -> Problem {
    Problem::error(
        "plan::place",
        format!("fleet `{name}` is in {own}, and the route it stands behind in {route}"),
    )
    .at(at, "elsewhere than its route")
    .help("remove it: instances register with target groups of their own account and region")
}

fn nowhere(name: &GateName, at: Span) -> Problem {
    Problem::error(
        "plan::stray-field",
        format!("gate `{name}` asks nothing of AWS that has a place"),
    )
    .at(at, "says nothing here")
    .help("remove `aws`; a `healthy` gate looks where its route is")
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        expand_to_yaml,
        place::Place,
        sample::{codes, plan},
    };

    const HEAD: &str = "tidegate: 1
name: x
aws: { region: eu-west-1, account: \"111122223333\" }
routes:
  web: { alb: { load-balancer: lb, port: 80, pair: [a, b] }, aws: { region: us-east-1 } }
  api: { alb: { load-balancer: lb, port: 80, pair: [a, b] } }
fleets:
  app: { autoscaling: { pair: [a, b] }, behind: web }
gates:
  here: { alarms: { names: [x] } }
  there: { alarms: { names: [x] }, aws: { role: \"arn:aws:iam::444455556666:role/watch\" } }
  judged: { compare: { route: web } }
";
    const STEPS: &str = "steps:
  - scale: { fleet: app, side: candidate, to: { same-as: stable } }
  - wait: { until: { healthy: { route: web, side: candidate } } }
  - shift: { route: web, candidate: 50%, bake: 5m, gates: [here, there, judged] }
  - shift: { route: web, candidate: 100%, bake: 5m, gates: [here, there] }
  - shift: { route: api, candidate: 100%, bake: 5m, gates: [here] }
";

    fn told(text: &str) -> Vec<&'static str> {
        codes(text).into_iter().filter(|code| !code.starts_with("lint::")).collect()
    }

    fn place(region: &str, account: &str) -> Place {
        Place { region: Some(region.into()), account: Some(account.into()), role: None }
    }

    #[test]
    fn everything_is_where_it_says_or_where_what_it_belongs_to_is() {
        let plan = plan(&format!("{HEAD}{STEPS}"));
        let (eu, us) = (place("eu-west-1", "111122223333"), place("us-east-1", "111122223333"));
        assert_eq!((&plan.routes["web"].place, &plan.routes["api"].place), (&us, &eu));
        assert_eq!(plan.fleets["app"].place, us, "as its route");
        assert_eq!(plan.gates["judged"].place, us, "as its route");
        assert_eq!(plan.gates["here"].place, eu);
        let role = "arn:aws:iam::444455556666:role/watch".to_owned();
        let there = Place { region: eu.region, account: None, role: Some(role) };
        assert_eq!(plan.gates["there"].place, there);
    }

    #[test]
    fn a_plan_written_back_is_in_the_same_places() {
        let first = plan(&format!("{HEAD}{STEPS}"));
        let text = expand_to_yaml(&first);
        assert_eq!(plan(&text), first, "{text}");
    }

    #[test]
    fn a_component_takes_what_it_uses_with_it() {
        let components = "components:
  one: { aws: { region: us-west-2 }, steps: [ { shift: { route: api, candidate: 100%, bake: 5m, gates: [here] } } ] }
";
        let plan = plan(&format!("{HEAD}{components}"));
        let west = place("us-west-2", "111122223333");
        assert_eq!((&plan.routes["api"].place, &plan.gates["here"].place), (&west, &west));
        let two = "  two: { steps: [ { shift: { route: web, candidate: 100%, bake: 5m, gates: [here] } } ] }\n";
        assert_eq!(
            told(&format!("{HEAD}{components}{two}")),
            ["plan::place"],
            "the gate is in two"
        );
        let own = two.replace("here", "there");
        assert_eq!(told(&format!("{HEAD}{components}{own}")), [""; 0]);
    }

    #[test]
    fn what_cannot_be_somewhere_else_is_told() {
        let with = |from: &str, to: &str| told(&format!("{}{STEPS}", HEAD.replace(from, to)));
        assert_eq!(
            with("behind: web }", "behind: web, aws: { region: eu-west-1 } }"),
            ["plan::place"]
        );
        let http = "here: { http: { url: 'http://a/' }, aws: { region: us-east-1 } }";
        assert_eq!(with("here: { alarms: { names: [x] } }", http), ["plan::stray-field"]);
        assert_eq!(with("444455556666:role/watch", "1:role/watch"), ["plan::arn"]);
        let both = "aws: { account: \"111122223333\", role:";
        assert_eq!(with("aws: { role:", both), ["plan::account"]);
        assert_eq!(with(", aws: { region: us-east-1 } }", " }"), ["plan::same-target"]);
    }
}

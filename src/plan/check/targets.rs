//! Fleets: what runs the software on either side. How two sides are named is the same for routes (`routes.rs`).

use std::{collections::BTreeMap, fmt::Display, mem::discriminant};

use super::{lost::declared, scope::Scope};
use crate::plan::{
    fleet_form::{AutoScalingForm, CodeDeployForm, FleetChoice, FleetForm},
    form::{List, Named, Slot},
    model::{Fleet, FleetKind, Leftovers},
    names::{FleetName, Member, RouteName},
    place::Place,
    problem::Problem,
    route::Sides,
    route_kind::{Keeps, Route},
    span::{Span, Spanned},
};

/// Tells of everything that is what something written before it is already.
pub(super) fn same_targets<N: Display, T>(
    what: &str,
    declared: &BTreeMap<N, (T, Span)>,
    overlap: fn(&T, &T) -> bool,
    problems: &mut Vec<Problem>,
) {
    let mut before: Vec<(&N, &T, Span)> = Vec::new();
    let mut all: Vec<_> =
        declared.iter().map(|(name, (thing, span))| (name, thing, *span)).collect();
    all.sort_by_key(|(_, _, span)| *span);
    for (name, thing, span) in all {
        if let Some((other, _, at)) = before.iter().find(|(_, other, _)| overlap(other, thing)) {
            problems.push(
                Problem::error("plan::same-target", format!("`{name}` and `{other}` {what}"))
                    .at(span, "this one")
                    .at(*at, "and this one")
                    .help("declare it once and use that name in every step"),
            );
        }
        before.push((name, thing, span));
    }
}

/// Fleets that have a group in common.
pub(super) fn twins(fleets: &BTreeMap<FleetName, (Fleet, Span)>, problems: &mut Vec<Problem>) {
    same_targets("have a group in common", fleets, shares_a_group, problems);
}

fn shares_a_group(one: &Fleet, other: &Fleet) -> bool {
    let members = other.sides.members();
    let named = one.sides.members().iter().any(|member| members.contains(member));
    let shares = match (one.kind, other.kind) {
        // Versions of two functions may have the same number; a route is of one function.
        (FleetKind::Lambda, FleetKind::Lambda) => one.behind == other.behind,
        (FleetKind::Lambda, _) | (_, FleetKind::Lambda) => false,
        (
            FleetKind::AutoScaling | FleetKind::CodeDeploy,
            FleetKind::AutoScaling | FleetKind::CodeDeploy,
        ) => named,
    };
    one.place == other.place && shares
}

fn is_group_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.contains(|c: char| c == ':' || c.is_control())
}

/// The ways to name two sides.
pub(super) struct SideNames<'a> {
    pub(super) what: &'static str,
    pub(super) stable: &'a Slot<String>,
    pub(super) candidate: &'a Slot<String>,
    pub(super) pair: &'a Slot<List<String>>,
    pub(super) allowed: fn(&str) -> bool,
    pub(super) help: &'static str,
}

impl SideNames<'_> {
    pub(super) fn check(&self, at: Span, problems: &mut Vec<Problem>) -> Option<Sides> {
        let named = !self.stable.is_absent() || !self.candidate.is_absent();
        if !self.pair.is_absent() && named {
            problems.push(
                Problem::error("plan::ambiguous", "the sides are named in two ways")
                    .at(self.pair.span_or(at), "by a pair")
                    .at(self.stable.span_or(self.candidate.span_or(at)), "and one by one")
                    .help("keep `pair`, or keep `stable` and `candidate`"),
            );
            return None;
        }
        if !named {
            return self.pair_of(at, problems);
        }
        for (slot, key) in [(self.stable, "stable"), (self.candidate, "candidate")] {
            if slot.is_absent() {
                problems.push(
                    Problem::error("plan::missing-field", format!("`{key}` is missing"))
                        .at(at, format!("only one side has its {}", self.what))
                        .help(format!("add `{key}:` with the {} of that side", self.what)),
                );
            }
        }
        let (stable, candidate) = (self.stable.given(), self.candidate.given());
        let (stable, candidate) = (
            stable.and_then(|s| self.member(s, problems)),
            candidate.and_then(|c| self.member(c, problems)),
        );
        let (stable, candidate) = self.distinct(stable?, candidate?, problems)?;
        Some(Sides::Fixed { stable, candidate })
    }

    fn pair_of(&self, at: Span, problems: &mut Vec<Problem>) -> Option<Sides> {
        if self.pair.is_absent() {
            problems.push(
                Problem::error(
                    "plan::missing-field",
                    format!("which {}s are the two sides?", self.what),
                )
                .at(at, "the sides are missing")
                .help("add `stable:` and `candidate:`, or `pair: [blue, green]`"),
            );
        }
        let pair = self.pair.given()?;
        let members: Vec<_> = pair.value.iter().map(|m| self.member(m, problems)).collect();
        let [first, second] = members.as_slice() else {
            problems.push(
                Problem::error(
                    "plan::pair",
                    format!("a pair has two members, found {}", members.len()),
                )
                .at(pair.span, "not a pair")
                .help("write `pair: [blue, green]`"),
            );
            return None;
        };
        let (first, second) = self.distinct((*first)?, (*second)?, problems)?;
        Some(Sides::Pair([first, second]))
    }

    fn member<'n>(
        &self,
        name: &'n Spanned<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<&'n Spanned<String>> {
        if (self.allowed)(&name.value) {
            return Some(name);
        }
        let message = format!("`{}` is not a possible {}", name.value, self.what);
        problems.push(
            Problem::error("plan::member", message).at(name.span, "not possible").help(self.help),
        );
        None
    }

    fn distinct(
        &self,
        first: &Spanned<String>,
        second: &Spanned<String>,
        problems: &mut Vec<Problem>,
    ) -> Option<(Member, Member)> {
        if first.value == second.value {
            problems.push(
                Problem::error("plan::same-sides", format!("both sides are `{}`", first.value))
                    .at(second.span, "the same again")
                    .at(first.span, "first")
                    .help(format!(
                        "name another {} as the candidate; each side has its own",
                        self.what
                    )),
            );
            return None;
        }
        Some((Member::new(first.value.as_str()), Member::new(second.value.as_str())))
    }
}

/// The fleets that could be read, each with the place of its name.
pub(super) fn fleets(
    forms: &Slot<Named<FleetForm>>,
    scope: &Scope,
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<FleetName, (Fleet, Span)> {
    declared(
        "fleet",
        forms,
        |name| FleetName::new(name),
        problems,
        |form, problems| fleet(form, scope, routes, problems),
    )
}

fn fleet(
    form: &FleetForm,
    scope: &Scope,
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) -> Option<Fleet> {
    let behind = |problems: &mut Vec<Problem>| match &form.behind {
        Slot::Absent => Some(None),
        Slot::Broken | Slot::Given(_) => scope.route(&form.behind, problems).map(Some),
    };
    let on_its_own = |kind, sides| Fleet {
        kind,
        sides,
        behind: None,
        leftovers: Leftovers::Refuse,
        place: Place::default(),
    };
    match form.chosen()? {
        FleetChoice::AutoScaling(groups) if groups.value.group.is_absent() => {
            let sides = two_groups(groups, problems)?;
            let behind = behind(problems)?;
            let at = form.behind.span_or(groups.span);
            fits_its_route(groups, &sides, (behind.as_ref(), at), routes, problems);
            let leftovers = groups.value.leftovers.value_or(Leftovers::Refuse);
            let (kind, place) = (FleetKind::AutoScaling, Place::default());
            Some(Fleet { kind, sides, behind, leftovers, place })
        }
        FleetChoice::AutoScaling(groups) => {
            let sides = single_group(groups, &form.behind, problems)?;
            Some(on_its_own(FleetKind::AutoScaling, sides))
        }
        FleetChoice::CodeDeploy(group) => {
            let sides = deployment_group(group, &form.behind, problems)?;
            Some(on_its_own(FleetKind::CodeDeploy, sides))
        }
        FleetChoice::Provisioned(route) => {
            provisioned(route, &form.behind, scope, routes, problems)
        }
    }
}

/// What Lambda keeps ready of the versions that a route is split between.
fn provisioned(
    name: &Spanned<String>,
    behind: &Slot<String>,
    scope: &Scope,
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) -> Option<Fleet> {
    if let Some(behind) = behind.given() {
        problems.push(
            Problem::error(
                "plan::stray-field",
                "provisioned concurrency is behind the route it names",
            )
            .at(behind.span, "says nothing here")
            .at(name.span, "the route")
            .help("remove `behind`"),
        );
    }
    let route = scope.named_route(name, problems)?;
    let (found, at) = routes.get(&route)?;
    if found.kind.traits().keeps != Keeps::Versions {
        problems.push(
            Problem::error("plan::no-fleet", format!("`{route}` has no versions of a function"))
                .at(name.span, "provisioned concurrency is of versions")
                .at(*at, "another kind of route")
                .help("name a route of kind `lambda`, or declare groups with `autoscaling:`"),
        );
        return None;
    }
    Some(Fleet {
        kind: FleetKind::Lambda,
        sides: found.sides.clone(),
        behind: Some(route),
        leftovers: Leftovers::Refuse,
        place: Place::default(),
    })
}

/// A group for each side.
fn two_groups(groups: &Spanned<AutoScalingForm>, problems: &mut Vec<Problem>) -> Option<Sides> {
    let names = SideNames {
        what: "group",
        stable: &groups.value.stable,
        candidate: &groups.value.candidate,
        pair: &groups.value.pair,
        allowed: is_group_name,
        help: "write the name of an Auto Scaling group, not its ARN",
    };
    names.check(groups.span, problems)
}

/// Whether a fleet tells its sides as the route does that it stands behind.
fn fits_its_route(
    groups: &Spanned<AutoScalingForm>,
    sides: &Sides,
    (behind, at): (Option<&RouteName>, Span),
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) {
    if matches!(sides, Sides::Pair(_)) && behind.is_none() {
        problems.push(
            Problem::error(
                "plan::pair-without-route",
                "nothing tells which group of this pair is stable",
            )
            .at(groups.value.pair.span_or(groups.span), "a pair on its own")
            .help("add `behind: <route>`, whose weights tell, or write `stable:` and `candidate:`"),
        );
    }
    let front = behind.and_then(|route| routes.get(route));
    if front.is_some_and(|(route, _)| discriminant(&route.sides) != discriminant(sides)) {
        problems.push(
            Problem::error(
                "plan::sides-differ",
                "this fleet and its route name their sides in different ways",
            )
            .at(at, "the sides of this route")
            .at(groups.span, "the sides of the fleet")
            .help("write `pair` in both places, or `stable` and `candidate` in both"),
        );
    }
}

/// A group whose software is replaced where it stands.
fn single_group(
    groups: &Spanned<AutoScalingForm>,
    behind: &Slot<String>,
    problems: &mut Vec<Problem>,
) -> Option<Sides> {
    let Spanned { value: form, span } = groups;
    let sides = [form.stable.given(), form.candidate.given()].into_iter().flatten();
    let others: Vec<Span> =
        sides.map(|side| side.span).chain(form.pair.given().map(|pair| pair.span)).collect();
    if let Some(other) = others.first() {
        problems.push(
            Problem::error("plan::ambiguous", "a single group has no sides")
                .at(form.group.span_or(*span), "a group on its own")
                .at(*other, "and a side")
                .help("keep `group`, or name two sides"),
        );
        return None;
    }
    not_behind(behind, problems);
    if let Some(leftovers) = form.leftovers.given() {
        problems.push(
            Problem::error("plan::stray-field", "a group without sides has no leftovers")
                .at(leftovers.span, "says nothing here")
                .help("remove `leftovers`; a refresh replaces every instance of another version"),
        );
    }
    let name = form.group.given()?;
    if !is_group_name(&name.value) {
        problems.push(
            Problem::error("plan::member", format!("`{}` is not a possible group", name.value))
                .at(name.span, "not possible")
                .help("write the name of an Auto Scaling group, not its ARN"),
        );
        return None;
    }
    Some(Sides::Single(Member::new(name.value.as_str())))
}

fn deployment_group(
    group: &Spanned<CodeDeployForm>,
    behind: &Slot<String>,
    problems: &mut Vec<Problem>,
) -> Option<Sides> {
    not_behind(behind, problems);
    let mut name = |slot: &Slot<String>, what: &str| {
        let given = slot.given()?;
        let fits = (1..=100).contains(&given.value.len()) && !given.value.contains('/');
        if !fits {
            problems.push(
                Problem::error(
                    "plan::member",
                    format!("`{}` is not a possible {what}", given.value),
                )
                .at(given.span, "not possible")
                .help("write its name: 1 to 100 characters, no `/`"),
            );
        }
        fits.then(|| given.value.clone())
    };
    let application = name(&group.value.application, "application");
    let group = name(&group.value.group, "deployment group");
    Some(Sides::Single(Member::new(format!("{}/{}", application?, group?))))
}

/// Replacing software where it stands moves no route.
fn not_behind(behind: &Slot<String>, problems: &mut Vec<Problem>) {
    if let Some(behind) = behind.given() {
        problems.push(
            Problem::error("plan::stray-field", "a fleet without sides stands behind no route")
                .at(behind.span, "says nothing here")
                .help("remove `behind`; whoever routes to this fleet goes on doing so"),
        );
    }
}

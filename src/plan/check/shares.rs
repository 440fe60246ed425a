//! Shares of traffic that a route cannot give. DNS weights end at 255: those that would vanish are errors, and those that
//! become a little other are told. An alias is split in whole hundredths, a mapping or a target of a rule not at all, and the
//! concurrency of two mappings in whole batches, of which either side needs two.

use std::collections::BTreeMap;

use super::draft::{Draft, DraftComponent};
use crate::plan::{
    model::Verb,
    names::RouteName,
    problem::Problem,
    route_kind::Route,
    span::Span,
    units::{Percent, Scale, Weight},
};

/// Looks at every shift of a route that is split less finely than a load balancer is.
pub(super) fn check(
    components: &[DraftComponent],
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) {
    for step in components.iter().flat_map(|component| &component.steps) {
        let Verb::Shift { route, candidate, .. } = &step.verb else { continue };
        let Some((declared, _)) = routes.get(route) else { continue };
        let kind = &declared.kind;
        match kind.scale() {
            Scale::Dns => problems.extend(problem(route, step, *candidate)),
            Scale::Hundredths if !candidate.basis_points().is_multiple_of(100) => {
                let message = format!("`{route}` cannot be split so finely: {candidate}");
                problems.push(
                    Problem::error("plan::too-fine", message)
                        .at(step.span, "the alias of a function is split in hundredths")
                        .help("write whole percents, such as 1% or 10%"),
                );
            }
            Scale::Whole if ![Percent::ZERO, Percent::HUNDRED].contains(candidate) => {
                let message =
                    format!("`{route}` is handed over as a whole, and not {candidate} of it");
                let (leads, help) = kind.whole();
                problems.push(
                    Problem::error("plan::too-fine", message).at(step.span, leads).help(help),
                );
            }
            Scale::Concurrency(most) => {
                problems.extend(concurrent(route, step, *candidate, most));
            }
            Scale::LoadBalancer | Scale::Hundredths | Scale::Whole => {}
        }
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html>
fn concurrent(route: &RouteName, step: &Draft, share: Percent, most: Weight) -> Option<Problem> {
    let (stable, candidate) = Weight::split(share, Scale::Concurrency(most));
    let is_too_few = |side: Weight, share: u16| {
        (side > Weight::ZERO && side < Scale::FEWEST) || (side == Weight::ZERO && share > 0)
    };
    let points = share.basis_points();
    if is_too_few(candidate, points) || is_too_few(stable, 10_000 - points) {
        let (below, above) = Scale::around(most, share);
        let message = format!("`{route}` cannot be split so finely: {share} of {most} batches");
        return Some(
            Problem::error("plan::too-fine", message)
                .at(step.span, format!("a mapping has {} batches at once, or none", Scale::FEWEST))
                .help(format!(
                    "write {below} or {above}, which are the nearest, or more `concurrency`"
                )),
        );
    }
    let becomes = u32::from(candidate.get()) * 10_000;
    if becomes == u32::from(points) * u32::from(most.get()) {
        return None;
    }
    let becomes = u16::try_from(becomes.checked_div(u32::from(most.get()))?).ok();
    let nearest = becomes.and_then(Percent::from_basis_points)?;
    // The shares that help names are cut off at hundredths of a percent, and are exact enough.
    (nearest != share).then(|| {
        let message = format!(
            "{share} of `{route}` becomes {candidate} of {most} batches, which is {nearest}"
        );
        Problem::warning("lint::nearest-share", message)
            .at(step.span, "not exactly")
            .help("batches are whole; this is the nearest they come")
    })
}

fn problem(route: &RouteName, step: &Draft, share: Percent) -> Option<Problem> {
    let (stable, candidate) = Weight::split(share, Scale::Dns);
    let (points, total) = (u32::from(share.basis_points()), stable.get() + candidate.get());
    // One of 256 is the least that one side of two can have.
    let vanishes = |points: u32| points > 0 && points * 256 < 10_000;
    if vanishes(points) || vanishes(10_000 - points) {
        let message = format!("`{route}` cannot be split so finely: {share}");
        let problem = Problem::error("plan::too-fine", message);
        return Some(
            problem
                .at(step.span, "less than 1 of 256 for one of the sides")
                .help("write a share between 0.4% and 99.6%, or 0% or 100%"),
        );
    }
    let becomes = u32::from(candidate.get()) * 10_000 / u32::from(total.max(1));
    if u32::from(candidate.get()) * 10_000 == points * u32::from(total) {
        return None;
    }
    let nearest = u16::try_from(becomes).ok().and_then(Percent::from_basis_points)?;
    let message =
        format!("{share} of `{route}` becomes {candidate} of {total}, which is {nearest}");
    Some(
        Problem::warning("lint::nearest-share", message)
            .at(step.span, "not exactly")
            .help("DNS weights are whole numbers up to 255; this is the nearest they come"),
    )
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::{HEAD, codes, drawn, read_with};

    fn text(share: &str) -> String {
        let records = "{ zone: example.com, name: www.example.com, type: A, pair: [a, b] }";
        let head =
            HEAD.replace("routes:\n", &format!("routes:\n  dns: {{ route53: {records} }}\n"));
        let shift = format!("{{ route: dns, candidate: {share}, bake: 10m, gates: [errors] }}");
        format!("{head}steps: [{{ shift: {shift} }}]\n")
    }

    #[test]
    fn a_share_that_would_vanish_is_refused() {
        for share in ["0.1%", "0.3%", "99.7%"] {
            assert_eq!(codes(&text(share)), ["plan::too-fine"], "{share}");
        }
        for share in ["0%", "0.4%", "5%", "99.6%", "100%"] {
            let told = codes(&text(share));
            assert!(!told.contains(&"plan::too-fine"), "{share}: {told:?}");
            assert!(!told.contains(&"lint::nearest-share"), "{share}: {told:?}");
        }
    }

    #[test]
    fn a_share_that_becomes_another_is_told() {
        let warnings = read_with(&text("33.3%"), &[]).unwrap().warnings;
        let told = drawn(&warnings);
        assert!(told.contains("33.3% of `dns` becomes 1 of 3, which is 33.33%"), "{told}");
    }
}

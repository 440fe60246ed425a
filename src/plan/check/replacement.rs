//! Steps that replace software where it stands: the fleet has to be of the right kind, and the stretches of one
//! replacement have to lead to its end.

use std::{collections::BTreeMap, time::Duration};

use super::{
    draft::{Draft, DraftComponent},
    scope::{Scope, filled, not_blank, positive},
};
use crate::plan::{
    defaults::{MIN_HEALTHY, replace_timeout},
    form::List,
    model::{Fleet, FleetKind, Size, Verb},
    names::FleetName,
    problem::Problem,
    replacement::{
        Bundle, Deploy, Extent, How, Matching, Protected, Refresh, Replace, Revision, Standby,
    },
    replacement_form::{DeployForm, RefreshForm, RevisionChoice, RevisionForm},
    route::Sides,
    span::{Span, Spanned},
    units::Percent,
};

pub(super) fn refresh(
    form: &Spanned<RefreshForm>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let Spanned { value: form, span } = form;
    let fleet = scope.fleet(&form.fleet, problems);
    let gates = scope.gates(&form.gates, problems);
    let extent = match form.up_to.given() {
        Some(share) if share.value == Percent::ZERO => {
            problems.push(
                Problem::error("plan::out-of-range", "a refresh up to 0% replaces nothing")
                    .at(share.span, "nothing")
                    .help("write the share to stop at, such as `20%`"),
            );
            return None;
        }
        Some(share) if share.value < Percent::HUNDRED => Extent::UpTo(share.value),
        Some(_) | None => Extent::Whole,
    };
    let matching =
        if form.skip_matching.value_or(true) { Matching::Skip } else { Matching::Replace };
    let refresh = Refresh {
        version: form.version.value()?.0,
        min_healthy: form.min_healthy.value_or(MIN_HEALTHY),
        surge: form.surge.value_or(Percent::ZERO),
        warm_up: form.warm_up.value(),
        standby: form.standby.value_or(Standby::Wait),
        scale_in_protected: form.scale_in_protected.value_or(Protected::Wait),
        matching,
    };
    let bake = form.bake.value_or(Duration::ZERO);
    let timeout = positive(&form.timeout, replace_timeout(bake), problems);
    let replace = Replace { fleet: fleet?, how: How::Refresh(refresh), extent, bake, gates };
    Some(Draft { verb: Verb::Replace(replace), timeout: Some(timeout), span: *span })
}

pub(super) fn deploy(
    form: &Spanned<DeployForm>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let Spanned { value: form, span } = form;
    let fleet = scope.fleet(&form.fleet, problems);
    let gates = scope.gates(&form.gates, problems);
    let revision = form.revision.given().and_then(|form| revision(&form.value, problems));
    let extent = form.up_to.given().map_or(Extent::Whole, |_| Extent::Ready);
    let bake = form.bake.value_or(Duration::ZERO);
    let timeout = positive(&form.timeout, replace_timeout(bake), problems);
    let deploy = Deploy { revision: revision?, config: form.config.value() };
    let replace = Replace { fleet: fleet?, how: How::Deploy(deploy), extent, bake, gates };
    Some(Draft { verb: Verb::Replace(replace), timeout: Some(timeout), span: *span })
}

fn revision(form: &RevisionForm, problems: &mut Vec<Problem>) -> Option<Revision> {
    match form.chosen()? {
        RevisionChoice::S3(Spanned { value: form, .. }) => {
            let (bucket, key) = (filled(&form.bucket, problems), filled(&form.key, problems));
            let bundle = form.bundle.value_or(Bundle::Zip);
            let version = form.version.value();
            Some(Revision::S3 { bucket: bucket?, key: key?, version, bundle })
        }
        RevisionChoice::GitHub(Spanned { value: form, .. }) => {
            let repository = filled(&form.repository, problems);
            let commit = filled(&form.commit, problems);
            Some(Revision::GitHub { repository: repository?, commit: commit? })
        }
        RevisionChoice::AppSpec(spec) => not_blank(spec, problems).map(Revision::AppSpec),
    }
}

/// Shares that rise and stay below 100%.
pub(super) fn checkpoints(
    shares: &List<Percent>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Percent>> {
    let mut last = Percent::ZERO;
    let before = problems.len();
    for share in shares {
        if share.value <= last || share.value == Percent::HUNDRED {
            problems.push(
                Problem::error(
                    "plan::checkpoints",
                    format!("checkpoints rise and stay below 100%, {} does not", share.value),
                )
                .at(share.span, "here")
                .help("write rising shares, such as `[20%, 50%]`; 100% comes by itself"),
            );
        }
        last = share.value;
    }
    (problems.len() == before).then(|| shares.iter().map(|share| share.value).collect())
}

type Fleets = BTreeMap<FleetName, (Fleet, Span)>;

/// Whether every step fits its fleet, and every replacement that is begun is also brought to its end.
pub(super) fn check(components: &[DraftComponent], fleets: &Fleets, problems: &mut Vec<Problem>) {
    for component in components {
        for step in &component.steps {
            problems.extend(fits(step, fleets));
        }
        if !component.gaps {
            stretches(&component.steps, problems);
        }
    }
}

fn fits(step: &Draft, fleets: &Fleets) -> Option<Problem> {
    let (name, what, help) = match &step.verb {
        Verb::Replace(Replace { fleet, how: How::Refresh(_), .. }) => {
            let (fleet, _) = fleets.get(fleet)?;
            if let (FleetKind::AutoScaling, Sides::Single(_)) = (&fleet.kind, &fleet.sides) {
                return None;
            }
            (
                "refresh",
                "an Auto Scaling group on its own",
                "declare it as `autoscaling: { group: … }`",
            )
        }
        Verb::Replace(Replace { fleet, how: How::Deploy(_), .. }) => {
            let (fleet, _) = fleets.get(fleet)?;
            if fleet.kind == FleetKind::CodeDeploy {
                return None;
            }
            (
                "deploy",
                "a CodeDeploy deployment group",
                "declare it as `codedeploy: { application: …, group: … }`",
            )
        }
        Verb::Scale { fleet, to: Size::Bounds { .. }, .. }
            if fleets.get(fleet).is_some_and(|(fleet, _)| fleet.kind == FleetKind::Lambda) =>
        {
            (
                "min, max and desired",
                "a fleet of Auto Scaling groups",
                "write a number of executions, such as `to: 5`; provisioned concurrency has no bounds",
            )
        }
        Verb::Scale { fleet, .. } => {
            let (fleet, _) = fleets.get(fleet)?;
            match &fleet.sides {
                Sides::Fixed { .. }
                | Sides::Pair(_)
                | Sides::Serving { .. }
                | Sides::Made { .. } => return None,
                Sides::Single(_) => (
                    "scale",
                    "a fleet with two sides",
                    "name `stable` and `candidate`, or a `pair`; a single group is replaced by `refresh`",
                ),
            }
        }
        Verb::Wait { .. }
        | Verb::Probe { .. }
        | Verb::Shift { .. }
        | Verb::TestRoute { .. }
        | Verb::Publish { .. }
        | Verb::Prune { .. }
        | Verb::Replay(_)
        | Verb::Approve { .. }
        | Verb::Pause { .. } => return None,
    };
    Some(
        Problem::error("plan::wrong-fleet", format!("`{name}` needs {what}"))
            .at(step.span, "this fleet is another kind")
            .help(help),
    )
}

/// What a replacement leads to: the version or revision, as it is compared between steps.
fn goal(how: &How) -> String {
    match how {
        How::Refresh(refresh) => format!("version {}", refresh.version),
        How::Deploy(deploy) => format!("{:?}", deploy.revision),
    }
}

/// A replacement begun in one step goes on, further each time, until it is whole.
fn stretches(steps: &[Draft], problems: &mut Vec<Problem>) {
    let mut open: BTreeMap<&FleetName, (&Replace, Span)> = BTreeMap::new();
    for step in steps {
        let Verb::Replace(next) = &step.verb else { continue };
        if let Some((last, span)) = open.remove(&next.fleet) {
            if goal(&last.how) != goal(&next.how) {
                problems.push(unfinished(&next.fleet, span).at(step.span, "begins another"));
            } else if let (Extent::UpTo(before), Extent::UpTo(share)) = (last.extent, next.extent)
                && share <= before
            {
                problems.push(
                    Problem::error(
                        "plan::checkpoints",
                        format!("`up-to` rises from step to step, {share} does not"),
                    )
                    .at(step.span, format!("not more than {before}"))
                    .at(span, "the step before")
                    .help("write a larger share"),
                );
            }
        }
        if next.extent != Extent::Whole {
            open.insert(&next.fleet, (next, step.span));
        }
    }
    problems.extend(open.into_iter().map(|(fleet, (_, span))| unfinished(fleet, span)));
}

fn unfinished(fleet: &FleetName, at: Span) -> Problem {
    Problem::error("plan::unfinished", format!("`{fleet}` would be left half replaced"))
        .at(at, "stops on the way")
        .help("add a step with the same version or revision and without `up-to`, which goes on to the end")
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::codes;

    const HEAD: &str = "\
tidegate: 1
name: x
fleets:
  app: { autoscaling: { group: checkout } }
  pair: { autoscaling: { stable: a, candidate: b } }
  web: { codedeploy: { application: shop, group: web } }
gates:
  errors: { alarms: { names: [checkout-5xx] } }
steps:
";

    fn of(steps: &[&str]) -> Vec<&'static str> {
        let codes = codes(&format!("{HEAD}  - {}\n", steps.join("\n  - ")));
        codes.into_iter().filter(|code| *code != "lint::unused").collect()
    }

    fn refresh(more: &str) -> String {
        format!("refresh: {{ fleet: app, version: 7, bake: 5m, gates: [errors]{more} }}")
    }

    #[test]
    fn a_refresh_in_stretches_leads_to_the_end() {
        assert_eq!(
            of(&[&refresh(", up-to: 20%"), &refresh(", up-to: 50%"), &refresh("")]),
            [""; 0]
        );
        assert_eq!(of(&[&refresh(", up-to: 20%")]), ["plan::unfinished"]);
        let falling = [&refresh(", up-to: 50%"), &refresh(", up-to: 20%"), &refresh("")];
        assert_eq!(of(&falling.map(String::as_str)), ["plan::checkpoints"]);
        assert_eq!(of(&[&refresh(", up-to: 0%")]), ["plan::out-of-range"]);
    }

    #[test]
    fn another_version_cannot_begin_halfway() {
        let other = "refresh: { fleet: app, version: 8, gates: [errors] }";
        assert_eq!(of(&[&refresh(", up-to: 20%"), other]), ["plan::unfinished"]);
        assert_eq!(of(&[&refresh(""), other]), [""; 0]);
    }

    #[test]
    fn a_step_fits_its_fleet() {
        let wrong = "refresh: { fleet: pair, version: 7, gates: [errors] }";
        assert_eq!(of(&[wrong]), ["plan::wrong-fleet"]);
        let commit = "revision: { github: { repository: a/b, commit: abc } }";
        let deploy =
            |fleet: &str| format!("deploy: {{ fleet: {fleet}, {commit}, gates: [errors] }}");
        assert_eq!(of(&[&deploy("web")]), [""; 0]);
        assert_eq!(of(&[&deploy("app")]), ["plan::wrong-fleet"]);
        assert_eq!(of(&["scale: { fleet: app, side: candidate, to: 3 }"]), ["plan::wrong-fleet"]);
    }
}

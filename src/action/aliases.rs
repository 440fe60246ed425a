//! What preflight settles about a route that is the alias of a function: which version it serves, and whether AWS would
//! split its requests between that and the candidate.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>

use std::collections::BTreeMap;

use super::{
    live::kept,
    objection::{Notes, Objection, Settled},
    provisioned::check_alias,
    standing::Standing,
};
use crate::{
    cloud::{AliasDeployment, FunctionVersion, Places, Reads, UNPUBLISHED, VersionState},
    plan::{Aim, Alias, CodeDigest, Member, Plan, Route, RouteName, Sides},
    rollout::{Found, Nature, Picture, Release, RouteService, Split, Target},
};

pub(super) async fn find_alias(
    name: &RouteName,
    at: &Alias,
    route: &Route,
    reads: &Reads,
    notes: &mut Notes,
) -> Option<Standing> {
    let found = match reads.aliases.find(at).await {
        Ok(found) => found,
        Err(error) => {
            notes.objections.push(Objection::error(&format!("route {name}"), &error));
            return None;
        }
    };
    if found.split.0.keys().any(|version| version.as_str() == UNPUBLISHED) {
        notes.objections.push(Objection::new(
            format!("route {name}: alias {at} serves {UNPUBLISHED}, whose requests AWS does not split"),
            format!(
                "publish what serves (`aws lambda publish-version --function-name {}`) and point the alias to that version",
                at.function
            ),
        ));
        return None;
    }
    check_deployments(name, at, reads, notes).await;
    check_alias(name, (at, &found.resource), reads, notes).await;
    let mut versions = Vec::new();
    // What is uploaded stands for the version that will be published of it.
    let unpublished = Member::new(UNPUBLISHED);
    let candidate = route.sides.candidate().unwrap_or(&unpublished);
    for version in found.split.0.keys().chain([candidate]) {
        match reads.aliases.version(&found.resource, version).await {
            Ok(standing) => versions.push((version, standing)),
            Err(error) => {
                notes.objections.push(Objection::error(&format!("route {name}"), &error));
                return None;
            }
        }
    }
    notes.objections.extend(objections(name, candidate, &versions));
    let uploaded = if is_made(route) {
        Some(Release::Uploaded { code: uploaded(name, at, &versions, notes)? })
    } else {
        None
    };
    let (resource, split) = (found.resource, found.split);
    Some(Standing {
        resource,
        others: Vec::new(),
        split,
        service: RouteService::Lambda,
        nature: Nature::ALIAS,
        rules: None,
        written: None,
        uploaded,
    })
}

/// How many versions are left of each function that the plan prunes, and which would go today. A run looks again when it
/// has come so far.
pub(super) async fn settle_old_versions(
    plan: &Plan,
    places: &Places<Reads>,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    let pruned: BTreeMap<&RouteName, u32> = plan
        .steps()
        .filter_map(|(_, step)| match step.conduct().aim {
            Aim::OldVersions { route, keep } => Some((route, keep)),
            _ => None,
        })
        .collect();
    settled.bindings.keeps =
        pruned.into_iter().map(|(route, keep)| (route.clone(), keep)).collect();
    for route in settled.bindings.keeps.keys() {
        // Of a route that was not found has been told.
        let Some(bound) = settled.bindings.routes.get(route) else { continue };
        let Some(Ok(reads)) = plan.routes.get(route).map(|route| places.at(&route.place)) else {
            continue;
        };
        let Some(kept) = kept(&settled.bindings, route) else { continue };
        match reads.old_versions.unused(&bound.resource, &kept).await {
            Ok(unused) => settled.found.push(Found {
                target: Target::OldVersions(route.clone()),
                picture: Picture::OldVersions(unused),
            }),
            Err(error) => {
                notes.objections.push(Objection::error(&format!("route {route}"), &error));
            }
        }
    }
}

/// An alias has one owner at a time: a run and `CodeDeploy` would take each other's weights for drift.
async fn check_deployments(name: &RouteName, at: &Alias, reads: &Reads, notes: &mut Notes) {
    match reads.alias_deployments.moving(at).await {
        Ok(deployments) => {
            notes.objections.extend(deployments.into_iter().map(
                |AliasDeployment { id, application, group }| {
                    Objection::new(
                        format!(
                            "route {name}: alias {at} is being moved by CodeDeploy, by deployment {id} of group {group} of \
                             application {application}"
                        ),
                        format!(
                            "wait until it has ended (`aws deploy wait deployment-successful --deployment-id {id}`), or take it back \
                             (`aws deploy stop-deployment --deployment-id {id} --auto-rollback-enabled`)"
                        ),
                    )
                },
            ));
        }
        Err(error) => notes.warnings.push(format!(
            "route {name}: cannot tell whether CodeDeploy moves alias {at}: {error}"
        )),
    }
}

const fn is_made(route: &Route) -> bool {
    matches!(route.sides, Sides::Made { .. })
}

/// The code that a version will be published of.
fn uploaded(
    name: &RouteName,
    at: &Alias,
    versions: &[(&Member, FunctionVersion)],
    notes: &mut Notes,
) -> Option<CodeDigest> {
    let is_published = |version: &Member| version.as_str() != UNPUBLISHED;
    let code = versions.iter().find(|(version, _)| !is_published(version))?.1.code.clone();
    let Some(code) = code else {
        notes.objections.push(Objection::new(
            format!("route {name}: AWS tells no digest of what is uploaded to {}", at.function),
            "publish it yourself, and name that version as `candidate`",
        ));
        return None;
    };
    let same = |(version, standing): &&(&Member, FunctionVersion)| {
        is_published(version) && standing.code.as_ref() == Some(&code)
    };
    notes.warnings.extend(versions.iter().filter(same).map(|(version, _)| {
        format!(
            "route {name}: the uploaded code is that of version {version}, which serves; unless the configuration has \
             changed, there is nothing new to publish"
        )
    }));
    Some(code)
}

/// Why what is uploaded is not what the plan is to publish.
pub(super) fn other_code(name: &RouteName, wanted: &CodeDigest, found: &CodeDigest) -> Objection {
    Objection::new(
        format!(
            "route {name}: the uploaded code is {found}, and not {wanted}, which the plan publishes"
        ),
        "upload the package that belongs to the plan, or correct its `code-sha256`",
    )
}

/// Why requests could not be split between these versions.
fn objections(
    name: &RouteName,
    candidate: &Member,
    versions: &[(&Member, FunctionVersion)],
) -> Vec<Objection> {
    let mut objections = Vec::new();
    let Some((_, new)) = versions.iter().find(|(version, _)| *version == candidate) else {
        return objections;
    };
    let why = if new.reason.is_empty() { String::new() } else { format!(" ({})", new.reason) };
    match new.state {
        VersionState::Active => {}
        VersionState::Pending | VersionState::Inactive => objections.push(Objection::new(
            format!("route {name}: version {candidate} is not active{why}"),
            "invoke it once, or wait until AWS has made it ready",
        )),
        VersionState::Failed => objections.push(Objection::new(
            format!("route {name}: version {candidate} has failed{why}"),
            "publish a version that AWS can run",
        )),
    }
    for (old, standing) in versions.iter().filter(|(version, _)| *version != candidate) {
        let differs = [
            ("execution role", &standing.role, &new.role),
            ("dead-letter queue", &standing.dead_letters, &new.dead_letters),
        ];
        for (what, one, other) in differs.into_iter().filter(|(_, one, other)| one != other) {
            let arn = |arn: &Option<String>| arn.clone().unwrap_or_else(|| "none".to_owned());
            objections.push(Objection::new(
                format!(
                    "route {name}: versions {old} and {candidate} differ in their {what} ({}, {}), so AWS does not split \
                     an alias between them",
                    arn(one),
                    arn(other)
                ),
                "publish a version with the same one, or change it in both",
            ));
        }
    }
    objections
}

/// Which version is stable where the plan leaves it to the alias; the candidate is the plan's.
pub(super) fn serving(
    name: &RouteName,
    route: &Route,
    split: &Split,
    notes: &mut Notes,
) -> Option<(Member, Option<Member>)> {
    let (wanted, candidate) = match &route.sides {
        Sides::Serving { candidate } => (None, Some(candidate)),
        Sides::Made { stable } => (stable.as_ref(), None),
        Sides::Fixed { .. } | Sides::Pair(_) | Sides::Single(_) => return None,
    };
    let mut versions = split.0.keys();
    match (versions.next(), versions.next()) {
        (Some(only), None) if Some(only) == candidate => {
            notes.objections.push(Objection::new(
                format!("route {name} serves version {only} already"),
                "name a newer version as `candidate`; to go back, name the older one",
            ));
            None
        }
        (Some(only), None) if wanted.is_some_and(|wanted| wanted != only) => {
            notes.objections.push(Objection::new(
                format!("route {name} serves version {only}, which is not the one that the plan calls stable"),
                "correct `stable`, or write `stable: alias` for whatever serves",
            ));
            None
        }
        (Some(only), None) => Some((only.clone(), candidate.cloned())),
        (None, _) | (Some(_), Some(_)) => {
            notes.objections.push(Objection::new(
                format!("route {name} is split between several versions ({split})"),
                "finish or roll back what split it, or name the version that serves as `stable`",
            ));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(role: &str, state: VersionState) -> FunctionVersion {
        let role = Some(role.to_owned());
        FunctionVersion {
            state,
            reason: "Creating".into(),
            role,
            dead_letters: None,
            code: None,
            snapshots: false,
        }
    }

    fn told(old: FunctionVersion, new: FunctionVersion) -> Vec<String> {
        let (six, seven) = (Member::new("6"), Member::new("7"));
        let all = objections(&RouteName::new("f"), &seven, &[(&six, old), (&seven, new)]);
        all.into_iter().map(|objection| objection.problem).collect()
    }

    #[test]
    fn versions_that_aws_would_not_split_between_are_refused() {
        use VersionState::{Active, Failed, Pending};
        assert_eq!(told(version("a", Active), version("a", Active)), [""; 0]);
        let differ = "route f: versions 6 and 7 differ in their execution role (a, b), so AWS does not split an alias \
                      between them";
        assert_eq!(told(version("a", Active), version("b", Active)), [differ]);
        let pending = ["route f: version 7 is not active (Creating)"];
        assert_eq!(told(version("a", Active), version("a", Pending)), pending);
        let failed = ["route f: version 7 has failed (Creating)"];
        assert_eq!(told(version("a", Active), version("a", Failed)), failed);
    }

    #[test]
    fn the_alias_tells_which_version_is_stable() {
        let route = |candidate: &str| Route {
            kind: crate::plan::RouteKind::Lambda(Alias {
                function: "f".into(),
                name: "live".into(),
            }),
            sides: Sides::Serving { candidate: Member::new(candidate) },
            baseline: None,
            keep: None,
            settle: std::time::Duration::ZERO,
            place: crate::plan::Place::default(),
        };
        let split = |versions: &[(&str, u16)]| {
            let weight = |weight| crate::plan::units::Weight::new(weight).unwrap();
            Split(versions.iter().map(|(v, w)| (Member::new(*v), weight(*w))).collect())
        };
        let settle = |candidate: &str, versions: &[(&str, u16)]| {
            let mut notes = Notes::default();
            let name = RouteName::new("f");
            let sides = serving(&name, &route(candidate), &split(versions), &mut notes);
            let told = notes.objections.first().map(|objection| objection.problem.clone());
            sides.map(|(stable, _)| stable.to_string()).ok_or(told.unwrap_or_default())
        };
        assert_eq!(settle("7", &[("6", 100)]), Ok("6".into()));
        assert_eq!(settle("7", &[("7", 100)]), Err("route f serves version 7 already".into()));
        let both = "route f is split between several versions (5 90, 6 10)";
        assert_eq!(settle("7", &[("5", 90), ("6", 10)]), Err(both.into()));
    }
}

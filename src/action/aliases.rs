//! What preflight settles about a route that is the alias of a function: which version it serves, and whether AWS would
//! split its requests between that and the candidate.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>

use super::{
    objection::{Notes, Objection},
    standing::Standing,
};
use crate::{
    cloud::{FunctionVersion, Reads, VersionState},
    plan::{Alias, Member, Route, RouteName, Sides},
    rollout::{Medium, Split},
};

/// What code is being written in, not a version; an alias that serves it cannot be split.
const UNPUBLISHED: &str = "$LATEST";

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
    let mut versions = Vec::new();
    let [_, candidate] = route.sides.members();
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
    let (resource, split) = (found.resource, found.split);
    Some(Standing {
        resource,
        others: Vec::new(),
        split,
        medium: Medium::Function,
        rules: None,
        records: None,
    })
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
) -> Option<(Member, Member)> {
    let Sides::Serving { candidate } = &route.sides else { return None };
    let mut versions = split.0.keys();
    match (versions.next(), versions.next()) {
        (Some(only), None) if only != candidate => Some((only.clone(), candidate.clone())),
        (Some(_), None) => {
            notes.objections.push(Objection::new(
                format!("route {name} serves version {candidate} already"),
                "name a newer version as `candidate`; to go back, name the older one",
            ));
            None
        }
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
        FunctionVersion { state, reason: "Creating".into(), role, dead_letters: None }
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
            settle: std::time::Duration::ZERO,
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

//! What preflight settles about a route that is the stage of a REST API: which deployment it serves, by which variables,
//! where those lead to, and whether it has a canary that a run would take away from somebody.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/canary-release.html>

use super::{
    integrations::follow_variables,
    objection::{Notes, Objection},
    standing::Standing,
};
use crate::{
    cloud::{Error, Reads, StageStanding},
    plan::{Deployed, Member, Route, RouteKind, RouteName, Sides, Stage},
    rollout::{Nature, Release, RouteService, Split},
};

pub(super) async fn find_stage(
    name: &RouteName,
    at: &Stage,
    route: &Route,
    reads: &Reads,
    notes: &mut Notes,
) -> Option<Standing> {
    let found = match reads.stages.find(at).await {
        Ok(found) => found,
        Err(error) => {
            notes.objections.push(unfound(name, at, &error));
            return None;
        }
    };
    notes.objections.extend(canary(name, at, &found));
    let is_made = matches!(route.sides, Sides::Made { .. });
    if let Some(candidate) = route.sides.candidate()
        && let Err(error) = reads.stages.deployment(&found.resource, candidate).await
    {
        let hint = format!(
            "make it with `aws apigateway create-deployment --rest-api-id {}`, without a stage, and write the id that it \
             prints",
            at.api
        );
        notes.objections.push(absent(name, &error, hint));
    }
    let StageStanding { resource, split, serves, .. } = found;
    // What is made yet runs by the same variables.
    let id = route.sides.candidate().map_or("", Member::as_str);
    let candidate = serves.overridden(id, &at.overrides);
    follow_variables(name, (&resource, &candidate), reads, notes).await;
    Some(Standing {
        resource,
        others: Vec::new(),
        split,
        service: RouteService::ApiGateway,
        nature: Nature::STAGE,
        rules: None,
        written: None,
        uploaded: is_made.then_some(Release::Undeployed),
    })
}

/// HTTP APIs are another service's, which does not know their ids here either.
fn unfound(name: &RouteName, at: &Stage, error: &Error) -> Objection {
    let hint = format!(
        "`aws apigateway get-stages --rest-api-id {}` lists its stages, `aws apigateway get-rest-apis` the REST APIs of this \
         account and region; an HTTP API has no canary: split the alias of its function instead, by a `lambda` route",
        at.api
    );
    absent(name, error, hint)
}

/// What an error says, with a hint of its own where something is not there.
fn absent(name: &RouteName, error: &Error, hint: String) -> Objection {
    let objection = Objection::error(&format!("route {name}"), error);
    if matches!(error, Error::Absent { .. }) { Objection { hint, ..objection } } else { objection }
}

/// A canary that stands already is somebody's, with nothing on it too.
fn canary(name: &RouteName, at: &Stage, found: &StageStanding) -> Option<Objection> {
    let canary = found.canary.as_ref()?;
    let share = found.split.weight(&canary.member());
    Some(Objection::new(
        format!(
            "route {name}: stage {at} has a canary already: {canary} with {share}% of its requests"
        ),
        format!(
            "finish or roll back what made it, or remove it: `aws apigateway update-stage --rest-api-id {} --stage-name \
             {} --patch-operations op=remove,path=/canarySettings`",
            at.api, at.name
        ),
    ))
}

/// Both sides with the variables that they run by; the candidate's are those of the stage, as it is to override them.
pub(super) fn stage_sides(
    name: &RouteName,
    route: &Route,
    split: &Split,
    notes: &mut Notes,
) -> Option<(Member, Option<Member>)> {
    let RouteKind::ApiGateway(at) = &route.kind else { return None };
    let mut members = split.0.keys();
    // Of a canary has been told.
    let (Some(member), None) = (members.next(), members.next()) else { return None };
    let serves = Deployed::of(member);
    let other = route.sides.stable().filter(|stable| stable.as_str() != serves.deployment);
    if let Some(stable) = other {
        notes.objections.push(Objection::new(
            format!(
                "route {name}: stage {at} serves deployment {}, not {stable}",
                serves.deployment
            ),
            "write which serves as `stable`, or `stable: stage`",
        ));
        return None;
    }
    let Some(candidate) = route.sides.candidate() else {
        // A step makes it.
        return Some((serves.member(), None));
    };
    let candidate = serves.overridden(candidate.as_str(), &at.overrides);
    if candidate == serves {
        notes.objections.push(Objection::new(
            format!("route {name} serves deployment {serves} already"),
            "name a newer deployment as `candidate`; to go back, name the older one",
        ));
        return None;
    }
    Some((serves.member(), Some(candidate.member())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::{StageCache, units::Weight};

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn stage(overrides: &[(&str, &str)]) -> Stage {
        let (api, name, overrides) = ("a1".into(), "prod".into(), variables(overrides));
        Stage { api, name, overrides, cache: StageCache::Apart }
    }

    fn settled(sides: Sides, overrides: &[(&str, &str)]) -> Result<String, String> {
        let route = Route {
            kind: RouteKind::ApiGateway(stage(overrides)),
            sides,
            baseline: None,
            keep: None,
            settle: std::time::Duration::ZERO,
            place: crate::plan::Place::default(),
        };
        let serves = Deployed::new("d1", variables(&[("alias", "live"), ("table", "shop")]));
        let split = Split([(serves.member(), Weight::new(100).unwrap())].into());
        let mut notes = Notes::default();
        let sides = stage_sides(&RouteName::new("api"), &route, &split, &mut notes);
        let told = notes.objections.first().map(|objection| objection.problem.clone());
        sides.map(|(a, b)| format!("{a} | {}", b.unwrap())).ok_or(told.unwrap_or_default())
    }

    #[test]
    fn the_candidate_runs_by_the_variables_of_the_stage_and_its_own() {
        let serving = |id| Sides::Serving { candidate: Member::new(id) };
        let both = "d1 (alias=live table=shop) | d2 (alias=next table=shop)";
        assert_eq!(settled(serving("d2"), &[("alias", "next")]), Ok(both.into()));
        let variables_alone = "d1 (alias=live table=shop) | d1 (alias=next table=shop)";
        assert_eq!(settled(serving("d1"), &[("alias", "next")]), Ok(variables_alone.into()));
        let same = "route api serves deployment d1 (alias=live table=shop) already";
        assert_eq!(settled(serving("d1"), &[("alias", "live")]), Err(same.into()));
        let fixed =
            |stable| Sides::Fixed { stable: Member::new(stable), candidate: Member::new("d2") };
        assert!(settled(fixed("d1"), &[]).is_ok());
        let other = "route api: stage a1/prod serves deployment d1, not d0";
        assert_eq!(settled(fixed("d0"), &[]), Err(other.into()));
    }

    #[test]
    fn somebody_elses_canary_is_told_with_the_command_that_removes_it() {
        let serves = Deployed::new("d1", variables(&[]));
        let theirs = Deployed::new("d0", variables(&[("alias", "next")]));
        let weight = |weight| Weight::new(weight).unwrap();
        let found = StageStanding {
            resource: "arn".into(),
            split: Split([(serves.member(), weight(100)), (theirs.member(), weight(0))].into()),
            serves,
            canary: Some(theirs),
        };
        let told = canary(&RouteName::new("api"), &stage(&[]), &found).unwrap();
        let problem = "route api: stage a1/prod has a canary already: d0 (alias=next) with 0% of its requests";
        assert_eq!(told.problem, problem);
        assert!(told.hint.contains("--patch-operations op=remove,path=/canarySettings"));
    }
}

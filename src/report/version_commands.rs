//! What to type for the provisioned concurrency of a function's version: the commands that have so many executions kept ready,
//! and the one that shows how far AWS is with that.

use super::AwsCommand;
use crate::{
    plan::Side,
    rollout::{Capacity, FleetBound},
};

/// What has so many executions of a version kept ready, or none.
pub(super) fn set(bound: &FleetBound, side: Side, capacity: Capacity) -> Option<AwsCommand> {
    match capacity.desired {
        0 => of("lambda delete-provisioned-concurrency-config", bound, side),
        some => of("lambda put-provisioned-concurrency-config", bound, side)
            .map(|command| command.with("provisioned-concurrent-executions", some)),
    }
}

/// What shows how many there are.
pub(super) fn look(bound: &FleetBound, side: Side) -> Option<AwsCommand> {
    of("lambda get-provisioned-concurrency-config", bound, side)
}

fn of(operation: &'static str, bound: &FleetBound, side: Side) -> Option<AwsCommand> {
    let (function, _) = bound.alias.as_deref()?.rsplit_once(':')?;
    let command = AwsCommand::new(operation).with("function-name", function);
    Some(command.with("qualifier", bound.member(side)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::{FleetKind, Member, Place};

    #[test]
    fn executions_are_asked_for_by_number_and_for_none_the_configuration_goes() {
        let bound = FleetBound {
            service: FleetKind::Lambda,
            place: Place::default(),
            stable: Member::new("6"),
            candidate: None,
            alias: Some("arn:aws:lambda:eu-west-1:1:function:checkout:live".to_owned()),
            versions: BTreeMap::new(),
        };
        let told = |side, executions| {
            set(&bound, side, Capacity::unbounded(executions)).map(|command| command.to_string())
        };
        let of = "--function-name arn:aws:lambda:eu-west-1:1:function:checkout --qualifier 6";
        let put = format!(
            "aws lambda put-provisioned-concurrency-config {of} --provisioned-concurrent-executions 5"
        );
        assert_eq!(told(Side::Stable, 5), Some(put));
        let delete = format!("aws lambda delete-provisioned-concurrency-config {of}");
        assert_eq!(told(Side::Stable, 0), Some(delete));
        assert_eq!(told(Side::Candidate, 5), None, "nobody knows its number yet");
        let get = look(&bound, Side::Stable).map(|command| command.to_string());
        assert_eq!(get, Some(format!("aws lambda get-provisioned-concurrency-config {of}")));
    }
}

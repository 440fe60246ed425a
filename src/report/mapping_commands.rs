//! What to type to let a queue or a stream be read as a split says: AWS changes a mapping that is at rest alone, and tells
//! nobody when its last batch is done, so whoever types has to wait in between.

use serde_json::json;

use super::AwsCommand;
use crate::{
    plan::{Member, units::Weight},
    rollout::{MappingPlace, Redriven, Split},
};

/// Said of looking at a mapping that was told to change.
const AGAIN: &str = "again, until it says Enabled or Disabled";
/// Said of looking at one that was told to stop.
const UNTIL_DONE: &str =
    "again, until it says Disabled; then as long as the function's time limit, for its last batch";

pub(super) fn mappings(place: &str, split: &Split) -> Option<Vec<AwsCommand>> {
    let place = MappingPlace::of(place)?;
    let goes_back =
        |redriven: &Redriven<'_>| split.weight(&Member::new(redriven.candidate)) == Weight::ZERO;
    let brought_back = place.redriven().filter(goes_back).map(|redriven| {
        AwsCommand::new("sqs start-message-move-task")
            .with("source-arn", redriven.dead_letters)
            .remarked("messages that the candidate has failed")
    });
    let mut all: Vec<AwsCommand> = match place {
        MappingPlace::HandOver { arn, .. } => {
            let stop = vec![disabled(arn), state(arn).remarked(UNTIL_DONE)];
            let reader = split.0.keys().next();
            stop.into_iter().chain(reader.map(|reader| led(arn, reader))).collect()
        }
        MappingPlace::SideBySide { stable, candidate, .. } => {
            // The candidate's first, as the run does it.
            let each = [candidate, stable].map(|arn| {
                let most = split.weight(&Member::new(MappingPlace::uuid(arn))).get();
                let change = if most == 0 { disabled(arn) } else { held_to(arn, most) };
                [change, state(arn).remarked(AGAIN)]
            });
            each.into_iter().flatten().collect()
        }
    };
    all.extend(brought_back);
    Some(all)
}

/// What shows the mappings of a place.
pub(super) fn look(place: &str) -> Vec<AwsCommand> {
    let show = |arn| of("lambda get-event-source-mapping", arn);
    match MappingPlace::of(place) {
        Some(MappingPlace::HandOver { arn, .. }) => vec![show(arn)],
        Some(MappingPlace::SideBySide { stable, candidate, .. }) => {
            vec![show(stable), show(candidate)]
        }
        None => Vec::new(),
    }
}

fn of(operation: &'static str, arn: &str) -> AwsCommand {
    AwsCommand::new(operation).with("uuid", MappingPlace::uuid(arn))
}

fn state(arn: &str) -> AwsCommand {
    let show = of("lambda get-event-source-mapping", arn);
    show.with("query", "State").with("output", "text")
}

fn updated(arn: &str, mut change: serde_json::Value) -> AwsCommand {
    if let Some(change) = change.as_object_mut() {
        change.insert("UUID".to_owned(), json!(MappingPlace::uuid(arn)));
    }
    AwsCommand::new("lambda update-event-source-mapping").with("cli-input-json", change)
}

fn disabled(arn: &str) -> AwsCommand {
    updated(arn, json!({ "Enabled": false }))
}

fn led(arn: &str, reader: &Member) -> AwsCommand {
    updated(arn, json!({ "Enabled": true, "FunctionName": reader.as_str() }))
}

fn held_to(arn: &str, most: u16) -> AwsCommand {
    updated(arn, json!({ "Enabled": true, "ScalingConfig": { "MaximumConcurrency": most } }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::units::Weight;

    fn typed(place: &MappingPlace<'_>, split: &[(&str, u16)]) -> Vec<String> {
        let split = split.iter().map(|(it, w)| (Member::new(*it), Weight::new(*w).unwrap()));
        let commands = mappings(&place.written(), &Split(split.collect())).unwrap();
        commands.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_mapping_is_stopped_before_it_leads_elsewhere() {
        let arn = "arn:aws:lambda:eu-west-1:1:event-source-mapping:m1";
        let place = MappingPlace::HandOver { arn, drain: None, redriven: None };
        let look = "aws lambda get-event-source-mapping --uuid m1 --query State --output text";
        let expected = [
            r#"aws lambda update-event-source-mapping --cli-input-json '{"Enabled":false,"UUID":"m1"}'"#.to_owned(),
            format!("{look} # {UNTIL_DONE}"),
            r#"aws lambda update-event-source-mapping --cli-input-json '{"Enabled":true,"FunctionName":"orders:1","UUID":"m1"}'"#
                .to_owned(),
        ];
        assert_eq!(typed(&place, &[("orders:1", 100)]), expected);
    }

    #[test]
    fn what_the_candidate_failed_is_brought_back_where_the_run_would_have() {
        let arn = "arn:aws:lambda:eu-west-1:1:event-source-mapping:m1";
        let dead_letters = "arn:aws:sqs:eu-west-1:1:orders-dead";
        let redriven = Some(Redriven { dead_letters, candidate: "orders:2" });
        let place = MappingPlace::HandOver { arn, drain: None, redriven };
        let back = typed(&place, &[("orders:1", 100)]);
        let command = format!("aws sqs start-message-move-task --source-arn {dead_letters}");
        assert!(back.last().unwrap().starts_with(&command), "{back:?}");
        let on = typed(&place, &[("orders:2", 100)]);
        assert!(on.iter().all(|command| !command.contains("sqs")), "{on:?}");
    }

    #[test]
    fn the_candidates_mapping_is_changed_before_the_stable_one() {
        let stable = "arn:aws:lambda:eu-west-1:1:event-source-mapping:s1";
        let candidate = "arn:aws:lambda:eu-west-1:1:event-source-mapping:c1";
        let place = MappingPlace::SideBySide { stable, candidate, redriven: None };
        let typed = typed(&place, &[("s1", 20)]);
        assert!(typed[0].ends_with(r#"'{"Enabled":false,"UUID":"c1"}'"#), "{typed:?}");
        let all = r#"'{"Enabled":true,"ScalingConfig":{"MaximumConcurrency":20},"UUID":"s1"}'"#;
        assert!(typed[2].ends_with(all), "{typed:?}");
    }
}

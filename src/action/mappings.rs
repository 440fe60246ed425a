//! What preflight settles about a route that is a queue or a stream: which function reads it, whether the other could, and
//! who else does.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>

use super::{
    objection::{Notes, Objection},
    standing::Standing,
};
use crate::{
    cloud::{Error, Mapping, MappingState, MappingsStanding, Reads, Redriving, VersionState},
    plan::{EventSource, Member, Route, RouteName, units::Weight},
    rollout::{MappingPlace, Nature, Redriven, RouteService},
};

const LISTED: &str =
    "`aws lambda list-event-source-mappings` lists those of this account and region";

pub(super) async fn find_mappings(
    name: &RouteName,
    at: &EventSource,
    route: &Route,
    reads: &Reads,
    notes: &mut Notes,
) -> Option<Standing> {
    let found = match reads.mappings.find(at).await {
        Ok(found) => found,
        Err(error) => {
            notes.objections.push(absent(name, &error, LISTED));
            return None;
        }
    };
    let against = objections(at, route, &found);
    let is_ready = against.is_empty();
    notes.objections.extend(against.into_iter().map(|objection| of(name, objection)));
    for member in route.sides.members() {
        let function = reads.mappings.function(&found.resource, member).await;
        let is_candidate = route.sides.candidate() == Some(member);
        match function {
            Ok(function) if is_candidate && function.state != VersionState::Active => {
                let why = &function.reason;
                notes.objections.push(Objection::new(
                    format!("route {name}: the function of its candidate is not active ({why})"),
                    "invoke it once, or wait until AWS has made it ready",
                ));
            }
            Ok(_) => {}
            Err(error) => {
                let hint = "publish or create it first; a run makes no functions and no aliases";
                notes.objections.push(absent(name, &error, hint));
            }
        }
    }
    notes.warnings.extend(warnings(&found).into_iter().map(|told| format!("route {name}: {told}")));
    let candidate = route.sides.candidate().map_or("", Member::as_str);
    let resource = redriven(name, (&found, candidate), notes)?;
    let split = found.split;
    is_ready.then(|| Standing {
        resource,
        others: Vec::new(),
        split,
        service: RouteService::EventSource,
        nature: Nature::mappings(at.scale()),
        rules: None,
        written: None,
        uploaded: None,
    })
}

/// Where the mappings are and, where the plan asks for it and it can be, from where messages are brought back. `None` where it
/// cannot be, which has been told.
fn redriven(
    name: &RouteName,
    (found, candidate): (&MappingsStanding, &str),
    notes: &mut Notes,
) -> Option<String> {
    match &found.redrive {
        Redriving::Held => {}
        Redriving::From(dead_letters) => {
            let from = Redriven { dead_letters, candidate };
            let place = MappingPlace::of(&found.resource)?;
            return Some(place.redriving(Some(from)).written());
        }
        Redriving::Occupied { dead_letters, messages } => notes.warnings.push(format!(
            "route {name}: there are {messages} messages in {dead_letters} already, and AWS moves all or none: what the candidate \
             fails is left among them if this run goes back; by hand, after a look: `aws sqs start-message-move-task --source-arn \
             {dead_letters}`"
        )),
        Redriving::Nowhere => {
            notes.objections.push(Objection::new(
                format!(
                    "route {name}: what it reads has no dead-letter queue that messages could be brought back from"
                ),
                "give the queue a redrive policy, or remove `redrive`; a stream keeps its records, whoever failed them",
            ));
            return None;
        }
    }
    Some(found.resource.clone())
}

fn of(name: &RouteName, Objection { problem, hint }: Objection) -> Objection {
    Objection { problem: format!("route {name}: {problem}"), hint }
}

/// What an error says, with a hint of its own where something is not there.
fn absent(name: &RouteName, error: &Error, hint: &str) -> Objection {
    let objection = Objection::error(&format!("route {name}"), error);
    match error {
        Error::Absent { .. } => Objection { hint: hint.to_owned(), ..objection },
        _ => objection,
    }
}

/// A command that changes a mapping.
fn update(mapping: &Mapping, how: &str) -> String {
    format!("`aws lambda update-event-source-mapping --uuid {} {how}`", mapping.uuid)
}

/// Everything against moving these mappings as the plan says.
fn objections(at: &EventSource, route: &Route, found: &MappingsStanding) -> Vec<Objection> {
    let passing = found.mappings.iter().filter_map(|mapping| match &mapping.state {
        MappingState::Passing(state) => Some(Objection::new(
            format!("event source mapping {} is {state}", mapping.uuid),
            "wait until that is over: AWS changes a mapping only while it is Enabled or Disabled",
        )),
        MappingState::Enabled | MappingState::Disabled(_) => None,
    });
    let mut all: Vec<Objection> = passing.collect();
    match (at, found.mappings.as_slice()) {
        (EventSource::HandOver { .. }, [mapping]) => {
            all.extend(handed_over(mapping, route));
            let candidate = route.sides.candidate().map_or("", Member::as_str);
            let twin = found.others.iter().find(|other| other.function == candidate);
            all.extend(twin.map(|twin| {
                Objection::new(
                    format!("{candidate} has a mapping of {} already: {}", twin.source, twin.uuid),
                    format!(
                        "delete it, because AWS lets a function have one alone: `aws lambda delete-event-source-mapping \
                         --uuid {}`; or, of a queue, write both mappings with their `concurrency`",
                        twin.uuid
                    ),
                )
            }));
        }
        (EventSource::SideBySide { concurrency, .. }, [stable, candidate]) => {
            all.extend(side_by_side(stable, candidate, *concurrency));
        }
        _ => {}
    }
    all
}

fn handed_over(mapping: &Mapping, route: &Route) -> Option<Objection> {
    let stable = route.sides.stable()?;
    if let MappingState::Disabled(reason) = &mapping.state {
        return Some(Objection::new(
            format!(
                "event source mapping {} is disabled ({reason}), so nobody reads",
                mapping.uuid
            ),
            format!("enable it first: {}", update(mapping, "--enabled")),
        ));
    }
    (mapping.function != stable.as_str()).then(|| {
        Objection::new(
            format!(
                "event source mapping {} leads to {}, not to {stable}",
                mapping.uuid, mapping.function
            ),
            "write which function reads today as `stable`, with its version or alias",
        )
    })
}

fn side_by_side(stable: &Mapping, candidate: &Mapping, concurrency: Weight) -> Vec<Objection> {
    let mut all = Vec::new();
    let mut object = |problem: String, hint: String| all.push(Objection::new(problem, hint));
    if stable.source != candidate.source {
        object(
            format!("its mappings read {} and {}", stable.source, candidate.source),
            "name two mappings of one queue".to_owned(),
        );
    } else if !stable.is_of_queue() {
        object(
            format!("{} is a stream, of which each mapping has all", stable.source),
            "hand one `mapping` over; side by side, both functions would handle every record"
                .to_owned(),
        );
    }
    if stable.filters != candidate.filters {
        object(
            "its mappings have different filters".to_owned(),
            "give them the same: what a mapping of a queue takes and its filter refuses is deleted"
                .to_owned(),
        );
    }
    if let MappingState::Disabled(reason) = &stable.state {
        object(
            format!("its stable mapping {} is disabled ({reason})", stable.uuid),
            "swap `stable` and `candidate`, or enable it".to_owned(),
        );
    } else if stable.concurrency != Some(u32::from(concurrency.get())) {
        let most =
            stable.concurrency.map_or_else(|| "any number of".to_owned(), |it| it.to_string());
        object(
            format!(
                "its stable mapping {} handles {most} batches at once, not {concurrency}",
                stable.uuid
            ),
            format!(
                "write that as `concurrency`, or hold it to this: {}",
                update(stable, &format!("--scaling-config MaximumConcurrency={concurrency}"))
            ),
        );
    }
    if candidate.state == MappingState::Enabled {
        object(
            format!("its candidate {} reads already", candidate.uuid),
            format!("disable it first: {}", update(candidate, "--no-enabled")),
        );
    }
    all
}

/// What a person should know: AWS's words about what went wrong last, and who else reads.
fn warnings(found: &MappingsStanding) -> Vec<String> {
    let problems = found.mappings.iter().filter_map(|mapping| {
        let problem = mapping.problem.as_ref()?;
        Some(format!("AWS says of event source mapping {}: {problem}", mapping.uuid))
    });
    let reads = |other: &&Mapping| !matches!(other.state, MappingState::Disabled(_));
    let others = found.others.iter().filter(reads).map(|other| {
        let Mapping { uuid, function, source, .. } = other;
        let what = if other.is_of_queue() {
            "takes messages away from both sides"
        } else {
            "handles every record too"
        };
        format!("{function} reads {source} as well, by event source mapping {uuid}, and {what}")
    });
    problems.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        plan::{Place, Redrive, RouteKind, Sides},
        rollout::Split,
    };

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:1:orders";

    fn mapping(uuid: &str, function: &str, state: MappingState) -> Mapping {
        Mapping {
            uuid: uuid.to_owned(),
            source: QUEUE.to_owned(),
            function: function.to_owned(),
            state,
            concurrency: Some(20),
            filters: Vec::new(),
            problem: None,
        }
    }

    fn disabled() -> MappingState {
        MappingState::Disabled("USER_INITIATED".to_owned())
    }

    fn found(mappings: Vec<Mapping>, others: Vec<Mapping>) -> MappingsStanding {
        let (resource, split) = (String::new(), Split::default());
        MappingsStanding { resource, mappings, others, split, redrive: Redriving::Held }
    }

    fn problems(at: &EventSource, found: &MappingsStanding) -> Vec<String> {
        let (stable, candidate) = match at {
            EventSource::HandOver { .. } => ("orders:1", "orders:2"),
            EventSource::SideBySide { .. } => ("s", "c"),
        };
        let (stable, candidate) = (Member::new(stable), Member::new(candidate));
        let route = Route {
            kind: RouteKind::EventSource(at.clone()),
            sides: Sides::Fixed { stable, candidate },
            baseline: None,
            keep: None,
            settle: Duration::ZERO,
            place: Place::default(),
        };
        objections(at, &route, found).into_iter().map(|it| it.problem).collect()
    }

    #[test]
    fn a_mapping_is_handed_over_from_who_reads_to_who_does_not() {
        let at = EventSource::HandOver { mapping: "m".into(), drain: None, redrive: Redrive::Hold };
        let told = |mapping, others| problems(&at, &found(vec![mapping], others));
        let reads = |function| mapping("m", function, MappingState::Enabled);
        assert_eq!(told(reads("orders:1"), vec![]), [""; 0]);
        let other = ["event source mapping m leads to orders:0, not to orders:1"];
        assert_eq!(told(reads("orders:0"), vec![]), other);
        let idle = "event source mapping m is disabled (USER_INITIATED), so nobody reads";
        assert_eq!(told(mapping("m", "orders:1", disabled()), vec![]), [idle]);
        let passing = MappingState::Passing("Updating".into());
        let passing = told(mapping("m", "orders:1", passing), vec![]);
        assert_eq!(passing, ["event source mapping m is Updating"]);
        let twin = told(reads("orders:1"), vec![mapping("t", "orders:2", disabled())]);
        assert_eq!(twin, [format!("orders:2 has a mapping of {QUEUE} already: t")]);
    }

    #[test]
    fn two_mappings_share_one_queue_by_the_plans_concurrency() {
        let concurrency = Weight::new(20).unwrap();
        let (stable, candidate, redrive) = ("s".into(), "c".into(), Redrive::Hold);
        let at = EventSource::SideBySide { stable, candidate, concurrency, redrive };
        let told = |stable, candidate| problems(&at, &found(vec![stable, candidate], vec![]));
        let stable = || mapping("s", "orders:1", MappingState::Enabled);
        let candidate = || mapping("c", "orders:2", disabled());
        assert_eq!(told(stable(), candidate()), [""; 0]);
        let more = Mapping { concurrency: Some(50), ..stable() };
        let more = told(more, candidate());
        assert_eq!(more, ["its stable mapping s handles 50 batches at once, not 20"]);
        let any = told(Mapping { concurrency: None, ..stable() }, candidate());
        assert_eq!(any, ["its stable mapping s handles any number of batches at once, not 20"]);
        let early = told(stable(), Mapping { state: MappingState::Enabled, ..candidate() });
        assert_eq!(early, ["its candidate c reads already"]);
        let filtered = Mapping { filters: vec!["{}".into()], ..candidate() };
        assert_eq!(told(stable(), filtered), ["its mappings have different filters"]);
        let elsewhere = Mapping { source: "arn:aws:sqs:eu-west-1:1:other".into(), ..candidate() };
        assert!(told(stable(), elsewhere)[0].starts_with("its mappings read "));
        let stream = "arn:aws:kinesis:eu-west-1:1:stream/clicks";
        let of_stream = |mapping| Mapping { source: stream.into(), ..mapping };
        let stream = told(of_stream(stable()), of_stream(candidate()));
        assert!(stream[0].ends_with("is a stream, of which each mapping has all"), "{stream:?}");
    }

    #[test]
    fn who_else_reads_and_what_went_wrong_last_is_told() {
        let other = mapping("o", "audit", MappingState::Enabled);
        let idle = mapping("i", "old", disabled());
        let failed = Some("PROBLEM: Function call failed".to_owned());
        let own = Mapping { problem: failed, ..mapping("m", "orders:1", MappingState::Enabled) };
        let told = warnings(&found(vec![own], vec![other, idle]));
        let expected = [
            "AWS says of event source mapping m: PROBLEM: Function call failed".to_owned(),
            format!(
                "audit reads {QUEUE} as well, by event source mapping o, and takes messages away from both sides"
            ),
        ];
        assert_eq!(told, expected);
    }
}

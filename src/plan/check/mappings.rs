//! Routes that are a queue or a stream: which event source mappings there can be, and between what.

use super::{scope::positive, targets::SideNames};
use crate::plan::{
    defaults::SETTLE,
    event_source_form::{EventSourceChoice, EventSourceForm},
    form::Slot,
    place::Place,
    problem::Problem,
    route::{EventSource, Redrive, Sides},
    route_kind::{Route, RouteKind},
    scalar::Whole,
    span::Spanned,
    units::Weight,
};

pub(super) fn event_source(
    form: &Spanned<EventSourceForm>,
    problems: &mut Vec<Problem>,
) -> Option<Route> {
    let Spanned { value: form, span } = form;
    let chosen = form.chosen()?;
    let (what, allowed, help): (&str, fn(&str) -> bool, _) = match chosen {
        EventSourceChoice::Mapping(_) => (
            "function",
            is_function,
            "write `name`, `name:version` or `name:alias`, without an ARN",
        ),
        EventSourceChoice::Concurrency(_) => ("event source mapping", is_uuid, UUID),
    };
    let (stable, candidate) = (&form.stable, &form.candidate);
    let names = SideNames { what, stable, candidate, pair: &Slot::Absent, allowed, help };
    // A side that is missing has been told of.
    let sides = if stable.is_absent() || candidate.is_absent() {
        None
    } else {
        names.check(*span, problems)
    };
    let redrive = form.redrive.value_or(Redrive::default());
    let source = match chosen {
        EventSourceChoice::Mapping(uuid) => {
            let mapping = mapping(uuid, problems)?;
            let given = form.drain.given();
            let drain = given.map(|given| positive(&form.drain, given.value, problems));
            EventSource::HandOver { mapping, drain, redrive }
        }
        EventSourceChoice::Concurrency(most) => {
            if let Some(given) = form.drain.given() {
                problems.push(
                    Problem::error(
                        "plan::stray-field",
                        "`drain` belongs to a mapping that is handed over",
                    )
                    .at(given.span, "of no use here")
                    .help("remove it: mappings side by side read at the same time"),
                );
            }
            let Whole(most) = most.value;
            let concurrency = u16::try_from(most).ok().and_then(Weight::new)?;
            let Some(Sides::Fixed { stable, candidate }) = &sides else { return None };
            let (stable, candidate) = (stable.to_string(), candidate.to_string());
            EventSource::SideBySide { stable, candidate, concurrency, redrive }
        }
    };
    Some(Route {
        kind: RouteKind::EventSource(source),
        sides: sides?,
        baseline: None,
        keep: None,
        settle: form.settle.value_or(SETTLE),
        place: Place::default(),
    })
}

const UUID: &str = "write the `UUID` of one of `aws lambda list-event-source-mappings`";

fn mapping(uuid: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    if is_uuid(&uuid.value) {
        return Some(uuid.value.clone());
    }
    let message = format!("`{}` cannot be an event source mapping", uuid.value);
    problems.push(Problem::error("plan::member", message).at(uuid.span, "not possible").help(UUID));
    None
}

/// `14e0db71-5d35-4eb5-b481-8945cf9d10c2`, in lower case as AWS tells them.
fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-';
    parts == [8, 4, 4, 4, 12] && text.bytes().all(is_hex)
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>
fn is_function(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let fits =
        |part: &str, longest| (1..=longest).contains(&part.len()) && part.bytes().all(allowed);
    match text.split_once(':') {
        Some((name, qualifier)) => fits(name, 64) && fits(qualifier, 128),
        None => fits(text, 64),
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        EventSource, Redrive, RouteKind, expand_to_yaml,
        sample::{codes, drawn, read_with},
    };

    const ONE: &str = "14e0db71-5d35-4eb5-b481-8945cf9d10c2";
    const OTHER: &str = "24e0db71-5d35-4eb5-b481-8945cf9d10c2";

    fn plan(route: &str, share: &str) -> String {
        format!(
            "tidegate: 1\nname: x\nroutes: {{ a: {{ event-source: {{ {route} }} }} }}\n\
             gates: {{ errors: {{ alarms: {{ names: [a] }} }} }}\n\
             steps: [{{ shift: {{ route: a, candidate: {share}, bake: 10m, gates: [errors] }} }}]\n"
        )
    }

    fn handed(functions: &str) -> String {
        format!("mapping: {ONE}, {functions}")
    }

    fn shared(concurrency: u32) -> String {
        format!("stable: {ONE}, candidate: {OTHER}, concurrency: {concurrency}")
    }

    #[test]
    fn dead_letters_are_held_unless_they_are_to_be_brought_back() {
        let read = |redrive: &str| {
            let text = plan(&handed(&format!("stable: f, candidate: f:2, {redrive}")), "100%");
            let read = read_with(&text, &[]).unwrap_or_else(|e| panic!("{}", drawn(&e))).plan;
            let RouteKind::EventSource(source) = &read.routes["a"].kind else { panic!("{read:?}") };
            let redrive = source.redrive();
            assert_eq!(crate::plan::sample::plan(&expand_to_yaml(&read)), read);
            (redrive, read.digest)
        };
        assert_eq!(read(""), read("redrive: hold,"), "plans are as they were");
        assert_eq!(read("").0, Redrive::Hold);
        assert_eq!(read("redrive: bring-back,").0, Redrive::BringBack);
        assert_ne!(read("redrive: bring-back,").1, read("").1);
        let wrong = plan(&handed("stable: f, candidate: f:2, redrive: never"), "100%");
        assert_eq!(codes(&wrong), ["plan::unknown-word"]);
    }

    #[test]
    fn a_mapping_is_handed_from_one_function_to_another() {
        let route = |keys: &str| {
            let text = plan(&handed(keys), "100%");
            read_with(&text, &[]).unwrap().plan.routes["a"].clone()
        };
        let both = route("stable: 'orders:live', candidate: next-orders");
        let names: Vec<&str> = both.sides.members().iter().map(|it| it.as_str()).collect();
        assert_eq!(names, ["orders:live", "next-orders"]);
        let slow = route("stable: a, candidate: b, drain: 2m").kind;
        let drain = Some(std::time::Duration::from_mins(2));
        let expected =
            EventSource::HandOver { mapping: ONE.to_owned(), drain, redrive: Redrive::Hold };
        assert_eq!(slow, RouteKind::EventSource(expected));
    }

    #[test]
    fn what_is_no_mapping_or_function_is_told() {
        let sides = "stable: a, candidate: b";
        for (wrong, code) in [
            (handed("stable: a"), "plan::missing-field"),
            (handed("stable: a, candidate: a"), "plan::same-sides"),
            (handed("stable: a, candidate: 'arn:aws:lambda:x:1:function:b'"), "plan::member"),
            (format!("mapping: orders, {sides}"), "plan::member"),
            (format!("mapping: {ONE}, concurrency: 20, {sides}"), "plan::ambiguous"),
            (format!("concurrency: 20, {sides}"), "plan::member"),
            (format!("{}, drain: 1m", shared(20)), "plan::stray-field"),
            (shared(3), "plan::out-of-range"),
        ] {
            let codes = codes(&plan(&wrong, "100%"));
            assert_eq!(codes.first(), Some(&code), "{wrong}: {codes:?}");
        }
    }

    #[test]
    fn one_mapping_is_handed_over_as_a_whole() {
        let sides = handed("stable: a, candidate: b");
        assert_eq!(codes(&plan(&sides, "100%")), [""; 0]);
        let problems = read_with(&plan(&sides, "10%"), &[]).unwrap_err();
        let told = drawn(&problems);
        assert!(told.contains("`a` is handed over as a whole, and not 10% of it"), "{told}");
        assert!(told.contains("let the mapping lead to an alias"), "{told}");
    }

    #[test]
    fn either_of_two_mappings_has_two_batches_at_once_or_none() {
        let codes = |concurrency, share| codes(&plan(&shared(concurrency), share));
        for share in ["0%", "10%", "50%", "90%", "100%"] {
            let told = codes(20, share);
            assert!(!told.contains(&"plan::too-fine"), "{share}: {told:?}");
            assert!(!told.contains(&"lint::nearest-share"), "{share}: {told:?}");
        }
        for share in ["1%", "5%", "95%", "99%"] {
            assert_eq!(codes(20, share), ["plan::too-fine"], "{share}");
        }
        assert!(codes(30, "6.66%").iter().all(|code| !code.contains("share")), "as help names it");
        assert!(codes(20, "33%").contains(&"lint::nearest-share"));
        let problems = read_with(&plan(&shared(30), "3%"), &[]).unwrap_err();
        let told = drawn(&problems);
        assert!(told.contains("write 0% or 6.66%, which are the nearest"), "{told}");
    }
}

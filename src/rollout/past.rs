//! Finding in the journals of earlier runs what they came to in the gates that name this one's artifact.

use std::collections::BTreeMap;

use super::{Attempts, Check, Ending, Event, Outcome, Reading};
use crate::plan::{Gate, GateName, Plan, PlanName};

/// A run that has been, as far as later ones care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRun {
    run: String,
    plan: PlanName,
    digest: String,
    ending: Option<Ending>,
    /// What each gate said last.
    last: BTreeMap<GateName, Reading>,
}

impl PastRun {
    /// `None` of a journal that does not begin with the beginning of a run.
    pub fn of<'a>(run: &str, events: impl IntoIterator<Item = &'a Event>) -> Option<Self> {
        let mut events = events.into_iter();
        let Some(Event::RunStarted { plan, digest, .. }) = events.next() else { return None };
        let mut past = Self {
            run: run.to_owned(),
            plan: plan.clone(),
            digest: digest.clone(),
            ending: None,
            last: BTreeMap::new(),
        };
        for event in events {
            if let Event::Read { check: Check::Gate(gate), reading } = event {
                past.last.insert(gate.clone(), reading.clone());
            } else if let Event::RunEnded { ending } = event {
                past.ending = Some(*ending);
            }
        }
        Some(past)
    }
}

/// What runs before this one say about its artifact, for each `compare` gate that names it; `past` begins with the
/// latest. A run counts when its plan was the same to the last parameter. What happened before the last promotion does
/// not: the candidate is compared with another version since.
pub fn attempts(
    plan: &Plan,
    past: impl IntoIterator<Item = PastRun>,
) -> BTreeMap<GateName, Attempts> {
    let names_artifact =
        |gate: &Gate| gate.kind.compare().is_some_and(|compare| compare.artifact.is_some());
    let gates = plan.gates.iter().filter(|(_, gate)| names_artifact(gate));
    let gates: Vec<&GateName> = gates.map(|(name, _)| name).collect();
    if gates.is_empty() {
        return BTreeMap::new();
    }
    let past: Vec<PastRun> = past
        .into_iter()
        .filter(|run| run.plan == plan.name)
        .take_while(|run| run.ending != Some(Ending::Promoted))
        .filter(|run| run.digest == plan.digest)
        .collect();
    let found = |name: &GateName| Some((name.clone(), of_gate(name, &past)?));
    gates.into_iter().filter_map(found).collect()
}

fn of_gate(name: &GateName, past: &[PastRun]) -> Option<Attempts> {
    let said = || past.iter().filter_map(|run| Some((run, run.last.get(name)?)));
    let mut failed = said().filter(|(_, reading)| reading.outcome == Outcome::Fail);
    if let Some((latest, _)) = failed.next() {
        let times = u32::try_from(failed.count()).unwrap_or(u32::MAX).saturating_add(1);
        return Some(Attempts::Failed { times, run: latest.run.clone() });
    }
    let (run, reading) = said().next()?;
    match reading.outcome {
        Outcome::Wait | Outcome::Unknown if !reading.carried.is_empty() => {
            let evidence = reading.carried.clone();
            Some(Attempts::Undecided { run: run.run.clone(), evidence })
        }
        Outcome::Pass | Outcome::Fail | Outcome::Wait | Outcome::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{SourceFile, read},
        rollout::{Actor, Bindings, Carried, Timestamp},
    };

    fn plan(version: &str, compare: &str) -> Plan {
        let text = format!(
            "tidegate: 1\nname: shop\n\
             params: {{ version: {{ default: \"{version}\" }} }}\n\
             routes: {{ web: {{ alb: {{ load-balancer: lb, port: 443, pair: [blue, green] }} }} }}\n\
             gates: {{ judge: {{ compare: {{ route: web{compare} }} }} }}\n\
             steps: [shift: {{ route: web, candidate: 50%, bake: 10m, gates: [judge] }}]\n"
        );
        read(&SourceFile::new("shop.yaml", text), &BTreeMap::new()).unwrap().plan
    }

    const NAMED: &str = ", artifact: \"${version}\"";

    fn reading(outcome: Outcome) -> Reading {
        let evidence = Carried { metric: "errors".into(), fail: 9_000, pass: -1_200 };
        let reading = Reading::new(outcome, Timestamp::default(), "so");
        match outcome {
            Outcome::Pass | Outcome::Fail => reading,
            Outcome::Wait | Outcome::Unknown => Reading { carried: vec![evidence], ..reading },
        }
    }

    fn past(run: &str, plan: &Plan, outcomes: &[Outcome], ending: Option<Ending>) -> PastRun {
        let mut events = vec![Event::RunStarted {
            plan: plan.name.clone(),
            digest: plan.digest.clone(),
            params: BTreeMap::new(),
            by: Actor("somebody".into()),
            bindings: Bindings::default(),
            found: Vec::new(),
            excused: Vec::new(),
            attempts: BTreeMap::new(),
            acting_as: None,
        }];
        let check = Check::Gate(GateName::new("judge"));
        events.extend(
            outcomes
                .iter()
                .map(|outcome| Event::Read { check: check.clone(), reading: reading(*outcome) }),
        );
        events.extend(ending.map(|ending| Event::RunEnded { ending }));
        PastRun::of(run, &events).unwrap()
    }

    const BACK: Option<Ending> = Some(Ending::RolledBack);

    fn found(plan: &Plan, past: Vec<PastRun>) -> Option<Attempts> {
        attempts(plan, past).remove(&GateName::new("judge"))
    }

    fn failed(times: u32, run: &str) -> Attempts {
        Attempts::Failed { times, run: run.into() }
    }

    #[test]
    fn failures_of_the_same_artifact_are_counted_back_to_the_last_promotion() {
        let plan = plan("7", NAMED);
        let run = |name, outcomes: &[Outcome], ending| past(name, &plan, outcomes, ending);
        assert_eq!(found(&plan, vec![]), None);
        let one = run("r1", &[Outcome::Wait, Outcome::Fail], BACK);
        assert_eq!(found(&plan, vec![one.clone()]), Some(failed(1, "r1")));
        let three = vec![
            run("r4", &[Outcome::Unknown], BACK),
            run("r3", &[Outcome::Fail], BACK),
            run("r2", &[Outcome::Pass], BACK),
            one.clone(),
        ];
        assert_eq!(found(&plan, three), Some(failed(2, "r3")), "whatever came between");
        let promoted = run("r2", &[Outcome::Pass], Some(Ending::Promoted));
        assert_eq!(found(&plan, vec![promoted, one]), None);
    }

    #[test]
    fn another_artifact_another_plan_and_a_gate_that_names_none_start_anew() {
        let (seven, eight) = (plan("7", NAMED), plan("8", NAMED));
        let failure = |plan: &Plan| vec![past("r1", plan, &[Outcome::Fail], BACK)];
        assert_eq!(found(&eight, failure(&seven)), None);
        assert_eq!(found(&seven, failure(&seven)), Some(failed(1, "r1")));
        let nameless = plan("7", "");
        assert_eq!(found(&nameless, failure(&nameless)), None);
        let other = Plan { name: PlanName::new("other"), ..seven.clone() };
        assert_eq!(found(&seven, failure(&other)), None);
    }

    #[test]
    fn what_the_latest_attempt_left_undecided_is_gone_on_with() {
        let plan = plan("7", NAMED);
        let undecided = |outcome| past("r2", &plan, &[Outcome::Wait, outcome], BACK);
        let earlier = past("r1", &plan, &[Outcome::Wait], BACK);
        let silent = past("r3", &plan, &[], BACK);
        let Some(Attempts::Undecided { run, evidence }) =
            found(&plan, vec![silent, undecided(Outcome::Unknown), earlier.clone()])
        else {
            panic!("it came to no end");
        };
        assert_eq!((run.as_str(), evidence[0].fail), ("r2", 9_000));
        assert_eq!(found(&plan, vec![undecided(Outcome::Pass), earlier]), None);
    }
}

//! Looks in the journals for earlier runs with the artifact that is about to be tried.

use std::collections::BTreeMap;

use crate::{
    cli::{exit::Failure, output::Output},
    journal::{Envelope, Store},
    plan::{Gate, GateName, Plan},
    rollout::{Attempts, Ending, Event, PastRun, attempts},
};

/// What they came to, by gate. A journal that cannot be read is told of and left out.
pub(super) async fn earlier(
    plan: &Plan,
    store: &Store,
    output: &Output,
) -> Result<BTreeMap<GateName, Attempts>, Failure> {
    // Whoever asks nothing of earlier runs does not wait for them to be read.
    if !plan.gates.values().any(names_artifact) {
        return Ok(BTreeMap::new());
    }
    let mut past = Vec::new();
    for run in store.created().await?.into_iter().rev() {
        match store.load(&run).await {
            Ok(journal) => {
                let events = journal.iter().map(|envelope| &envelope.event);
                past.extend(PastRun::of(run.as_str(), events));
                // What happened before the last promotion does not count.
                if is_promotion(plan, &journal) {
                    break;
                }
            }
            Err(error) => {
                let words = format!("run {run} is not looked at for earlier tries: {error}");
                output.say("warning", &words);
            }
        }
    }
    Ok(attempts(plan, past))
}

fn is_promotion(plan: &Plan, journal: &[Envelope]) -> bool {
    let mut events = journal.iter().map(|envelope| &envelope.event);
    let is_ours =
        matches!(events.next(), Some(Event::RunStarted { plan: its, .. }) if *its == plan.name);
    let ended = events.rfind(|event| matches!(event, Event::RunEnded { .. }));
    is_ours && matches!(ended, Some(Event::RunEnded { ending: Ending::Promoted }))
}

fn names_artifact(gate: &Gate) -> bool {
    gate.kind.compare().is_some_and(|compare| compare.artifact.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::args::{Colour, Format},
        journal::{Memory, RunId, Seq},
        plan::{SourceFile, read},
        rollout::{Actor, Bindings, Check, Outcome, Reading, Timestamp},
    };

    const PLAN: &str = "\
tidegate: 1
name: shop
routes: { web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } } }
gates: { judge: { compare: { route: web, artifact: v7 } } }
steps: [shift: { route: web, candidate: 50%, bake: 10m, gates: [judge] }]
";

    async fn journal(store: &Store, plan: &Plan, minute: i64, outcome: Outcome, ending: Ending) {
        let at = Timestamp::from_millis(minute * 60_000);
        let run = RunId::new(&plan.name, at, 7);
        store.create(&run, PLAN).await.unwrap();
        let check = Check::Gate(GateName::new("judge"));
        let events = [
            Event::RunStarted {
                plan: plan.name.clone(),
                digest: plan.digest.clone(),
                params: BTreeMap::new(),
                by: Actor("somebody".into()),
                bindings: Bindings::default(),
                found: Vec::new(),
                excused: Vec::new(),
                attempts: BTreeMap::new(),
                acting_as: None,
            },
            Event::Read { check, reading: Reading::new(outcome, at, "so") },
            Event::RunEnded { ending },
        ];
        let mut seq = Seq::FIRST;
        for event in events {
            store.append(&Envelope::new(run.clone(), seq, at, event)).await.unwrap();
            seq = seq.next();
        }
    }

    #[tokio::test]
    async fn the_journals_tell_how_often_it_failed_since_the_last_promotion() {
        let plan = read(&SourceFile::new("shop.yaml", PLAN), &BTreeMap::new()).unwrap().plan;
        let store = Store::new(Memory::default());
        let output = Output::new(Format::Text, Colour::Never);
        let told = async || {
            earlier(&plan, &store, &output).await.map_err(|failure| failure.error).unwrap()
        };
        assert_eq!(told().await, BTreeMap::new());
        journal(&store, &plan, 1, Outcome::Fail, Ending::RolledBack).await;
        journal(&store, &plan, 2, Outcome::Pass, Ending::Promoted).await;
        assert_eq!(told().await, BTreeMap::new());
        journal(&store, &plan, 3, Outcome::Fail, Ending::RolledBack).await;
        journal(&store, &plan, 4, Outcome::Fail, Ending::NeedsAttention).await;
        let failed = Attempts::Failed { times: 2, run: "shop-19700101-000400-0007".into() };
        assert_eq!(told().await, BTreeMap::from([(GateName::new("judge"), failed)]));
    }
}

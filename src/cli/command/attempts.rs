//! Looks in the journals for earlier runs with the artifact that is about to be tried.

use std::collections::BTreeMap;

use crate::{
    cli::{exit::Failure, output::Output},
    journal::Store,
    plan::{GateName, Plan},
    rollout::{Attempts, PastRun, attempts},
};

/// What they came to, by gate. A journal that cannot be read is told of and left out.
pub(super) fn earlier(
    plan: &Plan,
    store: &dyn Store,
    output: &Output,
) -> Result<BTreeMap<GateName, Attempts>, Failure> {
    let mut runs = store.runs()?;
    runs.reverse();
    let past = runs.into_iter().filter_map(|run| match store.load(&run) {
        Ok(journal) => PastRun::of(run.as_str(), journal.iter().map(|envelope| &envelope.event)),
        Err(error) => {
            let words = format!("run {run} is not looked at for earlier tries: {error}");
            output.say("warning", &words);
            None
        }
    });
    Ok(attempts(plan, past))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::args::{Colour, Format},
        journal::{Envelope, Memory, RunId, Seq},
        plan::{SourceFile, read},
        rollout::{Actor, Bindings, Check, Ending, Event, Outcome, Reading, Timestamp},
    };

    const PLAN: &str = "\
tidegate: 1
name: shop
routes: { web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } } }
gates: { judge: { compare: { route: web, artifact: v7 } } }
steps: [shift: { route: web, candidate: 50%, bake: 10m, gates: [judge] }]
";

    fn journal(store: &Memory, plan: &Plan, minute: i64, outcome: Outcome, ending: Ending) {
        let at = Timestamp::from_millis(minute * 60_000);
        let run = RunId::new(&plan.name, at, 7);
        store.create(&run, PLAN).unwrap();
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
            store.append(&Envelope::new(run.clone(), seq, at, event)).unwrap();
            seq = seq.next();
        }
    }

    #[test]
    fn the_journals_tell_how_often_it_failed_since_the_last_promotion() {
        let plan = read(&SourceFile::new("shop.yaml", PLAN), &BTreeMap::new()).unwrap().plan;
        let store = Memory::default();
        let output = Output::new(Format::Text, Colour::Never);
        let told = || earlier(&plan, &store, &output).map_err(|failure| failure.error).unwrap();
        assert_eq!(told(), BTreeMap::new());
        journal(&store, &plan, 1, Outcome::Fail, Ending::RolledBack);
        journal(&store, &plan, 2, Outcome::Pass, Ending::Promoted);
        assert_eq!(told(), BTreeMap::new());
        journal(&store, &plan, 3, Outcome::Fail, Ending::RolledBack);
        journal(&store, &plan, 4, Outcome::Fail, Ending::NeedsAttention);
        let failed = Attempts::Failed { times: 2, run: "shop-19700101-000400-0007".into() };
        assert_eq!(told(), BTreeMap::from([(GateName::new("judge"), failed)]));
    }
}

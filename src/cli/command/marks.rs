//! What people are told of the marks of runs in AWS: who is in the way, whose is left behind, and that there is none
//! where tags are not allowed.

use std::{collections::BTreeMap, time::Duration};

use anyhow::anyhow;

use crate::{
    action::observe,
    cli::{
        args::Global,
        exit::{Exit, Failure},
        output::Output,
        settings,
        wire::Wiring,
    },
    cloud::{Error, Mark, Placed, Places, Reads},
    journal::{RunId, holder},
    plan::units::format_duration,
    report,
    rollout::{Bindings, Target, Timestamp},
    runner::{Ownership, Rival, Wanted, marks_of_others},
};

/// For how long AWS may not show a tag that was written. Nobody says so; its tags are there at once as a rule.
const SETTLE: Duration = Duration::from_secs(1);
/// How long one reading of a route may take that is only to be told.
const LOOK: Duration = Duration::from_secs(5);

/// Marks what a run owns as its own. That somebody else has it is the one thing that stops it.
pub(super) async fn take(
    wiring: &Wiring,
    (run, since): (&RunId, Timestamp),
    bindings: &Bindings,
    global: &Global,
    output: &Output,
) -> Result<Ownership, Failure> {
    let journal = global.journal.display().to_string();
    let wanted = Wanted {
        things: Placed::of(bindings),
        mark: Mark::new(run.as_str(), &holder(&settings::user()), since, &journal),
        cloud: wiring.cloud.clone(),
        clock: wiring.clock.clone(),
        // The simulated cloud shows at once what was written.
        settle: if wiring.simulated.is_some() { Duration::ZERO } else { SETTLE },
    };
    let (ownership, met) = match wanted.take().await {
        Ok(taken) => taken,
        Err(rival) => {
            let now = wiring.clock.now();
            let traffic = traffic(&wiring.cloud.reads(), bindings, now).await;
            return Err(refused(&rival, &traffic, now));
        }
    };
    let gone = left_behind(&met.gone);
    if !gone.is_empty() {
        let traffic = traffic(&wiring.cloud.reads(), bindings, wiring.clock.now()).await;
        for words in gone {
            let words = format!("{words}{traffic}; going on, and its mark is removed");
            output.say("warning", &words);
        }
    }
    warn(&met.troubles, output, |error| {
        format!(
            "cannot keep runs of other folders away by marks in AWS: {error}; this run goes on, and two folders could \
             now run the same plan at once"
        )
    });
    Ok(ownership)
}

/// Takes the marks of an ended run back.
pub(super) async fn release(ownership: Ownership, output: &Output) {
    let left = ownership.release().await;
    warn(&left, output, |error| {
        format!(
            "cannot take this run's marks back in AWS: {error}; for three minutes other folders are refused because \
             of them, then warned. Tags whose keys begin with `tidegate:` can be removed by hand"
        )
    });
}

/// For a preview: whose marks a run of this plan would meet.
pub(super) async fn foreseen(
    reads: &Places<Reads>,
    bindings: &Bindings,
    now: Timestamp,
) -> Vec<String> {
    let things = Placed::of(bindings);
    let (rivals, troubles) = marks_of_others(reads, &things, "").await;
    let traffic =
        if rivals.is_empty() { String::new() } else { traffic(reads, bindings, now).await };
    let (fresh, gone): (Vec<Rival>, Vec<Rival>) =
        rivals.into_iter().partition(|rival| rival.mark.is_fresh(now));
    let in_the_way = one_a_run(&fresh);
    let in_the_way = in_the_way.into_iter().map(|rival| {
        format!("{}{traffic}; a run of this plan would be refused now (6)", living(rival, now))
    });
    let gone = left_behind(&gone).into_iter().map(|words| format!("{words}{traffic}"));
    let unread = troubles.iter().map(|error| {
        format!("cannot tell whether a run of another folder is under way here: {error}")
    });
    in_the_way.chain(gone).chain(unread).collect()
}

/// A run of another folder that is at work on what this plan names, as the reason why no run of it may start.
pub(super) async fn at_work(
    reads: &Places<Reads>,
    bindings: &Bindings,
    now: Timestamp,
) -> Option<Failure> {
    let (rivals, _) = marks_of_others(reads, &Placed::of(bindings), "").await;
    let rival = rivals.into_iter().find(|rival| rival.mark.is_fresh(now))?;
    Some(refused(&rival, &traffic(reads, bindings, now).await, now))
}

/// How the traffic stands now on the routes of this plan, as an addition to what is told of another run there; nothing
/// where it cannot be read.
async fn traffic(reads: &Places<Reads>, bindings: &Bindings, now: Timestamp) -> String {
    let mut lines = Vec::new();
    for route in bindings.routes.keys() {
        let target = Target::Route(route.clone());
        let read = tokio::time::timeout(LOOK, observe(reads, bindings, &target)).await;
        if let Ok(Ok(picture)) = read {
            lines.extend(report::traffic_in(bindings, route, &picture, now));
        }
    }
    if lines.is_empty() { String::new() } else { format!("; traffic: {}", lines.join("; ")) }
}

fn warn(troubles: &[Error], output: &Output, words: impl Fn(&Error) -> String) {
    for error in troubles {
        output.advise("warning", &words(error), Some(&error.hint()));
    }
}

fn refused(rival: &Rival, traffic: &str, now: Timestamp) -> Failure {
    let Mark { run, journal, .. } = &rival.mark;
    Failure::new(
        Exit::Owned,
        anyhow!("{}{traffic}", living(rival, now)),
        Some(format!(
            "`tidegate status --journal {journal} {run}` on that host shows what it is doing"
        )),
    )
}

/// Whoever runs it may still be at work.
fn living(rival: &Rival, now: Timestamp) -> String {
    let Rival { on, mark: Mark { run, owner, since, beat, journal }, .. } = rival;
    let seen = format_duration(Duration::from_secs(now.since(*beat).as_secs()));
    format!(
        "{on} belongs to run {run} since {since}, which {owner} is running, last seen {seen} ago; its journal is \
         {journal} there"
    )
}

/// Whoever ran them died or left.
fn left_behind(gone: &[Rival]) -> Vec<String> {
    let told = one_a_run(gone).into_iter().map(|rival| {
        let Rival { on, mark: Mark { run, owner, since, beat, journal }, .. } = rival;
        format!(
            "run {run}, since {since}, has left its mark on {on}: {owner} died or left it, last seen {beat}; it may \
             have left traffic split, and its journal is {journal} there"
        )
    });
    told.collect()
}

/// A run marks several things; it is told of once.
fn one_a_run(rivals: &[Rival]) -> Vec<&Rival> {
    let mut first = BTreeMap::new();
    for rival in rivals {
        first.entry(rival.mark.run.as_str()).or_insert(rival);
    }
    first.into_values().collect()
}

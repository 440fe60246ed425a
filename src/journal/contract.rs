//! The tests every store and every lock must pass. They run over memory and over files, so that a simulation on the
//! one says something about a run on the other.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    plan::{FleetName, Member, PlanName, RouteName, Side, StepId, units::Weight},
    rollout::{Actor, Capacity, Ending, Event, Jump, Picture, Purpose, Split, Target, Timestamp},
};

trait Journal: Store + Locks {}
impl<J: Store + Locks> Journal for J {}

fn on_each(test: impl Fn(&dyn Journal)) {
    test(&Memory::default());
    let folder = tempfile::tempdir().unwrap();
    test(&Files::new(folder.path().join("not/yet/there")));
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_769_874_302_000 + second * 1000)
}

fn run(number: u16) -> RunId {
    RunId::new(&PlanName::new("checkout"), at(0), number)
}

fn started(who: &str) -> Event {
    Event::RunnerStarted { by: Actor(who.to_owned()) }
}

fn envelope(run: &RunId, seq: u64, event: Event) -> Envelope {
    Envelope::new(run.clone(), Seq::new(seq).unwrap(), at(0), event)
}

#[test]
fn what_was_appended_is_loaded_in_order() {
    let split = |a, b| {
        let weights = [(Member::new("blue"), a), (Member::new("green"), b)];
        Picture::Split(Split(weights.map(|(m, w)| (m, Weight::new(w).unwrap())).into()))
    };
    let events = [
        started("ann"),
        Event::ChangeIntended {
            purpose: Purpose::Step(StepId::new("main/1-shift")),
            target: Target::Route(RouteName::new("web")),
            before: split(999, 0),
            after: split(950, 50),
        },
        Event::Restored {
            target: Target::Fleet { fleet: FleetName::new("app"), side: Side::Candidate },
        },
        Event::ChangeConfirmed {
            target: Target::Fleet { fleet: FleetName::new("app"), side: Side::Stable },
            live: Picture::Capacity(Capacity { min: 0, max: 4, desired: 2 }),
        },
        Event::RunEnded { ending: Ending::RolledBack },
    ];
    on_each(|journal| {
        journal.create(&run(1), "tidegate: 1\n").unwrap();
        assert_eq!(journal.load(&run(1)).unwrap(), []);
        let envelopes: Vec<_> =
            (1..).zip(&events).map(|(n, e)| envelope(&run(1), n, e.clone())).collect();
        for envelope in &envelopes {
            journal.append(envelope).unwrap();
        }
        assert_eq!(journal.load(&run(1)).unwrap(), envelopes);
        assert_eq!(journal.plan(&run(1)).unwrap(), "tidegate: 1\n");
    });
}

#[test]
fn an_event_is_appended_only_in_the_next_place() {
    on_each(|journal| {
        journal.create(&run(1), "").unwrap();
        journal.append(&envelope(&run(1), 1, started("ann"))).unwrap();
        journal.append(&envelope(&run(1), 2, started("ann"))).unwrap();
        for place in [1, 2, 4] {
            let refused = journal.append(&envelope(&run(1), place, started("bob"))).unwrap_err();
            assert!(refused.is_fence());
            assert_eq!(
                refused.to_string(),
                format!(
                    "event {place} of run {} is not ours to write: the journal continues with event 3",
                    run(1)
                )
            );
        }
    });
}

#[test]
fn a_run_is_created_once_and_counts_from_its_first_event() {
    on_each(|journal| {
        assert!(matches!(journal.load(&run(1)), Err(Error::NoSuchRun(_))));
        assert!(matches!(journal.plan(&run(1)), Err(Error::NoSuchRun(_))));
        let lost = journal.append(&envelope(&run(1), 1, started("ann")));
        assert!(matches!(lost, Err(Error::NoSuchRun(_))));
        for number in [2, 1, 3] {
            journal.create(&run(number), "first").unwrap();
        }
        assert!(matches!(journal.create(&run(1), "second"), Err(Error::RunExists(_))));
        assert_eq!(journal.plan(&run(1)).unwrap(), "first");
        assert_eq!(journal.runs().unwrap(), []);
        for number in [3, 1] {
            journal.append(&envelope(&run(number), 1, started("ann"))).unwrap();
        }
        assert_eq!(journal.runs().unwrap(), [run(1), run(3)]);
    });
}

#[test]
fn an_inbox_keeps_its_order_until_discarded() {
    on_each(|journal| {
        assert!(matches!(journal.put(&run(1), "x", &json!(1)), Err(Error::NoSuchRun(_))));
        journal.create(&run(1), "").unwrap();
        let tickets: Vec<_> = ["ff", "../00", "ff"]
            .map(|id| journal.put(&run(1), id, &json!({ "from": id })).unwrap())
            .into();
        let names: Vec<_> = tickets.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["000001-ff", "000002-00", "000003-ff"]);
        journal.discard(&run(1), &tickets[1]).unwrap();
        journal.discard(&run(1), &tickets[1]).unwrap();
        let waiting = journal.waiting(&run(1)).unwrap();
        let expected = [&tickets[0], &tickets[2]]
            .map(|t| Message { ticket: t.clone(), content: Ok(json!({ "from": "ff" })) });
        assert_eq!(waiting, expected);
    });
}

#[test]
fn a_request_that_cannot_be_understood_does_not_hide_the_next() {
    on_each(|journal| {
        journal.create(&run(1), "").unwrap();
        journal.put(&run(1), "1", &json!({ "command": "abort" })).unwrap();
        let request = Request {
            id: "2a".to_owned(),
            by: Actor("ann".to_owned()),
            at: at(1),
            command: "pause".to_owned(),
        };
        send(journal, &run(1), &request).unwrap();
        let waiting = requests::<String>(journal, &run(1)).unwrap();
        assert_eq!(waiting.len(), 2);
        assert!(waiting[0].request.as_ref().unwrap_err().contains("missing field `id`"));
        assert_eq!(waiting[1].request, Ok(request));
    });
}

fn claim(number: u16, resources: &[&str]) -> Claim {
    Claim {
        run: run(number),
        resources: resources.iter().map(ToString::to_string).collect(),
        holder: format!("ann@host pid {number}"),
        at: at(i64::from(number)),
    }
}

fn refusal(journal: &dyn Journal, claim: &Claim) -> String {
    match journal.acquire(claim) {
        Ok(_) => panic!("the lock was granted"),
        Err(error) => {
            assert!(error.is_fence(), "{error}");
            error.to_string()
        }
    }
}

fn begin(journal: &dyn Journal, number: u16) {
    journal.create(&run(number), "").unwrap();
    journal.append(&envelope(&run(number), 1, started("ann"))).unwrap();
}

#[test]
fn a_living_process_keeps_all_it_claimed_and_is_named() {
    on_each(|journal| {
        let first = journal.acquire(&claim(1, &["web", "app"])).unwrap();
        assert_eq!(
            refusal(journal, &claim(2, &["other", "web"])),
            "web belongs to run checkout-20260131-154502-0001 since 2026-01-31T15:45:03Z, \
             which ann@host pid 1 is running"
        );
        let again = refusal(journal, &claim(1, &["web"]));
        assert!(again.contains("which ann@host pid 1 is running"), "{again}");
        // Nothing of a refused claim stays locked.
        journal.acquire(&claim(3, &["other"])).unwrap();
        first.still_ours().unwrap();
        first.beat(at(60)).unwrap();
        let held = journal.held().unwrap();
        let all: Vec<_> =
            held.iter().map(|h| (h.info.resource.as_str(), h.liveness, h.info.heartbeat)).collect();
        let run_itself = format!("run {}", run(1));
        assert_eq!(
            all,
            ["app", &run_itself, "web"].map(|resource| (resource, Liveness::Alive, at(60)))
        );
    });
}

#[test]
fn an_unfinished_run_owns_its_resources_without_a_process() {
    on_each(|journal| {
        begin(journal, 1);
        drop(journal.acquire(&claim(1, &["web"])).unwrap());
        assert_eq!(
            refusal(journal, &claim(2, &["web"])),
            "web belongs to run checkout-20260131-154502-0001 since 2026-01-31T15:45:03Z, \
             unfinished; its process (ann@host pid 1) is gone, last seen 2026-01-31T15:45:03Z"
        );
        assert!(journal.held().unwrap().iter().all(|held| held.liveness == Liveness::Gone));
        let driver = journal.driver(&run(1)).unwrap().unwrap();
        assert_eq!(
            (driver.info.holder.as_str(), driver.liveness),
            ("ann@host pid 1", Liveness::Gone)
        );

        let heir = Claim { holder: "bob@host pid 9".into(), at: at(99), ..claim(1, &["web"]) };
        let inherited = journal.acquire(&heir).unwrap();
        let held = journal.held().unwrap();
        let driver = journal.driver(&run(1)).unwrap().unwrap();
        assert_eq!(
            (driver.info.holder.as_str(), driver.liveness),
            ("bob@host pid 9", Liveness::Alive)
        );
        let web = &held.iter().find(|held| held.info.resource == "web").unwrap().info;
        assert_eq!((web.since, web.heartbeat), (at(1), at(99)));
        assert_eq!(web.holder, "bob@host pid 9");

        journal
            .append(&envelope(&run(1), 2, Event::RunEnded { ending: Ending::Promoted }))
            .unwrap();
        inherited.release().unwrap();
        assert_eq!(journal.held().unwrap(), []);
        assert_eq!(journal.driver(&run(1)).unwrap(), None);
        journal.acquire(&claim(2, &["web"])).unwrap();
    });
}

#[test]
fn a_run_that_ended_or_never_began_owns_nothing_once_its_process_is_gone() {
    on_each(|journal| {
        drop(journal.acquire(&claim(1, &["web"])).unwrap());
        begin(journal, 2);
        drop(journal.acquire(&claim(2, &["web"])).unwrap());
        journal
            .append(&envelope(&run(2), 2, Event::RunEnded { ending: Ending::RolledBack }))
            .unwrap();
        assert_eq!(journal.held().unwrap(), []);
        journal.acquire(&claim(3, &["web"])).unwrap().still_ours().unwrap();
    });
}

#[test]
fn a_run_that_ended_and_was_only_looked_at_again_owns_nothing() {
    on_each(|journal| {
        begin(journal, 1);
        let refused = Event::CommandRefused {
            by: Actor("bob".to_owned()),
            command: "abort".to_owned(),
            refusal: "the run has ended".to_owned(),
        };
        let jumped = || Event::ClockJumped { by: Jump::from_millis(-5_000) };
        let ended = Event::RunEnded { ending: Ending::Promoted };
        let after = [ended, started("bob"), refused, jumped(), started("cat"), jumped()];
        for (seq, event) in (2..).zip(after) {
            journal.append(&envelope(&run(1), seq, event)).unwrap();
        }
        drop(journal.acquire(&claim(1, &["web"])).unwrap());
        assert_eq!(journal.held().unwrap(), []);
        journal.acquire(&claim(2, &["web"])).unwrap();
    });
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Append,
    Look,
    Crash,
}

fn moves() -> impl Strategy<Value = Vec<(usize, Move)>> {
    let a_move =
        prop_oneof![5 => Just(Move::Append), 2 => Just(Move::Look), 1 => Just(Move::Crash)];
    prop::collection::vec((0..2_usize, a_move), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Each writer believes some place to be next and may be wrong; a crash is forgetting what it believes.
    #[test]
    fn of_two_writers_at_most_one_appends_each_event(moves in moves()) {
        on_each(|journal| {
            journal.create(&run(1), "").unwrap();
            let mut next = [1_u64; 2];
            let mut written = BTreeMap::new();
            for (writer, a_move) in &moves {
                match a_move {
                    Move::Append => {
                        let event = started(&format!("writer {writer}"));
                        match journal.append(&envelope(&run(1), next[*writer], event)) {
                            Ok(()) => {
                                assert_eq!(written.insert(next[*writer], *writer), None);
                                next[*writer] += 1;
                            }
                            Err(Error::Fenced { next: place, .. }) => next[*writer] = place.get(),
                            Err(error) => panic!("{error}"),
                        }
                    }
                    Move::Look => next[*writer] = journal.load(&run(1)).unwrap().len() as u64 + 1,
                    Move::Crash => next[*writer] = 1,
                }
            }
            let loaded = journal.load(&run(1)).unwrap();
            let found: BTreeMap<_, _> = loaded.iter().map(|e| (e.seq.get(), e.event.clone())).collect();
            let expected: BTreeMap<_, _> =
                written.iter().map(|(n, w)| (*n, started(&format!("writer {w}")))).collect();
            assert_eq!(found, expected);
        });
    }
}

#[test]
fn writers_that_race_never_share_a_place() {
    on_each(|journal| {
        journal.create(&run(1), "").unwrap();
        let won = |writer: &str| {
            let mut won = BTreeSet::new();
            while won.len() < 25 {
                let next = journal.load(&run(1)).unwrap().len() as u64 + 1;
                match journal.append(&envelope(&run(1), next, started(writer))) {
                    Ok(()) => assert!(won.insert(next)),
                    Err(Error::Fenced { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            won
        };
        let all = std::thread::scope(|scope| {
            let writers = ["ann", "bob", "eve"].map(|name| scope.spawn(move || won(name)));
            writers.map(|writer| writer.join().unwrap())
        });
        let places: BTreeSet<_> = all.iter().flatten().copied().collect();
        assert_eq!(places, (1..=75).collect());
        assert_eq!(journal.load(&run(1)).unwrap().len(), 75);
    });
}

#[test]
fn of_many_that_claim_one_route_at_once_one_gets_it() {
    on_each(|journal| {
        let claims: Vec<_> = (1..=8).map(|n| claim(n, &["web", "app"])).collect();
        let holds: Vec<_> = std::thread::scope(|scope| {
            let racing: Vec<_> =
                claims.iter().map(|claim| scope.spawn(|| journal.acquire(claim).ok())).collect();
            racing.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(holds.len(), 1);
        holds[0].still_ours().unwrap();
    });
}

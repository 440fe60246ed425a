//! The tests every store and every lock must pass. They run over memory and over files, so that a simulation on the
//! one says something about a run on the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    plan::{FleetName, Member, PlanName, RouteName, Side, StepId, units::Weight},
    rollout::{Actor, Capacity, Ending, Event, Jump, Picture, Purpose, Split, Target, Timestamp},
};

/// A store, and the locks beside it.
#[derive(Clone)]
struct Journal {
    store: Store,
    objects: Arc<dyn Objects>,
    locks: Arc<dyn Locks>,
}

impl Journal {
    fn of(objects: impl Objects + Locks + Clone + 'static) -> Self {
        let (store, locks) = (Store::new(objects.clone()), Arc::new(objects.clone()));
        Self { store, objects: Arc::new(objects), locks }
    }
}

impl std::ops::Deref for Journal {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// Alone in its thread.
pub(super) fn wait_for<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(story)
}

fn on_each(test: &impl AsyncFn(&Journal)) {
    let folder = tempfile::tempdir().unwrap();
    wait_for(async {
        test(&Journal::of(Memory::default())).await;
        test(&Journal::of(Files::new(folder.path().join("not/yet/there")))).await;
    });
}

#[test]
fn an_object_is_put_once_where_it_must_not_exist_and_replaced_where_it_may() {
    on_each(&async |journal| {
        let objects = &journal.objects;
        objects.prepare("runs/a").await.unwrap();
        assert_eq!(objects.get("runs/a/x").await.unwrap(), None);
        assert_eq!(objects.put_absent("runs/a/x", "1").await.unwrap(), Created::Now);
        assert_eq!(objects.put_absent("runs/a/x", "2").await.unwrap(), Created::ExistsAlready);
        assert_eq!(objects.get("runs/a/x").await.unwrap().as_deref(), Some("1"));
        for content in ["3", "4"] {
            objects.put("runs/a/y", content).await.unwrap();
        }
        assert_eq!(objects.get("runs/a/y").await.unwrap().as_deref(), Some("4"));
        for _ in 0..2 {
            objects.delete("runs/a/x").await.unwrap();
        }
        assert_eq!(objects.get("runs/a/x").await.unwrap(), None);
    });
}

#[test]
fn names_are_listed_in_order_by_pages_and_a_folder_is_one_name() {
    on_each(&async |journal| {
        let objects = &journal.objects;
        for key in ["c/2", "c/10", "c/1-2/z", "c/1/y", "c/1/x", "d/3"] {
            objects.put_absent(key, "").await.unwrap();
        }
        let list = async |after, most| objects.list("c", after, most).await.unwrap();
        assert_eq!(list(None, 9).await, ["1", "1-2", "10", "2"]);
        assert_eq!(list(None, 2).await, ["1", "1-2"]);
        assert_eq!(list(Some("1-2"), 2).await, ["10", "2"]);
        assert_eq!(list(Some("2"), 2).await, [""; 0]);
        assert_eq!(objects.list("nowhere", None, 9).await.unwrap(), [""; 0]);
    });
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
    on_each(&async |journal| {
        journal.create(&run(1), "tidegate: 1\n").await.unwrap();
        assert_eq!(journal.load(&run(1)).await.unwrap(), []);
        let envelopes: Vec<_> =
            (1..).zip(&events).map(|(n, e)| envelope(&run(1), n, e.clone())).collect();
        for envelope in &envelopes {
            journal.append(envelope).await.unwrap();
        }
        assert_eq!(journal.load(&run(1)).await.unwrap(), envelopes);
        assert_eq!(journal.plan(&run(1)).await.unwrap(), "tidegate: 1\n");
    });
}

#[test]
fn an_event_is_appended_only_in_the_next_place() {
    on_each(&async |journal| {
        journal.create(&run(1), "").await.unwrap();
        journal.append(&envelope(&run(1), 1, started("ann"))).await.unwrap();
        journal.append(&envelope(&run(1), 2, started("ann"))).await.unwrap();
        for place in [1, 2, 4] {
            let refused =
                journal.append(&envelope(&run(1), place, started("bob"))).await.unwrap_err();
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
    on_each(&async |journal| {
        assert!(matches!(journal.load(&run(1)).await, Err(Error::NoSuchRun(_))));
        assert!(matches!(journal.plan(&run(1)).await, Err(Error::NoSuchRun(_))));
        let lost = journal.append(&envelope(&run(1), 1, started("ann"))).await;
        assert!(matches!(lost, Err(Error::NoSuchRun(_))));
        for number in [2, 1, 3] {
            journal.create(&run(number), "first").await.unwrap();
        }
        assert!(matches!(journal.create(&run(1), "second").await, Err(Error::RunExists(_))));
        assert_eq!(journal.plan(&run(1)).await.unwrap(), "first");
        assert_eq!(journal.runs().await.unwrap(), []);
        for number in [3, 1] {
            journal.append(&envelope(&run(number), 1, started("ann"))).await.unwrap();
        }
        assert_eq!(journal.runs().await.unwrap(), [run(1), run(3)]);
    });
}

#[test]
fn files_of_a_plan_are_kept_once_with_its_run() {
    on_each(&async |journal| {
        journal.create(&run(1), "tidegate: 1\n").await.unwrap();
        assert_eq!(journal.attached(&run(1)).await.unwrap(), BTreeMap::new());
        journal.attach(&run(1), &BTreeMap::new()).await.unwrap();
        let files = BTreeMap::from([("events/a.json", "{ \"id\": 7 }\n"), ("../b.json", "{}")]);
        journal.attach(&run(1), &files).await.unwrap();
        assert!(matches!(journal.attach(&run(1), &files).await, Err(Error::RunExists(_))));
        let kept = journal.attached(&run(1)).await.unwrap();
        let kept: BTreeMap<_, _> = kept.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(kept, files);
        journal.append(&envelope(&run(1), 1, started("ann"))).await.unwrap();
        assert_eq!(journal.load(&run(1)).await.unwrap().len(), 1, "they are no events");
    });
}

#[test]
fn an_inbox_keeps_its_order_until_discarded() {
    on_each(&async |journal| {
        assert!(matches!(journal.put(&run(1), "x", &json!(1)).await, Err(Error::NoSuchRun(_))));
        journal.create(&run(1), "").await.unwrap();
        let mut tickets = Vec::new();
        for id in ["ff", "../00", "ff"] {
            tickets.push(journal.put(&run(1), id, &json!({ "from": id })).await.unwrap());
        }
        let names: Vec<_> = tickets.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["000001-ff", "000002-00", "000003-ff"]);
        journal.discard(&run(1), &tickets[1]).await.unwrap();
        journal.discard(&run(1), &tickets[1]).await.unwrap();
        let waiting = journal.waiting(&run(1)).await.unwrap();
        let expected = [&tickets[0], &tickets[2]]
            .map(|t| Message { ticket: t.clone(), content: Ok(json!({ "from": "ff" })) });
        assert_eq!(waiting, expected);
    });
}

#[test]
fn a_request_that_cannot_be_understood_does_not_hide_the_next() {
    on_each(&async |journal| {
        journal.create(&run(1), "").await.unwrap();
        journal.put(&run(1), "1", &json!({ "command": "abort" })).await.unwrap();
        let request = Request {
            id: "2a".to_owned(),
            by: Actor("ann".to_owned()),
            at: at(1),
            command: "pause".to_owned(),
        };
        send(&journal.store, &run(1), &request).await.unwrap();
        let waiting = requests::<String>(&journal.store, &run(1)).await.unwrap();
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

async fn refusal(journal: &Journal, claim: &Claim) -> String {
    match journal.locks.acquire(claim).await {
        Ok(_) => panic!("the lock was granted"),
        Err(error) => {
            assert!(error.is_fence(), "{error}");
            error.to_string()
        }
    }
}

async fn begin(journal: &Journal, number: u16) {
    journal.create(&run(number), "").await.unwrap();
    journal.append(&envelope(&run(number), 1, started("ann"))).await.unwrap();
}

#[test]
fn a_living_process_keeps_all_it_claimed_and_is_named() {
    on_each(&async |journal| {
        let first = journal.locks.acquire(&claim(1, &["web", "app"])).await.unwrap();
        assert_eq!(
            refusal(journal, &claim(2, &["other", "web"])).await,
            "web belongs to run checkout-20260131-154502-0001 since 2026-01-31T15:45:03Z, \
             which ann@host pid 1 is running"
        );
        let again = refusal(journal, &claim(1, &["web"])).await;
        assert!(again.contains("which ann@host pid 1 is running"), "{again}");
        // Nothing of a refused claim stays locked.
        journal.locks.acquire(&claim(3, &["other"])).await.unwrap();
        first.still_ours().await.unwrap();
        first.beat(at(60)).await.unwrap();
        let held = journal.locks.held().await.unwrap();
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
    on_each(&async |journal| {
        begin(journal, 1).await;
        drop(journal.locks.acquire(&claim(1, &["web"])).await.unwrap());
        assert_eq!(
            refusal(journal, &claim(2, &["web"])).await,
            "web belongs to run checkout-20260131-154502-0001 since 2026-01-31T15:45:03Z, \
             unfinished; its process (ann@host pid 1) is gone, last seen 2026-01-31T15:45:03Z"
        );
        assert!(
            journal.locks.held().await.unwrap().iter().all(|held| held.liveness == Liveness::Gone)
        );
        let driver = journal.locks.driver(&run(1)).await.unwrap().unwrap();
        assert_eq!(
            (driver.info.holder.as_str(), driver.liveness),
            ("ann@host pid 1", Liveness::Gone)
        );

        let heir = Claim { holder: "bob@host pid 9".into(), at: at(99), ..claim(1, &["web"]) };
        let inherited = journal.locks.acquire(&heir).await.unwrap();
        let held = journal.locks.held().await.unwrap();
        let driver = journal.locks.driver(&run(1)).await.unwrap().unwrap();
        assert_eq!(
            (driver.info.holder.as_str(), driver.liveness),
            ("bob@host pid 9", Liveness::Alive)
        );
        let web = &held.iter().find(|held| held.info.resource == "web").unwrap().info;
        assert_eq!((web.since, web.heartbeat), (at(1), at(99)));
        assert_eq!(web.holder, "bob@host pid 9");

        journal
            .append(&envelope(&run(1), 2, Event::RunEnded { ending: Ending::Promoted }))
            .await
            .unwrap();
        inherited.release().await.unwrap();
        assert_eq!(journal.locks.held().await.unwrap(), []);
        assert_eq!(journal.locks.driver(&run(1)).await.unwrap(), None);
        journal.locks.acquire(&claim(2, &["web"])).await.unwrap();
    });
}

#[test]
fn a_run_that_ended_or_never_began_owns_nothing_once_its_process_is_gone() {
    on_each(&async |journal| {
        drop(journal.locks.acquire(&claim(1, &["web"])).await.unwrap());
        begin(journal, 2).await;
        drop(journal.locks.acquire(&claim(2, &["web"])).await.unwrap());
        journal
            .append(&envelope(&run(2), 2, Event::RunEnded { ending: Ending::RolledBack }))
            .await
            .unwrap();
        assert_eq!(journal.locks.held().await.unwrap(), []);
        journal.locks.acquire(&claim(3, &["web"])).await.unwrap().still_ours().await.unwrap();
    });
}

#[test]
fn a_run_that_ended_and_was_only_looked_at_again_owns_nothing() {
    on_each(&async |journal| {
        begin(journal, 1).await;
        let refused = Event::CommandRefused {
            by: Actor("bob".to_owned()),
            command: "abort".to_owned(),
            refusal: "the run has ended".to_owned(),
        };
        let jumped = || Event::ClockJumped { by: Jump::from_millis(-5_000) };
        let ended = Event::RunEnded { ending: Ending::Promoted };
        let after = [ended, started("bob"), refused, jumped(), started("cat"), jumped()];
        for (seq, event) in (2..).zip(after) {
            journal.append(&envelope(&run(1), seq, event)).await.unwrap();
        }
        drop(journal.locks.acquire(&claim(1, &["web"])).await.unwrap());
        assert_eq!(journal.locks.held().await.unwrap(), []);
        journal.locks.acquire(&claim(2, &["web"])).await.unwrap();
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
        on_each(&async |journal| {
            journal.create(&run(1), "").await.unwrap();
            let mut next = [1_u64; 2];
            let mut written = BTreeMap::new();
            for (writer, a_move) in &moves {
                match a_move {
                    Move::Append => {
                        let event = started(&format!("writer {writer}"));
                        match journal.append(&envelope(&run(1), next[*writer], event)).await {
                            Ok(()) => {
                                assert_eq!(written.insert(next[*writer], *writer), None);
                                next[*writer] += 1;
                            }
                            Err(Error::Fenced { next: place, .. }) => next[*writer] = place.get(),
                            Err(error) => panic!("{error}"),
                        }
                    }
                    Move::Look => next[*writer] = journal.load(&run(1)).await.unwrap().len() as u64 + 1,
                    Move::Crash => next[*writer] = 1,
                }
            }
            let loaded = journal.load(&run(1)).await.unwrap();
            let found: BTreeMap<_, _> = loaded.iter().map(|e| (e.seq.get(), e.event.clone())).collect();
            let expected: BTreeMap<_, _> =
                written.iter().map(|(n, w)| (*n, started(&format!("writer {w}")))).collect();
            assert_eq!(found, expected);
        });
    }
}

#[test]
fn writers_that_race_never_share_a_place() {
    on_each(&async |journal| {
        journal.create(&run(1), "").await.unwrap();
        let won = &async |writer: &str| {
            let mut won = BTreeSet::new();
            while won.len() < 25 {
                let next = journal.load(&run(1)).await.unwrap().len() as u64 + 1;
                match journal.append(&envelope(&run(1), next, started(writer))).await {
                    Ok(()) => assert!(won.insert(next)),
                    Err(Error::Fenced { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            won
        };
        let all = std::thread::scope(|scope| {
            let writers =
                ["ann", "bob", "eve"].map(|name| scope.spawn(move || wait_for(won(name))));
            writers.map(|writer| writer.join().unwrap())
        });
        let places: BTreeSet<_> = all.iter().flatten().copied().collect();
        assert_eq!(places, (1..=75).collect());
        assert_eq!(journal.load(&run(1)).await.unwrap().len(), 75);
    });
}

#[test]
fn of_many_that_claim_one_route_at_once_one_gets_it() {
    on_each(&async |journal| {
        let claims: Vec<_> = (1..=8).map(|n| claim(n, &["web", "app"])).collect();
        let holds: Vec<_> = std::thread::scope(|scope| {
            let racing: Vec<_> = claims
                .iter()
                .map(|claim| scope.spawn(|| wait_for(journal.locks.acquire(claim)).ok()))
                .collect();
            racing.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(holds.len(), 1);
        holds[0].still_ours().await.unwrap();
    });
}

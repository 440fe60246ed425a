//! A queue whose dead letters, of a real consumer, take traffic back: what lay there before does not count.

use aws_sdk_sqs::Client;

use crate::{
    aliases::alias,
    world::{Ended, World},
};

/// The queues of a world whose function handles events.
pub(crate) struct Queues {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Queues {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let settings = runtime.block_on(aws_config::from_env().load());
        Self { client: Client::new(&settings), runtime }
    }

    pub(crate) fn send(&self, world: &World, queue: &str) {
        let url = world.seeded[queue].as_str().unwrap();
        let call = self.client.send_message().queue_url(url).message_body("an order");
        self.runtime.block_on(call.send()).unwrap();
    }

    fn take_policy(&self, world: &World) {
        let url = world.seeded["queue"].as_str().unwrap();
        let policy = aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy;
        let call = self.client.set_queue_attributes().queue_url(url).attributes(policy, "");
        self.runtime.block_on(call.send()).unwrap();
    }
}

fn plan(world: &World, gate: &str, bake: &str) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  requests: {{ lambda: {{ function: {prefix}, alias: live, candidate: 2, settle: 1s }} }}
gates:
  backlog: {{ queue: {gate}, every: 1s }}
steps:
  - shift: {{ route: requests, candidate: 10%, bake: {bake}, gates: [backlog] }}
  - shift: {{ route: requests, candidate: 100%, bake: 2s, gates: [backlog] }}
"
    ))
}

#[test]
fn a_dead_letter_that_comes_in_a_run_takes_it_back_and_one_from_before_does_not() {
    let world = World::of_kind("event-driven", "queuedead");
    let queues = Queues::new();
    queues.send(&world, "dead_letter_queue");
    let gate = "{ name: queuedead-orders, depth: { below: 100 }, dead-letters: {} }";
    let previewed = world.run(&["plan", &plan(&world, gate, "4s")]);
    assert!(previewed.expect(0).told.contains("sqs:GetQueueAttributes"), "{}", previewed.told);
    world.run(&["run", &plan(&world, gate, "4s")]).expect(0);
    assert_eq!(alias(&world), ("2".to_owned(), Vec::new()));
    world.run(&["rollback", "--reason", "again"]).expect(4);
    let world = world.with_new_journal();
    let run = world.start(&["run", &plan(&world, gate, "5m")]);
    world.wait_for("bake-started");
    queues.send(&world, "dead_letter_queue");
    let ended = Ended::wait(run);
    let told = &ended.expect(4).told;
    assert!(told.contains("dead letters of queuedead-orders since the run began: 1,"), "{told}");
    assert_eq!(alias(&world), ("1".to_owned(), Vec::new()));
}

#[test]
fn a_queue_that_is_not_there_or_keeps_no_dead_letters_refuses_the_run() {
    let world = World::of_kind("event-driven", "queuenone");
    let refused =
        |gate: &str| world.run(&["run", &plan(&world, gate, "4s")]).expect(3).talk.clone();
    let absent = refused("{ name: nobodys-orders, dead-letters: {} }");
    assert!(absent.contains("queue nobodys-orders does not exist"), "{absent}");
    Queues::new().take_policy(&world);
    let bare = refused("{ name: queuenone-orders, dead-letters: {} }");
    assert!(bare.contains("queue queuenone-orders has no redrive policy"), "{bare}");
}

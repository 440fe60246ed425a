//! A stream of Kinesis with a real consumer: one that keeps up lets traffic move, one that is behind takes it back, and what
//! nobody reads stops it.

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    aliases::alias,
    world::{Ended, World},
};

fn plan(world: &World, below: &str) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  requests: {{ lambda: {{ function: {prefix}, alias: live, candidate: 2, settle: 1s }} }}
gates:
  lag: {{ stream: {{ function: {prefix}, qualifier: live, below: {below}, periods: 1 of 1 }}, every: 1s }}
steps:
  - shift: {{ route: requests, candidate: 10%, bake: 2s, gates: [lag] }}
"
    ))
}

/// A record now and then, until it is told to stop. There is no client for Kinesis here; who signs does not matter there.
fn feed(stream: &str, stop: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, url) = (reqwest::Client::new(), env::var("AWS_ENDPOINT_URL").unwrap());
    let region = env::var("AWS_REGION").or_else(|_| env::var("AWS_DEFAULT_REGION")).unwrap();
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential={stream}/20260101/{region}/kinesis/aws4_request, \
         SignedHeaders=host, Signature=0"
    );
    // `{"id": "1"}`
    let record = json!({ "StreamName": stream, "PartitionKey": "1", "Data": "eyJpZCI6ICIxIn0=" });
    while !stop.load(Ordering::Relaxed) {
        let call = client
            .post(&url)
            .header("x-amz-target", "Kinesis_20131202.PutRecord")
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", &signed)
            .body(record.to_string());
        let answer = runtime.block_on(call.send()).unwrap();
        assert!(answer.status().is_success(), "{:?}", runtime.block_on(answer.text()));
        thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn traffic_moves_once_the_readers_of_a_stream_are_heard_of_and_goes_back_when_they_are_behind() {
    let world = World::of_kind("stream", "streamlag");
    let run = world.start(&["run", &plan(&world, "1m")]);
    let silent = |events: &[String]| events.iter().any(|event| event.contains("has no figure"));
    world.wait_until("a reading without figures", silent);
    assert_eq!(alias(&world), ("1".to_owned(), Vec::new()), "nobody has read anything");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| feed("streamlag", &stop));
        let ended = Ended::wait(run);
        let told = &ended.expect(0).told;
        assert!(
            told.contains("the latest record read by streamlag:live is at most 1m old"),
            "{told}"
        );
        assert_eq!(alias(&world), ("1".to_owned(), vec![("2".to_owned(), 0.1)]));
        world.run(&["rollback", "--reason", "again"]).expect(4);
        // No reader is as quick as that.
        let late = world.run(&["run", &plan(&world, "1ms")]);
        stop.store(true, Ordering::Relaxed);
        assert!(late.expect(4).told.contains("was older than 1ms"), "{}", late.told);
    });
    assert_eq!(alias(&world), ("1".to_owned(), Vec::new()));
}

//! What is sent for metrics and made of the answers, over a wire that stays in the process (`wire.rs`).

use std::time::Duration;

use serde_json::json;

use super::wire::{Wire, cbor};
use crate::{
    cloud::{Completeness, Metrics, Query, Series},
    plan::Statistic,
    rollout::Timestamp,
};

const MINUTE: Duration = Duration::from_mins(1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn query(metric: &str, statistic: Statistic) -> Query {
    let dimension = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Query {
        namespace: "AWS/ApplicationELB".to_owned(),
        metric: metric.to_owned(),
        dimensions: vec![
            dimension("LoadBalancer", "app/shop/50dc"),
            dimension("TargetGroup", "targetgroup/green/73e2"),
        ],
        statistic,
    }
}

async fn ask(wire: &Wire, queries: &[Query]) -> Vec<Series> {
    wire.services.cloudwatch.series(queries, at(0), at(180), MINUTE).await.unwrap()
}

#[tokio::test]
async fn metrics_are_asked_for_by_the_five_hundred_without_math() {
    let wire = Wire::new(|_| cbor(&json!({})));
    let queries: Vec<_> =
        (0..501).map(|n| query(&format!("Metric{n:03}"), Statistic::Percentile(999))).collect();
    let answers = ask(&wire, &queries).await;
    assert_eq!(answers.len(), 501);
    let failed = |series: &Series| matches!(series.completeness, Completeness::Failed(_));
    assert!(answers.iter().all(failed), "what is not answered is not empty");
    let sent = wire.sent();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].mentions("Metric499") && !sent[0].mentions("Metric500"));
    assert!(sent[1].mentions("Metric500"));
    for word in ["p99.9", "targetgroup/green/73e2", "app/shop/50dc", "AWS/ApplicationELB"] {
        assert!(sent[1].mentions(word), "{word}");
    }
    assert!(!sent[0].mentions("Expression"));
    ask(&wire, &[]).await;
    assert_eq!(wire.operations().len(), 0, "no queries, no call");
}

#[tokio::test]
async fn pages_are_put_together_and_the_end_is_exclusive() {
    let result = |seconds: &[f64], values: &[f64], status: &str| {
        let stamps: Vec<_> = seconds.iter().map(|s| json!({ "epoch": s })).collect();
        json!({ "Id": "q0", "StatusCode": status, "Timestamps": stamps, "Values": values })
    };
    let pages = [
        json!({ "NextToken": "second page", "MetricDataResults": [
            result(&[60.0], &[7.5], "PartialData"),
        ]}),
        json!({ "MetricDataResults": [result(&[0.0, 180.0], &[5.5, 9.5], "Complete")] }),
    ];
    let wire = Wire::new(move |sent| cbor(&pages[usize::from(sent.mentions("second page"))]));
    let answers = ask(&wire, &[query("RequestCount", Statistic::Sum)]).await;
    assert_eq!(answers[0].points, [(at(0), 5.5), (at(60), 7.5)]);
    assert_eq!(answers[0].completeness, Completeness::Complete);
    assert_eq!(wire.operations(), ["GetMetricData", "GetMetricData"]);
}

#[tokio::test]
async fn half_an_answer_is_told_from_a_whole_one_and_from_none() {
    let wire = Wire::new(|_| {
        let result = |id: &str, status: &str| {
            json!({
                "Id": id, "StatusCode": status, "Timestamps": [], "Values": [],
                "Messages": [{ "Code": "x", "Value": "not today" }],
            })
        };
        cbor(&json!({ "MetricDataResults": [
            result("q0", "Complete"), result("q1", "PartialData"), result("q2", "Forbidden"),
            result("q3", "InternalError"),
        ]}))
    });
    let queries: Vec<_> = (0..5).map(|n| query(&format!("M{n}"), Statistic::Sum)).collect();
    let answers = ask(&wire, &queries).await;
    let told: Vec<_> = answers.into_iter().map(|series| series.completeness).collect();
    let failed = |words: &str| Completeness::Failed(words.to_owned());
    assert_eq!(
        told,
        [
            Completeness::Complete,
            Completeness::Partial,
            failed("Forbidden: not today"),
            failed("InternalError: not today"),
            failed("no answer"),
        ]
    );
}

#[tokio::test]
async fn gates_that_are_due_together_cost_one_call_and_are_answered_apart() {
    let wire = Wire::new(|_| {
        let result = |id: &str, value: f64| {
            let stamps = [60.0, 120.0].map(|s: f64| json!({ "epoch": s }));
            let values = [value, value + 1.0];
            json!({ "Id": id, "StatusCode": "Complete", "Timestamps": stamps, "Values": values })
        };
        cbor(&json!({ "MetricDataResults": [result("q0", 10.0), result("q1", 20.0)] }))
    });
    let (errors, requests) = (query("Errors", Statistic::Sum), query("Requests", Statistic::Sum));
    let cloudwatch = &wire.services.cloudwatch;
    let (ratio, count) = ([errors, requests.clone()], [requests]);
    let (ratio, count) = tokio::join!(
        cloudwatch.series(&ratio, at(0), at(180), MINUTE),
        cloudwatch.series(&count, at(120), at(180), MINUTE),
    );
    let (ratio, count) = (ratio.unwrap(), count.unwrap());
    assert_eq!(ratio[0].points, [(at(60), 10.0), (at(120), 11.0)]);
    assert_eq!(ratio[1].points, [(at(60), 20.0), (at(120), 21.0)]);
    assert_eq!(count[0].points, [(at(120), 21.0)], "each has the window it asked for");
    assert_eq!(wire.operations(), ["GetMetricData"], "one call");
}

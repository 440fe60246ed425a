//! Metrics by `GetMetricData`, as many as one call takes and page by page. Nothing is computed there: with metric math
//! an answer has no pages, and a figure that nobody can take apart again.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_cloudwatch::{
    operation::RequestId,
    primitives::DateTime,
    types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode},
};

use super::{
    cloudwatch::{CloudWatch, Wanted},
    error::classed,
    pace::Pace,
    together::AsksTogether,
};
use crate::{
    cloud::{Completeness, Error, Metrics, Operation, Query, Series},
    rollout::Timestamp,
};

/// `GetMetricData` takes this many queries.
const QUERIES_A_CALL: usize = 500;

const UNANSWERED: &str = "no answer";

/// How long a gate waits for others that are due: each has to look up its target groups first.
const GATHERS: Duration = Duration::from_millis(250);

#[async_trait]
impl Metrics for CloudWatch {
    async fn series(
        &self,
        queries: &[Query],
        from: Timestamp,
        to: Timestamp,
        period: Duration,
    ) -> Result<Vec<Series>, Error> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = Wanted { queries: queries.to_vec(), from, to, period };
        self.gates.ask(self, wanted).await
    }
}

/// Gates that look at the same end of time by the same period are answered by one call, each question once.
#[async_trait]
impl AsksTogether for CloudWatch {
    type Ask = Wanted;
    type Answer = Vec<Series>;
    type Kind = (Timestamp, Duration);
    const OPERATION: Operation = Operation::GetMetricData;

    fn kind(wanted: &Wanted) -> Self::Kind {
        (wanted.to, wanted.period)
    }

    async fn turn(&self) {
        Pace::rest(GATHERS).await;
    }

    async fn put(&self, wanted: &[Wanted]) -> Result<Vec<Vec<Series>>, Error> {
        let Some(first) = wanted.first() else { return Ok(Vec::new()) };
        let from = wanted.iter().map(|wanted| wanted.from).min().unwrap_or(first.from);
        let distinct: BTreeSet<&Query> = wanted.iter().flat_map(|wanted| &wanted.queries).collect();
        let distinct: Vec<Query> = distinct.into_iter().cloned().collect();
        let mut answers = BTreeMap::new();
        for some in distinct.chunks(QUERIES_A_CALL) {
            let answered = self.some(some, (from, first.to), first.period).await?;
            answers.extend(some.iter().zip(answered));
        }
        let answer = |wanted: &Wanted| {
            let of = |query: &Query| {
                let mut series = answers.get(query).cloned().unwrap_or_else(unanswered);
                series.points.retain(|(at, _)| *at >= wanted.from);
                series
            };
            wanted.queries.iter().map(of).collect()
        };
        Ok(wanted.iter().map(answer).collect())
    }
}

impl CloudWatch {
    async fn some(
        &self,
        queries: &[Query],
        (from, to): (Timestamp, Timestamp),
        period: Duration,
    ) -> Result<Vec<Series>, Error> {
        let seconds = i32::try_from(period.as_secs()).unwrap_or(i32::MAX);
        let asked: Vec<MetricDataQuery> =
            queries.iter().enumerate().map(|(i, query)| question(i, query, seconds)).collect();
        let mut answers = BTreeMap::new();
        let mut token = None;
        loop {
            let call = self
                .client
                .get_metric_data()
                .set_metric_data_queries(Some(asked.clone()))
                .start_time(DateTime::from_millis(from.as_millis()))
                // Exclusive, as is ours.
                .end_time(DateTime::from_millis(to.as_millis()))
                .scan_by(ScanBy::TimestampAscending)
                .set_next_token(token);
            let page = call.send().await.map_err(classed(Operation::GetMetricData, "a metric"))?;
            for result in page.metric_data_results() {
                let id = result.id().unwrap_or_default().to_owned();
                let series: &mut Series = answers.entry(id).or_insert_with(unanswered);
                take_in(series, result);
                series.requests.extend(page.request_id().map(str::to_owned));
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        let answer = |i| {
            let mut series = answers.remove(&id(i)).unwrap_or_else(unanswered);
            series.points.retain(|(at, _)| (from..to).contains(at));
            series.points.sort_unstable_by_key(|(at, _)| *at);
            series
        };
        Ok((0..queries.len()).map(answer).collect())
    }
}

fn unanswered() -> Series {
    Series {
        points: Vec::new(),
        completeness: Completeness::Failed(UNANSWERED.to_owned()),
        requests: Vec::new(),
    }
}

/// An id begins with a lower-case letter.
fn id(place: usize) -> String {
    format!("q{place}")
}

fn question(place: usize, query: &Query, seconds: i32) -> MetricDataQuery {
    let dimension =
        |(name, value): &(String, String)| Dimension::builder().name(name).value(value).build();
    let metric = Metric::builder()
        .namespace(&query.namespace)
        .metric_name(&query.metric)
        .set_dimensions(Some(query.dimensions.iter().map(dimension).collect()))
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(seconds)
        .stat(query.statistic.to_string())
        .build();
    MetricDataQuery::builder().id(id(place)).metric_stat(stat).return_data(true).build()
}

/// Adds a page; the last page's status is the series', unless one before it failed.
fn take_in(series: &mut Series, page: &MetricDataResult) {
    let stamps = page.timestamps().iter().filter_map(|at| at.to_millis().ok());
    let points = stamps.map(Timestamp::from_millis).zip(page.values().iter().copied());
    series.points.extend(points);
    if matches!(&series.completeness, Completeness::Failed(words) if words != UNANSWERED) {
        return;
    }
    let whole = page.timestamps().len() == page.values().len();
    series.completeness = match page.status_code() {
        Some(StatusCode::Complete) if whole => Completeness::Complete,
        Some(StatusCode::Complete | StatusCode::PartialData) | None => Completeness::Partial,
        Some(other) => {
            let messages = page.messages().iter().filter_map(|message| message.value());
            let words: Vec<&str> = std::iter::once(other.as_str()).chain(messages).collect();
            Completeness::Failed(words.join(": "))
        }
    };
}

//! Route 53: reading weighted records, and changing their weights in one batch that is followed until every name server
//! has it. <https://docs.aws.amazon.com/Route53/latest/APIReference/Welcome.html>

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use aws_sdk_route53::{
    Client,
    types::{
        Change, ChangeAction, ChangeBatch, ChangeStatus, HealthCheckObservation, HostedZone,
        ResourceRecordSet, RrType,
    },
};
use tokio::time::Instant;

use super::{
    error::classed,
    pace::Pace,
    records::{Address, leads, reweighted, weighted},
    together::{AsksTogether, Together},
};
use crate::{
    cloud::{Checkers, Dns, Error, Lead, Operation, Records, SetWeights, Weights},
    plan::{Member, RecordSet, nearest},
    rollout::Split,
};

/// Changes generally arrive within a minute.
const PATIENCE: Duration = Duration::from_mins(5);
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Route 53.
#[derive(Debug)]
pub(super) struct Route53 {
    pub(super) client: Client,
    /// One rate for all calls of an account.
    pub(super) pace: Pace,
    /// Of two changes of a zone at once Route 53 refuses one; those of this process go together.
    changes: Together<Changed, String>,
}

/// Records of a zone as they shall be.
#[derive(Debug)]
pub(super) struct Changed {
    zone: String,
    records: Vec<ResourceRecordSet>,
}

/// Changes of one zone go in one batch, which stands or falls as a whole.
#[async_trait]
impl AsksTogether for Route53 {
    type Ask = Changed;
    type Answer = String;
    type Kind = String;
    const OPERATION: Operation = Operation::ChangeResourceRecordSets;

    fn kind(change: &Changed) -> String {
        change.zone.clone()
    }

    async fn turn(&self) {
        self.pace.turn().await;
    }

    async fn put(&self, changes: &[Changed]) -> Result<Vec<String>, Error> {
        let Some(first) = changes.first() else { return Ok(Vec::new()) };
        let records = changes.iter().flat_map(|change| change.records.clone()).collect();
        let id = self.submit(&first.zone, records).await?;
        Ok(vec![id; changes.len()])
    }
}

impl Route53 {
    pub(super) fn new(client: Client) -> Self {
        Self { client, pace: Pace::route53(), changes: Together::new() }
    }

    /// The id of a zone given by id or domain.
    async fn zone_id(&self, zone: &str) -> Result<String, Error> {
        if !zone.contains('.') {
            return Ok(zone.to_owned());
        }
        let what = format!("hosted zone {zone}");
        self.pace.turn().await;
        let call = self.client.list_hosted_zones_by_name().dns_name(zone).send();
        let answer = call.await.map_err(classed(Operation::ListHostedZonesByName, &what))?;
        // The answer begins with this zone if there is one, and goes on with others.
        let named = answer.hosted_zones.iter().filter(|z| z.name.trim_end_matches('.') == zone);
        let named: Vec<&HostedZone> = named.collect();
        match named.as_slice() {
            [] => Err(Error::Absent { what }),
            [only] => Ok(id_of(only).to_owned()),
            [first, ..] => Err(Error::Unfit {
                problem: format!("{zone} names several hosted zones: {}", each(&named)),
                hint: format!(
                    "name the one that is meant by its id, such as `zone: {}`",
                    id_of(first)
                ),
            }),
        }
    }

    /// All records of one name and type.
    async fn listed(&self, at: &Address) -> Result<Vec<ResourceRecordSet>, Error> {
        let what = format!("hosted zone {}", at.zone);
        let mut found = Vec::new();
        let mut from_identifier = None;
        loop {
            self.pace.turn().await;
            let call = self
                .client
                .list_resource_record_sets()
                .hosted_zone_id(&at.zone)
                .start_record_name(&at.name)
                .start_record_type(RrType::from(at.kind.as_str()))
                .set_start_record_identifier(from_identifier)
                .send();
            let page = call.await.map_err(classed(Operation::ListResourceRecordSets, &what))?;
            let ours = page.resource_record_sets.into_iter().take_while(|record| at.is_of(record));
            found.extend(ours);
            let goes_on = page.next_record_name.as_deref().is_some_and(|name| at.is_named(name))
                && page.next_record_type.as_ref().is_some_and(|kind| kind.as_str() == at.kind);
            // `IsTruncated` is read as false where it is absent, hence what comes next decides.
            if !goes_on {
                return Ok(found);
            }
            // What follows would be asked for from the beginning again, and half a set is not a set.
            let unnamed = || Error::Transient {
                operation: Operation::ListResourceRecordSets,
                message: format!("{at} goes on, and the answer does not say with which record"),
            };
            let next = page.next_record_identifier.filter(|next| !next.is_empty());
            from_identifier = Some(next.ok_or_else(unnamed)?);
        }
    }

    /// Every record of a zone, 300 a call.
    async fn all(&self, zone: &str) -> Result<Vec<ResourceRecordSet>, Error> {
        let what = format!("hosted zone {zone}");
        let (mut found, mut from) = (Vec::new(), (None, None, None));
        loop {
            self.pace.turn().await;
            let call = self
                .client
                .list_resource_record_sets()
                .hosted_zone_id(zone)
                .set_start_record_name(from.0)
                .set_start_record_type(from.1)
                .set_start_record_identifier(from.2)
                .send();
            let page = call.await.map_err(classed(Operation::ListResourceRecordSets, &what))?;
            found.extend(page.resource_record_sets);
            from = (page.next_record_name, page.next_record_type, page.next_record_identifier);
            if !page.is_truncated || from.0.is_none() {
                return Ok(found);
            }
        }
    }

    async fn read(&self, at: &Address) -> Result<(Records, Vec<ResourceRecordSet>), Error> {
        let listed = self.listed(at).await?;
        if listed.is_empty() {
            return Err(Error::Absent { what: format!("record {at}") });
        }
        let records = weighted(at, &listed).map_err(|reason| Error::Rejected {
            operation: Operation::ListResourceRecordSets,
            message: format!("{at}: {reason}"),
        })?;
        Ok((records, listed))
    }

    /// A name without records; told with the weighted ones that the zone has.
    async fn nothing_at(&self, at: &Address) -> Result<Error, Error> {
        let Address { zone, name, kind } = at;
        let all = self.all(zone).await?;
        let weighted = all.iter().filter(|record| record.weight.is_some());
        let there: BTreeSet<String> = weighted
            .map(|record| format!("{} {}", record.name.trim_end_matches('.'), record.r#type))
            .collect();
        let alike = nearest(&format!("{name} {kind}"), there.iter().map(String::as_str));
        let hint = match (alike.as_slice(), there.is_empty()) {
            ([], true) => {
                "this zone has no weighted records; is it the zone that is meant?".to_owned()
            }
            ([], false) => format!(
                "its weighted records are {}",
                there.into_iter().take(5).collect::<Vec<_>>().join(", ")
            ),
            ([nearest, ..], _) => format!("did you mean `{nearest}`?"),
        };
        Ok(Error::Unfit {
            problem: format!("hosted zone {zone} has no records {name} {kind}"),
            hint,
        })
    }

    /// Answers with the id of the change.
    async fn submit(&self, zone: &str, records: Vec<ResourceRecordSet>) -> Result<String, Error> {
        let what = format!("hosted zone {zone}");
        let changes = records.into_iter().map(|record| {
            Change::builder().action(ChangeAction::Upsert).resource_record_set(record).build()
        });
        let changes: Result<Vec<Change>, _> = changes.collect();
        let batch = changes.and_then(|changes| {
            ChangeBatch::builder().comment("tidegate").set_changes(Some(changes)).build()
        });
        let batch = batch.map_err(|error| Error::Rejected {
            operation: Operation::ChangeResourceRecordSets,
            message: error.to_string(),
        })?;
        let call =
            self.client.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
        let sent =
            call.send().await.map_err(classed(Operation::ChangeResourceRecordSets, &what))?;
        Ok(sent.change_info.map(|info| info.id).unwrap_or_default())
    }

    /// Waits until every name server has a change.
    #[expect(
        clippy::disallowed_methods,
        reason = "paces real requests; a simulation has no adapters and never gets here"
    )]
    async fn spread(&self, change: &str) -> Result<(), Error> {
        let id = change.trim_start_matches("/change/");
        let what = format!("change {id}");
        let until = Instant::now() + PATIENCE;
        loop {
            self.pace.turn().await;
            let call = self.client.get_change().id(id).send().await;
            let answer = call.map_err(classed(Operation::GetChange, &what))?;
            if answer.change_info.is_some_and(|info| info.status == ChangeStatus::Insync) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(Error::Transient {
                    operation: Operation::GetChange,
                    message: format!("{what} is still PENDING after {} s", PATIENCE.as_secs()),
                });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

#[async_trait]
impl Dns for Route53 {
    async fn find(&self, at: &RecordSet) -> Result<Records, Error> {
        let zone = self.zone_id(&at.zone).await?;
        let address = Address { zone, name: at.name.clone(), kind: at.kind.to_string() };
        match self.read(&address).await {
            Ok((records, _)) => Ok(records),
            Err(Error::Absent { .. }) => Err(self.nothing_at(&address).await?),
            Err(error) => Err(error),
        }
    }

    async fn records(&self, resource: &str) -> Result<Records, Error> {
        Ok(self.read(&Address::of(resource)?).await?.0)
    }

    async fn checkers(&self, health_check: &str) -> Result<Checkers, Error> {
        let what = format!("health check {health_check}");
        self.pace.turn().await;
        let call = self.client.get_health_check_status().health_check_id(health_check).send();
        let answer = call.await.map_err(classed(Operation::GetHealthCheckStatus, &what))?;
        let observations = answer.health_check_observations;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Checkers {
            healthy: count(observations.iter().filter(|seen| is_healthy(seen)).count()),
            all: count(observations.len()),
        })
    }

    async fn leads(&self, resource: &str, member: &Member) -> Result<Vec<Lead>, Error> {
        let at = Address::of(resource)?;
        Ok(leads(&at, member, &self.all(&at.zone).await?))
    }
}

fn id_of(zone: &HostedZone) -> &str {
    zone.id.trim_start_matches("/hostedzone/")
}

/// Zones of one name, told apart by who can ask them.
fn each(zones: &[&HostedZone]) -> String {
    let told = zones.iter().map(|zone| {
        let is_private = zone.config().is_some_and(|config| config.private_zone);
        format!("{} ({})", id_of(zone), if is_private { "private" } else { "public" })
    });
    told.collect::<Vec<_>>().join(", ")
}

/// A checker's status is a sentence; it begins with this word when all is well.
fn is_healthy(seen: &HealthCheckObservation) -> bool {
    let status = seen.status_report().and_then(|report| report.status());
    status.is_some_and(|status| status.starts_with("Success"))
}

#[async_trait]
impl Weights for Route53 {
    async fn split(&self, place: &str) -> Result<Split, Error> {
        Ok(self.records(place).await?.split)
    }
}

#[async_trait]
impl SetWeights for Route53 {
    async fn set_weights(&self, place: &str, expected: &Split, to: &Split) -> Result<(), Error> {
        let at = Address::of(place)?;
        let (live, listed) = self.read(&at).await?;
        if live.split != *to && live.split != *expected {
            return Err(Error::Conflict {
                operation: Operation::ChangeResourceRecordSets,
                message: format!("expected {expected}, found {}", live.split),
            });
        }
        let missing = |member: &&Member| !live.split.0.contains_key(*member);
        if let Some(missing) = to.0.keys().find(missing) {
            return Err(Error::Absent { what: format!("record {at} {missing}") });
        }
        let change = Changed { zone: at.zone.clone(), records: reweighted(&listed, to) };
        let change = self.changes.ask(self, change).await?;
        self.spread(&change).await
    }
}

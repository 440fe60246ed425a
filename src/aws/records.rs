//! Weighted records as values: what stands in a set, whether weights can be moved in it at all, and the same records
//! with other weights. An UPSERT replaces a record, so everything that is not a weight has to survive untouched.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use aws_sdk_route53::types::{ResourceRecordSet, RrType};

use super::written;
use crate::{
    cloud::{Error, Lead, Operation, Records},
    plan::{
        Member,
        units::{Scale, Weight},
    },
    rollout::Split,
};

/// Alias records to AWS resources are answered with this TTL, which cannot be set.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html>
const ALIAS_TTL: Duration = Duration::from_mins(1);

/// The zone's id, name and type of records: how a run names them from its start on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) zone: String,
    pub(super) name: String,
    pub(super) kind: String,
}

impl Address {
    /// Reads `hostedzone/Z…/name/type`.
    pub(super) fn of(resource: &str) -> Result<Self, Error> {
        match resource.split('/').collect::<Vec<_>>().as_slice() {
            ["hostedzone", zone, name, kind] => Ok(Self {
                zone: (*zone).to_owned(),
                name: (*name).to_owned(),
                kind: (*kind).to_owned(),
            }),
            _ => Err(Error::Rejected {
                operation: Operation::ListResourceRecordSets,
                message: format!("`{resource}` names no records"),
            }),
        }
    }

    /// Route 53 writes names with a dot at the end, and an asterisk by its code.
    pub(super) fn is_named(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).replace("\\052", "*");
        name.eq_ignore_ascii_case(&self.name)
    }

    pub(super) fn is_of(&self, record: &ResourceRecordSet) -> bool {
        self.is_named(&record.name) && record.r#type.as_str() == self.kind
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hostedzone/{}/{}/{}", self.zone, self.name, self.kind)
    }
}

/// Reads a set of records. The error is the reason why weights cannot be moved in it.
pub(super) fn weighted(at: &Address, listed: &[ResourceRecordSet]) -> Result<Records, String> {
    let mut split = BTreeMap::new();
    let mut health_checks = BTreeMap::new();
    let mut ttls = Vec::new();
    for record in listed {
        let (Some(identifier), Some(weight)) = (&record.set_identifier, record.weight) else {
            let which = record.set_identifier.as_deref().unwrap_or("a record without identifier");
            return Err(format!("{which} is not weighted, and policies do not mix"));
        };
        let weight = u16::try_from(weight)
            .ok()
            .and_then(Weight::new)
            .filter(|weight| *weight <= Scale::Dns.largest())
            .ok_or_else(|| format!("{identifier} has weight {weight}, outside 0 to 255"))?;
        let member = Member::new(identifier.as_str());
        if let Some(check) = &record.health_check_id {
            health_checks.insert(member.clone(), check.clone());
        }
        split.insert(member, weight);
        let ttl = record.ttl.and_then(|ttl| u64::try_from(ttl).ok()).map(Duration::from_secs);
        let ttl = if record.alias_target.is_some() { Some(ALIAS_TTL) } else { ttl };
        ttls.push(ttl.ok_or_else(|| format!("{identifier} has no TTL"))?);
    }
    ttls.sort_unstable();
    ttls.dedup();
    match ttls.as_slice() {
        [ttl] => {
            let (resource, written) = (at.to_string(), written::records(listed));
            Ok(Records { resource, split: Split(split), ttl: *ttl, health_checks, written })
        }
        [] => Err("there are no records".to_owned()),
        several => {
            let several: Vec<_> = several.iter().map(|ttl| ttl.as_secs().to_string()).collect();
            Err(format!("its records have different TTLs, {} seconds", several.join(" and ")))
        }
    }
}

/// The records whose weight changes, with the new one; all of them when none does.
pub(super) fn reweighted(listed: &[ResourceRecordSet], to: &Split) -> Vec<ResourceRecordSet> {
    let wanted = |record: &ResourceRecordSet| {
        let weight = to.0.get(record.set_identifier.as_deref()?)?;
        Some(i64::from(weight.get()))
    };
    let set = |record: &ResourceRecordSet| {
        let mut record = record.clone();
        record.weight = wanted(&record).or(record.weight);
        record
    };
    let differs = |record: &&ResourceRecordSet| wanted(record) != record.weight;
    let changed: Vec<_> = listed.iter().filter(differs).map(set).collect();
    if changed.is_empty() { listed.iter().map(set).collect() } else { changed }
}

/// The records beside a set that answer with what one of its members does. In a set whose weights are all 0 each is as
/// likely as the others.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-weighted.html>
pub(super) fn leads(at: &Address, member: &Member, zone: &[ResourceRecordSet]) -> Vec<Lead> {
    let is_ours = |record: &&ResourceRecordSet| {
        at.is_of(record) && record.set_identifier.as_deref() == Some(member.as_str())
    };
    let ours: BTreeSet<String> = zone.iter().find(is_ours).map(answers).unwrap_or_default();
    let others = zone.iter().filter(|record| !at.is_of(record));
    let leading =
        others.filter(|record| answers(record).iter().any(|answer| ours.contains(answer)));
    leading
        .filter_map(|record| {
            let weight = match record.weight {
                None => Weight::MAX,
                Some(0) if is_all_zero(record, zone) => Weight::MAX,
                Some(weight) => u16::try_from(weight).ok().and_then(Weight::new)?,
            };
            (weight != Weight::ZERO).then(|| lead(at, record, weight))
        })
        .collect()
}

fn is_all_zero(record: &ResourceRecordSet, zone: &[ResourceRecordSet]) -> bool {
    let set =
        zone.iter().filter(|other| other.name == record.name && other.r#type == record.r#type);
    set.into_iter().all(|other| other.weight == Some(0))
}

fn lead(at: &Address, record: &ResourceRecordSet, weight: Weight) -> Lead {
    let kind = record.r#type.as_str();
    let name = plain(&record.name);
    let which = record.set_identifier.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
    Lead {
        place: format!("hostedzone/{}/{name}/{kind}", at.zone),
        weight,
        words: format!("the {kind} record {name}{which}"),
    }
}

/// What a client is sent to: the target of an alias, the addresses or the name.
fn answers(record: &ResourceRecordSet) -> BTreeSet<String> {
    if let Some(alias) = &record.alias_target {
        return BTreeSet::from([plain(&alias.dns_name)]);
    }
    match record.r#type {
        RrType::A | RrType::Aaaa | RrType::Cname => {
            record.resource_records().iter().map(|value| plain(&value.value)).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// A name as it is compared: the same load balancer is named with and without `dualstack.` and the dot at the end.
fn plain(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name).replace("\\052", "*").to_ascii_lowercase();
    name.strip_prefix("dualstack.").unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::types::{AliasTarget, ResourceRecord, builders};

    use super::*;

    fn at() -> Address {
        Address::of("hostedzone/Z1/www.example.com/A").unwrap()
    }

    fn record(identifier: &str, weight: i64) -> builders::ResourceRecordSetBuilder {
        let value = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
        ResourceRecordSet::builder()
            .name("www.example.com.")
            .r#type(RrType::A)
            .set_identifier(identifier)
            .weight(weight)
            .ttl(30)
            .resource_records(value)
    }

    fn alias() -> AliasTarget {
        let alias = AliasTarget::builder().hosted_zone_id("Z2").dns_name("lb.example.com.");
        alias.evaluate_target_health(true).build().unwrap()
    }

    fn read(records: &[builders::ResourceRecordSetBuilder]) -> Result<Records, String> {
        let built: Vec<_> = records.iter().map(|r| r.clone().build().unwrap()).collect();
        weighted(&at(), &built)
    }

    #[test]
    fn a_set_is_read_with_its_ttl_and_health_checks() {
        let found =
            read(&[record("blue", 255), record("green", 0).health_check_id("h-1")]).unwrap();
        assert_eq!(found.split.to_string(), "blue 255, green 0");
        assert_eq!(found.ttl, Duration::from_secs(30));
        assert_eq!(found.health_checks, [(Member::new("green"), "h-1".to_owned())].into());
        assert_eq!(found.resource, "hostedzone/Z1/www.example.com/A");
        let aliases = [record("blue", 1), record("green", 0)]
            .map(|r| r.set_ttl(None).set_resource_records(None).alias_target(alias()));
        assert_eq!(read(&aliases).unwrap().ttl, ALIAS_TTL);
    }

    #[test]
    fn a_set_that_weights_cannot_be_moved_in_says_why() {
        let refused = |second| read(&[record("blue", 255), second]).unwrap_err();
        assert!(refused(record("green", 0).ttl(60)).contains("different TTLs, 30 and 60 seconds"));
        assert!(refused(record("green", 0).set_weight(None)).contains("policies do not mix"));
        assert!(refused(record("green", 256)).contains("outside 0 to 255"));
    }

    #[test]
    fn only_weights_change_and_everything_else_is_kept() {
        let blue = record("blue", 255).health_check_id("h-1").build().unwrap();
        let green = record("green", 0).alias_target(alias()).build().unwrap();
        let other = record("other", 0).build().unwrap();
        let split = |blue, green, other| {
            let weight = |w| Weight::new(w).unwrap();
            Split(
                [("blue", blue), ("green", green), ("other", other)]
                    .map(|(name, w)| (Member::new(name), weight(w)))
                    .into(),
            )
        };
        let listed = [blue.clone(), green.clone(), other];
        let changed = reweighted(&listed, &split(19, 1, 0));
        let (mut blue, mut green) = (blue, green);
        (blue.weight, green.weight) = (Some(19), Some(1));
        assert_eq!(changed, [blue, green]);
        assert_eq!(reweighted(&listed, &split(255, 0, 0)), listed);
    }

    #[test]
    fn what_answers_with_the_same_thing_under_another_name_or_type_is_a_lead() {
        let named =
            |name: &str, kind: RrType| ResourceRecordSet::builder().name(name).r#type(kind).ttl(30);
        let value = |value: &str| ResourceRecord::builder().value(value).build().unwrap();
        let blue = record("blue", 255).set_ttl(None).set_resource_records(None);
        let to = |dns: &str| {
            let alias = AliasTarget::builder().hosted_zone_id("Z2").dns_name(dns);
            alias.evaluate_target_health(false).build().unwrap()
        };
        let other = |weight| named("old.example.com.", RrType::Cname).weight(weight);
        let zone = [
            blue.alias_target(alias()),
            record("green", 0),
            named("www.example.com.", RrType::Aaaa).alias_target(to("dualstack.LB.example.com.")),
            named("api.example.com.", RrType::Cname).resource_records(value("lb.example.com")),
            named("mail.example.com.", RrType::Mx).resource_records(value("lb.example.com")),
            named("shop.example.com.", RrType::A).alias_target(to("www.example.com.")),
            named("far.example.com.", RrType::A).alias_target(to("other.example.com.")),
            other(0).set_identifier("old").resource_records(value("lb.example.com")),
            other(1).set_identifier("new").resource_records(value("new.example.com")),
            named("ip.example.com.", RrType::A).resource_records(value("192.0.2.1")),
        ];
        let zone: Vec<_> = zone.iter().map(|r| r.clone().build().unwrap()).collect();
        let to_blue = leads(&at(), &Member::new("blue"), &zone);
        let words: Vec<_> = to_blue.iter().map(|lead| lead.words.as_str()).collect();
        let expected = ["the AAAA record www.example.com", "the CNAME record api.example.com"];
        assert_eq!(words, expected);
        assert_eq!(to_blue[0].place, "hostedzone/Z1/www.example.com/AAAA");
        let to_green = leads(&at(), &Member::new("green"), &zone);
        assert_eq!(to_green.len(), 1, "{to_green:?}");
        assert_eq!(leads(&at(), &Member::new("neither"), &zone), []);
        // Of records that all weigh 0 each is answered with.
        let idle = zone.iter().cloned().map(|mut record| {
            record.weight = record.weight.map(|_| 0);
            record
        });
        let to_blue = leads(&at(), &Member::new("blue"), &idle.collect::<Vec<_>>());
        assert_eq!(to_blue[2].words, "the CNAME record old.example.com (old)");
    }

    #[test]
    fn a_name_is_the_same_however_route_53_writes_it() {
        let at = Address::of("hostedzone/Z1/*.example.com/A").unwrap();
        assert!(at.is_named("\\052.example.com."));
        assert!(at.is_named("*.EXAMPLE.com"));
        assert!(!at.is_named("a.example.com."));
        assert!(Address::of("arn:aws:x").is_err());
    }
}

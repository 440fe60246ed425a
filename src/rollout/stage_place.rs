//! How a stage of an API is named in bindings and journals.

use crate::plan::{Stage, StageCache};

/// Where a stage is: its ARN, `arn:aws:apigateway:region::/restapis/api/stages/name`, and behind that how its canary is to
/// use its cache, because that is no part of a split and has to be known to whoever reads or sets one.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagePlace<'a> {
    pub arn: &'a str,
    pub api: &'a str,
    pub name: &'a str,
    pub cache: StageCache,
}

/// Behind the ARN of a stage whose canary uses its cache.
const SHARED: &str = "#use-stage-cache";

/// What is owned where something is: the same for runs whose canaries use the cache differently.
pub(super) fn owned(place: &str) -> &str {
    place.strip_suffix(SHARED).unwrap_or(place)
}

impl<'a> StagePlace<'a> {
    pub fn of(place: &'a str) -> Option<Self> {
        let arn = owned(place);
        let cache = if arn == place { StageCache::Apart } else { StageCache::Shared };
        let (_, path) = arn.split_once(":/restapis/")?;
        let (api, name) = path.split_once("/stages/")?;
        Some(Self { arn, api, name, cache })
    }

    /// The place of a stage in a partition and region.
    pub fn written(partition: &str, region: &str, at: &Stage) -> String {
        let Stage { api, name, overrides: _, cache } = at;
        let end = match cache {
            StageCache::Apart => "",
            StageCache::Shared => SHARED,
        };
        format!("arn:{partition}:apigateway:{region}::/restapis/{api}/stages/{name}{end}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_stage_is_found_by_its_place_and_owned_whatever_its_canary_caches() {
        let stage = |cache| {
            let (api, name, overrides) = ("a1".to_owned(), "prod".to_owned(), BTreeMap::new());
            let stage = Stage { api, name, overrides, cache };
            StagePlace::written("aws", "eu-west-1", &stage)
        };
        let (apart, shared) = (stage(StageCache::Apart), stage(StageCache::Shared));
        assert_eq!(apart, "arn:aws:apigateway:eu-west-1::/restapis/a1/stages/prod");
        assert_eq!(owned(&shared), apart);
        let read = StagePlace::of(&shared).unwrap();
        assert_eq!((read.arn, read.api, read.name), (apart.as_str(), "a1", "prod"));
        assert_eq!(read.cache, StageCache::Shared);
        assert_eq!(StagePlace::of(&apart).unwrap().cache, StageCache::Apart);
        assert_eq!(StagePlace::of("hostedzone/Z1/www.example.com/A"), None);
    }
}

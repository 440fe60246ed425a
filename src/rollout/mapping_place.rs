//! How event source mappings are named in bindings and journals.

use std::time::Duration;

use crate::plan::units::{format_duration, parse_duration};

/// Where the mappings of a route are: the ARN of one, and behind it how long it has to be idle before it leads elsewhere
/// where the plan says so; or the ARNs of two, the stable side's first. Behind either, from where messages are brought back.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingPlace<'a> {
    HandOver { arn: &'a str, drain: Option<Duration>, redriven: Option<Redriven<'a>> },
    SideBySide { stable: &'a str, candidate: &'a str, redriven: Option<Redriven<'a>> },
}

/// Messages that come back to their queue when a run goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redriven<'a> {
    /// The ARN of the dead-letter queue, which was empty when the run began.
    pub dead_letters: &'a str,
    /// The side that has failed them: they stay where they are while it reads.
    pub candidate: &'a str,
}

/// Between an ARN and how long its batches may last.
const DRAIN: &str = "#drain=";
/// Ahead of where messages are brought back from, and of who failed them, which a comma tells apart.
const REDRIVE: &str = "#redrive=";

fn parted(place: &str) -> (&str, Option<&str>) {
    place.split_once(REDRIVE).map_or((place, None), |(place, from)| (place, Some(from)))
}

/// Each of the mappings that a place names. No other place has a space in it.
pub(super) fn each_mapping(place: &str) -> impl Iterator<Item = &str> {
    let (place, _) = parted(place);
    place.split_once(DRAIN).map_or(place, |(arn, _)| arn).split(' ')
}

impl<'a> MappingPlace<'a> {
    pub fn of(place: &'a str) -> Option<Self> {
        let is_one = |arn: &str| arn.contains(":event-source-mapping:");
        let (place, from) = parted(place);
        let redriven = match from {
            None => None,
            Some(from) => {
                let (dead_letters, candidate) = from.split_once(',')?;
                Some(Redriven { dead_letters, candidate })
            }
        };
        if let Some((stable, candidate)) = place.split_once(' ') {
            let both = is_one(stable) && is_one(candidate);
            return both.then_some(Self::SideBySide { stable, candidate, redriven });
        }
        let (arn, drain) = match place.split_once(DRAIN) {
            Some((arn, drain)) => (arn, Some(parse_duration(drain).ok()?)),
            None => (place, None),
        };
        is_one(arn).then_some(Self::HandOver { arn, drain, redriven })
    }

    pub fn written(&self) -> String {
        let place = match self {
            Self::HandOver { arn, drain: None, .. } => (*arn).to_owned(),
            Self::HandOver { arn, drain: Some(drain), .. } => {
                format!("{arn}{DRAIN}{}", format_duration(*drain))
            }
            Self::SideBySide { stable, candidate, .. } => format!("{stable} {candidate}"),
        };
        match self.redriven() {
            None => place,
            Some(Redriven { dead_letters, candidate }) => {
                format!("{place}{REDRIVE}{dead_letters},{candidate}")
            }
        }
    }

    /// The same mappings, with messages that are brought back from there, or with none.
    #[must_use]
    pub const fn redriving(self, redriven: Option<Redriven<'a>>) -> Self {
        match self {
            Self::HandOver { arn, drain, .. } => Self::HandOver { arn, drain, redriven },
            Self::SideBySide { stable, candidate, .. } => {
                Self::SideBySide { stable, candidate, redriven }
            }
        }
    }

    pub const fn redriven(&self) -> Option<Redriven<'a>> {
        match self {
            Self::HandOver { redriven, .. } | Self::SideBySide { redriven, .. } => *redriven,
        }
    }

    /// What the API knows a mapping by.
    pub fn uuid(arn: &str) -> &str {
        arn.rsplit_once(':').map_or(arn, |(_, uuid)| uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_found_by_their_place_and_owned_one_by_one() {
        let arn =
            |uuid| format!("arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:{uuid}");
        let (one, other) = (arn("a1"), arn("b2"));
        let dead_letters = "arn:aws:sqs:eu-west-1:111122223333:orders-dead";
        let redriven = Some(Redriven { dead_letters, candidate: "orders:2" });
        let all = [
            MappingPlace::HandOver { arn: &one, drain: None, redriven: None },
            MappingPlace::HandOver {
                arn: &one,
                drain: Some(Duration::from_mins(2)),
                redriven: None,
            },
            MappingPlace::HandOver { arn: &one, drain: None, redriven },
            MappingPlace::HandOver { arn: &one, drain: Some(Duration::from_mins(2)), redriven },
            MappingPlace::SideBySide { stable: &one, candidate: &other, redriven: None },
            MappingPlace::SideBySide { stable: &one, candidate: &other, redriven },
        ];
        for place in all {
            let written = place.written();
            assert_eq!(MappingPlace::of(&written), Some(place));
            let owned: Vec<&str> = each_mapping(&written).collect();
            let both = matches!(place, MappingPlace::SideBySide { .. });
            assert_eq!(
                owned,
                if both { vec![one.as_str(), other.as_str()] } else { vec![one.as_str()] }
            );
        }
        assert_eq!(MappingPlace::uuid(&one), "a1");
        assert_eq!(MappingPlace::of("hostedzone/Z1/www.example.com/A"), None);
    }
}

//! How a target of a rule of an event bus is named in bindings and journals.

use crate::plan::BusTarget;

/// Where a target is: the ARN of its rule, `arn:aws:events:region:account:rule/bus/name` or, on the default bus,
/// `…:rule/name`, and behind that its id, of which no ARN speaks.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusPlace<'a> {
    /// The rule's ARN.
    pub rule_arn: &'a str,
    pub bus: &'a str,
    pub rule: &'a str,
    pub id: &'a str,
}

/// The bus that every account has, and that no ARN names.
const DEFAULT: &str = "default";

impl<'a> BusPlace<'a> {
    pub fn of(place: &'a str) -> Option<Self> {
        let (rule_arn, id) = place.split_once('#')?;
        let (_, path) = rule_arn.split_once(":rule/")?;
        // The name of a partner's bus has slashes, that of a rule never.
        let (bus, rule) = path.rsplit_once('/').unwrap_or((DEFAULT, path));
        Some(Self { rule_arn, bus, rule, id })
    }

    /// The place of a target whose rule has this ARN.
    pub fn written(rule_arn: &str, id: &str) -> String {
        format!("{rule_arn}#{id}")
    }

    /// The ARN of a rule, where nobody has told it.
    pub fn rule_arn(
        region: &str,
        account: &str,
        BusTarget { bus, rule, id: _ }: &BusTarget,
    ) -> String {
        let path = if bus == DEFAULT { rule.clone() } else { format!("{bus}/{rule}") };
        format!("arn:aws:events:{region}:{account}:rule/{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_found_by_its_place_on_every_bus() {
        for bus in ["default", "shop", "aws.partner/example.com/orders"] {
            let (bus, rule, id) = (bus.to_owned(), "orders".to_owned(), "handler".to_owned());
            let target = BusTarget { bus, rule, id };
            let arn = BusPlace::rule_arn("eu-west-1", "111122223333", &target);
            let place = BusPlace::written(&arn, &target.id);
            let read = BusPlace::of(&place).unwrap();
            assert_eq!((read.bus, read.rule), (target.bus.as_str(), "orders"), "{place}");
            assert_eq!((read.rule_arn, read.id), (arn.as_str(), "handler"));
        }
        assert_eq!(BusPlace::of("hostedzone/Z1/www.example.com/A"), None);
        assert_eq!(
            BusPlace::of("arn:aws:apigateway:x::/restapis/a/stages/b#use-stage-cache"),
            None
        );
    }
}

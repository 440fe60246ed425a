//! The few names that can be read off an ARN of a load balancer's parts, sparing a call each.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html>

use crate::plan::Member;

/// What an ARN of a forward action's place names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Rule,
    Listener,
}

impl Place {
    /// `None` when it is the ARN of neither a listener rule nor a listener.
    pub(super) fn of(arn: &str) -> Option<Self> {
        match resource(arn)?.split('/').next()? {
            "listener-rule" => Some(Self::Rule),
            "listener" => Some(Self::Listener),
            _ => None,
        }
    }
}

/// The last, colon-free part of an ARN: `arn:partition:service:region:account:resource`.
fn resource(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.splitn(5, ':').nth(4)
}

/// The name in `…:targetgroup/name/id`; a text that is not such an ARN is taken for the name itself.
pub(super) fn target_group_name(arn_or_name: &str) -> Member {
    let name = resource(arn_or_name)
        .and_then(|r| r.strip_prefix("targetgroup/"))
        .and_then(|r| r.split('/').next());
    Member::new(name.unwrap_or(arn_or_name))
}

/// The load balancer's name in the ARN of a rule or listener: `…:listener/app/name/id/…`.
pub(super) fn load_balancer_name(arn: &str) -> Option<&str> {
    resource(arn)?.split('/').nth(2)
}

/// The listener a rule's ARN belongs to.
pub(super) fn listener_of(rule: &str) -> Option<String> {
    let (listener, _rule_id) = rule.rsplit_once('/')?;
    rule.contains(":listener-rule/").then(|| listener.replacen(":listener-rule/", ":listener/", 1))
}

/// The load balancer a listener's ARN belongs to.
pub(super) fn load_balancer_of(listener: &str) -> Option<String> {
    let (balancer, _listener_id) = listener.rsplit_once('/')?;
    listener.contains(":listener/").then(|| balancer.replacen(":listener/", ":loadbalancer/", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str =
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/shop/50dc/f2f7/9683";
    const LISTENER: &str =
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/shop/50dc/f2f7";
    const GROUP: &str =
        "arn:aws-cn:elasticloadbalancing:cn-north-1:111122223333:targetgroup/shop-blue/73e2";

    #[test]
    fn an_arn_tells_what_it_names() {
        assert_eq!(Place::of(RULE), Some(Place::Rule));
        assert_eq!(Place::of(LISTENER), Some(Place::Listener));
        assert_eq!(Place::of(GROUP), None);
        assert_eq!(Place::of("shop"), None);
        assert_eq!(load_balancer_name(RULE), Some("shop"));
        assert_eq!(load_balancer_name(LISTENER), Some("shop"));
        assert_eq!(listener_of(RULE).as_deref(), Some(LISTENER));
        assert_eq!(listener_of(LISTENER), None);
        let balancer = LISTENER.replace(":listener/", ":loadbalancer/").replace("/f2f7", "");
        assert_eq!(load_balancer_of(LISTENER), Some(balancer));
    }

    #[test]
    fn a_target_group_is_known_by_its_name_however_it_was_given() {
        assert_eq!(target_group_name(GROUP), Member::new("shop-blue"));
        assert_eq!(target_group_name("shop-blue"), Member::new("shop-blue"));
        assert_eq!(target_group_name(LISTENER), Member::new(LISTENER));
    }
}

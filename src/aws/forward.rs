//! Actions of a rule or listener as values: reading the split out of them, and putting another one in. Load balancers
//! replace the whole list, so everything that is not a weight has to survive the way through here untouched.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyRule.html>

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, TargetGroupTuple,
};

use super::arn;
use crate::{
    plan::{Member, units::Weight},
    rollout::Split,
};

/// How long AWS lets clients stick at the most: so long it may be where it is not told.
const LONGEST_STICKINESS: Duration = Duration::from_hours(168);

/// What stands in the one forward action of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) split: Split,
    pub(super) sticky_for: Option<Duration>,
    /// The ARNs of the groups in the split.
    pub(super) arns: BTreeMap<Member, String>,
}

/// Reads the forward action. The error is the reason why there is none that can be read.
pub(super) fn standing(actions: &[Action]) -> Result<Standing, String> {
    let forward = actions
        .iter()
        .find(|action| is_forward(action))
        .ok_or_else(|| format!("it does not forward to target groups, it is {}", kinds(actions)))?;
    let mut weights = BTreeMap::new();
    let mut arns = BTreeMap::new();
    let tuples = tuples(forward);
    for tuple in &tuples {
        let arn = tuple.target_group_arn().ok_or("it forwards to a group that it does not name")?;
        // Without a weight a group stands alone and takes all there is; of several, nobody knows what it would take.
        let weight = match (tuple.weight(), tuples.len()) {
            (Some(weight), _) => weight,
            (None, 1) => 1,
            (None, _) => return Err(format!("{arn} has no weight, beside other groups")),
        };
        let weight = u16::try_from(weight)
            .ok()
            .and_then(Weight::new)
            .ok_or_else(|| format!("{arn} has weight {weight}, outside 0 to 999"))?;
        let name = arn::target_group_name(arn);
        weights.insert(name.clone(), weight);
        arns.insert(name, arn.to_owned());
    }
    let stickiness =
        forward.forward_config().and_then(ForwardActionConfig::target_group_stickiness_config);
    let sticky_for = stickiness.filter(|s| s.enabled() == Some(true)).map(|s| {
        let seconds = s.duration_seconds().and_then(|seconds| u64::try_from(seconds).ok());
        seconds.map_or(LONGEST_STICKINESS, Duration::from_secs)
    });
    Ok(Standing { split: Split(weights), sticky_for, arns })
}

/// The same actions with another split in the forward action. Groups that stay keep their order, new ones follow;
/// `arns` has the ARN of every group in `to`.
pub(super) fn with_split(
    actions: &[Action],
    to: &Split,
    arns: &BTreeMap<Member, String>,
) -> Vec<Action> {
    actions
        .iter()
        .map(|action| match action.r#type() {
            Some(ActionTypeEnum::Forward) => reweighted(action, to, arns),
            // Reading leaves the secret out, and writing without one needs this word to keep it.
            Some(ActionTypeEnum::AuthenticateOidc) => {
                let mut action = action.clone();
                if let Some(oidc) = &mut action.authenticate_oidc_config {
                    oidc.use_existing_client_secret = Some(true);
                }
                action
            }
            Some(_) | None => action.clone(),
        })
        .collect()
}

fn reweighted(forward: &Action, to: &Split, arns: &BTreeMap<Member, String>) -> Action {
    let stays = tuples(forward).into_iter().filter_map(|tuple| tuple.target_group_arn);
    let mut groups: Vec<(Member, String)> = stays
        .map(|arn| (arn::target_group_name(&arn), arn))
        .filter(|(name, _)| to.0.contains_key(name))
        .collect();
    for (name, arn) in arns {
        if to.0.contains_key(name) && groups.iter().all(|(there, _)| there != name) {
            groups.push((name.clone(), arn.clone()));
        }
    }
    let tuples = groups
        .into_iter()
        .map(|(name, arn)| {
            // Written even when 0: an absent weight is not nothing.
            let weight = i32::from(to.weight(&name).get());
            TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build()
        })
        .collect();
    let config = match forward.forward_config.clone() {
        Some(mut config) => {
            config.target_groups = Some(tuples);
            config
        }
        None => ForwardActionConfig::builder().set_target_groups(Some(tuples)).build(),
    };
    let mut forward = forward.clone();
    // Beside a forward config with several groups this older field is refused.
    forward.target_group_arn = None;
    forward.forward_config = Some(config);
    forward
}

fn is_forward(action: &Action) -> bool {
    matches!(action.r#type(), Some(ActionTypeEnum::Forward))
}

/// The groups of a forward action; an old one has a single group and no config.
fn tuples(forward: &Action) -> Vec<TargetGroupTuple> {
    let configured = forward.forward_config().map(ForwardActionConfig::target_groups);
    match (configured, forward.target_group_arn()) {
        (Some(tuples @ [_, ..]), _) => tuples.to_vec(),
        (Some([]) | None, Some(arn)) => {
            vec![TargetGroupTuple::builder().target_group_arn(arn).build()]
        }
        (Some([]) | None, None) => Vec::new(),
    }
}

fn kinds(actions: &[Action]) -> String {
    let kinds: Vec<_> =
        actions.iter().filter_map(|a| a.r#type()).map(ActionTypeEnum::as_str).collect();
    if kinds.is_empty() { "empty".to_owned() } else { kinds.join(", ") }
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{
        AuthenticateOidcActionConfig, TargetGroupStickinessConfig,
    };

    use super::*;

    fn arn(name: &str) -> String {
        format!("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{name}/0123456789abcdef")
    }

    fn split(weights: &[(&str, u16)]) -> Split {
        Split(weights.iter().map(|(n, w)| (Member::new(*n), Weight::new(*w).unwrap())).collect())
    }

    fn arns(names: &[&str]) -> BTreeMap<Member, String> {
        names.iter().map(|name| (Member::new(*name), arn(name))).collect()
    }

    fn tuple(name: &str, weight: i32) -> TargetGroupTuple {
        TargetGroupTuple::builder().target_group_arn(arn(name)).weight(weight).build()
    }

    fn forward(tuples: &[TargetGroupTuple]) -> Action {
        let sticky = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(3600);
        let config = ForwardActionConfig::builder()
            .set_target_groups(Some(tuples.to_vec()))
            .target_group_stickiness_config(sticky.build());
        Action::builder()
            .r#type(ActionTypeEnum::Forward)
            .order(2)
            .forward_config(config.build())
            .build()
    }

    #[test]
    fn only_weights_change_and_everything_else_is_kept() {
        let oidc = AuthenticateOidcActionConfig::builder()
            .issuer("https://id.example.com")
            .client_id("shop")
            .scope("openid")
            .session_timeout(3600);
        let sign_in = Action::builder()
            .r#type(ActionTypeEnum::AuthenticateOidc)
            .order(1)
            .authenticate_oidc_config(oidc.clone().build())
            .build();
        let live = [sign_in.clone(), forward(&[tuple("green", 0), tuple("blue", 999)])];
        let written =
            with_split(&live, &split(&[("blue", 0), ("green", 999)]), &arns(&["blue", "green"]));
        let mut expected_sign_in = sign_in;
        expected_sign_in.authenticate_oidc_config =
            Some(oidc.use_existing_client_secret(true).build());
        let expected = [expected_sign_in, forward(&[tuple("green", 999), tuple("blue", 0)])];
        assert_eq!(written, expected);
    }

    #[test]
    fn a_group_that_is_new_is_attached_and_one_that_is_left_out_is_detached() {
        let live = [forward(&[tuple("old", 5), tuple("blue", 995)])];
        let to = split(&[("blue", 1000 - 1), ("green", 0)]);
        let written = with_split(&live, &to, &arns(&["old", "blue", "green"]));
        assert_eq!(written, [forward(&[tuple("blue", 999), tuple("green", 0)])]);
    }

    #[test]
    fn an_old_action_with_a_bare_target_group_becomes_a_weighted_one() {
        let old =
            Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(arn("blue")).build();
        let found = standing(std::slice::from_ref(&old)).unwrap();
        assert_eq!(found.split, split(&[("blue", 1)]));
        assert_eq!(found.sticky_for, None);
        let written =
            with_split(&[old], &split(&[("blue", 999), ("green", 0)]), &arns(&["blue", "green"]));
        assert_eq!(written[0].target_group_arn(), None);
        let tuples = written[0].forward_config().unwrap().target_groups();
        assert_eq!(tuples, [tuple("blue", 999), tuple("green", 0)]);
    }

    #[test]
    fn what_stands_is_read_with_its_stickiness() {
        let found = standing(&[forward(&[tuple("blue", 900), tuple("green", 100)])]).unwrap();
        assert_eq!(found.split, split(&[("blue", 900), ("green", 100)]));
        assert_eq!(found.sticky_for, Some(Duration::from_hours(1)));
        assert_eq!(found.arns, arns(&["blue", "green"]));
    }

    #[test]
    fn what_does_not_forward_or_is_out_of_range_says_so() {
        let redirect = Action::builder().r#type(ActionTypeEnum::Redirect).build();
        let refused = standing(&[redirect]).unwrap_err();
        assert_eq!(refused, "it does not forward to target groups, it is redirect");
        let heavy = standing(&[forward(&[tuple("blue", 1000)])]).unwrap_err();
        assert!(heavy.ends_with("has weight 1000, outside 0 to 999"), "{heavy}");
    }
}

//! Whether the resource policy of a function or a queue lets EventBridge in. Where it does not, AWS takes the target all the
//! same, and delivers nothing.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html>

use serde_json::Value;

/// As policies call EventBridge.
const PRINCIPAL: &str = "events.amazonaws.com";

/// Whether a statement of a policy (JSON) allows EventBridge to call an action such as `lambda:InvokeFunction` for a rule.
/// Conditions that are about neither the rule nor its account are taken to hold, and nothing that denies is looked at.
pub(super) fn lets_in(policy: &str, action: &str, rule_arn: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return false };
    let mut statements = several(policy.get("Statement"));
    statements.any(|statement| allows(statement, action, rule_arn))
}

fn allows(statement: &Value, action: &str, rule_arn: &str) -> bool {
    let principal = statement.get("Principal");
    let everybody = |it: Option<&Value>| texts(it).any(|text| text == "*");
    let named = |kind: &str| principal.and_then(|it| it.get(kind));
    statement.get("Effect").and_then(Value::as_str) == Some("Allow")
        && (everybody(principal)
            || everybody(named("AWS"))
            || texts(named("Service")).any(|service| service == PRINCIPAL))
        && texts(statement.get("Action"))
            .any(|pattern| fits(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase()))
        && holds(statement.get("Condition"), rule_arn)
}

fn holds(condition: Option<&Value>, rule_arn: &str) -> bool {
    let operators = condition.and_then(Value::as_object).into_iter().flatten();
    let mut asked = operators.filter_map(|(_, keys)| keys.as_object()).flatten();
    let account = rule_arn.split(':').nth(4).unwrap_or_default();
    asked.all(|(key, wanted)| match key.to_ascii_lowercase().as_str() {
        "aws:sourcearn" => texts(Some(wanted)).any(|pattern| fits(pattern, rule_arn)),
        "aws:sourceaccount" => texts(Some(wanted)).any(|text| text == account),
        _ => true,
    })
}

/// Policies write one thing as itself, and several as a list.
fn several(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (list, one) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        other => (&[][..], other),
    };
    list.iter().chain(one)
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    several(value).filter_map(Value::as_str)
}

/// Whether a text is what a pattern says, in which `*` stands for any characters and `?` for one.
fn fits(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = pattern.get(first.len_utf8()..).unwrap_or_default();
    if first == '*' {
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        return ends.filter_map(|at| text.get(at..)).any(|tail| fits(rest, tail));
    }
    let mut others = text.chars();
    others.next().is_some_and(|c| first == '?' || c == first) && fits(rest, others.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/shop/orders";

    fn policy(statement: &Value) -> String {
        json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
    }

    #[test]
    fn eventbridge_is_let_in_by_a_statement_for_its_rule() {
        let of = |arn: &str| {
            policy(&json!([{
                "Effect": "Allow",
                "Principal": { "Service": "events.amazonaws.com" },
                "Action": "lambda:InvokeFunction",
                "Condition": { "ArnLike": { "AWS:SourceArn": arn } },
            }]))
        };
        let invoke = "lambda:InvokeFunction";
        assert!(lets_in(&of(RULE), invoke, RULE));
        assert!(lets_in(&of("arn:aws:events:*:111122223333:rule/shop/*"), invoke, RULE));
        assert!(!lets_in(&of("arn:aws:events:eu-west-1:111122223333:rule/orders"), invoke, RULE));
        assert!(!lets_in(&of(RULE), "sqs:SendMessage", RULE));
    }

    #[test]
    fn whoever_is_not_eventbridge_or_not_for_this_account_is_somebody_else() {
        let with = |more: &Value| {
            let mut statement = json!({
                "Effect": "Allow", "Principal": "*", "Action": ["SQS:SendMessage", "sqs:Get*"],
            });
            for (key, value) in more.as_object().unwrap() {
                statement[key.as_str()] = value.clone();
            }
            lets_in(&policy(&statement), "sqs:SendMessage", RULE)
        };
        assert!(with(&json!({})));
        assert!(with(&json!({ "Condition": { "Bool": { "aws:SecureTransport": "true" } } })));
        for refused in [
            json!({ "Effect": "Deny" }),
            json!({ "Principal": { "Service": "sns.amazonaws.com" } }),
            json!({ "Action": "sqs:ReceiveMessage" }),
            json!({ "Condition": { "StringEquals": { "aws:SourceAccount": "444455556666" } } }),
        ] {
            assert!(!with(&refused), "{refused}");
        }
        assert!(!lets_in("no JSON", "sqs:SendMessage", RULE));
    }
}

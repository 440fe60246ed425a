//! Whether the resource policy of a function or a queue lets a service of AWS in. Where it does not, AWS takes its name all
//! the same: a bus delivers nothing, and an API answers with errors.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html>
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html>

use serde_json::Value;

/// Whether a statement of a policy (JSON) allows a service, such as `events.amazonaws.com`, to call an action such as
/// `lambda:InvokeFunction` for what has this ARN: a rule, or a method of an API. Conditions that are about neither that nor
/// its account are taken to hold, and nothing that denies is looked at.
pub(super) fn lets_in(policy: &str, service: &str, action: &str, source: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return false };
    let mut statements = several(policy.get("Statement"));
    statements.any(|statement| allows(statement, service, action, source))
}

fn allows(statement: &Value, service: &str, action: &str, source: &str) -> bool {
    let principal = statement.get("Principal");
    let everybody = |it: Option<&Value>| texts(it).any(|text| text == "*");
    let named = |kind: &str| principal.and_then(|it| it.get(kind));
    statement.get("Effect").and_then(Value::as_str) == Some("Allow")
        && (everybody(principal)
            || everybody(named("AWS"))
            || texts(named("Service")).any(|named| named == service))
        && texts(statement.get("Action"))
            .any(|pattern| fits(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase()))
        && holds(statement.get("Condition"), source)
}

fn holds(condition: Option<&Value>, source: &str) -> bool {
    let operators = condition.and_then(Value::as_object).into_iter().flatten();
    let mut asked = operators.filter_map(|(_, keys)| keys.as_object()).flatten();
    let account = source.split(':').nth(4).unwrap_or_default();
    asked.all(|(key, wanted)| match key.to_ascii_lowercase().as_str() {
        "aws:sourcearn" => texts(Some(wanted)).any(|pattern| fits(pattern, source)),
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

    const EVENTS: &str = "events.amazonaws.com";
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
        assert!(lets_in(&of(RULE), EVENTS, invoke, RULE));
        assert!(lets_in(&of("arn:aws:events:*:111122223333:rule/shop/*"), EVENTS, invoke, RULE));
        assert!(!lets_in(
            &of("arn:aws:events:eu-west-1:111122223333:rule/orders"),
            EVENTS,
            invoke,
            RULE
        ));
        assert!(!lets_in(&of(RULE), EVENTS, "sqs:SendMessage", RULE));
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
            lets_in(&policy(&statement), EVENTS, "sqs:SendMessage", RULE)
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
        assert!(!lets_in("no JSON", EVENTS, "sqs:SendMessage", RULE));
    }

    #[test]
    fn api_gateway_is_let_in_by_a_statement_for_its_method() {
        let of = |arn: &str| {
            policy(&json!({
                "Effect": "Allow",
                "Principal": { "Service": "apigateway.amazonaws.com" },
                "Action": "lambda:InvokeFunction",
                "Condition": { "ArnLike": { "AWS:SourceArn": arn } },
            }))
        };
        let home = "arn:aws:execute-api:eu-west-1:111122223333:a1b2c3";
        let method = format!("{home}/prod/GET/orders/{{id}}");
        let gateway = "apigateway.amazonaws.com";
        let lets = |arn: &str| lets_in(&of(arn), gateway, "lambda:InvokeFunction", &method);
        for let_in in ["/*", "/*/*/*", "/prod/GET/*", "/*/GET/orders/*"] {
            assert!(lets(&format!("{home}{let_in}")), "{let_in}");
        }
        for other in ["/test/*", "/*/POST/orders/*", "/*/GET/users", "x/*"] {
            assert!(!lets(&format!("{home}{other}")), "{other}");
        }
        assert!(!lets_in(&of(&method), EVENTS, "lambda:InvokeFunction", &method));
    }
}

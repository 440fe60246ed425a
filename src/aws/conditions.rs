//! What a listener rule's conditions compare with: as values that can be counted, and in words for a person.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html>

use aws_sdk_elasticloadbalancingv2::types::RuleCondition;

/// `path /api/*`.
pub(super) fn words(of: &RuleCondition) -> String {
    format!("{} {}", field(of), values(of).join(" or "))
}

fn field(of: &RuleCondition) -> String {
    match of.field().unwrap_or("?") {
        "path-pattern" => "path".to_owned(),
        "host-header" => "host".to_owned(),
        "http-request-method" => "method".to_owned(),
        "query-string" => "query".to_owned(),
        "http-header" => {
            let name = of.http_header_config().and_then(|config| config.http_header_name());
            format!("header {}", name.unwrap_or("?"))
        }
        other => other.to_owned(),
    }
}

/// Everything a condition compares with; the older field repeats what a config says.
pub(super) fn values(of: &RuleCondition) -> Vec<String> {
    let configured = [
        of.host_header_config().map(|c| [c.values(), c.regex_values()].concat()),
        of.path_pattern_config().map(|c| [c.values(), c.regex_values()].concat()),
        of.http_header_config().map(|c| [c.values(), c.regex_values()].concat()),
        of.http_request_method_config().map(|c| c.values().to_vec()),
        of.source_ip_config().map(|c| c.values().to_vec()),
        of.query_string_config().map(|c| {
            let pairs = c.values().iter();
            let word = |of: Option<&str>| of.unwrap_or_default().to_owned();
            pairs.map(|pair| format!("{}={}", word(pair.key()), word(pair.value()))).collect()
        }),
    ];
    let configured: Vec<String> = configured.into_iter().flatten().flatten().collect();
    if configured.is_empty() { of.values().to_vec() } else { configured }
}

/// A condition is read with its values in an older field too, and refused when it is written with both.
pub(super) fn writable(mut condition: RuleCondition) -> RuleCondition {
    let has_config = condition.host_header_config.is_some()
        || condition.path_pattern_config.is_some()
        || condition.http_header_config.is_some()
        || condition.query_string_config.is_some()
        || condition.http_request_method_config.is_some()
        || condition.source_ip_config.is_some();
    if has_config {
        condition.values = None;
    }
    condition
}

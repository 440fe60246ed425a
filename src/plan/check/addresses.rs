//! What a gate asks by name: the URLs and queues of a plan.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    plan::{problem::Problem, queue::Queue, span::Spanned},
    printable::masked_url,
};

/// By name or URL.
pub(super) fn queue(given: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<Queue> {
    let text = given.value.as_str();
    if text.contains("://") {
        return check_url(given, problems).map(Queue::new);
    }
    let name = text.strip_suffix(".fifo").unwrap_or(text);
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=80).contains(&text.len()) && !name.is_empty() && name.chars().all(allowed) {
        return Some(Queue::new(text));
    }
    let rule = "the name of a queue has 1 to 80 letters, digits, `-` and `_`";
    problems.push(
        Problem::error("plan::queue", rule)
            .at(given.span, "not a queue")
            .help("write a name such as `checkout-alarms`, or the queue's URL, not its ARN"),
    );
    None
}

pub(super) fn check_url(url: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = &url.value;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let mut wrong = |message: String, label: String, help: &str| {
        let problem = Problem::error("plan::url", message);
        problems.push(problem.at(url.span, label).help(help));
    };
    let told = masked_url(text);
    if authority.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        wrong(
            format!("`{told}` is not a URL that can be requested"),
            "not a URL".to_owned(),
            "write `https://host/path` or `http://host:port/path`",
        );
        return None;
    }
    if authority.contains('@') {
        wrong(
            "a plan is no place for a password".to_owned(),
            "user and password in the URL".to_owned(),
            "let the health check answer without credentials",
        );
        return None;
    }
    if let Err(label) = check_authority(authority) {
        wrong(
            format!("`{told}` is not a URL that can be requested"),
            label,
            "write `host`, `host:port` or `[::1]:port` behind `https://`",
        );
        return None;
    }
    Some(text.clone())
}

/// Whether it is `host`, `host:port` or the same with an address for the host; otherwise what of it is none.
fn check_authority(authority: &str) -> Result<(), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or("the `[` is not closed")?;
            if address.parse::<Ipv6Addr>().is_err() {
                return Err(format!("`{address}` is not an IPv6 address"));
            }
            match rest.strip_prefix(':') {
                Some(port) => (None, Some(port)),
                None if rest.is_empty() => (None, None),
                None => return Err(format!("`{rest}` is not a port")),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(authority), None),
        },
    };
    if let Some(host) = host {
        let fits = |c: char| c.is_alphanumeric() || "-._".contains(c);
        if host.is_empty() || !host.chars().all(fits) {
            return Err(format!("`{host}` is not the name of a host"));
        }
        // What ends in a number is an address.
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let is_number = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
        if is_number && host.parse::<Ipv4Addr>().is_err() {
            return Err(format!("`{host}` is not an IPv4 address"));
        }
    }
    match port.map(str::parse::<u16>) {
        None => Ok(()),
        Some(Ok(1..)) if port.is_some_and(|port| !port.starts_with('+')) => Ok(()),
        Some(_) => Err("a port is a number from 1 to 65535".to_owned()),
    }
}

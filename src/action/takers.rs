//! Whether a function or a queue would take what a service of AWS is to send it: it is there, AWS can run it, and its resource
//! policy lets the service in. The services take any name, and say nothing until it is too late.

use super::{
    objection::{Notes, Objection},
    resource_policy::lets_in,
};
use crate::{
    cloud::{Taker, VersionState},
    plan::{Member, RouteName},
};

/// A service of AWS that calls a function or a queue by itself.
pub(super) struct CalledBy<'a> {
    /// As policies call it.
    pub(super) service: &'static str,
    /// As people call it.
    pub(super) name: &'static str,
    /// What it calls for, in words.
    pub(super) what: String,
    /// The ARN of that, which policies are asked for.
    pub(super) source: String,
    /// The ARN that a statement should be for.
    pub(super) let_in: String,
    /// What that statement should be called.
    pub(super) statement: String,
    /// By which it calls, if not by itself.
    pub(super) role: Option<&'a str>,
    /// What comes of it where nobody could be asked, and it is not let in.
    pub(super) unasked: &'static str,
}

/// Whether who is to take something is there and lets the service in, as far as anybody can say.
pub(super) fn check_taker(
    name: &RouteName,
    candidate: &Member,
    taker: &Taker,
    by: &CalledBy<'_>,
    notes: &mut Notes,
) {
    let (policy, action) = match taker {
        Taker::Function { version, policy } => {
            let why = match version.reason.as_str() {
                "" => String::new(),
                reason => format!(" ({reason})"),
            };
            match version.state {
                VersionState::Active => {}
                VersionState::Pending | VersionState::Inactive => {
                    notes.objections.push(Objection::new(
                        format!("route {name}: function {candidate} is not active{why}"),
                        "invoke it once, or wait until AWS has made it ready",
                    ));
                }
                VersionState::Failed => notes.objections.push(Objection::new(
                    format!("route {name}: function {candidate} has failed{why}"),
                    "name a version that AWS can run",
                )),
            }
            (policy, "lambda:InvokeFunction")
        }
        Taker::Queue { policy } => (policy, "sqs:SendMessage"),
        Taker::Unasked => {
            notes.warnings.push(format!(
                "route {name}: nobody was asked whether {candidate} exists and lets {} in; where it does not, {}",
                by.name, by.unasked
            ));
            return;
        }
    };
    if policy.as_ref().is_some_and(|policy| lets_in(policy, by.service, action, &by.source)) {
        return;
    }
    let problem = format!(
        "route {name}: no resource policy lets {} call {action} on {candidate} for {}",
        by.name, by.what
    );
    match by.role {
        // By its role it may be let in without.
        Some(role) => {
            notes.warnings.push(format!("{problem}; whether role {role} may was not asked"));
        }
        None => notes.objections.push(Objection::new(problem, permit(candidate, by))),
    }
}

/// How the service is let in.
fn permit(candidate: &Member, by: &CalledBy<'_>) -> String {
    let CalledBy { service, let_in, statement, .. } = by;
    let mut parts = candidate.as_str().split(':').skip(2);
    match (parts.next(), parts.nth(3), parts.next()) {
        (Some("lambda"), Some(function), qualifier) => {
            let qualifier = qualifier.map(|it| format!(" --qualifier {it}")).unwrap_or_default();
            format!(
                "`aws lambda add-permission --function-name {function}{qualifier} --statement-id {statement} --action \
                 lambda:InvokeFunction --principal {service} --source-arn {let_in}`"
            )
        }
        _ => format!(
            "add a statement to its policy that lets the service {service} call sqs:SendMessage where aws:SourceArn is \
             {let_in}"
        ),
    }
}

//! The one place where an SDK error is read. It becomes a class that says what may be done about it, and words that
//! still hold what AWS said.

use std::error::Error as StdError;

use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{
    connection::{AtEndpoint, NOT_IMPLEMENTED, chain},
    renewal::NoCredentials,
};
use crate::cloud::{Error, Operation};

/// Makes the class of a failed call. `object` is what was asked about, in words that fit before "does not exist".
pub(super) fn classed<E>(
    operation: Operation,
    object: &str,
) -> impl FnOnce(SdkError<E, Response>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let object = object.to_owned();
    move |error| {
        match &error {
            SdkError::ServiceError(answer) => {
                let failure = Failure {
                    code: answer.err().code().unwrap_or_default(),
                    message: answer.err().message().unwrap_or_default(),
                    status: answer.raw().status().as_u16(),
                    body: answer.raw().body().bytes().unwrap_or_default(),
                };
                failure.class(operation, object)
            }
            SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => {
                no_call(operation, &error)
            }
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => no_call(operation, &error),
            // The enum may grow; what is not known may have taken effect.
            _ => Error::Transient { operation, message: in_words(&error) },
        }
    }
}

/// A request that was not sent, or whose answer was lost on the way.
fn no_call(operation: Operation, error: &(dyn StdError + 'static)) -> Error {
    let lacking = chain(error).find_map(|link| link.downcast_ref::<NoCredentials>());
    let at = chain(error).find_map(|link| link.downcast_ref::<AtEndpoint>());
    match (lacking, at) {
        (Some(NoCredentials { is_near: false, .. }) | None, Some(at)) => at.class(operation),
        (Some(lacking), _) if lacking.passes => {
            Error::Transient { operation, message: lacking.words.clone() }
        }
        (Some(lacking), _) => {
            Error::Unauthenticated { message: lacking.words.clone(), renew: lacking.renew.clone() }
        }
        (None, None) => Error::Transient { operation, message: in_words(error) },
    }
}

/// The whole chain, because the SDK's outermost words are only "dispatch failure", on one line.
fn in_words(error: &(dyn StdError + 'static)) -> String {
    let mut links: Vec<String> = chain(error).map(ToString::to_string).collect();
    links.dedup();
    links.join(": ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a service answered instead of a result.
struct Failure<'a> {
    code: &'a str,
    message: &'a str,
    status: u16,
    body: &'a [u8],
}

impl Failure<'_> {
    /// What AWS said, in its own words; where it used none, what came over the wire.
    fn words(&self) -> String {
        match (self.code, self.message) {
            ("", "") => format!("status {}: {}", self.status, excerpt(self.body)),
            ("", message) => format!("status {}: {message}", self.status),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        }
    }

    /// Whether the code says of the object itself that it does not exist, and not of something else that the request
    /// named: a launch template's version, a deployment configuration.
    fn is_about(&self, code: &str, object: &str) -> bool {
        if code == "ValidationError" {
            // Auto Scaling has no code of its own for a group that does not exist.
            let group = ["AutoScalingGroup", "Group "];
            return self.message.contains("not found")
                && group.iter().any(|beginning| self.message.starts_with(beginning));
        }
        // `AWS.SimpleQueueService.NonExistentQueue` is about a queue.
        let code = code.rsplit('.').next().unwrap_or(code);
        let ends = code.strip_suffix("NotFound").or(code.strip_suffix("DoesNotExist"));
        let begins = || code.strip_prefix("NoSuch").or(code.strip_prefix("NonExistent"));
        let Some(thing) = ends.or_else(begins) else { return false };
        let thing = thing.to_ascii_lowercase();
        let object = object.replace(' ', "").to_ascii_lowercase();
        thing == "resource" || (!thing.is_empty() && object.contains(&thing))
    }

    fn class(&self, operation: Operation, object: String) -> Error {
        let message = self.words();
        // The same failure is `ScalingActivityInProgress` on the wire and `…Fault` in the model.
        let code = self.code.trim_end_matches("Exception").trim_end_matches("Fault");
        match code {
            "RequestLimitExceeded" | "BandwidthLimitExceeded" | "RequestThrottled" | "SlowDown" => {
                Error::Throttled { operation }
            }
            c if c.starts_with("Throttl") || c.starts_with("TooManyRequests") => {
                Error::Throttled { operation }
            }
            "ExpiredToken" | "TokenRefreshRequired" => refused(
                message,
                "the session is over: `aws sso login` or `aws login` with its profile, or export a new AWS_SESSION_TOKEN",
            ),
            "RequestExpired" | "RequestInTheFuture" | "RequestTimeTooSkewed" => {
                refused(message, "set this machine's clock by NTP: AWS refuses what is minutes old")
            }
            "InvalidClientTokenId"
            | "UnrecognizedClient"
            | "AuthFailure"
            | "MissingAuthenticationToken"
            | "InvalidAccessKeyId" => refused(
                message,
                "AWS does not know this access key: was it deleted, or is it of another partition? \
                 `aws sts get-caller-identity` must succeed",
            ),
            "InvalidSignature" | "SignatureDoesNotMatch" | "IncompleteSignature" => refused(
                message,
                "the secret does not belong to the access key id (copy both again), or this machine's clock is wrong",
            ),
            "UnauthorizedOperation" | "NotAuthorized" => self.denied(operation, object),
            c if c.starts_with("AccessDenied") => self.denied(operation, object),
            // Another change of the same hosted zone has not been taken in yet.
            "PriorRequestNotComplete"
            | "ScalingActivityInProgress"
            | "ResourceContention"
            | "ConcurrentModification"
            | "OperationInProgress"
            | "InstanceRefreshInProgress"
            // A refresh came to its end on the way here; another look tells what is to be done.
            | "ActiveInstanceRefreshNotFound"
            | "PriorityInUse"
            | "DeploymentLimitExceeded"
            | "DeploymentAlreadyCompleted"
            | "DeploymentIsNotInReadyState" => Error::Conflict { operation, message },
            c if self.is_about(c, &object) => Error::Absent { what: object },
            "RequestTimeout"
            | "InternalFailure"
            | "InternalError"
            | "InternalServiceError"
            | "InternalService"
            | "ServiceUnavailable"
                if self.status != NOT_IMPLEMENTED =>
            {
                Error::Transient { operation, message }
            }
            _ if self.status >= 500 && self.status != NOT_IMPLEMENTED => {
                Error::Transient { operation, message }
            }
            _ => Error::Rejected { operation, message },
        }
    }

    /// The message says more exactly than we know what is missing: "User: … is not authorized to perform:
    /// elasticloadbalancing:ModifyRule on resource: arn:… because no identity-based policy allows …".
    fn denied(&self, operation: Operation, object: String) -> Error {
        let after = |words: &str| {
            let rest = self.message.split_once(words)?.1;
            Some(rest.split_whitespace().next()?.trim_matches(['"', ',', '.']).to_owned())
        };
        Error::Denied {
            action: after("not authorized to perform: ")
                .unwrap_or_else(|| operation.action().to_owned()),
            resource: after(" on resource: ").unwrap_or(object),
            said: self.words(),
        }
    }
}

/// Credentials that AWS was shown and does not take, in its own words.
fn refused(message: String, renew: &str) -> Error {
    Error::Unauthenticated { message, renew: renew.to_owned() }
}

/// The beginning of a body that nothing could be read from, on one line and printable.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..EXCERPT).unwrap_or(body));
    let printable = text.replace(char::is_control, " ");
    let words = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    match (words.is_empty(), body.len() > EXCERPT) {
        (true, _) => "it says nothing".to_owned(),
        (false, true) => format!("{words} …"),
        (false, false) => words,
    }
}

/// Of such a body, in bytes.
const EXCERPT: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: &str, message: &str, status: u16) -> Error {
        class_of("Auto Scaling group app", code, message, status)
    }

    fn class_of(object: &str, code: &str, message: &str, status: u16) -> Error {
        let failure = Failure { code, message, status, body: b"" };
        failure.class(Operation::UpdateAutoScalingGroup, object.to_owned())
    }

    #[test]
    fn every_code_has_its_class() {
        let table = [
            ("Throttling", 400, "throttled"),
            ("ThrottlingException", 400, "throttled"),
            ("TooManyRequestsException", 429, "throttled"),
            ("RequestLimitExceeded", 503, "throttled"),
            ("AccessDenied", 403, "denied"),
            ("AccessDeniedException", 400, "denied"),
            ("UnauthorizedOperation", 403, "denied"),
            ("ExpiredToken", 403, "unauthenticated"),
            ("ExpiredTokenException", 400, "unauthenticated"),
            ("InvalidClientTokenId", 403, "unauthenticated"),
            ("SignatureDoesNotMatch", 403, "unauthenticated"),
            ("ResourceNotFoundException", 404, "absent"),
            ("ActiveInstanceRefreshNotFoundFault", 400, "conflict"),
            ("PriorRequestNotComplete", 400, "conflict"),
            ("ScalingActivityInProgress", 400, "conflict"),
            ("ScalingActivityInProgressFault", 400, "conflict"),
            ("ResourceContention", 500, "conflict"),
            ("InternalFailure", 500, "transient"),
            ("ServiceUnavailable", 503, "transient"),
            ("", 502, "transient"),
            ("InternalFailure", 501, "rejected"),
            ("ValidationError", 400, "rejected"),
            ("InvalidLoadBalancerAction", 400, "rejected"),
            ("", 400, "rejected"),
        ];
        for (code, status, expected) in table {
            let class = match class(code, "words", status) {
                Error::Throttled { .. } => "throttled",
                Error::Denied { .. } => "denied",
                Error::Unauthenticated { .. } => "unauthenticated",
                Error::Absent { .. } => "absent",
                Error::Conflict { .. } => "conflict",
                Error::Transient { .. } => "transient",
                Error::Rejected { .. } => "rejected",
                Error::Unreachable { .. }
                | Error::Proxy { .. }
                | Error::Stranger { .. }
                | Error::Untrusted { .. }
                | Error::Unfit { .. } => "no answer of AWS",
            };
            assert_eq!(class, expected, "{code} with status {status}");
        }
    }

    #[test]
    fn a_denial_names_the_action_and_the_resource_aws_names() {
        let told = class(
            "AccessDenied",
            "User: arn:aws:sts::111122223333:assumed-role/ci/x is not authorized to perform: \
             autoscaling:UpdateAutoScalingGroup on resource: arn:aws:autoscaling:eu-west-1:1:group \
             because no identity-based policy allows the autoscaling:UpdateAutoScalingGroup action",
            403,
        );
        let told = told.to_string();
        let ours = "not allowed to call autoscaling:UpdateAutoScalingGroup on arn:aws:autoscaling:eu-west-1:1:group \
                    (AccessDenied: User: arn:aws:sts::111122223333:assumed-role/ci/x is not";
        assert!(told.starts_with(ours), "{told}");
        let whose = "because no identity-based policy allows the autoscaling:UpdateAutoScalingGroup action)";
        assert!(told.ends_with(whose), "AWS's own words say whose policy is in the way: {told}");
        assert_eq!(
            class("AccessDenied", "no", 403).to_string(),
            "not allowed to call autoscaling:UpdateAutoScalingGroup on Auto Scaling group app (AccessDenied: no)"
        );
    }

    #[test]
    fn credentials_that_are_refused_are_told_in_awss_words_each_with_its_own_next_step() {
        let told = |code| match class(code, "words", 403) {
            error @ Error::Unauthenticated { .. } => (error.to_string(), error.hint()),
            other => panic!("{code}: {other}"),
        };
        let codes =
            ["ExpiredToken", "RequestExpired", "InvalidClientTokenId", "SignatureDoesNotMatch"];
        let all = codes.map(told);
        for (code, (problem, hint)) in codes.iter().zip(&all) {
            assert_eq!(*problem, format!("no valid credentials: {code}: words"));
            assert!(!hint.contains("try again"), "{hint}");
            assert_eq!(all.iter().filter(|(_, other)| other == hint).count(), 1, "{hint}");
        }
    }

    #[test]
    fn auto_scaling_says_not_found_only_in_words() {
        let absent = class("ValidationError", "AutoScalingGroup name not found - null", 400);
        assert_eq!(absent.to_string(), "Auto Scaling group app does not exist");
    }

    #[test]
    fn what_does_not_exist_is_the_object_only_where_the_code_says_so() {
        let absent = [
            ("target group blue", "TargetGroupNotFound"),
            ("listener rule arn:x", "RuleNotFound"),
            ("listener arn:x", "ListenerNotFoundException"),
            ("a listener on port 443 of load balancer shop", "LoadBalancerNotFound"),
            ("hosted zone Z1", "NoSuchHostedZone"),
            ("health check h", "NoSuchHealthCheck"),
            ("change C1", "NoSuchChange"),
            ("queue news", "AWS.SimpleQueueService.NonExistentQueue"),
            ("queue news", "QueueDoesNotExist"),
            ("function verify", "ResourceNotFoundException"),
            ("deployment group shop/web", "DeploymentGroupDoesNotExistException"),
            ("deployment d-1", "DeploymentDoesNotExistException"),
        ];
        for (object, code) in absent {
            let told = class_of(object, code, "no", 400);
            assert_eq!(told, Error::Absent { what: object.to_owned() }, "{code}");
        }
        let others = [
            ("Auto Scaling group app", "InvalidLaunchTemplateId.VersionNotFound", "no version 9"),
            ("Auto Scaling group app", "ValidationError", "Launch template version 9 not found"),
            ("listener rule arn:x", "TargetGroupNotFound", "target group gone"),
            ("deployment group shop/web", "DeploymentConfigDoesNotExistException", "Fast"),
        ];
        for (object, code, message) in others {
            let Error::Rejected { message: told, .. } = class_of(object, code, message, 400) else {
                panic!("{code} of {object}");
            };
            assert_eq!(told, format!("{code}: {message}"));
        }
    }

    #[test]
    fn an_error_without_words_is_told_by_its_status_and_body() {
        let told = |status, body: &[u8]| {
            let failure = Failure { code: "", message: "", status, body };
            failure.class(Operation::ModifyRule, "listener rule x".to_owned()).to_string()
        };
        let page = b"<html>\n  <h1>Bad\x1b[2J gateway</h1>";
        assert_eq!(
            told(502, page),
            "ModifyRule got no usable answer: status 502: <html> <h1>Bad [2J gateway</h1>"
        );
        assert_eq!(told(400, b""), "ModifyRule was rejected: status 400: it says nothing");
        let long = told(413, &vec![b'x'; 100_000]);
        assert!(long.ends_with("xx …") && long.len() < 300, "{long}");
    }
}

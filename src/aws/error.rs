//! The one place where an SDK error is read. It becomes a class that says what may be done about it, and words that
//! still hold what AWS said.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::cloud::Error;

/// Makes the class of a failed call. `action` is what IAM calls it (`elasticloadbalancing:ModifyRule`); `object` is
/// what was asked about, in words that fit before "does not exist".
pub(super) fn classed<E>(
    action: &'static str,
    object: &str,
) -> impl FnOnce(SdkError<E, Response>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let object = object.to_owned();
    move |error| {
        let operation = operation_of(action);
        match &error {
            SdkError::ServiceError(answer) => {
                let failure = Failure {
                    code: answer.err().code().unwrap_or_default(),
                    message: answer.err().message().unwrap_or_default(),
                    status: answer.raw().status().as_u16(),
                };
                failure.class(action, object)
            }
            SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => {
                no_call(operation, &error)
            }
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => {
                Error::Transient { operation, message: in_words(&error) }
            }
            // The enum may grow; what is not known may have taken effect.
            _ => Error::Transient { operation, message: in_words(&error) },
        }
    }
}

/// `ModifyRule` of `elasticloadbalancing:ModifyRule`.
pub(super) fn operation_of(action: &'static str) -> &'static str {
    action.split_once(':').map_or(action, |(_, operation)| operation)
}

/// A request that was not sent, or whose answer was lost on the way.
fn no_call(operation: &'static str, error: &(dyn StdError + 'static)) -> Error {
    let message = in_words(error);
    let credentials = chain(error).find_map(|e| e.downcast_ref::<CredentialsError>());
    match credentials {
        Some(
            CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_),
        ) => Error::Unauthenticated { operation, message },
        // A source of credentials that did not answer may answer later.
        Some(_) | None => Error::Transient { operation, message },
    }
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
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
}

impl Failure<'_> {
    fn class(&self, action: &'static str, object: String) -> Error {
        let operation = operation_of(action);
        let message = format!("{}: {}", self.code, self.message);
        // The same failure is `ScalingActivityInProgress` on the wire and `…Fault` in the model.
        let code = self.code.trim_end_matches("Exception").trim_end_matches("Fault");
        match code {
            "RequestLimitExceeded" | "BandwidthLimitExceeded" | "RequestThrottled" | "SlowDown" => {
                Error::Throttled { operation }
            }
            c if c.starts_with("Throttl") || c.starts_with("TooManyRequests") => {
                Error::Throttled { operation }
            }
            "ExpiredToken" | "RequestExpired" | "TokenRefreshRequired" => {
                Error::Unauthenticated { operation, message: "they have expired".to_owned() }
            }
            "InvalidClientTokenId"
            | "UnrecognizedClient"
            | "AuthFailure"
            | "InvalidSignature"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "InvalidAccessKeyId" => Error::Unauthenticated { operation, message },
            "UnauthorizedOperation" | "NotAuthorized" => self.denied(action, object),
            c if c.starts_with("AccessDenied") => self.denied(action, object),
            // Another change of the same hosted zone has not been taken in yet.
            "PriorRequestNotComplete"
            | "ScalingActivityInProgress"
            | "ResourceContention"
            | "OperationInProgress"
            | "InstanceRefreshInProgress"
            | "PriorityInUse"
            | "DeploymentLimitExceeded"
            | "DeploymentAlreadyCompleted"
            | "DeploymentIsNotInReadyState" => Error::Conflict { operation, message },
            c if c.ends_with("NotFound")
                || c.starts_with("NoSuch")
                || c.ends_with("NonExistentQueue")
                || c == "QueueDoesNotExist" =>
            {
                Error::Absent { what: object }
            }
            // Auto Scaling has no code of its own for a group that does not exist.
            "ValidationError" if self.message.contains("not found") => {
                Error::Absent { what: object }
            }
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
    fn denied(&self, action: &str, object: String) -> Error {
        let after = |words: &str| {
            let rest = self.message.split_once(words)?.1;
            Some(rest.split_whitespace().next()?.trim_matches(['"', ',', '.']).to_owned())
        };
        Error::Denied {
            action: after("not authorized to perform: ").unwrap_or_else(|| action.to_owned()),
            resource: after(" on resource: ").unwrap_or(object),
        }
    }
}

/// What an endpoint that does not know the operation answers; asking again will not teach it.
const NOT_IMPLEMENTED: u16 = 501;

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: &str, message: &str, status: u16) -> Error {
        let failure = Failure { code, message, status };
        failure.class("autoscaling:UpdateAutoScalingGroup", "Auto Scaling group app".to_owned())
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
            ("TargetGroupNotFound", 400, "absent"),
            ("ResourceNotFoundException", 404, "absent"),
            ("NoSuchHostedZone", 404, "absent"),
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
        assert_eq!(
            told.to_string(),
            "not allowed to call autoscaling:UpdateAutoScalingGroup on arn:aws:autoscaling:eu-west-1:1:group"
        );
        assert_eq!(
            class("AccessDenied", "no", 403).to_string(),
            "not allowed to call autoscaling:UpdateAutoScalingGroup on Auto Scaling group app"
        );
    }

    #[test]
    fn auto_scaling_says_not_found_only_in_words() {
        let absent = class("ValidationError", "AutoScalingGroup name not found - null", 400);
        assert_eq!(absent.to_string(), "Auto Scaling group app does not exist");
    }
}

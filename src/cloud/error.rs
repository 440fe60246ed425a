//! Every failure of a cloud call, classed once where it happens, so that nobody above an adapter reads error codes.

use super::Operation;

/// Why a call to the cloud failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{operation} was throttled")]
    Throttled { operation: Operation },
    /// `said` is what AWS says about it: whose policy is in the way, for one.
    #[error("not allowed to call {action} on {resource} ({said})")]
    Denied { action: String, resource: String, said: String },
    /// No credentials, or expired or unknown ones: no call can succeed until a person has done what `renew` says.
    #[error("no valid credentials: {message}")]
    Unauthenticated { message: String, renew: String },
    /// Nobody answers there, or nobody that can be understood: the network, a wrong endpoint, a service that is down.
    #[error("cannot reach {endpoint}: {message}")]
    Unreachable { endpoint: String, message: String },
    /// The proxy that the environment names is down, or lets nothing through.
    #[error("the proxy {proxy} leads nowhere: {message}")]
    Proxy { proxy: String, message: String },
    /// Somebody answers there who is not AWS, nor anything like it.
    #[error("{endpoint} is not AWS: {message}")]
    Stranger { endpoint: String, message: String },
    /// Somebody answers there whose certificate nobody vouches for; asking again changes nothing.
    #[error("{endpoint} shows a certificate that is not trusted: {message}")]
    Untrusted { endpoint: String, message: String, remedy: String },
    #[error("{what} does not exist")]
    Absent { what: String },
    /// The world is not as the call assumed (someone else was faster), or another activity is in the way.
    #[error("{operation} met a conflict: {message}")]
    Conflict { operation: Operation, message: String },
    /// A time-out, a broken connection, a server's fault: whether the call took effect is not known.
    #[error("{operation} got no usable answer: {message}")]
    Transient { operation: Operation, message: String },
    /// The service understood and said no.
    #[error("{operation} was rejected: {message}")]
    Rejected { operation: Operation, message: String },
    /// All was answered, and what is there does not fit what was asked for. Only the asker can put that right.
    #[error("{problem}")]
    Unfit { problem: String, hint: String },
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::Transient { .. }
            | Self::Conflict { .. }
            | Self::Unreachable { .. }
            | Self::Proxy { .. } => true,
            Self::Denied { .. }
            | Self::Unauthenticated { .. }
            | Self::Stranger { .. }
            | Self::Untrusted { .. }
            | Self::Absent { .. }
            | Self::Rejected { .. }
            | Self::Unfit { .. } => false,
        }
    }

    /// Whether it says nothing about what was asked for, because every question meets it: it is told once.
    pub fn is_of_every_call(&self) -> bool {
        match self {
            Self::Unauthenticated { .. }
            | Self::Unreachable { .. }
            | Self::Proxy { .. }
            | Self::Stranger { .. }
            | Self::Untrusted { .. } => true,
            Self::Throttled { .. }
            | Self::Transient { .. }
            | Self::Conflict { .. }
            | Self::Denied { .. }
            | Self::Absent { .. }
            | Self::Rejected { .. }
            | Self::Unfit { .. } => false,
        }
    }

    /// What to do about it, for the line after the error. Only what can pass by itself is to be tried again.
    pub fn hint(&self) -> String {
        match self {
            Self::Denied { action, resource, .. } => {
                format!("allow `{action}` on `{resource}` in the role's IAM policy")
            }
            Self::Unauthenticated { renew, .. } => renew.clone(),
            Self::Unreachable { endpoint, .. } => format!(
                "`curl -sv {endpoint}` must be answered; check the region's name, `--endpoint-url`, AWS_ENDPOINT_URL, \
                 HTTPS_PROXY and the network"
            ),
            Self::Proxy { proxy, .. } => format!(
                "correct or unset HTTPS_PROXY (HTTP_PROXY, ALL_PROXY), or name the host in NO_PROXY; \
                 `curl -sv --proxy {proxy} https://aws.amazon.com` must be answered"
            ),
            Self::Stranger { .. } => {
                "correct `--endpoint-url`, AWS_ENDPOINT_URL or `endpoint_url` of the profile, or leave them out for AWS; \
                 a proxy or a login page may be in between"
                    .to_owned()
            }
            Self::Untrusted { remedy, .. } => remedy.clone(),
            Self::Throttled { .. } => {
                "another client uses up this account's request rate; try again later".to_owned()
            }
            Self::Absent { .. } => {
                "check the name, the region and the account the credentials belong to".to_owned()
            }
            Self::Conflict { .. } => {
                "something else is at work there; try again when it is over".to_owned()
            }
            Self::Transient { .. } => {
                "try again; if it stays so, https://health.aws.amazon.com tells of outages".to_owned()
            }
            Self::Rejected { .. } => {
                "put right what AWS names and begin anew; the same again would be refused again".to_owned()
            }
            Self::Unfit { hint, .. } => hint.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_by_itself_is_to_be_tried_again() {
        let (operation, words) = (Operation::ModifyRule, || "words".to_owned());
        let all = [
            Error::Throttled { operation },
            Error::Denied { action: words(), resource: words(), said: words() },
            Error::Unauthenticated { message: words(), renew: words() },
            Error::Unreachable { endpoint: words(), message: words() },
            Error::Proxy { proxy: words(), message: words() },
            Error::Stranger { endpoint: words(), message: words() },
            Error::Untrusted { endpoint: words(), message: words(), remedy: "other".to_owned() },
            Error::Absent { what: words() },
            Error::Conflict { operation, message: words() },
            Error::Transient { operation, message: words() },
            Error::Rejected { operation, message: words() },
            Error::Unfit { problem: words(), hint: words() },
        ];
        for (at, error) in all.iter().enumerate() {
            let hint = error.hint();
            assert!(error.is_passing() || !hint.contains("try again"), "{error}: {hint}");
            assert!(all.iter().skip(at + 1).all(|other| words() == hint || other.hint() != hint));
        }
    }
}

//! Every failure of a cloud call, classed once where it happens, so that nobody above an adapter reads error codes.

/// Why a call to the cloud failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{operation} was throttled")]
    Throttled { operation: &'static str },
    #[error("not allowed to call {action} on {resource}")]
    Denied { action: String, resource: String },
    /// No credentials, or expired or unknown ones: no call can succeed until a person renews them.
    #[error("{operation} found no valid credentials: {message}")]
    Unauthenticated { operation: &'static str, message: String },
    #[error("{what} does not exist")]
    Absent { what: String },
    /// The world is not as the call assumed (someone else was faster), or another activity is in the way.
    #[error("{operation} met a conflict: {message}")]
    Conflict { operation: &'static str, message: String },
    /// A time-out, a broken connection, a server's fault: whether the call took effect is not known.
    #[error("{operation} got no usable answer: {message}")]
    Transient { operation: &'static str, message: String },
    /// The service understood and said no.
    #[error("{operation} was rejected: {message}")]
    Rejected { operation: &'static str, message: String },
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Transient { .. } | Self::Conflict { .. } => true,
            Self::Denied { .. }
            | Self::Unauthenticated { .. }
            | Self::Absent { .. }
            | Self::Rejected { .. } => false,
        }
    }

    /// What to do about it, for the line after the error.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { action, resource } => {
                Some(format!("allow `{action}` on `{resource}` in the role's IAM policy"))
            }
            Self::Unauthenticated { .. } => Some(
                "sign in again or renew the token; `aws sts get-caller-identity` must succeed"
                    .into(),
            ),
            Self::Throttled { .. } => {
                Some("another client uses up this account's request rate; try again later".into())
            }
            Self::Absent { .. } => {
                Some("check the name, the region and the account the credentials belong to".into())
            }
            Self::Conflict { .. } | Self::Transient { .. } | Self::Rejected { .. } => None,
        }
    }
}

//! Steps on their way into a plan: read and found to be right, and not yet numbered.

use std::time::Duration;

use crate::plan::{
    model::Verb,
    names::ComponentName,
    span::{Span, Spanned},
};

/// A step with the place it was written at; a strategy's steps all have the strategy's.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Draft {
    pub verb: Verb,
    pub timeout: Option<Duration>,
    pub span: Span,
}

/// A component whose steps have no ids yet.
#[derive(Clone, Debug)]
pub(in crate::plan) struct DraftComponent {
    pub name: Spanned<ComponentName>,
    pub needs: Vec<Spanned<ComponentName>>,
    pub steps: Vec<Draft>,
    /// Whether a step is missing here because it could not be read.
    pub gaps: bool,
}

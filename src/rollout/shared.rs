//! What two states have in common is kept once. The core never changes a state that somebody else may still look at: it
//! clones it and lets events happen to the clone, many times for each input, and few of them touch more than one field.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

/// A value that clones share until one of them changes it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Shared<T>(Arc<T>);

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Whoever takes it to change it has a copy of their own from then on.
impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

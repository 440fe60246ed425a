//! The contract of what journals are kept in: few async verbs over objects, which are texts under keys. It asks for no more
//! than a disk with link(2) and S3 with `If-None-Match` have in common: no rename, no lock, no order but that of names.
//! `put_absent` is the whole fence of a journal: of two writers of event N, one succeeds.
//!
//! What a run, an inbox and a lock *are* is written once above it (`store.rs`, `inbox.rs`, `looks.rs`), so whoever adds a
//! store writes one file. A verb that puts only in the place of a known version (`If-Match`) is not here: nothing needs it
//! until a lease is kept in objects, too.

use async_trait::async_trait;

use super::Error;

/// As many names as any store tells at once.
pub(super) const PAGE: usize = 1_000;

/// What came of putting what must not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    Now,
    ExistsAlready,
}

/// Keeps texts under keys, which are names joined by `/`. What is `Ok` is durable, and there for everybody.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Puts what must not exist yet. Of several that try at once, one gets `Created::Now`.
    async fn put_absent(&self, key: &str, content: &str) -> Result<Created, Error>;

    /// Puts in the place of whatever was there.
    async fn put(&self, key: &str, content: &str) -> Result<(), Error>;

    /// `Corrupt` when what is there is none of ours.
    async fn get(&self, key: &str) -> Result<Option<String>, Error>;

    /// The names right below a folder, in order, that come after this one: as many as asked for, fewer only at the end.
    async fn list(
        &self,
        folder: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, Error>;

    /// It is no error when there is none.
    async fn delete(&self, key: &str) -> Result<(), Error>;

    /// Where a person finds an object.
    fn place(&self, key: &str) -> String;

    /// Makes ready for what will be put below a folder, and keeps room for it where room may run out.
    async fn prepare(&self, _folder: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Nothing more is expected below a folder: what was kept for it is given back.
    async fn conclude(&self, _folder: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Whether an object stands where only folders belong, as anybody may leave one on a disk.
    async fn is_astray(&self, _key: &str) -> bool {
        false
    }

    /// What is wrong with a folder that was prepared, and so has to be there.
    async fn damage(&self, _folder: &str) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// Whether what was kept for a folder is being used up.
    async fn is_short(&self, _folder: &str) -> bool {
        false
    }
}

/// All names right below a folder, in order.
pub(super) async fn names(objects: &dyn Objects, folder: &str) -> Result<Vec<String>, Error> {
    let mut names: Vec<String> = Vec::new();
    loop {
        let page = objects.list(folder, names.last().map(String::as_str), PAGE).await?;
        let is_last = page.len() < PAGE;
        names.extend(page);
        if is_last {
            return Ok(names);
        }
    }
}

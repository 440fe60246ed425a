//! A plan's text and the places in it, which everything that reads, judges or quotes a plan points at.

use std::{collections::BTreeMap, sync::Arc};

/// No honest plan comes near this.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Bytes of the file, the end excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// Line and column, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    pub(super) const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// The text of a plan and the name to quote it under, with the files that belong to it. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceFile {
    name: Arc<str>,
    /// What is not UTF-8 stands as replacement characters, all of them at or after `fault`.
    text: Arc<str>,
    fault: Option<Fault>,
    /// By the names that the plan gives them; of those that could not be read, why.
    files: Arc<BTreeMap<String, Result<String, String>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TooLarge,
    NotUtf8 { at: usize, byte: u8 },
}

impl std::fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceFile").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SourceFile {
    /// Takes any bytes; what is wrong with them is told when they are read.
    pub fn new(name: impl Into<Arc<str>>, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let (text, fault) = if bytes.len() > MAX_BYTES {
            (String::new().into(), Some(Fault::TooLarge))
        } else {
            let fault = std::str::from_utf8(bytes).err().map(|e| Fault::NotUtf8 {
                at: e.valid_up_to(),
                byte: bytes.get(e.valid_up_to()).copied().unwrap_or_default(),
            });
            (String::from_utf8_lossy(bytes), fault)
        };
        Self { name: name.into(), text: text.into(), fault, files: Arc::default() }
    }

    /// The same with the files that it names, as they were read.
    #[must_use]
    pub fn with(self, files: BTreeMap<String, Result<String, String>>) -> Self {
        Self { files: Arc::new(files), ..self }
    }

    /// The files that could be read, which a journal keeps with the text.
    pub fn files(&self) -> BTreeMap<&str, &str> {
        self.files
            .iter()
            .filter_map(|(name, text)| Some((name.as_str(), text.as_deref().ok()?)))
            .collect()
    }

    pub(super) fn file(&self, name: &str) -> Option<Result<&str, &str>> {
        self.files.get(name).map(|text| text.as_deref().map_err(String::as_str))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    pub fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
        }
    }

    /// A span within the text and on character boundaries, at least one character long where there is one.
    pub(super) fn clamp(&self, span: Span) -> Span {
        let last = self.text.trim_end().char_indices().next_back().map_or(0, |(at, _)| at);
        let mut start = span.start.min(last);
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let first = self.text.get(start..).and_then(|rest| rest.chars().next());
        let mut end = span.end.max(start + first.map_or(0, char::len_utf8)).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Span::new(start, end)
    }
}

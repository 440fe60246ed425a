//! The lines around what is wrong, as an excerpt shows them: found without reading the whole file again for each, cut
//! where a line is longer than anybody reads, and with nothing in them that could steer the terminal.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::span::{SourceFile, Span};
use crate::printable;

/// Lines longer than this are quoted in part.
const LONGEST: usize = 4000;
/// What of them is quoted, before and after.
const AROUND: usize = 60;

/// A file to quote from.
pub(super) struct Excerpts {
    source: SourceFile,
    name: String,
    /// Letters of the same length stand for what would steer.
    text: String,
    /// Where its lines begin.
    lines: Vec<usize>,
}

impl Excerpts {
    pub(super) fn of(source: &SourceFile) -> Self {
        let text = printable::in_place(source.text());
        let begins = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(begins).collect();
        Self { source: source.clone(), name: printable::line(source.name()), text, lines }
    }

    /// How many lines end before a place.
    fn ended_before(&self, at: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= at).saturating_sub(1)
    }

    fn begin_of(&self, line: usize) -> usize {
        self.lines.get(line).copied().unwrap_or(self.text.len())
    }

    fn named<'a>(&'a self, data: &'a [u8], at: usize, column: usize) -> MietteSpanContents<'a> {
        let (line, end) = (self.ended_before(at), self.ended_before(at + data.len()));
        let span = SourceSpan::from(at..at + data.len());
        MietteSpanContents::new_named(self.name.clone(), data, span, line, column, end)
    }
}

impl SourceCode for Excerpts {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        let from = self.begin_of(self.ended_before(start).saturating_sub(lines_before));
        let to = self.begin_of(self.ended_before(end) + lines_after + 2);
        if to.saturating_sub(from) <= 2 * LONGEST {
            let window = self.text.get(from..to).ok_or(MietteError::OutOfBounds)?;
            let inner = SourceSpan::from(start - from..end - from);
            let found = window.read_span(&inner, lines_before, lines_after)?;
            let at = found.span().offset();
            let data = window.as_bytes().get(at..at + found.data().len());
            let data = data.ok_or(MietteError::OutOfBounds)?;
            if data.len() <= LONGEST {
                return Ok(Box::new(self.named(data, from + at, found.column())));
            }
        }
        let around = Span::new(start.saturating_sub(AROUND), end.min(start + AROUND) + AROUND);
        let around = self.source.clamp(around);
        let data = self.text.as_bytes().get(around.start..around.end);
        let column = around.start - self.begin_of(self.ended_before(around.start));
        Ok(Box::new(self.named(data.ok_or(MietteError::OutOfBounds)?, around.start, column)))
    }
}

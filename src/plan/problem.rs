//! What is wrong with a plan, told so that it can be mended without a manual: a code to search for, a message, the
//! places in the file, and what to write instead. All problems of a file travel together, because a person who fixes
//! one and meets the next only then loses patience with the tool.

use std::{error::Error, fmt};

use miette::{Diagnostic, LabeledSpan, SourceCode};
use serde::Serialize;

use super::source::{SourceFile, Span};

/// Whether a problem stops the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Error,
    Warning,
}

/// A place in the file with a word on what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// One thing that is wrong, or doubtful, in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable and searchable, such as `plan::unknown-gate`.
    pub code: &'static str,
    pub severity: Severity,
    /// A fragment in lower case, without a full stop.
    pub message: String,
    /// The first one is the place of the problem; a problem of the whole file has none.
    pub labels: Vec<Label>,
    /// What to write.
    pub help: Option<String>,
}

impl Problem {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            help: None,
        }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Problem {}

impl Diagnostic for Problem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        // The primary label decides which line the excerpt is headed with.
        Some(Box::new(self.labels.iter().enumerate().map(|(i, label)| {
            let range = label.span.start..label.span.end;
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            if i == 0 {
                LabeledSpan::new_primary_with_span(text, range)
            } else {
                LabeledSpan::new_with_span(text, range)
            }
        })))
    }
}

/// Every problem of one file, in the order of their places, with the file to quote from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    source: SourceFile,
    list: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(source: &SourceFile, mut list: Vec<Problem>) -> Self {
        for label in list.iter_mut().flat_map(|p| &mut p.labels) {
            label.span = source.clamp(label.span);
        }
        list.sort_by_key(|p| p.labels.first().map(|label| label.span));
        Self { source: source.clone(), list }
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn source_file(&self) -> &SourceFile {
        &self.source
    }

    /// The problems drawn with excerpts, one after the other; the handler decides on colour, width and characters.
    pub fn render(&self, handler: &miette::GraphicalReportHandler) -> String {
        let mut text = String::new();
        for problem in &self.list {
            let quoted = Quoted { problem, source: &self.source };
            // Writing into a string does not fail.
            let _ = handler.render_report(&mut text, &quoted);
            text.push('\n');
        }
        text
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.list.iter().filter(|p| p.is_error()).count();
        let (count, noun) = if errors == 0 { (self.len(), "warning") } else { (errors, "problem") };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {noun}{plural} in {}", self.source.name())
    }
}

impl Error for Problems {}

impl Diagnostic for Problems {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.list.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

/// A problem together with the text it quotes.
#[derive(Debug)]
struct Quoted<'a> {
    problem: &'a Problem,
    source: &'a SourceFile,
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl Error for Quoted<'_> {}

impl Diagnostic for Quoted<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.code()
    }

    fn severity(&self) -> Option<miette::Severity> {
        Diagnostic::severity(self.problem)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Diagnostic::help(self.problem)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Diagnostic::labels(self.problem)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }
}

/// The shape of a problem in `--output json`.
#[derive(Serialize)]
struct JsonProblem<'a> {
    code: &'static str,
    severity: Severity,
    message: &'a str,
    help: Option<&'a str>,
    labels: Vec<JsonLabel<'a>>,
}

#[derive(Serialize)]
struct JsonLabel<'a> {
    text: &'a str,
    line: usize,
    column: usize,
    /// Bytes from the start of the file.
    offset: usize,
    length: usize,
}

impl Serialize for Problems {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.list.iter().map(|problem| JsonProblem {
            code: problem.code,
            severity: problem.severity,
            message: &problem.message,
            help: problem.help.as_deref(),
            labels: problem.labels.iter().map(|label| self.json_label(label)).collect(),
        }))
    }
}

impl Problems {
    fn json_label<'a>(&self, label: &'a Label) -> JsonLabel<'a> {
        let position = self.source.position(label.span.start);
        JsonLabel {
            text: &label.text,
            line: position.line,
            column: position.column,
            offset: label.span.start,
            length: label.span.end - label.span.start,
        }
    }
}

/// The candidate a misspelt word was most likely meant to be.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.78)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `a, b and c`, for sentences.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_is_not() {
        assert_eq!(did_you_mean("erors", ["smoke", "errors"]), Some("errors"));
        assert_eq!(did_you_mean("timout", ["timeout", "route"]), Some("timeout"));
        assert_eq!(did_you_mean("database", ["smoke", "errors"]), None);
    }

    #[test]
    fn json_tells_line_and_column() {
        let source = SourceFile::new("p.yaml", "a: 1\nü: x\n");
        let problem = Problem::error("plan::x", "m").at(Span::new(9, 10), "here");
        let json = serde_json::to_value(Problems::new(&source, vec![problem])).unwrap();
        assert_eq!(json[0]["labels"][0]["line"], 2);
        assert_eq!(json[0]["labels"][0]["column"], 4);
        assert_eq!(json[0]["severity"], "error");
    }
}

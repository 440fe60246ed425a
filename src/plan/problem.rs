//! What is wrong with a plan, told so that it can be mended without a manual: a code to search for, a message, the
//! places in the file, and what to write instead. All problems of a file travel together, because a person who fixes
//! one and meets the next only then loses patience with the tool.

use std::{error::Error, fmt};

use miette::{Diagnostic, LabeledSpan, SourceCode};
use serde::Serialize;

use super::{
    excerpt::Excerpts,
    span::{SourceFile, Span},
};
use crate::printable::{self, line};

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

    /// As it may be shown on a terminal.
    fn printable(&self) -> Self {
        let label = |label: &Label| Label { span: label.span, text: line(&label.text) };
        Self {
            code: self.code,
            severity: self.severity,
            message: line(&self.message),
            labels: self.labels.iter().map(label).collect(),
            help: self.help.as_deref().map(line),
        }
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

/// No more problems of a file are looked for: whoever has made so many reads the first few and starts again.
const ENOUGH: usize = 100;
/// Of what is drawn, in columns.
const WIDTH: usize = 100;
/// So many are told.
const TOLD: usize = 20;
/// Longer texts are told in part, because what they quote may be as long as the file.
const LONGEST: usize = 1_500;

/// Whether so many problems have been found that looking for more of them is wasted on everybody.
pub(super) fn enough(problems: &[Problem]) -> bool {
    problems.len() >= ENOUGH
}

pub(super) fn shortened(text: &str) -> String {
    printable::shortened(text, LONGEST)
}

/// The problems of one file, in the order of their places, with the file to quote from: all that an honest file has, and
/// the first few of any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    source: SourceFile,
    list: Vec<Problem>,
    /// Of all that were found.
    errors: usize,
    all: usize,
}

impl Problems {
    pub(super) fn new(source: &SourceFile, mut list: Vec<Problem>) -> Self {
        let (errors, all) = (list.iter().filter(|p| p.is_error()).count(), list.len());
        list.sort_by_key(|p| p.labels.first().map(|label| label.span));
        list.truncate(TOLD);
        for problem in &mut list {
            problem.message = shortened(&problem.message);
            problem.help = problem.help.as_deref().map(shortened);
            problem.labels.truncate(TOLD);
            for label in &mut problem.labels {
                label.span = source.clamp(label.span);
                label.text = shortened(&label.text);
            }
        }
        Self { source: source.clone(), list, errors, all }
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// How many of them are told.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn source_file(&self) -> &SourceFile {
        &self.source
    }

    /// The problems drawn with excerpts, one after the other; the theme decides on colour and characters.
    pub fn render(&self, theme: miette::GraphicalTheme) -> String {
        // A key that is broken at its hyphen is not found again in the file.
        let handler = miette::GraphicalReportHandler::new_themed(theme)
            .with_width(WIDTH)
            .with_word_splitter(textwrap::WordSplitter::NoHyphenation);
        let excerpts = Excerpts::of(&self.source);
        let mut text = String::new();
        for problem in &self.list {
            let quoted = Quoted { problem: &problem.printable(), excerpts: &excerpts };
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
        let (count, noun) =
            if self.errors == 0 { (self.all, "warning") } else { (self.errors, "problem") };
        let plural = if count == 1 { "" } else { "s" };
        let more = if self.all >= ENOUGH { " or more" } else { "" };
        write!(f, "{count}{more} {noun}{plural} in {}", self.source.name())?;
        if self.all > self.len() { write!(f, ", the first {} told", self.len()) } else { Ok(()) }
    }
}

impl Error for Problems {}

/// A problem together with the text it quotes.
struct Quoted<'a> {
    problem: &'a Problem,
    excerpts: &'a Excerpts,
}

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
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
        Some(self.excerpts)
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

/// How many candidates are looked at.
const LIKELY: usize = 200;
const LONGEST_WORD: usize = 64;
/// How many names are listed.
const LISTED: usize = 40;

/// The candidate a misspelt word was most likely meant to be.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    nearest(word, candidates).into_iter().next()
}

/// All candidates that are like a word, the most alike first.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // Of names without end nobody has mistyped one.
    let near = candidates.into_iter().take(LIKELY);
    let mut alike: Vec<(f64, &str)> = near
        .filter(|candidate| word.len().max(candidate.len()) <= LONGEST_WORD)
        .map(|candidate| (likeness(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.78)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    alike.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Of short words Jaro-Winkler sees no swapped letters: `wbe` would be nothing like `web`.
fn likeness(word: &str, candidate: &str) -> f64 {
    let likeness = strsim::jaro_winkler(word, candidate);
    let is_short = (3..=6).contains(&word.chars().count());
    let is_a_slip = is_short && strsim::osa_distance(word, candidate) == 1;
    if is_a_slip { likeness.max(0.8) } else { likeness }
}

/// `a, b and c`, for sentences.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut words = words.into_iter();
    let mut listed: Vec<String> =
        words.by_ref().take(LISTED).map(|word| format!("`{}`", shortened(word))).collect();
    match words.count() {
        0 => {}
        more => listed.push(format!("{more} more")),
    }
    match listed.as_slice() {
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

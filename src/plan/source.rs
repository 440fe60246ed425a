//! From bytes to a tree in which every value knows its place. The YAML library is named here and nowhere else, and
//! of it only the event stream is used: serde would stop at the first mistake and cannot tell two of them at once.
//! Whatever is wrong with the text as such (size, encoding, syntax, aliases that explode) is found here.

use serde::de::DeserializeOwned;
use serde_saphyr::granit_parser::{
    ErrorKind, Event, Parser, ScalarStyle, ScanError, Span as YamlSpan,
};

use super::{
    problem::{Problem, Problems, enough},
    slips,
    span::{Fault, MAX_BYTES, SourceFile, Span},
    tree::{Node, Style, TreeBuilder, too_deep},
};

/// Reads the text into a tree. Syntax errors end the reading; all else is collected and the tree returned.
pub(super) fn parse(source: &SourceFile, problems: &mut Vec<Problem>) -> Option<Node> {
    if let Some(problem) = refusal(source) {
        problems.push(problem);
        return None;
    }
    let mut tree = TreeBuilder::default();
    for event in Parser::new_from_str(source.text()) {
        let taken = match event {
            Ok((Event::Scalar(text, ScalarStyle::Plain, ..), span)) if slips::is_in(&text) => {
                Err(slips::first(source.text(), byte_span(&span)))
            }
            Ok((event, span)) => take(event, byte_span(&span), &mut tree, problems),
            Err(error) => Err(syntax_problem(source, &error)),
        };
        if let Err(problem) = taken {
            problems.push(problem);
            return None;
        }
        if enough(problems) {
            return None;
        }
    }
    let root = tree.root().filter(|root| !root.is_null());
    if root.is_none() {
        problems.push(
            Problem::error("plan::empty", "the plan is empty")
                .at(Span::default(), "nothing but white space and comments")
                .help(
                    "start with `tidegate: 1`, `name:`, `routes:` and `steps:`; \
                     `plans/canary-alb.yaml` is an example",
                ),
        );
    }
    root
}

/// Hands an event on to the tree. What comes back as an error ends the reading.
fn take(
    event: Event<'_>,
    span: Span,
    tree: &mut TreeBuilder,
    problems: &mut Vec<Problem>,
) -> Result<(), Problem> {
    let tag = match &event {
        Event::Scalar(.., tag) | Event::SequenceStart(.., tag) | Event::MappingStart(.., tag) => {
            tag
        }
        _ => &None,
    };
    if tag.is_some() {
        problems.push(
            Problem::error("plan::tag", "YAML tags have no meaning in a plan")
                .at(span, "tagged with `!`")
                .help("remove the tag; quote the text if it begins with `!`"),
        );
    }
    match event {
        Event::Scalar(text, style, anchor, _) => {
            let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
            tree.scalar(text.into_owned(), style, anchor, span, problems)
        }
        Event::SequenceStart(_, anchor, _) => tree.open_list(anchor, span),
        Event::MappingStart(_, anchor, _) => tree.open_map(anchor, span),
        Event::SequenceEnd | Event::MappingEnd => tree.close(problems),
        Event::Alias(anchor) => tree.alias(anchor, span, problems),
        Event::DocumentStart(..) if tree.is_complete() => {
            Err(Problem::error("plan::documents", "a second YAML document begins here")
                .at(span, "second document")
                .help("one file holds one plan; remove the `---` or split the file"))
        }
        _ => Ok(()),
    }
}

/// Reads another kind of document, such as a scenario, as `T`. Its first problem ends the reading.
pub fn read_document<T: DeserializeOwned>(source: &SourceFile) -> Result<T, Problems> {
    if let Some(problem) = refusal(source) {
        return Err(Problems::new(source, vec![problem]));
    }
    serde_saphyr::from_str(source.text()).map_err(|error| {
        let at = error.location().map_or(0, |location| {
            let line = usize::try_from(location.line()).unwrap_or(1).saturating_sub(1);
            let before: usize = source.text().split_inclusive('\n').take(line).map(str::len).sum();
            before + usize::try_from(location.column()).unwrap_or(1).saturating_sub(1)
        });
        let text = error.without_snippet().to_string();
        let words = text.lines().next().unwrap_or_default().to_owned();
        let problem = Problem::error("document::invalid", words).at(Span::new(at, at), "here");
        Problems::new(source, vec![problem])
    })
}

fn refusal(source: &SourceFile) -> Option<Problem> {
    match source.fault() {
        Some(Fault::TooLarge) => Some(
            Problem::error(
                "plan::too-large",
                format!("the file is too large: a plan has at most {MAX_BYTES} bytes"),
            )
            .help("a plan is a page or two of YAML; is this the file you meant?"),
        ),
        Some(Fault::NotUtf8 { at, byte }) => Some(
            Problem::error("plan::not-utf8", "the file is not UTF-8 text")
                .at(
                    Span::new(at, at),
                    format!("the byte 0x{byte:02x} (offset {at}) cannot stand here"),
                )
                .help("save the file as UTF-8; is it a plan at all?"),
        ),
        None => source.text().find('\0').map(|at| {
            Problem::error("plan::nul", "the file contains a NUL byte")
                .at(Span::new(at, at + 1), format!("offset {at}"))
                .help("a plan is text; was the file cut off or is it binary?")
        }),
    }
}

fn byte_span(span: &YamlSpan) -> Span {
    let start = span.start.byte_offset().unwrap_or_default();
    Span::new(start, span.end.byte_offset().unwrap_or(start))
}

fn syntax_problem(source: &SourceFile, error: &ScanError) -> Problem {
    let marker = error.marker();
    let at = marker.byte_offset().unwrap_or_else(|| {
        source.text().char_indices().nth(marker.index()).map_or(source.text().len(), |(at, _)| at)
    });
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return too_deep(Span::new(at, at));
    }
    if let Some(problem) = slips::around(source.text(), at) {
        return problem;
    }
    let problem = Problem::error("plan::yaml", format!("not valid YAML: {}", error.info()));
    let (before, rest) = source.text().split_at_checked(at).unwrap_or((source.text(), ""));
    let problem = if rest.trim().is_empty() {
        problem
            .at(Span::new(at, at), "the file ends here")
            .help("something opened further up is not closed; was the file cut off?")
    } else {
        let closed = [("'{'", "}"), ("'['", "]")];
        let unclosed = closed.iter().find(|(open, _)| {
            error.info().starts_with("unclosed bracket") && error.info().ends_with(open)
        });
        match unclosed {
            Some((_, close)) => problem
                .at(Span::new(at, at), "opened here")
                .help(format!("close it with `{close}` at the end")),
            None => problem
                .at(Span::new(at, at), "YAML cannot be read beyond this point")
                .help("check indentation, colons, quotes and brackets here and on the line before"),
        }
    };
    match unclosed(before) {
        Some(opened) => problem.at(Span::new(opened, opened + 1), "opened here, and not closed"),
        None => problem,
    }
}

/// The bracket that was opened last and is not closed, as a reader sees it: not within quotes or comments.
fn unclosed(text: &str) -> Option<usize> {
    let (mut open, mut quote, mut is_comment, mut last) = (Vec::new(), None, false, ' ');
    for (at, c) in text.char_indices() {
        match (c, quote) {
            ('\n', _) if is_comment => is_comment = false,
            _ if is_comment => {}
            (c, Some(begun)) if c == begun && (begun == '\'' || last != '\\') => quote = None,
            ('#', None) => is_comment = last.is_whitespace(),
            ('"' | '\'', None) if last.is_whitespace() || "[{,:".contains(last) => quote = Some(c),
            ('[' | '{', None) => open.push(at),
            (']' | '}', None) => {
                open.pop();
            }
            _ => {}
        }
        last = c;
    }
    open.pop()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::span::Position;

    fn codes(bytes: impl AsRef<[u8]>) -> Vec<&'static str> {
        let mut problems = Vec::new();
        parse(&SourceFile::new("p.yaml", bytes), &mut problems);
        problems.iter().map(|p| p.code).collect()
    }

    fn place(bytes: &[u8]) -> Position {
        let source = SourceFile::new("p.yaml", bytes);
        let mut problems = Vec::new();
        parse(&source, &mut problems);
        source.position(source.clamp(problems[0].labels[0].span).start)
    }

    #[test]
    fn what_is_no_plan_text_is_refused_with_its_reason() {
        assert_eq!(codes(vec![b'#'; 10 * 1024 * 1024]), ["plan::too-large"]);
        assert_eq!(codes(""), ["plan::empty"]);
        assert_eq!(codes("# a comment\n\n"), ["plan::empty"]);
        assert_eq!(codes("---\n"), ["plan::empty"]);
        assert_eq!(codes("a: 1\nb: \0\n"), ["plan::nul"]);
        assert_eq!(codes("a: !secret x\n"), ["plan::tag"]);
        assert_eq!(codes("a: 1\n---\nb: 2\n"), ["plan::documents"]);
        assert_eq!(codes("a: 1\na: 2\n"), ["plan::duplicate-key"]);
        assert_eq!(codes("a: *b\n"), ["plan::yaml"]);
        assert_eq!(codes("a: &a [*a]\n"), ["plan::alias"]);
        assert_eq!(codes("{a: 1}: 2\n"), ["plan::key"]);
    }

    #[test]
    fn the_first_bad_byte_is_pointed_at() {
        assert_eq!(codes(b"ok: 1\nbad: \xff\xfe\n"), ["plan::not-utf8"]);
        assert_eq!(place(b"ok: 1\nbad: \xff\xfe\n"), Position { line: 2, column: 6 });
    }

    #[test]
    fn a_truncated_file_is_pointed_at_where_it_ends() {
        for text in ["steps: [", "steps:\n  - shift: { route: web,\n", "name: \"check"] {
            assert_eq!(codes(text), ["plan::yaml"], "{text}");
        }
        assert_eq!(place(b"a: 1\nsteps:\n  - shift: { route: web,\n").line, 3);
    }

    #[test]
    fn aliases_that_multiply_are_refused_early() {
        let level = |i| format!("l{i}: &l{i} [{}]\n", format!("*l{}, ", i - 1).repeat(10));
        let levels: Vec<String> = (1..12).map(level).collect();
        assert_eq!(codes(format!("l0: &l0 [x]\n{}", levels.concat())), ["plan::too-many-values"]);
    }

    #[test]
    fn brackets_without_end_do_not_overflow_the_stack() {
        assert_eq!(codes("[".repeat(1_000_000)), ["plan::too-deep"]);
        assert_eq!(codes("{a: ".repeat(100_000)), ["plan::too-deep"]);
        assert_eq!(codes("- ".repeat(100_000)), ["plan::too-deep"]);
    }

    #[test]
    fn a_bracket_that_is_not_closed_is_shown_where_it_was_opened() {
        let opened = |text: &str| {
            let mut problems = Vec::new();
            parse(&SourceFile::new("p", text), &mut problems);
            problems[0].labels.get(1).map(|label| label.span.start)
        };
        assert_eq!(opened("a: { b: { c: 1 }\nd: 2\n"), Some(3));
        assert_eq!(opened("a: [1, { b: 2 }, 3\nc: 4\n"), Some(3));
        assert_eq!(opened("a: [1, '[', \"{\"] # {\nb: [2\nc: 4\n"), Some(24));
        assert_eq!(unclosed("a: [1] # [\n"), None);
    }

    #[test]
    fn an_alias_stands_for_its_value() {
        let mut problems = Vec::new();
        let tree = parse(&SourceFile::new("p", "a: &x [1]\nb: *x\n"), &mut problems).unwrap();
        assert_eq!(tree.get("a").unwrap().value, tree.get("b").unwrap().value);
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_read_over() {
        assert_eq!(codes("\u{feff}a: 1\r\nb: [x]\r\n"), Vec::<&str>::new());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            codes(bytes);
        }

        #[test]
        fn no_text_that_looks_like_yaml_makes_the_parser_panic(text in "[-a:{}\\[\\]&*!|>'\"#\t\n ,?%é]{0,80}") {
            let source = SourceFile::new("p", &text);
            let mut problems = Vec::new();
            parse(&source, &mut problems);
            for span in problems.iter().flat_map(|p| &p.labels).map(|l| source.clamp(l.span)) {
                prop_assert!(source.text().get(span.start..span.end).is_some());
            }
        }
    }
}

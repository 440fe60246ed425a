//! Slips of the hand that make text look like YAML and be none: blanks and quotes as word processors write them, tabs,
//! parameters without quotes in a flow mapping. The parser's own words about them lead astray, and point behind them.

use super::{problem::Problem, span::Span};

/// What a character that only looks like one of YAML's is called, and what was meant.
fn lookalike(c: char) -> Option<(&'static str, &'static str)> {
    let blank = "an ordinary space";
    Some(match c {
        '\u{a0}' => ("a no-break space", blank),
        '\u{202f}' => ("a narrow no-break space", blank),
        '\u{2000}'..='\u{200a}' => ("a typographic space", blank),
        '\u{3000}' => ("an ideographic space", blank),
        '\u{200b}' => ("a zero-width space", "nothing"),
        '\u{feff}' => ("a byte order mark", "nothing"),
        '“' | '”' | '„' | '‟' | '«' | '»' => ("a typographic quote", "`\"`"),
        '‘' | '’' | '‚' | '‛' => ("a typographic quote", "`'`"),
        '–' | '—' | '−' => ("a dash", "`-`"),
        '：' => ("a full-width colon", "`: `"),
        _ => return None,
    })
}

/// Whether text without quotes begins or ends with such a character, or has one behind a colon. Between words they may
/// be meant.
pub(super) fn is_in(plain: &str) -> bool {
    let is = |c: Option<char>| c.and_then(lookalike).is_some();
    let after_colon = plain.split(':').skip(1).any(|rest| is(rest.chars().next()));
    is(plain.chars().next()) || is(plain.chars().next_back()) || after_colon
}

/// The first of them within a place of which [`is_in`] holds.
pub(super) fn first(text: &str, within: Span) -> Problem {
    let part = text.get(within.start..within.end.max(within.start)).unwrap_or_default();
    character(part, within.start).unwrap_or_else(|| {
        Problem::error("plan::character", "a character that is not what it looks like")
            .at(within, "in here")
            .help("write it anew")
    })
}

fn character(part: &str, start: usize) -> Option<Problem> {
    let found = part.char_indices().find_map(|(at, c)| Some((at, c, lookalike(c)?)));
    let (at, c, (name, meant)) = found?;
    let span = Span::new(start + at, start + at + c.len_utf8());
    let code = u32::from(c);
    Some(
        Problem::error("plan::character", format!("{name} (U+{code:04X}) means nothing to YAML"))
            .at(span, name)
            .help(format!(
                "write {meant} instead; text from a web page or a letter often has these"
            )),
    )
}

/// A slip on the line at which the parser gave up, or on the one before.
pub(super) fn around(text: &str, at: usize) -> Option<Problem> {
    let here = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let before = text.get(..here.saturating_sub(1))?.rfind('\n').map_or(0, |newline| newline + 1);
    [here, before].into_iter().find_map(|start| {
        let line = text.get(start..)?.lines().next()?;
        if line.trim_start().starts_with('#') {
            return None;
        }
        tab(line, start).or_else(|| character(line, start)).or_else(|| bare_parameter(line, start))
    })
}

fn tab(line: &str, start: usize) -> Option<Problem> {
    let indent = line.len() - line.trim_start().len();
    let at = start + line.get(..indent)?.find('\t')?;
    Some(
        Problem::error("plan::yaml", "not valid YAML: a tab in the indentation")
            .at(Span::new(at, at + 1), "a tab")
            .help("indent with spaces; YAML does not allow tabs"),
    )
}

/// `{ region: ${name} }`: the brace of the parameter ends what was begun by the first one.
fn bare_parameter(line: &str, start: usize) -> Option<Problem> {
    let is_bare = |at: &usize| {
        let before = line.get(..*at).unwrap_or_default();
        let open = |quote: char| !before.matches(quote).count().is_multiple_of(2);
        before.contains(['{', '[']) && !open('"') && !open('\'')
    };
    let at = line.match_indices("${").map(|(at, _)| at).find(is_bare)?;
    let rest = line.get(at..)?;
    let end = rest.find([' ', ',', ']']).unwrap_or(rest.len());
    let value = rest.get(..end)?;
    Some(
        Problem::error("plan::yaml", "not valid YAML: a parameter between braces needs quotes")
            .at(Span::new(start + at, start + at + end), "without quotes")
            .help(format!("put it in quotes: \"{value}\"")),
    )
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::{CANARY, read_with};

    /// Line, message and help of the only problem of a plan of which one line was spoilt.
    fn told(from: &str, to: &str) -> (usize, String, String) {
        assert!(CANARY.contains(from));
        let text = CANARY.replacen(from, to, 1);
        let problems = read_with(&text, &[]).unwrap_err();
        let [problem] = &problems.iter().collect::<Vec<_>>()[..] else {
            panic!("{}", crate::plan::sample::drawn(&problems));
        };
        let line = text.get(..problem.labels[0].span.start).unwrap().matches('\n').count() + 1;
        let spoilt = CANARY.split(from).next().unwrap().matches('\n').count() + 1;
        assert_eq!(line, spoilt + to.matches('\n').count() - from.matches('\n').count());
        (line, problem.message.clone(), problem.help.clone().unwrap())
    }

    #[test]
    fn blanks_and_quotes_of_word_processors_are_named() {
        for (from, to, named) in [
            ("    alb:", "\u{a0}   alb:", "a no-break space (U+00A0)"),
            ("port: 80", "port:\u{a0}80", "a no-break space (U+00A0)"),
            ("[\"${app}-5xx\"", "[“${app}-5xx”", "a typographic quote (U+201C)"),
            ("  - shift:", "  – shift:", "a dash (U+2013)"),
        ] {
            let (_, message, help) = told(from, to);
            assert!(message.starts_with(named), "{to}: {message}");
            assert!(help.starts_with("write "), "{help}");
        }
    }

    #[test]
    fn they_may_stand_between_words() {
        let text = CANARY.replacen("Begins the names of", "Begins\u{a0}the “names” – of", 1);
        assert!(read_with(&text, &[]).is_ok());
    }

    #[test]
    fn a_tab_is_pointed_at_where_it_stands() {
        let (_, message, help) = told("    alb:", "\talb:");
        assert!(message.contains("a tab"), "{message}");
        assert!(help.contains("indent with spaces"), "{help}");
    }

    #[test]
    fn a_parameter_in_braces_is_to_be_put_in_quotes() {
        let (_, _, help) = told("aws: { region: eu-west-1 }", "aws: { region: ${AWS_REGION} }");
        assert_eq!(help, "put it in quotes: \"${AWS_REGION}\"");
    }
}

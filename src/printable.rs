//! What people get to see of text from outside: the reason of an alarm, a message of AWS, a parameter, the name of a
//! file. Whoever may set one of these must not be able to move an operator's cursor, colour a line, turn its reading
//! direction, or forge a line of its own. This is the one place that says which characters those are, and the command
//! line lets nothing out that has not come through here.

use std::fmt::Write as _;

/// Control characters (C0, DEL, C1), and those of Unicode that turn the direction of a line or end it.
pub fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text from outside as part of one line: what would break the line becomes a space, what would steer the terminal
/// stands there as `\u{1b}`.
pub fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => shown.push(' '),
            c => push(&mut shown, c),
        }
    }
    shown.truncate(shown.trim_end().len());
    shown
}

/// Whole lines, whose breaks and tabs stay.
pub fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c => push(&mut shown, c),
        }
    }
    shown
}

/// Whole lines that this program has coloured itself, after what is foreign in them has been made printable: colours
/// stay, every other sequence is shown.
pub fn coloured(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut pieces = text.split("\u{1b}[");
    shown.push_str(&lines(pieces.next().unwrap_or_default()));
    for piece in pieces {
        let codes =
            piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').len();
        if let Some(rest) = piece.get(codes..).and_then(|rest| rest.strip_prefix('m')) {
            shown.push_str("\u{1b}[");
            shown.push_str(piece.get(..=codes).unwrap_or_default());
            shown.push_str(&lines(rest));
        } else {
            shown.push_str("\\u{1b}[");
            shown.push_str(&lines(piece));
        }
    }
    shown
}

/// The beginning and the end of a text that is too long for anybody to read, of so many bytes at most.
pub fn shortened(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let third = longest / 3;
    let begin = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= third).last();
    let end = text.char_indices().rev().map(|(at, _)| at).find(|at| text.len() - at >= third);
    let (begin, end) = (begin.unwrap_or_default(), end.unwrap_or_default());
    let left_out = text.get(begin..end).map_or(0, |text| text.chars().count());
    let part = |range: Option<&str>| range.unwrap_or_default().to_owned();
    let (begin, end) = (part(text.get(..begin)), part(text.get(end..)));
    format!("{begin}[… {left_out} more characters …]{end}")
}

/// A URL without what may be a secret in it: the user before its host, and the query.
pub fn masked_url(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, "?…"),
        None => (rest.split('#').next().unwrap_or_default(), ""),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((_, host)) => ("…@", host),
        None => ("", authority),
    };
    format!("{scheme}{user}{host}{path}{query}")
}

/// JSON, whose strings may hold characters that JSON does not escape by itself: the same value, in other letters.
pub fn json(text: &str) -> String {
    escaped(text, |shown, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    })
}

/// YAML whose strings are quoted twice wherever they are not plain words: the same value, in other letters.
pub fn yaml(text: &str) -> String {
    escaped(text, |shown, c| {
        let _ = write!(shown, "\\u{:04x}", u32::from(c));
    })
}

/// `text` with letters of the same length in bytes for what would steer, so that places in it stay what they are.
pub fn in_place(text: &str) -> String {
    let substitute = |c: char| match c {
        '\n' | '\r' | '\t' => c,
        c if !is_steering(c) => c,
        c => match c.len_utf8() {
            1 => '?',
            2 => '¿',
            _ => '\u{fffd}',
        },
    };
    text.chars().map(substitute).collect()
}

fn escaped(text: &str, escape: impl Fn(&mut String, char)) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // What is below a space stands outside of strings here: both formats escape it within.
        if is_steering(c) && c >= ' ' { escape(&mut shown, c) } else { shown.push(c) }
    }
    shown
}

fn push(shown: &mut String, c: char) {
    if is_steering(c) {
        // Writing into a string does not fail.
        let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
    } else {
        shown.push(c);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_shown() {
        let title = "x\u{1b}]0;owned\u{7}\u{9b}2J";
        assert_eq!(line(title), "x\\u{1b}]0;owned\\u{7}\\u{9b}2J");
        assert_eq!(line("one\nnote: forged\r\n"), "one note: forged");
        assert_eq!(line("\u{202e}gpj.exe\u{2066}"), "\\u{202e}gpj.exe\\u{2066}");
        assert_eq!(lines("a\n\tb\r"), "a\n\tb\\u{d}");
    }

    #[test]
    fn a_url_is_told_without_user_and_query() {
        for (url, told) in [
            ("https://host/path", "https://host/path"),
            ("https://me:secret@host:1/path?key=secret#secret", "https://…@host:1/path?…"),
            ("https://host?key=a@b/c", "https://host?…"),
            ("http://host/a@b#frag", "http://host/a@b"),
            ("me:secret@host", "…@host"),
        ] {
            assert_eq!(masked_url(url), told);
        }
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        assert_eq!(shortened("short", 9), "short");
        let long = format!("`{}` is none", "ä".repeat(900_000));
        let told = shortened(&long, 90);
        assert!(told.starts_with("`ä") && told.ends_with("ä` is none"), "{told}");
        assert!(told.len() < 150 && told.contains(" more characters"), "{told}");
    }

    #[test]
    fn only_colours_stay() {
        assert_eq!(
            coloured("\u{1b}[31mred\u{1b}[39m \u{1b}[2Jx\u{1b}]0;t"),
            "\u{1b}[31mred\u{1b}[39m \\u{1b}[2Jx\\u{1b}]0;t"
        );
    }

    proptest! {
        #[test]
        fn nothing_that_steers_gets_through_and_values_stay(text in any::<String>()) {
            for shown in [line(&text), lines(&text).replace(['\n', '\t'], ""), in_place(&text).replace(['\n', '\r', '\t'], "")] {
                prop_assert!(!shown.contains(is_steering), "{shown:?}");
            }
            prop_assert_eq!(in_place(&text).len(), text.len());
            let escaped = json(&serde_json::Value::from(text.as_str()).to_string());
            prop_assert!(!escaped.contains(is_steering), "{escaped:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}

//! Long lines, broken between words where the terminal ends: a terminal itself breaks them in the middle of a name or a
//! command, which then cannot be copied.

/// A line narrower than this is not broken: that would leave a word a line.
const NARROWEST: usize = 60;

/// Breaks a line between words so that no part is wider than `width`, except for words that are wider by themselves.
/// Further parts begin with `margin` blanks. Escape codes for colours take no room.
pub fn wrapped(line: &str, width: Option<usize>, margin: usize) -> Vec<String> {
    let Some(width) = width.map(|width| width.max(NARROWEST)) else { return vec![line.to_owned()] };
    if columns(line) <= width {
        return vec![line.to_owned()];
    }
    // Half of it at least is left for words.
    let margin = " ".repeat(margin.min(width / 2));
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let mut lines = Vec::new();
    let mut current = indent.clone();
    let mut is_new = true;
    for word in line.get(indent.len()..).unwrap_or_default().split(' ') {
        let needed = columns(&current) + usize::from(!is_new) + columns(word);
        if !is_new && needed > width {
            lines.push(std::mem::replace(&mut current, margin.clone()).trim_end().to_owned());
            is_new = true;
            if word.is_empty() {
                continue;
            }
        }
        if !is_new {
            current.push(' ');
        }
        current.push_str(word);
        is_new = false;
    }
    lines.push(current.trim_end().to_owned());
    lines
}

/// How many columns text takes: its characters, without escape codes.
fn columns(text: &str) -> usize {
    let mut count = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // `ESC [ … m`
            chars.by_ref().take_while(|c| *c != 'm').for_each(drop);
        } else {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_or_goes_to_no_terminal_stays_as_it_is() {
        let line = "word ".repeat(40);
        assert_eq!(wrapped(&line, None, 2), [line.as_str()]);
        assert_eq!(wrapped("  a  b", Some(60), 2), ["  a  b"]);
        let painted = format!("\u{1b}[31m{}\u{1b}[39m", "x".repeat(60));
        assert_eq!(wrapped(&painted, Some(60), 2), [painted.as_str()]);
    }

    #[test]
    fn further_lines_stand_at_the_margin() {
        let line = format!("  {}", ["abcdefgh"; 8].join(" "));
        let six = ["abcdefgh"; 6].join(" ");
        let expected = [format!("  {six}"), "    abcdefgh abcdefgh".to_owned()];
        assert_eq!(wrapped(&line, Some(60), 4), expected);
    }

    proptest! {
        #[test]
        fn at_every_width_from_60_words_stay_whole_and_lines_fit(
            words in prop::collection::vec("[a-z0-9/:.é-]{1,50}", 0..60),
            width in 60usize..200,
            margin in 0usize..30,
        ) {
            let line = words.join(" ");
            let lines = wrapped(&line, Some(width), margin);
            let again: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
            prop_assert_eq!(again, words.iter().map(String::as_str).collect::<Vec<_>>());
            for line in &lines {
                let alone = line.split_whitespace().count() <= 1;
                prop_assert!(columns(line) <= width || alone, "{}", line);
            }
        }
    }
}

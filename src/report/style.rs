//! How text looks: signs and colours. A sign always carries the meaning; colour only repeats it, so that a log file, a
//! screen reader and a person who cannot tell red from green read the same.

use owo_colors::OwoColorize as _;

/// How lines are dressed for where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: Colour,
    pub signs: Signs,
}

impl Style {
    /// For pipes, files and tests.
    pub const PLAIN: Self = Self { colour: Colour::Plain, signs: Signs::Unicode };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Ansi,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    Unicode,
    /// For terminals and fonts that have nothing else.
    Ascii,
}

/// What kind of line it is, at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It worked.
    Good,
    /// It failed.
    Bad,
    /// Something to know.
    Note,
    /// More traffic or capacity for this target.
    Up,
    /// Less.
    Down,
    /// On the way back.
    Back,
    /// Standing still.
    Halt,
    /// Not known, or a question to a person.
    Question,
    /// Not as it should be; the run goes on.
    Warning,
    /// Nothing yet.
    None,
}

impl Sign {
    pub(super) fn glyph(self, signs: Signs) -> &'static str {
        let (unicode, ascii) = match self {
            Self::Good => ("✓", "+"),
            Self::Bad => ("✗", "x"),
            Self::Note => ("•", "-"),
            Self::Up => ("↑", "^"),
            Self::Down => ("↓", "v"),
            Self::Back => ("↩", "<"),
            Self::Halt => ("‖", "="),
            Self::Question => ("?", "?"),
            Self::Warning => ("!", "!"),
            Self::None => (" ", " "),
        };
        match signs {
            Signs::Unicode => unicode,
            Signs::Ascii => ascii,
        }
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Self::Good => Tone::Good,
            Self::Bad => Tone::Bad,
            Self::Back | Self::Halt | Self::Question | Self::Warning => Tone::Alert,
            Self::Up | Self::Down | Self::Note | Self::None => Tone::Quiet,
        }
    }
}

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Alert,
    Quiet,
    Faint,
}

impl Style {
    pub(super) fn sign(self, sign: Sign) -> String {
        self.paint(sign.tone(), sign.glyph(self.signs))
    }

    /// What leads to the last branch of a tree, to another one, and past it.
    pub(super) fn branches(self) -> (&'static str, &'static str, &'static str) {
        match self.signs {
            Signs::Unicode => ("└ ", "├ ", "│ "),
            Signs::Ascii => ("` ", "+ ", "| "),
        }
    }

    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        match (self.colour, tone) {
            (Colour::Plain, _) | (Colour::Ansi, Tone::Quiet) => text.to_owned(),
            (Colour::Ansi, Tone::Good) => text.green().to_string(),
            (Colour::Ansi, Tone::Bad) => text.red().bold().to_string(),
            (Colour::Ansi, Tone::Alert) => text.yellow().to_string(),
            (Colour::Ansi, Tone::Faint) => text.dimmed().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_says_it_without_colour_and_in_ascii() {
        let ansi = Style { colour: Colour::Ansi, signs: Signs::Ascii };
        assert_eq!(ansi.sign(Sign::Good), "\u{1b}[32m+\u{1b}[39m");
        assert_eq!(Style::PLAIN.sign(Sign::Bad), "✗");
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "x"), "x");
    }
}

//! The one place that prints. Standard output carries what was asked for, standard error the talk around it, so that
//! either can be redirected without the other. All of it is made printable here. What cannot be written, because a disk
//! is full or nobody reads any more, stops nothing: a run goes on with its gates watched, and its journal has the story.

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    args::{Colour, Format},
    exit::{Below, Choice, Failure},
};
use crate::{
    printable,
    report::{self, Offers, Signs, Style},
};

/// Bytes of what is said in one line.
const LONGEST: usize = 8_000;

/// How far the further parts of a broken line of talk are indented.
const HANG: usize = 6;

#[derive(Clone)]
struct Widths {
    data: Option<usize>,
    talk: Option<usize>,
}

/// Columns of a terminal; `None` of anything else.
fn width_of(file: &impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(file).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Each line broken between words where it is wider than a terminal.
fn broken(text: &str, width: Option<usize>) -> String {
    let lines = text.split('\n').flat_map(|line| report::wrapped(line, width, HANG));
    lines.collect::<Vec<_>>().join("\n")
}

/// Clones are the same output.
#[derive(Clone)]
pub(super) struct Output {
    pub format: Format,
    pub style: Style,
    /// Of each, where it is a terminal.
    widths: Widths,
    /// Whether talk goes to a terminal.
    is_watched: bool,
    bar: Option<ProgressBar>,
    reach: Arc<Mutex<Reach>>,
    /// The folder of journals, where commands that are told do not find it by themselves.
    journal: Option<String>,
}

/// What becomes of standard output. That it cannot be written is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Written,
    /// Whoever read it has seen enough.
    Unread,
    /// Something is missing there that somebody may rely on.
    Lost,
}

impl Output {
    pub(super) fn new(format: Format, colour: Colour) -> Self {
        let choice = match colour {
            Colour::Auto => anstream::ColorChoice::Auto,
            Colour::Always => anstream::ColorChoice::Always,
            Colour::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        // Escape codes are written always and taken out by anstream where they do not belong.
        let style = Style { colour: report::Colour::Ansi, signs: Signs::Unicode };
        let widths = Widths { data: width_of(&io::stdout()), talk: width_of(&io::stderr()) };
        let is_watched = io::stderr().is_terminal();
        Self {
            format,
            style,
            widths,
            is_watched,
            bar: None,
            reach: Arc::new(Mutex::new(Reach::Written)),
            journal: None,
        }
    }

    /// The same, where journals are in a folder that has to be named.
    pub(super) fn within(self, journal: Option<&Path>) -> Self {
        let journal = journal.map(|folder| report::quoted(&folder.display().to_string()));
        Self { journal, ..self }
    }

    /// Commands that are told act on the runs of the same folder.
    pub(super) fn offers(&self) -> Offers {
        self.journal.clone().map_or(Offers::Plain, Offers::Within)
    }

    fn located(&self, text: &str) -> String {
        self.offers().located(text)
    }

    /// Columns of the terminal that data goes to, if it goes to one.
    pub(super) fn width(&self) -> Option<usize> {
        self.widths.data
    }

    /// What was asked for, without colours.
    pub(super) fn data(&self, text: &str) {
        self.told(&printable::lines(text));
    }

    /// One line of it about something foreign, which cannot begin another.
    pub(super) fn line(&self, text: &str) {
        self.data(&printable::line(text));
    }

    /// What was asked for, coloured by the report, which makes printable what is foreign in it.
    pub(super) fn page(&self, text: &str) {
        self.told(&printable::coloured(text));
    }

    fn told(&self, text: &str) {
        match self.format {
            Format::Text => self.write_out(&broken(text, self.widths.data)),
            Format::Json => self.write_out(text),
        }
    }

    pub(super) fn json(&self, value: &impl serde::Serialize) {
        if let Ok(text) = serde_json::to_string(value) {
            self.write_out(&printable::json(&text));
        }
    }

    /// A file of data as it is, such as a schema.
    pub(super) fn raw(&self, text: &str) {
        self.write_out(&printable::lines(text.trim_end()));
    }

    /// The talk around it.
    pub(super) fn talk(&self, text: &str) {
        self.write_talk(&broken(&printable::lines(&self.located(text)), self.widths.talk));
    }

    /// One line of talk about something foreign, which cannot begin another.
    pub(super) fn say(&self, kind: &str, words: &str) {
        let words = printable::shortened(words, LONGEST);
        self.talk(&format!("{kind}: {}", printable::line(&words)));
    }

    /// An objection, or anything else with advice.
    pub(super) fn advise(&self, kind: &str, words: &str, hint: Option<&str>) {
        self.say(kind, words);
        if let Some(hint) = hint {
            self.say("   hint", hint);
        }
    }

    pub(super) fn failure(&self, failure: &Failure) {
        let chain: Vec<String> = failure.error.chain().map(ToString::to_string).collect();
        self.say("error", &chain.join(": "));
        if let Some(Drawn { page, .. }) = failure.error.downcast_ref() {
            self.write_talk(&printable::coloured(page.trim_end()));
        }
        if let Some(hint) = &failure.hint {
            self.say("  hint", hint);
        }
        self.below(&failure.below);
    }

    /// Each line as it is, because a command that is broken or joined cannot be pasted.
    fn below(&self, below: &Below) {
        let line = |line: &str| self.write_talk(&printable::line(line));
        match below {
            Below::Nothing => {}
            Below::Commands(lines) => lines.iter().for_each(|text| line(text)),
            Below::Choices(choices) if self.format == Format::Json => {
                for choice in choices {
                    let command = self.located(&choice.command);
                    self.json(&Choice { command, ..choice.clone() });
                }
            }
            Below::Choices(choices) => {
                for Choice { command, standing, traffic, run: _ } in choices {
                    let standing = standing.map(|standing| standing.to_string());
                    let standing = standing.as_deref().unwrap_or("cannot be read");
                    line(&format!("  {}  # {standing}", self.located(command)));
                    for of in traffic {
                        line(&format!("      {of}"));
                    }
                }
            }
        }
    }

    /// Talk that was coloured after what is foreign in it was made printable.
    pub(super) fn drawn(&self, page: &str) {
        self.write_talk(&printable::coloured(page));
    }

    fn write_out(&self, text: &str) {
        let print = || {
            let mut out = anstream::stdout().lock();
            writeln!(out, "{text}").and_then(|()| out.flush())
        };
        let written = match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        };
        let Err(error) = written else { return };
        let reach = match error.kind() {
            io::ErrorKind::BrokenPipe => Reach::Unread,
            _ => Reach::Lost,
        };
        let before = {
            let mut known = self.reach.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, reach)
        };
        if before == Reach::Written {
            self.say("note", &unwritten(&error));
        }
    }

    pub(super) fn reach(&self) -> Reach {
        *self.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If talk cannot be written, there is nobody to be told.
    fn write_talk(&self, text: &str) {
        let print = || writeln!(anstream::stderr().lock(), "{text}");
        let _ = match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        };
    }

    /// Whether anybody would see the line at the bottom.
    pub(super) fn shows_progress(&self) -> bool {
        self.format == Format::Text && self.is_watched
    }

    /// A line at the bottom of a terminal that says what is going on; nothing where there is no terminal.
    pub(super) fn progress(&mut self, line: Option<String>) {
        if !self.shows_progress() {
            return;
        }
        match line {
            None => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
            Some(line) => {
                let bar = self.bar.get_or_insert_with(|| {
                    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                        bar.set_style(style);
                    }
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bar
                });
                bar.set_message(printable::line(&line));
            }
        }
    }
}

fn unwritten(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::BrokenPipe => {
            "nobody reads standard output any more; what follows is not told there".to_owned()
        }
        _ => format!(
            "standard output cannot be written ({error}); what follows may be missing there"
        ),
    }
}

/// An error in a file, with the page that shows where.
#[derive(Debug)]
pub(super) struct Drawn {
    pub words: String,
    pub page: String,
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for Drawn {}

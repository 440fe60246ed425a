//! The one place that prints. Standard output carries what was asked for, standard error the talk around it, so that
//! either can be redirected without the other.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use anstream::{eprintln, println};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    args::{Colour, Format},
    exit::Failure,
};
use crate::report::{self, Signs, Style};

pub(super) struct Output {
    pub format: Format,
    pub style: Style,
    bar: Option<ProgressBar>,
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
        Self { format, style, bar: None }
    }

    /// What was asked for. Whoever has seen enough and closed the pipe is not an error.
    pub(super) fn data(&self, text: &str) {
        let print = || {
            let mut out = anstream::stdout().lock();
            let _ = writeln!(out, "{text}").and_then(|()| out.flush());
        };
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub(super) fn json(&self, value: &impl serde::Serialize) {
        if let Ok(text) = serde_json::to_string(value) {
            self.data(&text);
        }
    }

    /// The talk around it.
    pub(super) fn talk(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    pub(super) fn failure(&self, failure: &Failure) {
        let chain: Vec<String> = failure.error.chain().map(ToString::to_string).collect();
        self.talk(&format!("error: {}", chain.join(": ")));
        if let Some(hint) = &failure.hint {
            self.talk(&format!("  hint: {hint}"));
        }
    }

    /// A line at the bottom of a terminal that says what is going on; nothing where there is no terminal.
    pub(super) fn progress(&mut self, line: Option<String>) {
        if !std::io::stderr().is_terminal() || self.format == Format::Json {
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
                bar.set_message(line);
            }
        }
    }

    /// A file of data as it is, such as a schema.
    pub(super) fn raw(text: &str) {
        println!("{}", text.trim_end());
    }
}

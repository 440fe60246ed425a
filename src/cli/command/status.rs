//! `tidegate status`: where a run stands, what can be typed, and why. It only reads, and needs no right to do more.

use serde::Serialize;

use super::found::Found;
use crate::{
    cli::{
        args::{Format, Global, RunName},
        exit::{Below, Exit, Failure},
        output::Output,
    },
    journal::{RunId, requests},
    report,
    rollout::Command,
};

pub(super) async fn status(
    name: &RunName,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    let run = Found::named(name, global).await?;
    let found = match Found::read(run.clone(), global).await {
        Ok(found) => found,
        Err(failure) => {
            if output.format == Format::Json {
                output.json(&Damaged::of(run, &failure));
            }
            return Err(failure);
        }
    };
    let view = found.view(output).await;
    match output.format {
        Format::Json => output.json(&view),
        Format::Text => {
            output.page(report::status(&view, output.style).trim_end());
            for message in requests::<Command>(&found.store, &found.run).await? {
                if let Ok(request) = message.request {
                    let what = request.command.name();
                    output.line(&format!("waiting in the inbox: {what} by {}", request.by));
                }
            }
        }
    }
    Ok(Exit::Success)
}

/// What a program is told of a run that cannot be read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Damaged {
    run: RunId,
    /// In words, what is damaged, and how.
    unreadable: String,
    hint: Option<String>,
    /// The lines for a shell that put back what the run changed, as far as that is known.
    by_hand: Vec<String>,
}

impl Damaged {
    fn of(run: RunId, failure: &Failure) -> Self {
        let chain: Vec<String> = failure.error.chain().map(ToString::to_string).collect();
        let by_hand = match &failure.below {
            Below::Commands(lines) => lines.clone(),
            Below::Nothing | Below::Choices(_) => Vec::new(),
        };
        Self { run, unreadable: chain.join(": "), hint: failure.hint.clone(), by_hand }
    }
}

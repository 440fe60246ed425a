//! `tidegate status`: where a run stands, why, and what can be typed.

use super::found::Found;
use crate::{
    cli::{
        args::{Format, Global, RunName},
        exit::{Exit, Failure},
        output::Output,
    },
    journal::requests,
    report::{self, RunView},
    rollout::Command,
    runner::Clock,
};

pub(super) fn status(name: &RunName, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let found = Found::find(name, global)?;
    let view = RunView::of(&found.plan, &found.journal, Clock::System.now());
    match output.format {
        Format::Json => output.json(&view),
        Format::Text => {
            output.data(report::status(&view, output.style).trim_end());
            match found.driver()? {
                Some(driver) => output.data(&format!("driven by {driver}")),
                None => output.data("nobody drives it at the moment"),
            }
            for message in requests::<Command>(found.files.as_ref(), &found.run)? {
                if let Ok(request) = message.request {
                    let what = request.command.name();
                    output.data(&format!("waiting in the inbox: {what} by {}", request.by));
                }
            }
        }
    }
    Ok(Exit::Success)
}

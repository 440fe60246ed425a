//! `tidegate status`: where a run stands, what can be typed, and why. It only reads, and needs no right to do more.

use super::found::Found;
use crate::{
    cli::{
        args::{Format, Global, RunName},
        exit::{Exit, Failure},
        output::Output,
    },
    journal::requests,
    report,
    rollout::Command,
};

pub(super) async fn status(
    name: &RunName,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    let found = Found::find(name, global).await?;
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

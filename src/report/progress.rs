//! One line that says what is happening right now, for the bar that moves while a person watches.

use super::{
    RunView, Standing, StepStanding,
    words::{printable, span},
};
use crate::plan::GateName;

/// What is under way, on one line for a progress bar: `3/4 shift web to 5%  bake 1m20s/5m  errors: pass`. Nothing when
/// nothing moves by itself.
pub fn progress(view: &RunView) -> Option<String> {
    match view.standing {
        Standing::RollingBack => return view.why.first().map(|why| printable(why)),
        standing if !standing.moves() => return None,
        _ => {}
    }
    let several = view.components.len() > 1;
    let lines: Vec<String> = view
        .components
        .iter()
        .flat_map(|component| component.steps.iter().map(move |step| (component, step)))
        .filter(|(_, step)| step.state == StepStanding::Active)
        .map(|(component, step)| {
            let name = if several { format!("{} ", component.name) } else { String::new() };
            let how_far = match (&step.bake, step.started, view.now()) {
                (Some(bake), _, _) => {
                    format!("  bake {}/{}", span(bake.elapsed), span(bake.total))
                }
                (None, Some(started), Some(now)) => format!("  for {}", span(now.since(started))),
                (None, _, _) => String::new(),
            };
            let gates: String = step.gates.iter().map(|gate| reading_of(view, gate)).collect();
            printable(&format!("{name}{} {}{how_far}{gates}", step.place, step.what))
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("   "))
}

fn reading_of(view: &RunView, gate: &GateName) -> String {
    let reading = view.gates.iter().find(|g| g.gate == *gate).and_then(|g| g.reading.as_ref());
    reading.map_or_else(
        || format!("  {gate}: not read yet"),
        |reading| format!("  {gate}: {}", reading.outcome),
    )
}

//! The end of a page: what a person has to type to the AWS CLI, or to do by hand, where the run itself does nothing.

use super::{
    AwsCommand, RunView, Standing,
    words::{printable, target},
    wrap::wrapped,
};

/// As wide as a terminal is at the least.
const WIDTH: usize = 80;

/// Commands begin in the first column, so that they can be copied.
pub(super) fn typed(view: &RunView) -> Vec<String> {
    let mut lines = Vec::new();
    let drift = view.drifts.last().filter(|_| view.standing == Standing::Drift);
    if let Some(drift) = drift {
        let name = target(&drift.target);
        lines.extend(commands(&format!("{name}, as the run wants it:"), &drift.wanted));
        lines.extend(commands(&format!("{name}, as it was before the run:"), &drift.before));
        lines.extend(by_hand(&drift.by_hand));
        lines.extend(commands(&format!("{name}, as it stands now:"), &drift.look));
    }
    if view.standing == Standing::NeedsAttention {
        for item in &view.attention {
            let name = target(&item.target);
            lines.extend(commands(&format!("{name}, as it was before the run:"), &item.before));
            lines.extend(by_hand(&item.by_hand));
            lines.extend(commands(&format!("{name}, as it stands now:"), &item.look));
        }
    }
    lines
}

fn commands(what: &str, commands: &[AwsCommand]) -> Vec<String> {
    if commands.is_empty() {
        return Vec::new();
    }
    let lines = commands.iter().flat_map(AwsCommand::lines).map(|line| printable(&line));
    [String::new(), format!("  {what}")].into_iter().chain(lines).collect()
}

fn by_hand(all: &[String]) -> Vec<String> {
    let lines = all.iter().flat_map(|words| {
        let line = printable(&format!("  {words}"));
        std::iter::once(String::new()).chain(wrapped(&line, Some(WIDTH), 4))
    });
    lines.collect()
}

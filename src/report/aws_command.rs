//! One command of the AWS CLI, as a shell reads it: in one line for programs, and over several for people, none wider than
//! a terminal unless a word alone is.

use std::fmt;

use serde::{Serialize, Serializer};

/// As wide as a terminal is at the least.
const WIDTH: usize = 80;

/// One command of the AWS CLI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsCommand {
    /// `elbv2 modify-rule`.
    operation: &'static str,
    options: Vec<(&'static str, Word)>,
    /// What whoever types it has to know, as comments.
    remarks: Vec<String>,
}

/// What an option says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Known(String),
    /// What another command answers: the name of a thing that AWS has chosen.
    Answer(AwsCommand),
}

impl AwsCommand {
    pub(super) fn new(operation: &'static str) -> Self {
        Self { operation, options: Vec::new(), remarks: Vec::new() }
    }

    pub(super) fn with(mut self, option: &'static str, value: impl fmt::Display) -> Self {
        self.options.push((option, Word::Known(value.to_string())));
        self
    }

    pub(super) fn with_answer(mut self, option: &'static str, command: Self) -> Self {
        self.options.push((option, Word::Answer(command)));
        self
    }

    /// A comment says so: how a role is assumed is for each to know.
    pub(super) fn acting_as(self, role: &str) -> Self {
        self.remarked(format!("as {}", quoted(role)))
    }

    pub(super) fn remarked(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }

    /// Route 53 is the same in every region.
    pub(super) fn within(mut self, region: &str) -> Self {
        for (_, word) in &mut self.options {
            if let Word::Answer(command) = word {
                *command = command.clone().within(region);
            }
        }
        if self.operation.starts_with("route53 ") { self } else { self.with("region", region) }
    }

    /// The same command over several lines, none wider than a terminal unless a word alone is. A shell reads them as one.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.remarks.iter().map(|remark| format!("# {remark}")).collect();
        lines.push(format!("aws {}", self.operation));
        for (option, word) in &self.options {
            if let Some(last) = lines.last_mut() {
                last.push_str(" \\");
            }
            match word {
                Word::Known(value) => {
                    let text = format!("  --{option} {}", quoted(value));
                    if text.chars().count() + 2 > WIDTH && value.starts_with(['[', '{']) {
                        lines.push(format!("  --{option} \\"));
                        lines.extend(folded(&quoted(value)));
                    } else {
                        lines.push(text);
                    }
                }
                Word::Answer(command) => {
                    lines.push(format!("  --{option} \\"));
                    let answer = format!("\"$({})\"", command.lines().join("\n"));
                    lines.extend(answer.lines().map(|line| format!("    {line}")));
                }
            }
        }
        lines
    }
}

impl fmt::Display for AwsCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aws {}", self.operation)?;
        self.options.iter().try_for_each(|(option, word)| match word {
            Word::Known(value) => write!(f, " --{option} {}", quoted(value)),
            Word::Answer(command) => write!(f, " --{option} \"$({command})\""),
        })?;
        self.remarks.iter().try_for_each(|remark| write!(f, " # {remark}"))
    }
}

impl Serialize for AwsCommand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// As a shell takes a word, whatever is in it.
pub fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// JSON may be broken after a comma that is not in a string.
fn folded(json: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let (mut in_string, mut is_escaped) = (false, false);
    for c in json.chars() {
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if in_string => is_escaped = true,
            '"' => in_string = !in_string,
            ',' if !in_string => pieces.push(String::new()),
            _ => {}
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if line.chars().count() + piece.chars().count() <= WIDTH - 2 => {
                line.push_str(&piece);
            }
            _ => lines.push(format!("    {piece}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_word_whatever_is_in_it() {
        assert_eq!(quoted("arn:aws:x/y_1"), "arn:aws:x/y_1");
        assert_eq!(quoted("$(rm) it's"), r"'$(rm) it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_role_is_told_where_a_shell_passes_over_it() {
        let role = "arn:aws:iam::1:role/deploy";
        let command = AwsCommand::new("lambda get-alias").with("name", "live").acting_as(role);
        assert_eq!(command.to_string(), format!("aws lambda get-alias --name live # as {role}"));
        assert_eq!(command.lines()[0], format!("# as {role}"));
    }
}

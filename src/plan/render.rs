//! A plan written back as YAML: parameters filled in, strategies as steps, every default spelled out. It reads back
//! as the same plan; what `plan --expand` prints and what the digest is taken over are this one text. What stands in it
//! is the business of the forms, and how it is set of their declarations: here it gets air between its parts.

use super::{form::Form, plan_form::PlanForm, whole::Plan, yaml::Layout};
use crate::printable;

/// The plan as YAML that can be saved, edited and run: parameters filled in, strategies as steps, defaults spelled
/// out. Comments are not kept.
pub fn expand_to_yaml(plan: &Plan) -> String {
    let lines = match PlanForm::of(plan).lay_out() {
        Layout::Line(line) => vec![line],
        Layout::Lines(lines) => lines,
    };
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        let is_below = |line: Option<&String>| line.is_some_and(|line| line.starts_with(' '));
        let (before, after) = (at.checked_sub(1).and_then(|at| lines.get(at)), lines.get(at + 1));
        // A key with lines below it stands apart from what is around it.
        if !is_below(Some(line)) && (is_below(before) || is_below(after)) {
            out.push('\n');
        }
        out.push_str(line);
        out.push('\n');
    }
    printable::yaml(&out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::{
        model::Verb,
        params::fill_in,
        sample::{BLUE_GREEN, CANARY, EVERYTHING, plan, read_with},
        source::parse,
        span::SourceFile,
    };

    #[test]
    fn an_expansion_reads_back_as_the_same_plan() {
        for text in [CANARY, BLUE_GREEN, EVERYTHING] {
            let written = plan(text);
            assert_eq!(plan(&expand_to_yaml(&written)), written);
        }
    }

    /// As it was written: with its strategies and its short forms, and what is left out left out.
    fn written_back(text: &str) -> String {
        let mut problems = Vec::new();
        let mut root = parse(&SourceFile::new("p", text), &mut problems).unwrap();
        fill_in(&mut root, &BTreeMap::new(), &mut problems);
        PlanForm::read(&root, &mut problems).unwrap().write()
    }

    #[test]
    fn whatever_can_be_read_can_be_written() {
        for text in [CANARY, BLUE_GREEN, EVERYTHING] {
            let written = written_back(text);
            assert_eq!(plan(&written), plan(text), "{written}");
            assert_eq!(written_back(&written), written);
        }
    }

    #[test]
    fn everything_is_spelled_out() {
        insta::assert_snapshot!(expand_to_yaml(&plan(EVERYTHING)));
    }

    const TEXTS: &str = "\
tidegate: 1
name: x
params: { message: {}, alarm: {}, bake: {}, share: {} }
routes: { r: { alb: { load-balancer: lb, port: 80, pair: [a, b] } } }
gates: { g: { alarms: { names: ['${alarm}'] } } }
steps:
  - approve: { message: 'x${message}' }
  - shift: { route: r, candidate: '${share}', bake: '${bake}', gates: [g] }
";

    proptest! {
        #[test]
        fn whatever_a_text_contains_it_reads_back(
            message in any::<String>(), alarm in "\\PC{1,40}", bake in 0u64..1_000_000, share in 0u16..=1000,
        ) {
            let bake = format!("{bake}s");
            let share = format!("{}.{}%", share / 10, share % 10);
            let params =
                [("message", message.as_str()), ("alarm", &alarm), ("bake", &bake), ("share", &share)];
            let written = read_with(TEXTS, &params).unwrap().plan;
            let Verb::Approve { message: read, .. } = &written.components[0].steps[0].verb else {
                panic!("not an approval");
            };
            prop_assert_eq!(read, &format!("x{message}"));
            prop_assert_eq!(plan(&expand_to_yaml(&written)), written);
        }
    }
}

//! For the tests of the language: plans to start from, and what reading them tells.

use std::collections::BTreeMap;

use super::{
    problem::Problems,
    read::{Checked, read},
    span::SourceFile,
    whole::Plan,
};

pub(super) const CANARY: &str = include_str!("../../plans/canary-alb.yaml");
pub(super) const BLUE_GREEN: &str = include_str!("../../plans/blue-green-alb.yaml");
pub(super) const EIGHT_MISTAKES: &str =
    include_str!("../../tests/fixtures/plans/eight-mistakes.yaml");
/// Says everything that can be said, so that what is read is compared with the schema everywhere.
pub(super) const EVERYTHING: &str = include_str!("../../tests/fixtures/plans/everything.yaml");

/// The head of a plan with two routes, two fleets and some gates; steps follow.
pub(super) const HEAD: &str = "\
tidegate: 1
name: checkout
routes:
  web: { alb: { load-balancer: lb, port: 443, stable: blue, candidate: green } }
  api: { alb: { load-balancer: lb, port: 443, priority: 7, pair: [api-blue, api-green] } }
fleets:
  app: { autoscaling: { stable: blue, candidate: green }, behind: web }
  api: { autoscaling: { pair: [api-blue, api-green] }, behind: api }
gates:
  errors: { alarms: { names: [checkout-5xx] } }
  smoke: { http: { url: \"https://candidate.internal/health\" } }
";

pub(super) fn read_with(text: &str, params: &[(&str, &str)]) -> Result<Checked, Problems> {
    let params: BTreeMap<_, _> =
        params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    read(&SourceFile::new("plan.yaml", text), &params)
}

/// The plan, which is free of errors.
pub(super) fn plan(text: &str) -> Plan {
    match read_with(text, &[]) {
        Ok(checked) => checked.plan,
        Err(problems) => panic!("{}", drawn(&problems)),
    }
}

/// The codes of all errors, or of all warnings where there are no errors.
pub(super) fn codes(text: &str) -> Vec<&'static str> {
    let problems = read_with(text, &[]).map_or_else(|e| e, |checked| checked.warnings);
    problems.iter().map(|p| p.code).collect()
}

/// The codes of a plan with this behind the head; unused declarations are not told.
pub(super) fn codes_with(rest: &str) -> Vec<&'static str> {
    let codes = codes(&format!("{HEAD}{rest}"));
    codes.into_iter().filter(|code| *code != "lint::unused").collect()
}

/// The codes of a plan with these steps behind the head.
pub(super) fn codes_of(steps: &[&str]) -> Vec<&'static str> {
    codes_with(&format!("steps:\n  - {}\n", steps.join("\n  - ")))
}

/// The problems as a person sees them, without colour.
pub(super) fn drawn(problems: &Problems) -> String {
    problems.render(miette::GraphicalTheme::unicode_nocolor())
}

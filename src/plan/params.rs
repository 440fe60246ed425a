//! Parameters: what a plan leaves open for the start of a run. Values are filled into scalars of the parsed tree and
//! never into the text, so that no value can add a key or a step, whatever it contains.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::{Regex, RegexBuilder};

use super::{
    form::{Form, Named, Slot},
    plan_form::ParamForm,
    problem::{Problem, did_you_mean, enough, listed},
    source::parse,
    span::{SourceFile, Span, Spanned},
    tree::{MAX_TEXT, Node, Style, Value, too_much_text},
};

/// Bytes of a pattern, and of the value it is held against.
const LONGEST_MATCHED: usize = 4_096;
/// Bytes of a pattern as it is matched.
const LARGEST_PATTERN: usize = 256 * 1024;

/// How many characters tell one brace of a text from another.
const BEGUN: usize = 20;

/// Every declared parameter with its value; one whose value is missing or wrong has been reported.
type Values = BTreeMap<String, Option<String>>;

/// The names of the parameters a plan declares, as far as it can be read.
pub fn declared(source: &SourceFile) -> BTreeSet<String> {
    let mut problems = Vec::new();
    let root = parse(source, &mut problems);
    match root.as_ref().and_then(|root| root.get("params")).map(|params| &params.value) {
        Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.value.clone()).collect(),
        _ => BTreeSet::new(),
    }
}

/// Reads the `params` of a plan, takes `given` in, and fills the values into everything else.
pub(super) fn fill_in(
    root: &mut Node,
    given: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    let declared = match root.get("params") {
        Some(node) => Named::<ParamForm>::read(node, problems).unwrap_or(Named(Vec::new())),
        None => Named(Vec::new()),
    };
    let (place, what) = match root.get("params") {
        Some(node) => (node.span, "the parameters of the plan"),
        None => (Span::default(), "no `params:` in this plan"),
    };
    let names = || declared.0.iter().map(|(name, _)| name.value.as_str());
    let known: BTreeSet<&str> = names().collect();
    for name in given.keys().filter(|name| !known.contains(name.as_str())) {
        problems.push(unknown(
            name,
            names(),
            Problem::error(
                "plan::unknown-param",
                format!("the plan has no parameter `{name}`, but a value for it was given"),
            )
            .at(place, what),
        ));
    }
    let values: Values = declared
        .0
        .iter()
        .map(|(name, form)| {
            let value = form.as_ref().and_then(|form| {
                resolve(name, form, given.get(&name.value).map(String::as_str), problems)
            });
            (name.value.clone(), value)
        })
        .collect();
    let mut filler = Filler { values: &values, used: BTreeSet::new(), text: 0, problems };
    if let Value::Map(entries) = &mut root.value {
        entries
            .iter_mut()
            .filter(|e| e.key.value != "params")
            .for_each(|e| filler.fill(&mut e.value));
    }
    let used = filler.used;
    for (name, _) in declared.0.iter().filter(|(name, _)| !used.contains(&name.value)) {
        if enough(problems) {
            break;
        }
        problems.push(
            Problem::warning("lint::unused", format!("the parameter `{}` is not used", name.value))
                .at(name.span, "declared here")
                .help(format!("use it as `${{{}}}` in a value, or remove it", name.value)),
        );
    }
}

/// The value of one parameter, checked.
fn resolve(
    name: &Spanned<String>,
    form: &ParamForm,
    given: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let required = form.required.given().map(|r| (r.value, r.span));
    match (required, form.default.given()) {
        (Some((true, span)), Some(default)) => problems.push(
            Problem::error(
                "plan::param",
                format!("`{}` is required and has a default", name.value),
            )
            .at(span, "has to be given")
            .at(default.span, "does not have to be given")
            .help("keep one of the two"),
        ),
        (Some((false, span)), None) => problems.push(
            Problem::error(
                "plan::param",
                format!("`{}` has no value when none is given", name.value),
            )
            .at(span, "need not be given")
            .help("add a `default:`"),
        ),
        (Some(_) | None, Some(_) | None) => {}
    }
    if let Some(default) = form.default.given().filter(|default| default.value.0.contains("${")) {
        problems.push(
            Problem::warning(
                "lint::param-in-default",
                format!("the default of `{}` stands for itself", name.value),
            )
            .at(default.span, "parameters are not filled in here")
            .help("put the parameters together where they are used, such as `${app}-${side}`"),
        );
    }
    let value = given.or(form.default.given().map(|d| d.value.0.as_str()));
    let Some(value) = value else {
        if matches!(form.default, Slot::Broken) {
            return None;
        }
        problems.push(
            Problem::error(
                "plan::missing-param",
                format!("the parameter `{}` has no value", name.value),
            )
            .at(name.span, "has to be given")
            .help(format!("add `--param {}=…`, or give it a `default:`", name.value)),
        );
        return None;
    };
    let Some(pattern) = form.pattern.given() else { return Some(value.to_owned()) };
    if pattern.value.len().max(value.len()) > LONGEST_MATCHED {
        problems.push(
            Problem::error(
                "plan::param-pattern",
                format!(
                    "pattern and value of `{}` have at most {LONGEST_MATCHED} bytes",
                    name.value
                ),
            )
            .at(pattern.span, "too long, or its value is")
            .help("match what tells a right value from a wrong one, or leave the pattern out"),
        );
        return None;
    }
    // The pattern alone is compiled first: what closes our group too early must not get through.
    let whole = regex(&pattern.value).and_then(|_| regex(&format!(r"\A(?:{})\z", pattern.value)));
    match whole {
        Ok(whole) if whole.is_match(value) => return Some(value.to_owned()),
        Ok(_) => problems.push(
            Problem::error(
                "plan::param-pattern",
                format!("`{value}` is not a possible value of `{}`", name.value),
            )
            .at(pattern.span, "the whole value has to match this")
            .help(match given {
                Some(_) => format!("give another value with `--param {}=…`", name.value),
                None => "change the default or the pattern".to_owned(),
            }),
        ),
        Err(error) => problems.push(
            Problem::error("plan::param-pattern", format!("not a regular expression: {error}"))
                .at(pattern.span, "cannot be read")
                .help("write a pattern such as \"ami-[0-9a-f]+\""),
        ),
    }
    None
}

/// A pattern that repeats repetitions grows with their product.
fn regex(pattern: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build()
}

fn unknown<'a>(
    name: &str,
    names: impl Iterator<Item = &'a str> + Clone,
    problem: Problem,
) -> Problem {
    let meant = did_you_mean(name, names.clone())
        .map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
    let exist = if names.clone().next().is_none() {
        "the plan declares none; add it under `params:`".to_owned()
    } else {
        format!("declared are {}", listed(names))
    };
    problem.help(format!("{meant}{exist}"))
}

/// Adds to a problem that the value it complains of is not the one a person sees in the file.
pub(super) fn mention(source: &SourceFile, problem: &mut Problem) {
    let Some(span) = problem.labels.first().map(|label| label.span) else { return };
    let Some(text) = source.text().get(span.start..span.end) else { return };
    if text.contains("${") {
        let written = text.trim_matches(['"', '\'']);
        let help = problem.help.take().unwrap_or_default();
        problem.help = Some(format!("{help} (`{written}` is filled in by a parameter)"));
    }
}

struct Filler<'a> {
    values: &'a Values,
    used: BTreeSet<String>,
    /// Bytes that were filled in.
    text: usize,
    problems: &'a mut Vec<Problem>,
}

impl Filler<'_> {
    fn fill(&mut self, node: &mut Node) {
        if self.text > MAX_TEXT || enough(self.problems) {
            return;
        }
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.fill(item)),
            Value::Map(entries) => entries.iter_mut().for_each(|e| self.fill(&mut e.value)),
            Value::Scalar { text, .. } if text.contains("${") => {
                node.value = match self.filled(text, node.span) {
                    Some(text) => Value::Scalar { text, style: Style::Filled },
                    None => Value::Broken,
                };
            }
            Value::Scalar { .. } | Value::Broken => {}
        }
    }

    /// The text with its parameters filled in, `None` if one of them has no value.
    fn filled(&mut self, text: &str, span: Span) -> Option<String> {
        let (mut result, mut rest, mut complete) = (String::new(), text, true);
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                result.push_str(before);
                result.push_str("${");
                rest = after;
                continue;
            }
            result.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                let more = if after.chars().nth(BEGUN).is_some() { "…" } else { "" };
                let begun: String = after.chars().take(BEGUN).collect();
                self.problems.push(
                    Problem::error("plan::param", "this parameter is not closed")
                        .at(span, format!("`${{{begun}{more}` without `}}`"))
                        .help("write `${name}`, or `$${` for the characters themselves"),
                );
                return None;
            };
            rest = after;
            match self.values.get(name) {
                Some(Some(value)) => {
                    self.text += value.len();
                    if self.text > MAX_TEXT {
                        self.problems.push(too_much_text(span));
                        return None;
                    }
                    result.push_str(value);
                }
                Some(None) => complete = false,
                None => {
                    complete = false;
                    let problem = Problem::error(
                        "plan::unknown-param",
                        format!("there is no parameter `{name}`"),
                    )
                    .at(span, "used here");
                    self.problems.push(unknown(
                        name,
                        self.values.keys().map(String::as_str),
                        problem,
                    ));
                }
            }
            if self.values.contains_key(name) {
                self.used.insert(name.to_owned());
            }
            if enough(self.problems) {
                return None;
            }
        }
        result.push_str(rest);
        complete.then_some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        sample::{CANARY, read_with},
        source::parse,
    };

    fn filled(text: &str, given: &[(&str, &str)]) -> (Node, Vec<&'static str>) {
        let mut problems = Vec::new();
        let mut root = parse(&SourceFile::new("p.yaml", text), &mut problems).unwrap();
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        fill_in(&mut root, &given, &mut problems);
        (root, problems.iter().map(|p| p.code).collect())
    }

    fn text_of(node: &Node, key: &str) -> String {
        match &node.get(key).unwrap().value {
            Value::Scalar { text, .. } => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_given_wins_over_the_default_and_stands_anywhere_in_a_text() {
        let plan = "params: { app: { default: shop } }\na: ${app}-blue\nb: ['x-${app}-${app}']\n";
        assert_eq!(text_of(&filled(plan, &[]).0, "a"), "shop-blue");
        let (root, problems) = filled(plan, &[("app", "till")]);
        assert_eq!((text_of(&root, "a").as_str(), problems.len()), ("till-blue", 0));
    }

    #[test]
    fn a_value_stays_one_scalar_whatever_it_contains() {
        let (root, problems) =
            filled("params: { p: {} }\na: ${p}\n", &[("p", "x\nsteps: [{ shift: {} }] # ${p}")]);
        assert_eq!(text_of(&root, "a"), "x\nsteps: [{ shift: {} }] # ${p}");
        assert!(problems.is_empty());
        let null = filled("params: { p: {} }\na: ${p}\n", &[("p", "null")]).0;
        assert!(!null.get("a").unwrap().is_null());
    }

    #[test]
    fn a_doubled_dollar_stands_for_itself() {
        assert_eq!(text_of(&filled("a: $${b} $5\n", &[]).0, "a"), "${b} $5");
    }

    #[test]
    fn of_several_parameters_in_a_text_the_one_that_is_not_closed_is_named() {
        let told = |text: &str| {
            let plan = CANARY.replacen("${app}-5xx", text, 1);
            let problems = read_with(&plan, &[]).unwrap_err();
            problems.iter().next().unwrap().labels[0].text.clone()
        };
        assert_eq!(told("${app}-${app-5xx"), "`${app-5xx` without `}`");
        assert_eq!(told("${a-very-long-name-and-more"), "`${a-very-long-name-and…` without `}`");
    }

    #[test]
    fn what_is_wrong_with_parameters_is_told() {
        let codes = |text, given| filled(text, given).1;
        assert_eq!(
            codes("params: { p: { required: true } }\na: ${p}\n", &[]),
            ["plan::missing-param"]
        );
        assert_eq!(codes("a: ${p}\n", &[]), ["plan::unknown-param"]);
        assert_eq!(codes("a: 1\n", &[("p", "x")]), ["plan::unknown-param"]);
        assert_eq!(codes("a: ${p\n", &[]), ["plan::param"]);
        let plan = "params: { p: { pattern: 'a|b' } }\na: ${p}\n";
        assert_eq!(codes(plan, &[("p", "ab")]), ["plan::param-pattern"]);
        assert_eq!(codes(plan, &[("p", "b")]), Vec::<&str>::new());
        let early = "params: { p: { pattern: 'a)|(.*' } }\na: ${p}\n";
        assert_eq!(codes(early, &[("p", "zzz")]), ["plan::param-pattern"]);
        assert_eq!(codes("params: { p: { default: 1 } }\n", &[]), ["lint::unused"]);
        let nested = "params: { a: { default: x }, p: { default: '${a}-y' } }\nb: ${a}${p}\n";
        assert_eq!(codes(nested, &[]), ["lint::param-in-default"]);
    }
}

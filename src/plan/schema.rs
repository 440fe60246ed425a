//! The JSON schema of a plan, for editors: made from the same declarations the reader works with.

use serde_json::json;

use super::{
    form::{Definitions, Form},
    plan_form::PlanForm,
};

/// The schema as text, the same every time.
pub fn schema() -> String {
    let mut definitions = Definitions::new();
    let root = PlanForm::schema(&mut definitions);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tidegate plan",
        "$defs": definitions,
    });
    if let (Some(schema), Some(root)) = (schema.as_object_mut(), root.as_object()) {
        schema.extend(root.clone());
    }
    format!("{schema:#}\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value as Json;

    use super::*;
    use crate::plan::{
        form::Named,
        params::fill_in,
        plan_form::ParamForm,
        sample::{BLUE_GREEN, CANARY, EVERYTHING, codes},
        source::parse,
        span::SourceFile,
        tree::{Node, Style, Value},
    };

    fn validator() -> jsonschema::Validator {
        jsonschema::validator_for(&serde_json::from_str(&schema()).unwrap()).unwrap()
    }

    fn tree(text: &str) -> Node {
        parse(&SourceFile::new("p", text), &mut Vec::new()).unwrap()
    }

    fn to_json(node: &Node) -> Json {
        match &node.value {
            Value::Scalar { .. } if node.is_null() => Json::Null,
            Value::Scalar { text, style: Style::Plain | Style::Filled } => {
                serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
            }
            Value::Scalar { text, .. } => text.as_str().into(),
            Value::List(items) => items.iter().map(to_json).collect(),
            Value::Map(entries) => Json::Object(
                entries.iter().map(|e| (e.key.value.clone(), to_json(&e.value))).collect(),
            ),
            Value::Broken => panic!("a sample is not broken"),
        }
    }

    /// Whether the reader takes the form of a plan; JSON is YAML.
    fn is_read(json: &Json) -> bool {
        let mut problems = Vec::new();
        let root = tree(&json.to_string());
        if let Some(params) = root.get("params") {
            Named::<ParamForm>::read(params, &mut problems);
        }
        PlanForm::read(&root, &mut problems);
        problems.is_empty()
    }

    #[test]
    fn the_schema_in_plans_is_the_one_of_this_program() {
        let stored = include_str!("../../plans/schema.json");
        assert!(stored == schema(), "write it anew: tidegate schema > plans/schema.json");
    }

    #[test]
    fn the_plans_that_teach_the_language_fit_the_schema() {
        let validator = validator();
        for text in [CANARY, BLUE_GREEN, EVERYTHING] {
            // With parameters in place and filled in.
            let mut root = tree(text);
            assert!(validator.is_valid(&to_json(&root)));
            fill_in(&mut root, &BTreeMap::new(), &mut Vec::new());
            let errors: Vec<_> = validator
                .iter_errors(&to_json(&root))
                .map(|e| format!("{} {e}", e.instance_path()))
                .collect();
            assert_eq!(errors, [""; 0]);
        }
    }

    /// With the parameters filled in.
    fn everything() -> Json {
        let mut root = tree(EVERYTHING);
        fill_in(&mut root, &BTreeMap::new(), &mut Vec::new());
        to_json(&root)
    }

    /// Every plan that comes from `json` by spoiling one value or key somewhere.
    fn spoiled(json: &Json) -> Vec<Json> {
        let mut all: Vec<Json> =
            [json!({}), json!([]), json!(7), json!(true), json!("?"), Json::Null]
                .into_iter()
                .collect();
        match json {
            Json::Object(map) => {
                for (key, value) in map {
                    let mut without = map.clone();
                    without.remove(key);
                    all.push(without.clone().into());
                    for (other, value) in
                        [(format!("{key}x"), value.clone()), ("A b".into(), value.clone())]
                    {
                        let mut renamed = without.clone();
                        renamed.insert(other, value);
                        all.push(renamed.into());
                    }
                    for spoiled in spoiled(value) {
                        let mut changed = map.clone();
                        changed.insert(key.clone(), spoiled);
                        all.push(changed.into());
                    }
                }
                let mut more = map.clone();
                more.insert("extra".to_owned(), Json::Null);
                all.push(more.into());
            }
            Json::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    for spoiled in spoiled(item) {
                        let mut changed = items.clone();
                        changed[i] = spoiled;
                        all.push(changed.into());
                    }
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
        all
    }

    #[test]
    fn reader_and_schema_agree_on_every_spoiled_plan() {
        let (validator, whole) = (validator(), everything());
        assert!(is_read(&whole) && validator.is_valid(&whole));
        let all = spoiled(&whole);
        assert!(all.len() > 1000, "{}", all.len());
        for json in all.iter().filter(|json| !json.is_null()) {
            let by_schema = validator.is_valid(json);
            assert_eq!(is_read(json), by_schema, "schema says {by_schema} of {json}");
        }
    }

    /// One of seven: all of them pass, and take as long as all other tests of the language.
    #[test]
    fn whatever_a_spoiled_plan_is_without_is_told() {
        for json in spoiled(&everything()).iter().step_by(7) {
            let codes = codes(&json.to_string());
            assert!(!codes.contains(&"plan::internal"), "{codes:?} of {json}");
        }
    }
}

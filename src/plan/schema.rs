//! The JSON schema of a plan, for editors: made from the same declarations the reader works with.

use serde_json::json;

use super::{
    form::{Definitions, Form},
    syntax::PlanForm,
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

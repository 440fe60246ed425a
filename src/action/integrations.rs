//! Where the variables of a stage lead to. A variable that names a function, or an alias of one, decides at every request who
//! answers it, and API Gateway asks neither whether that is there nor whether it may call it until somebody sends one. So the
//! methods of the API are followed with the variables that the candidate will run by.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/aws-api-gateway-stage-variables-reference.html>

use std::collections::BTreeMap;

use super::{
    objection::{Notes, Objection},
    takers::{CalledBy, check_taker},
};
use crate::{
    cloud::{Error, Integration, Reads},
    plan::{Deployed, Member, RouteName},
    rollout::StagePlace,
};

/// What stands before the name of a variable, and behind it.
const OPENS: &str = "${stageVariables.";
const CLOSES: char = '}';

/// Follows them from the stage at a place; what cannot be asked is told.
pub(super) async fn follow_variables(
    name: &RouteName,
    (place, candidate): (&str, &Deployed),
    reads: &Reads,
    notes: &mut Notes,
) {
    let mut unasked = |error: &Error| {
        notes.warnings.push(format!(
            "route {name}: it was not asked whether the functions that the stage's variables name are there and let API \
             Gateway in: {error}"
        ));
    };
    let integrations = match reads.stages.integrations(place).await {
        Ok(integrations) if integrations.is_empty() => return,
        Ok(integrations) => integrations,
        Err(error) => return unasked(&error),
    };
    let account = match reads.identity.caller().await {
        Ok(caller) => caller.account,
        Err(error) => return unasked(&error),
    };
    let Some(api) = Api::of(place, &account) else { return };
    let mut functions: BTreeMap<Member, Vec<&Integration>> = BTreeMap::new();
    for integration in &integrations {
        match named(&integration.function, candidate) {
            Ok(function) => functions.entry(api.function(&function)).or_default().push(integration),
            Err(variable) => notes.warnings.push(format!(
                "route {name}: {} is answered by a function that stage variable {variable} names, and there is none of \
                 that name",
                called(integration)
            )),
        }
    }
    for (function, methods) in functions {
        match reads.takers.taker(&api.home, &function).await {
            Ok(taker) => {
                for by in methods.iter().map(|method| api.by(method, methods.len())) {
                    let before = notes.objections.len();
                    check_taker(name, &function, &taker, &by, notes);
                    // One command lets them all in.
                    if notes.objections.len() > before {
                        break;
                    }
                }
            }
            Err(error @ Error::Absent { .. }) => {
                let methods: Vec<String> = methods.into_iter().map(called).collect();
                notes.objections.push(Objection::new(
                    format!(
                        "route {name}: {function} does not exist, and would answer {} ({error})",
                        methods.join(", ")
                    ),
                    "make it, or correct the variables of the stage or the plan",
                ));
            }
            Err(error) => notes.warnings.push(format!(
                "route {name}: it was not asked whether {function} is there and lets API Gateway in: {error}"
            )),
        }
    }
}

/// As in `GET /orders`.
fn called(integration: &Integration) -> String {
    format!("{} {}", integration.method, integration.path)
}

/// A text with the values of the variables in it, or the name of one that is not there.
fn named(text: &str, candidate: &Deployed) -> Result<String, String> {
    let mut parts = text.split(OPENS);
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once(CLOSES).unwrap_or((part, ""));
        let value = candidate.variables.get(variable).ok_or_else(|| variable.to_owned())?;
        named.push_str(value);
        named.push_str(rest);
    }
    Ok(named)
}

/// An API, as the functions behind it know it.
struct Api<'a> {
    /// `arn:aws:execute-api:region:account:api`.
    home: String,
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    place: StagePlace<'a>,
}

impl<'a> Api<'a> {
    fn of(place: &'a str, account: &'a str) -> Option<Self> {
        let place = StagePlace::of(place)?;
        let mut parts = place.arn.split(':').skip(1);
        let (partition, region) = (parts.next()?, parts.nth(1)?);
        let home = format!("arn:{partition}:execute-api:{region}:{account}:{}", place.api);
        Some(Self { home, partition, region, account, place })
    }

    /// The ARN of a function, which an integration may name by its name as well.
    fn function(&self, named: &str) -> Member {
        let Self { partition, region, account, .. } = self;
        Member::new(match named.strip_prefix("arn:") {
            Some(_) => named.to_owned(),
            None => format!("arn:{partition}:lambda:{region}:{account}:function:{named}"),
        })
    }

    /// API Gateway, calling for a method; where there are several of a function, one statement serves all.
    fn by<'b>(&self, integration: &'b Integration, methods: usize) -> CalledBy<'b> {
        let Integration { method, path, role, .. } = integration;
        // Permissions for `ANY` are written so.
        let method = if method == "ANY" { "*" } else { method };
        let StagePlace { api, name, .. } = self.place;
        CalledBy {
            service: "apigateway.amazonaws.com",
            name: "API Gateway",
            what: called(integration),
            source: format!("{}/{name}/{method}{path}", self.home),
            let_in: match methods {
                1 => format!("{}/*/{method}{}", self.home, any(path)),
                _ => format!("{}/*", self.home),
            },
            statement: format!("api-{api}"),
            role: role.as_deref(),
            unasked: "its requests are answered with errors: call it once through the API, or watch the stage's 5XXError",
        }
    }
}

/// A path with `*` for what differs from request to request.
fn any(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3/stages/prod";

    fn deployed(pairs: &[(&str, &str)]) -> Deployed {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Deployed::new("d2", pairs.collect())
    }

    #[test]
    fn variables_are_put_where_they_belong_and_one_that_is_missing_is_named() {
        let candidate = deployed(&[("alias", "next"), ("service", "orders")]);
        let arn = "arn:aws:lambda:eu-west-1:1:function:";
        let text = format!("{arn}${{stageVariables.service}}:${{stageVariables.alias}}");
        assert_eq!(named(&text, &candidate), Ok(format!("{arn}orders:next")));
        assert_eq!(named("${stageVariables.version}", &candidate), Err("version".to_owned()));
        assert_eq!(named("orders", &candidate), Ok("orders".to_owned()));
    }

    #[test]
    fn a_function_is_known_by_its_name_and_called_for_a_method_of_a_stage() {
        let api = Api::of(PLACE, "111122223333").unwrap();
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:orders:next";
        assert_eq!(api.function("orders:next").as_str(), arn);
        assert_eq!(api.function(arn).as_str(), arn);
        let of = |method: &str, path: &str| Integration {
            method: method.to_owned(),
            path: path.to_owned(),
            function: String::new(),
            role: None,
        };
        let home = "arn:aws:execute-api:eu-west-1:111122223333:a1b2c3";
        let one = of("GET", "/orders/{id}");
        let by = api.by(&one, 1);
        assert_eq!(by.source, format!("{home}/prod/GET/orders/{{id}}"));
        assert_eq!(by.let_in, format!("{home}/*/GET/orders/*"));
        assert_eq!(by.what, "GET /orders/{id}");
        let any = of("ANY", "/");
        assert_eq!(api.by(&any, 1).source, format!("{home}/prod/*/"));
        assert_eq!(api.by(&any, 2).let_in, format!("{home}/*"));
    }
}

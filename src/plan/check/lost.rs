//! What was read comes to something, or its author is told why not. A plan that is silently without one of its steps or
//! gates is the worst that could be run: should a form be read and its check neither make something of it nor say a
//! word, then this is an error of ours, and told as one. Steps, routes, fleets and gates all come through here.

use std::collections::BTreeMap;

use crate::plan::{
    form::{Form, Named, Slot},
    problem::{Problem, enough},
    span::Span,
};

/// What a check makes of something that was written here. If that is nothing, the check has told why, or the reader has
/// before it because the form is not whole, or so much is wrong that no more is told.
pub(super) fn made<'form, F: Form, T>(
    what: &str,
    at: Span,
    form: Option<&'form F>,
    problems: &mut Vec<Problem>,
    check: impl FnOnce(&'form F, &mut Vec<Problem>) -> Option<T>,
) -> Option<T> {
    let errors = |problems: &[Problem]| problems.iter().filter(|it| it.is_error()).count();
    let before = errors(problems);
    let checked = form.and_then(|form| check(form, problems));
    let told_by_reader = before > 0 && !form.is_some_and(Form::is_whole);
    let is_told = told_by_reader || errors(problems) > before || enough(problems);
    if checked.is_none() && !is_told {
        problems.push(
            Problem::error("plan::internal", format!("tidegate has lost this {what}"))
                .at(at, "came to nothing")
                .help(
                    "this is a fault of tidegate, not of the plan; please report it with this plan",
                ),
        );
    }
    checked
}

/// What came of the things of a mapping, by name, each with the place of its name.
pub(super) fn declared<N: Ord, F: Form, T>(
    what: &str,
    forms: &Slot<Named<F>>,
    name: impl Fn(&str) -> N,
    problems: &mut Vec<Problem>,
    mut check: impl FnMut(&F, &mut Vec<Problem>) -> Option<T>,
) -> BTreeMap<N, (T, Span)> {
    let forms = forms.given().map_or(&[][..], |forms| &forms.value.0);
    let read = forms.iter().filter_map(|(key, form)| {
        let thing = made(what, key.span, form.as_ref(), problems, &mut check)?;
        Some((name(&key.value), (thing, key.span)))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::plan::{
        check::{check, lost::made},
        form::{Form, Slot},
        plan_form::PlanForm,
        problem::Problem,
        route_form::RouteForm,
        sample::HEAD,
        source::parse,
        span::SourceFile,
    };

    /// The errors of a plan that was read, and then lost something that its text has, each with the key it points to.
    fn told(steps: &str, lose: impl Fn(&mut PlanForm)) -> Vec<(&'static str, String, String)> {
        let source = SourceFile::new("plan.yaml", format!("{HEAD}{steps}"));
        let mut problems = Vec::new();
        let root = parse(&source, &mut problems).unwrap();
        let mut form = PlanForm::read(&root, &mut problems).unwrap();
        lose(&mut form);
        let plan = check(&form, root.span, BTreeMap::new(), &mut problems);
        problems.retain(Problem::is_error);
        assert_eq!(plan.is_none(), !problems.is_empty());
        let errors = problems.iter().map(|problem| {
            let rest = &source.text()[problem.labels[0].span.start..];
            let place = rest.split(':').next().unwrap();
            (problem.code, problem.message.clone(), place.to_owned())
        });
        errors.collect()
    }

    fn given<T>(slot: &mut Slot<T>) -> &mut T {
        let Slot::Given(given) = slot else { panic!("it is in the text") };
        &mut given.value
    }

    const STEPS: &str = "steps:\n  - probe: smoke\n  - pause: 5m\n";
    const STRATEGY: &str =
        "strategy: { blue-green: { route: web, fleet: app, bake: 10m, gates: [errors] } }\n";
    const COMPONENTS: &str = "components: { one: { steps: [pause: 5m] } }\n";

    fn internal(what: &str, place: &str) -> Vec<(&'static str, String, String)> {
        vec![("plan::internal", format!("tidegate has lost this {what}"), place.to_owned())]
    }

    #[test]
    fn a_plan_without_a_loss_is_none() {
        for steps in [STEPS, STRATEGY, COMPONENTS] {
            assert_eq!(told(steps, |_| ()), []);
        }
    }

    #[test]
    fn what_comes_to_nothing_without_a_word_is_an_error_of_ours() {
        let step = told(STEPS, |form| given(&mut form.steps)[1].value.pause = Slot::Absent);
        assert_eq!(step, internal("step", "pause"));
        let route = |form: &mut PlanForm| {
            given(&mut form.routes).0[1].1.as_mut().unwrap().alb = Slot::Absent;
        };
        assert_eq!(told(STEPS, route), internal("route", "api"));
        let fleet = |form: &mut PlanForm| {
            given(&mut form.fleets).0[0].1.as_mut().unwrap().autoscaling = Slot::Absent;
        };
        assert_eq!(told(STEPS, fleet), internal("fleet", "app"));
        let gate = |form: &mut PlanForm| given(&mut form.gates).0[1].1 = None;
        assert_eq!(told(STEPS, gate), internal("gate", "smoke"));
    }

    #[test]
    fn so_is_a_strategy_a_component_or_all_that_one_does() {
        let strategy = |form: &mut PlanForm| given(&mut form.strategy).blue_green = Slot::Absent;
        assert_eq!(told(STRATEGY, strategy), internal("strategy", "strategy"));
        let component = |form: &mut PlanForm| given(&mut form.components).0[0].1 = None;
        assert_eq!(told(COMPONENTS, component), internal("component", "one"));
        let steps = |form: &mut PlanForm| {
            given(&mut form.components).0[0].1.as_mut().unwrap().steps = Slot::Absent;
        };
        assert_eq!(told(COMPONENTS, steps), internal("component", "one"));
        let all = told(STEPS, |form| form.steps = Slot::Absent);
        assert_eq!(all, internal("plan", "tidegate"));
    }

    #[test]
    fn it_is_told_beside_other_errors_and_not_in_place_of_them() {
        let codes = |route: &str| {
            let mut problems = vec![Problem::error("plan::blank", "something else")];
            let source = SourceFile::new("plan.yaml", format!("a: {route}"));
            let node = parse(&source, &mut problems).unwrap();
            let form = RouteForm::read(node.get("a").unwrap(), &mut problems).unwrap();
            let lost = |_: &RouteForm, _: &mut Vec<Problem>| None::<()>;
            assert_eq!(made("route", node.span, Some(&form), &mut problems, lost), None);
            problems.into_iter().skip(1).map(|problem| problem.code).collect::<Vec<_>>()
        };
        let whole = "{ nlb: { load-balancer: lb, port: 80, pair: [a, b] } }";
        assert_eq!(codes(whole), ["plan::internal"]);
        assert_eq!(codes(&whole.replace("80", "eighty")), ["plan::wrong-type"]);
        assert_eq!(codes("{}"), ["plan::missing-field"]);
        assert_eq!(codes(&whole.replace("lb,", "lb, listener: l,")), ["plan::ambiguous"]);
    }

    #[test]
    fn what_has_been_told_is_not_told_as_ours() {
        let broken = STEPS.replace("5m", "5");
        let codes: Vec<_> = told(&broken, |_| ()).into_iter().map(|(code, ..)| code).collect();
        assert_eq!(codes, ["plan::unit"]);
    }
}

//! The way from a file to a plan: text, tree, parameters, form, checks. Everything wrong on the way is told at once.

use std::collections::BTreeMap;

use super::{
    attached,
    check::check,
    form::Form,
    params,
    plan_form::PlanForm,
    problem::{Problem, Problems},
    source::parse,
    span::SourceFile,
    whole::Plan,
};

/// A plan that can run, with what is doubtful about it.
#[derive(Clone, Debug)]
pub struct Checked {
    pub plan: Plan,
    /// Empty most of the time.
    pub warnings: Problems,
}

/// Reads a plan with these parameters: the plan, or every error in it. (With errors there are no warnings; a doubt
/// about a plan that cannot run is noise.)
pub fn read(source: &SourceFile, params: &BTreeMap<String, String>) -> Result<Checked, Problems> {
    let mut problems = Vec::new();
    let plan = plan(source, params, &mut problems);
    match plan {
        Some(plan) if !problems.iter().any(Problem::is_error) => {
            Ok(Checked { plan, warnings: Problems::new(source, problems) })
        }
        Some(_) | None => {
            problems.retain(Problem::is_error);
            Err(Problems::new(source, problems))
        }
    }
}

fn plan(
    source: &SourceFile,
    params: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Option<Plan> {
    let mut root = parse(source, problems)?;
    params::fill_in(&mut root, params, problems);
    let before = problems.len();
    let files = attached::take_in(&mut root, source, problems);
    let plan =
        PlanForm::read(&root, problems).and_then(|form| check(&form, root.span, files, problems));
    for problem in problems.iter_mut().skip(before) {
        params::mention(source, problem);
    }
    plan
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::{
        names::{Member, RouteName, StepId},
        route::*,
        route_kind::*,
        sample::{
            BLUE_GREEN, CANARY, EIGHT_MISTAKES, EVERYTHING, HEAD, codes, codes_with, drawn, plan,
            read_with,
        },
    };

    #[test]
    fn the_canary_is_read_as_it_is_written() {
        let checked = read_with(CANARY, &[("app", "till"), ("bake", "5s")]).unwrap();
        let plan = checked.plan;
        assert_eq!(plan.name.as_str(), "till");
        let ids: Vec<_> = plan.steps().map(|(_, step)| step.id.to_string()).collect();
        assert_eq!(
            ids,
            [
                "main/1-scale",
                "main/2-wait",
                "main/3-shift",
                "main/4-shift",
                "main/5-shift",
                "main/6-shift",
                "main/7-scale"
            ]
        );
        let fleet = &plan.fleets["app"];
        assert_eq!(fleet.behind.as_ref().map(RouteName::as_str), Some("web"));
        assert_eq!(fleet.sides, Sides::Pair([Member::new("till-blue"), Member::new("till-green")]));
        assert_eq!(fleet.sides, plan.routes["web"].sides);
        let (_, step) = plan.step(&StepId::new("main/3-shift")).unwrap();
        assert_eq!(step.timeout, Some(Duration::from_secs(30 * 60 + 5)));
    }

    #[test]
    fn the_plans_that_teach_the_language_raise_no_warning() {
        for text in [CANARY, BLUE_GREEN, EVERYTHING] {
            let checked = read_with(text, &[]).unwrap_or_else(|e| panic!("{}", drawn(&e)));
            assert!(checked.warnings.is_empty(), "{}", drawn(&checked.warnings));
        }
    }

    #[test]
    fn eight_mistakes_are_told_at_once() {
        let problems = read_with(EIGHT_MISTAKES, &[]).unwrap_err();
        assert_eq!(problems.len(), 8);
        insta::assert_snapshot!(drawn(&problems));
    }

    #[test]
    fn every_mistake_has_its_code() {
        let steps = |steps: &str| codes_with(&format!("steps:\n{steps}"));
        let shift = |extra: &str| {
            steps(&format!("  - shift: {{ route: web, candidate: 100%, {extra} }}\n"))
        };
        assert_eq!(shift("bake: 10m, gates: [errors]"), [""; 0]);
        assert_eq!(shift("gates: [errors, errors]"), ["plan::repeated"]);
        assert_eq!(shift("bake: 1h, gates: [errors], timeout: 1h"), ["plan::timeout"]);
        assert_eq!(shift("bake: soon"), ["plan::duration"]);
        assert_eq!(shift("min-request: 5"), ["plan::unknown-field"]);
        assert_eq!(
            steps("  - shift: { route: web, candidate: 5.55%, bake: 0s }\n"),
            ["plan::too-fine"]
        );
        assert_eq!(
            steps("  - shift: { route: wep, candidate: 5%, bake: 0s }\n"),
            ["plan::unknown-route"]
        );
        assert_eq!(
            steps("  - scale: { fleet: ap, side: stable, to: 1 }\n"),
            ["plan::unknown-fleet"]
        );
        assert_eq!(steps("  - scale: { fleet: app, side: left, to: 1 }\n"), ["plan::unknown-word"]);
        assert_eq!(
            steps("  - scale: { fleet: app, side: stable, to: -1 }\n"),
            ["plan::wrong-type"]
        );
        assert_eq!(
            steps("  - scale: { fleet: app, side: stable, to: { same-as: stable } }\n"),
            ["plan::same-sides"]
        );
        assert_eq!(steps("  - wait: 5m\n"), ["plan::wrong-type"]);
        assert_eq!(steps("  - notify: {}\n"), ["plan::unknown-verb"]);
        assert_eq!(steps("  - pause: 5m\n    probe: smoke\n"), ["plan::ambiguous"]);
        assert_eq!(steps("  - probe: { gate: smoke, timeout: 0s }\n"), ["plan::out-of-range"]);
        assert_eq!(steps("  - approve: { message: ' ' }\n"), ["plan::blank"]);
        assert_eq!(steps("  - approve: { message: go, on-expiry: hold }\n"), ["plan::stray-field"]);
        assert_eq!(steps("  - approve: { message: go, from: [ann] }\n"), ["plan::arn"]);
        let two = "  - approve: { message: go, from: ['arn:aws:iam::1:user/ann'], quorum: 2 }\n";
        assert_eq!(steps(two), ["plan::quorum"]);
        assert_eq!(steps(&two.replace("ann", "*")), [""; 0]);
        assert_eq!(codes_with("steps: []\n"), ["plan::no-steps"]);
        assert_eq!(codes_with("components: {}\n"), ["plan::no-steps"]);
        assert_eq!(codes_with(""), ["plan::missing-field"]);
        assert_eq!(
            codes_with("steps: [{ pause: 1m }]\nstrategy: {}\n").first(),
            Some(&"plan::ambiguous")
        );
        assert_eq!(codes("tidegate: 2\nname: x\nsteps: [{ pause: {} }]\n"), ["plan::version"]);
        assert_eq!(
            codes("name: X_1\nsteps: [{ pause: {} }]\n"),
            ["plan::missing-field", "plan::name"]
        );
        assert_eq!(codes("just text"), ["plan::wrong-type"]);
        let aws = |aws: &str| codes_with(&format!("aws: {aws}\nsteps: [{{ pause: {{}} }}]\n"));
        assert_eq!(aws("{ region: europe, account: 12 }"), ["plan::region", "plan::account"]);
        assert_eq!(aws("{ region: us-gov-west-1, account: 012345678901 }"), [""; 0]);
    }

    #[test]
    fn what_a_route_or_fleet_cannot_be_is_told() {
        let route = |alb: &str| {
            codes(&format!(
                "tidegate: 1\nname: x\nroutes: {{ r: {{ alb: {{ {alb} }} }} }}\nsteps:\n  - \
                 wait: {{ until: {{ healthy: {{ route: r, side: stable }} }} }}\n"
            ))
        };
        let lb = "load-balancer: lb, port: 80";
        assert_eq!(route(&format!("{lb}, pair: [a, b]")), [""; 0]);
        assert_eq!(route(&format!("{lb}, pair: [a, b, c]")), ["plan::pair"]);
        assert_eq!(route(&format!("{lb}, pair: [a, a]")), ["plan::same-sides"]);
        assert_eq!(route(&format!("{lb}, pair: [a, b], stable: c")), ["plan::ambiguous"]);
        assert_eq!(route(&format!("{lb}, stable: c")), ["plan::missing-field"]);
        assert_eq!(route(lb), ["plan::missing-field"]);
        assert_eq!(route(&format!("{lb}, pair: [a, b_c]")), ["plan::member"]);
        assert_eq!(route("load-balancer: lb, pair: [a, b]"), ["plan::missing-field"]);
        assert_eq!(route("load-balancer: a.b, port: 80, pair: [a, b]"), ["plan::load-balancer"]);
        assert_eq!(route("load-balancer: lb, port: 0, pair: [a, b]"), ["plan::out-of-range"]);
        assert_eq!(
            route("listener: arn, pair: [a, b], port: 80"),
            ["plan::arn", "plan::stray-field"]
        );
        assert_eq!(route(&format!("{lb}, rule: arn, pair: [a, b]")), ["plan::ambiguous"]);
        let fleet = |fleet: &str| {
            let head = HEAD.replace("fleets:\n", &format!("fleets:\n  x: {fleet}\n"));
            codes(&format!("{head}steps:\n  - scale: {{ fleet: x, side: candidate, to: 3 }}\n"))
        };
        assert_eq!(fleet("{ autoscaling: { pair: [a, b] } }"), ["plan::pair-without-route"]);
        assert_eq!(fleet("{ autoscaling: { pair: [a, b] }, behind: web }"), ["plan::sides-differ"]);
        assert_eq!(
            fleet("{ autoscaling: { pair: [a, b] }, behind: wep }"),
            ["plan::unknown-route"]
        );
        assert_eq!(
            fleet("{ autoscaling: { pair: [api-blue, b] }, behind: api }"),
            ["plan::same-target"]
        );
    }

    #[test]
    fn what_a_gate_cannot_be_is_told() {
        let gate = |gate: &str| {
            codes(&format!(
                "tidegate: 1\nname: x\ngates: {{ g: {{ {gate} }} }}\nsteps: [{{ probe: g }}]\n"
            ))
        };
        assert_eq!(gate("alarms: { names: [a] }"), [""; 0]);
        assert_eq!(gate("alarms: { names: [] }"), ["plan::blank"]);
        assert_eq!(gate("alarms: { names: [''] }"), ["plan::alarm-name"]);
        assert_eq!(gate("alarms: { names: [a] }, every: 100ms"), ["plan::out-of-range"]);
        assert_eq!(gate("judged: {}"), ["plan::unknown-gate-kind"]);
        assert_eq!(gate("every: 5s"), ["plan::missing-field"]);
        assert_eq!(gate("http: { url: example.com }"), ["plan::url"]);
        assert_eq!(gate("http: { url: 'https://me:secret@example.com/' }"), ["plan::url"]);
        for wrong in [
            "[::1",
            "[::1]x",
            "[::g]",
            "host:99999",
            "host:0",
            "host:+1",
            "host:",
            ":80",
            "a b",
            "1.2.3.999",
            "a%b",
        ] {
            assert_eq!(
                gate(&format!("http: {{ url: 'http://{wrong}/' }}")),
                ["plan::url"],
                "{wrong}"
            );
        }
        for right in [
            "[::1]:8080",
            "[fe80::1]",
            "127.0.0.1",
            "host_1.internal:65535",
            "bücher.example",
            "a?x=[::1",
            "a/%20",
        ] {
            assert_eq!(gate(&format!("http: {{ url: 'http://{right}' }}")), [""; 0], "{right}");
        }
        assert_eq!(gate("http: { url: 'http://a/', proxy: none }"), [""; 0]);
        assert_eq!(gate("http: { url: 'http://a/', proxy: 'http://p/' }"), ["plan::unknown-word"]);
        assert_eq!(gate("healthy: { route: r, side: stable }"), ["plan::unknown-route"]);
        assert_eq!(
            gate("alarms: { names: [a], already-in-alarm: forgive }"),
            ["plan::unknown-word"]
        );
        let listen = |queue: &str| gate(&format!("alarms: {{ names: [a], listen: {queue} }}"));
        assert_eq!(listen("{ sqs: checkout-alarms }"), [""; 0]);
        assert_eq!(listen("{ sqs: 'https://sqs.eu-west-1.amazonaws.com/1/q' }"), [""; 0]);
        assert_eq!(listen("{ sqs: 'arn:aws:sqs:eu-west-1:1:q' }"), ["plan::queue"]);
        assert_eq!(listen("{ sqs: 'two words' }"), ["plan::queue"]);
        assert_eq!(listen("{ sqs: 'https://me:secret@sqs/q' }"), ["plan::url"]);
        assert_eq!(listen("{ sns: topic }"), ["plan::missing-field", "plan::unknown-field"]);
        assert_eq!(gate("command: { run: [./check.sh] }"), [""; 0]);
        assert_eq!(gate("command: { run: [] }"), ["plan::blank"]);
        assert_eq!(gate("command: { run: [' '], timeout: 5s }"), ["plan::blank"]);
        assert_eq!(gate("window: {}"), [""; 0]);
        assert_eq!(gate("window: { days: [] }"), ["plan::blank"]);
        assert_eq!(gate("window: { hours: '09:00-09:00' }"), ["plan::measure"]);
        assert_eq!(gate("window: { hours: '22:00-06:00' }"), [""; 0]);
        let days = ["plan::unknown-word", "plan::unknown-word"];
        assert_eq!(gate("window: { days: [Mon, Tuesday] }"), days);
        assert_eq!(gate("window: { zone: Mars/Olympus }"), ["plan::measure"]);
        assert_eq!(gate("window: { except: [2026-02-30] }"), ["plan::measure"]);
    }

    #[test]
    fn what_cannot_be_measured_is_told() {
        let gate = |gate: &str| {
            let rest = format!("gates: {{ g: {{ {gate} }} }}\nsteps: [{{ probe: g }}]\n");
            let head = HEAD.split("gates:").next().unwrap();
            let mut codes = codes(&format!("{head}{rest}"));
            codes.retain(|code| *code != "lint::unused");
            codes
        };
        let metric =
            |rest: &str| gate(&format!("metric: {{ route: web, side: candidate, {rest} }}"));
        let p99 = "name: TargetResponseTime, statistic: p99";
        assert_eq!(metric(&format!("{p99}, below: 500ms")), [""; 0]);
        let ratio = "ratio: { of: HTTPCode_Target_2XX_Count, to: RequestCount }, above: 99%";
        assert_eq!(metric(ratio), [""; 0]);
        assert_eq!(metric(p99), ["plan::limit"]);
        let errors = "ratio: { of: HTTPCode_Target_5XX_Count, to: RequestCount }";
        assert_eq!(metric(&format!("{errors}, below: 2")), ["plan::limit"], "2 is 200%");
        assert_eq!(metric(&format!("{errors}, below: 0.02")), [""; 0]);
        let budget =
            |rest: &str| gate(&format!("error-budget: {{ route: web, side: stable, {rest} }}"));
        assert_eq!(budget("objective: 99.9%"), [""; 0]);
        assert_eq!(budget("objective: 100%"), ["plan::out-of-range"]);
        assert_eq!(budget("objective: 99%, burn: []"), ["plan::blank"]);
        assert_eq!(
            budget("objective: 99%, burn: [2x in 1h and 5m, 2x in 5m and 1h]"),
            ["plan::measure"]
        );
        assert_eq!(metric(&format!("{p99}, below: 1, above: 2")), ["plan::limit"]);
        assert_eq!(metric("name: A, below: 1"), ["plan::statistic"]);
        assert_eq!(
            metric("ratio: { of: A, to: B }, statistic: sum, below: 1"),
            ["plan::statistic"]
        );
        assert_eq!(metric(&format!("{p99}, below: fast")), ["plan::measure"]);
        assert_eq!(metric(&format!("{p99}, below: 1s, period: 90s")), ["plan::out-of-range"]);
        assert_eq!(metric(&format!("{p99}, below: 1s, periods: 4 of 3")), ["plan::measure"]);
        let compare = |rest: &str| gate(&format!("compare: {{ route: web{rest} }}"));
        assert_eq!(compare(""), [""; 0]);
        assert_eq!(compare(", errors: { tolerance: 1x }"), ["plan::tolerance"]);
        assert_eq!(compare(", errors: { tolerance: 2x }"), ["plan::tolerance"]);
        assert_eq!(compare(", latency-above: { threshold: 500ms, weight: 3 }"), [""; 0]);
        assert_eq!(compare(", latency-above: { threshold: 0s }"), ["plan::out-of-range"]);
        assert_eq!(
            compare(", latency-above: { threshold: 1s, tolerance: 2x }"),
            ["plan::tolerance"]
        );
        assert_eq!(compare(", alpha: 25%"), ["plan::out-of-range"]);
        assert_eq!(compare(", deadline: 6m"), ["plan::out-of-range"]);
    }

    #[test]
    fn what_many_write_at_first_is_told_how_to_mend() {
        let helps = |from: &str, to: &str| {
            assert!(CANARY.contains(from), "{from}");
            let problems = read_with(&CANARY.replace(from, to), &[]).unwrap_err();
            let told =
                problems.iter().map(|p| format!("{} {}", p.code, p.help.as_deref().unwrap()));
            told.collect::<Vec<_>>()
        };
        assert_eq!(helps("port: 80", "port: \"80\""), ["plan::wrong-type remove the quotes: 80"]);
        let arn = "\"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:checkout-5xx\"";
        let by_arn = "plan::alarm-name write the alarm's name, not its ARN: `checkout-5xx`";
        assert_eq!(helps("\"${app}-5xx\"", arn), [by_arn]);
        let merged = helps("route: web, candidate: 5%", "<<: *x, candidate: 5%");
        assert!(merged[0].starts_with("plan::yaml"), "an anchor that is not there: {merged:?}");
        let anchored = "x-web: &web { route: web }\nsteps:";
        let text = CANARY.replace("\nsteps:", &format!("\n{anchored}"));
        let text = text.replace("route: web, candidate: 5%", "<<: *web, candidate: 5%");
        let codes = codes(&text);
        assert_eq!(codes, ["plan::unknown-field", "plan::merge-key"]);
        let mapped = helps("\n  - ", "\n    ");
        assert!(mapped.contains(&"plan::wrong-type begin each step with `- `".to_owned()));
        assert!(mapped.iter().all(|help| help.contains("`- `")), "{mapped:?}");
    }

    #[test]
    fn the_default_rule_may_be_named_as_aws_names_it() {
        let text = CANARY.replace("priority: 10", "priority: default");
        let without = CANARY.replace("      priority: 10\n", "");
        assert_eq!(plan(&text).digest, plan(&without).digest);
        let wrong = CANARY.replace("priority: 10", "priority: standard");
        assert_eq!(codes(&wrong), ["plan::wrong-type"]);
    }

    #[test]
    fn zones_are_named_by_domain_or_by_id_as_aws_prints_it() {
        let zone = |zone: &str| {
            let records = format!("zone: {zone}, name: www.example.com, type: A, pair: [a, b]");
            let text = format!(
                "tidegate: 1\nname: x\nroutes: {{ r: {{ route53: {{ {records} }} }} }}\nsteps:\n  - \
                 shift: {{ route: r, candidate: 50%, bake: 1s }}\n"
            );
            read_with(&text, &[]).map_or_else(
                |problems| problems.iter().map(|p| p.code).collect::<Vec<_>>().join(" "),
                |checked| match &checked.plan.routes["r"].kind {
                    RouteKind::Route53(at) => at.zone.clone(),
                    other => panic!("{other:?}"),
                },
            )
        };
        for given in ["Z0123456789ABC", "/hostedzone/Z0123456789ABC", "hostedzone/Z0123456789ABC"] {
            assert_eq!(zone(given), "Z0123456789ABC", "{given}");
        }
        assert_eq!(zone("SJWYM3L180RPQOAOKOWC37"), "SJWYM3L180RPQOAOKOWC37");
        assert_eq!(zone("example.com."), "example.com");
        assert_eq!(zone("example.net"), "plan::zone");
        assert_eq!(zone("'hosted zone'"), "plan::domain");
    }

    #[test]
    fn where_a_wrong_value_came_from_a_parameter_the_help_says_so() {
        let problems = read_with(CANARY, &[("bake", "5")]).unwrap_err();
        let help: Vec<_> = problems.iter().filter_map(|p| p.help.as_deref()).collect();
        assert_eq!(help.len(), 3);
        assert!(help[0].contains("`${bake}` is filled in by a parameter"), "{}", help[0]);
    }

    #[test]
    fn a_broken_declaration_does_not_make_its_users_wrong() {
        let text = HEAD.replace("alarms: { names: [checkout-5xx] }", "alarms: 5");
        let steps = "steps:\n  - shift: { route: web, candidate: 100%, gates: [errors] }\n";
        assert_eq!(codes(&format!("{text}{steps}")), ["plan::wrong-type"]);
    }

    #[test]
    fn layout_and_comments_do_not_change_the_digest_and_values_do() {
        let digest = |text: &str| plan(text).digest;
        let lines = CANARY.lines().filter(|line| !line.trim().is_empty());
        let bare =
            lines.filter(|line| !line.trim().starts_with('#')).collect::<Vec<_>>().join("\r\n");
        assert_eq!(digest(CANARY), digest(&bare));
        assert_ne!(digest(CANARY), digest(&CANARY.replace("25%", "26%")));
        let slower = read_with(CANARY, &[("bake", "3m")]).unwrap().plan.digest;
        assert_ne!(digest(CANARY), slower);
    }

    #[test]
    fn a_digest_stays_the_same_between_versions_of_tidegate() {
        insta::assert_snapshot!(plan(CANARY).digest);
    }

    proptest! {
        #[test]
        fn no_damage_to_a_plan_makes_the_reader_panic_or_point_out_of_the_file(
            at in 0usize..3000, length in 0usize..40, junk in "[-a5%:{}\\[\\],&*!'\"$# \n\té]{0,12}",
            source in prop::sample::select(vec![CANARY, BLUE_GREEN, EVERYTHING, EIGHT_MISTAKES]),
        ) {
            let mut bytes = source.as_bytes().to_vec();
            let at = at % bytes.len();
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, junk.bytes());
            let file = SourceFile::new("p.yaml", &bytes);
            let problems = match read(&file, &BTreeMap::new()) {
                Ok(checked) => checked.warnings,
                Err(problems) => {
                    prop_assert!(!problems.is_empty());
                    problems
                }
            };
            for problem in &problems {
                prop_assert!(!problem.labels.is_empty(), "{problem:?}");
                prop_assert!(problem.help.is_some(), "{problem:?}");
                prop_assert!(problem.code != "plan::internal", "{problem:?}");
                for label in &problem.labels {
                    prop_assert!(file.text().get(label.span.start..label.span.end).is_some());
                }
            }
            drawn(&problems);
        }
    }
}

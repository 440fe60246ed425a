//! What a person has to put right about a target: the commands that do it; and where there are none, because somebody has
//! deleted it or it has something that is not known here, words, and the command with which to look.

use super::{
    AttentionView, AwsCommand, DriftView,
    paste::{commands, placed, replay},
    route_commands, version_commands, words,
};
use crate::{
    plan::{FleetKind, Header, Member},
    rollout::{Bindings, Picture, Target, TestRoute, Timestamp},
};

/// Whether a target is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    There,
    /// Somebody has deleted it.
    Gone,
}

/// A target that may need a person.
pub(super) struct ByHand<'a> {
    pub bindings: &'a Bindings,
    pub region: Option<&'a str>,
    pub target: &'a Target,
    /// How it stood before the run.
    pub before: Option<&'a Picture>,
    pub left: Left,
}

const BEFORE: &str = "as it was before the run";

impl ByHand<'_> {
    pub(super) fn drift(
        &self,
        (expected, found): (&Picture, &Picture),
        at: Timestamp,
    ) -> DriftView {
        let mut by_hand = Vec::new();
        let wanted = self.typed("as the run wants it", expected, &mut by_hand);
        let before = self.before.map(|picture| self.typed(BEFORE, picture, &mut by_hand));
        let picture = |picture| words::picture(self.bindings, self.target, picture);
        DriftView {
            target: self.target.clone(),
            expected: picture(expected),
            found: picture(found),
            at,
            wanted,
            before: before.unwrap_or_default(),
            look: self.look(&by_hand),
            by_hand,
        }
    }

    pub(super) fn attention(&self, (problem, hint): (&str, &str), at: Timestamp) -> AttentionView {
        let mut by_hand = Vec::new();
        let before = self.before.map(|picture| self.typed(BEFORE, picture, &mut by_hand));
        AttentionView {
            target: self.target.clone(),
            problem: problem.to_owned(),
            hint: hint.to_owned(),
            at,
            before: before.unwrap_or_default(),
            look: self.look(&by_hand),
            by_hand,
        }
    }

    /// The commands that lead to a picture; where there are none, it is added to what is told in words.
    fn typed(&self, how: &str, picture: &Picture, by_hand: &mut Vec<String>) -> Vec<AwsCommand> {
        let Self { bindings, region, target, left, .. } = self;
        let typed = match left {
            Left::There => commands(bindings, *region, target, picture),
            Left::Gone => again(bindings, *region, target, picture),
        };
        if typed.is_empty() {
            let words = in_words(bindings, target, picture, *left);
            by_hand.push(format!("{}, {how}: {words}", words::target(target)));
        }
        typed
    }

    fn look(&self, by_hand: &[String]) -> Vec<AwsCommand> {
        let all = if by_hand.is_empty() { Vec::new() } else { look(self.bindings, self.target) };
        placed((self.bindings, self.target), self.region, all)
    }
}

/// The commands that make a target again that is gone, as it was; none when that cannot be said.
fn again(
    bindings: &Bindings,
    region: Option<&str>,
    target: &Target,
    picture: &Picture,
) -> Vec<AwsCommand> {
    match target {
        Target::Route(route) => {
            let Some(bound) = bindings.routes.get(route) else { return Vec::new() };
            let all = route_commands::made_again(bindings, bound, picture);
            placed((bindings, target), region, all.unwrap_or_default())
        }
        Target::TestRoute(_) => commands(bindings, region, target, picture),
        // How a group was made is nowhere to be read.
        Target::Fleet { .. }
        | Target::Software(_)
        | Target::Candidate(_)
        | Target::OldVersions(_)
        | Target::Replay(_) => Vec::new(),
    }
}

/// The commands that show how a target stands now.
fn look(bindings: &Bindings, target: &Target) -> Vec<AwsCommand> {
    match target {
        Target::Route(route) => {
            let bound = bindings.routes.get(route);
            let places = bound
                .into_iter()
                .flat_map(|bound| bound.places().map(|place| (bound.service, place)));
            let mut all: Vec<AwsCommand> =
                places.flat_map(|(service, place)| route_commands::look(service, place)).collect();
            all.dedup();
            all
        }
        Target::TestRoute(route) => {
            let place = bindings.routes.get(route).map(|bound| &bound.resource);
            place.map(|place| route_commands::rules_at(place)).into_iter().collect()
        }
        Target::Fleet { fleet, side } => {
            let bound = bindings.fleets.get(fleet);
            let look = bound.and_then(|bound| match bound.service {
                FleetKind::Lambda => version_commands::look(bound, *side),
                FleetKind::AutoScaling | FleetKind::CodeDeploy => bound.member(*side).map(group),
            });
            look.into_iter().collect()
        }
        Target::Software(fleet) => {
            let bound = bindings.fleets.get(fleet);
            bound.map(|bound| group(&bound.stable)).into_iter().collect()
        }
        Target::Replay(route) => {
            let describe =
                |name| AwsCommand::new("events describe-replay").with("replay-name", name);
            replay(bindings, route).map(describe).into_iter().collect()
        }
        Target::Candidate(route) | Target::OldVersions(route) => {
            let place = bindings.routes.get(route).map(|bound| bound.resource.as_str());
            let function =
                place.and_then(|place| place.rsplit_once(':')).map(|(function, _)| function);
            let list = |function| {
                AwsCommand::new("lambda list-versions-by-function").with("function-name", function)
            };
            function.map(list).into_iter().collect()
        }
    }
}

fn group(member: &Member) -> AwsCommand {
    match member.as_str().split_once('/') {
        Some((application, group)) => AwsCommand::new("deploy get-deployment-group")
            .with("application-name", application)
            .with("deployment-group-name", group),
        None => AwsCommand::new("autoscaling describe-auto-scaling-groups")
            .with("auto-scaling-group-names", member),
    }
}

/// What a person has to do so that a target looks like this.
fn in_words(bindings: &Bindings, target: &Target, picture: &Picture, left: Left) -> String {
    match (target, picture) {
        (Target::TestRoute(route), Picture::TestRoute(TestRoute::Present { header, group })) => {
            format!(
                "make a rule like that of {route}, with whatever it rewrites, at a free priority ahead of it, \
                 with one condition more, header {} = {}, and all of its traffic to {group}",
                header.name, header.value
            )
        }
        (Target::TestRoute(route), Picture::TestRoute(TestRoute::Absent)) => {
            bindings.tests.get(route).map_or_else(
                || "delete its rule".to_owned(),
                |header| {
                    let Header { name, value } = header;
                    format!(
                        "delete the rule with the condition header {name} = {value}, and no other"
                    )
                },
            )
        }
        (
            Target::Route(_)
            | Target::Fleet { .. }
            | Target::Software(_)
            | Target::TestRoute(_)
            | Target::Candidate(_)
            | Target::OldVersions(_)
            | Target::Replay(_),
            Picture::Split(_)
            | Picture::Uneven(_)
            | Picture::Capacity(_)
            | Picture::Software(_)
            | Picture::TestRoute(_)
            | Picture::Release(_)
            | Picture::OldVersions(_)
            | Picture::Replay(_),
        ) => {
            let picture = words::picture(bindings, target, picture);
            match left {
                Left::There => format!("make it {picture}, and leave all else of it as it is"),
                Left::Gone => format!("make it again, with {picture}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{FleetName, RouteName, Side, units::Weight},
        report::sample::{Story, app, capacity, split, web},
        rollout::{Event, RouteService, Split},
    };

    fn bindings() -> Bindings {
        match &Story::started().told()[0].event {
            Event::RunStarted { bindings, .. } => bindings.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn typed(commands: &[AwsCommand]) -> String {
        commands.iter().flat_map(AwsCommand::lines).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_rule_that_is_gone_is_made_again_as_it_was() {
        let mut bindings = bindings();
        let again = |bindings: &Bindings| {
            typed(&again(bindings, Some("eu-west-1"), &web(), &split(999, 0)))
        };
        insta::assert_snapshot!(again(&bindings), @r#"
        aws elbv2 create-rule \
          --cli-input-json \
            '{"Actions":[{"ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/blue/0123456789abcdef",
            "Weight":999},
            {"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/green/0123456789abcdef",
            "Weight":0}]},"Order":1,"Type":"forward"}],
            "Conditions":[{"Field":"path-pattern",
            "PathPatternConfig":{"Values":["/api/*"]}}],
            "ListenerArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e",
            "Priority":10}' \
          --region eu-west-1
        "#);
        for written in bindings.written.values_mut() {
            written.rule = None;
        }
        assert_eq!(again(&bindings), "", "half a rule would be wrong");
    }

    #[test]
    fn a_group_or_a_listener_that_is_gone_can_only_be_looked_for() {
        let mut bindings = bindings();
        let target = app(Side::Stable);
        assert_eq!(again(&bindings, None, &target, &capacity(3)), []);
        let mut told = vec![typed(&look(&bindings, &target))];
        told.push(in_words(&bindings, &target, &capacity(3), Left::Gone));
        let bound = bindings.routes.get_mut(&RouteName::new("web")).unwrap();
        told.push(typed(&route_commands::look(bound.service, &bound.resource)));
        bound.resource = route_commands::listener(&bound.resource);
        assert_eq!(again(&bindings, None, &web(), &split(999, 0)), []);
        told.push(typed(&look(&bindings, &web())));
        told.push(in_words(&bindings, &web(), &split(999, 0), Left::Gone));
        told.push(typed(&route_commands::look(
            RouteService::Route53,
            "hostedzone/Z1/www.example.com/A",
        )));
        bindings.fleets.get_mut(&FleetName::new("app")).unwrap().stable = Member::new("shop/blue");
        let software = Target::Software(FleetName::new("app"));
        told.push(typed(&look(&bindings, &software)));
        insta::assert_snapshot!(told.join("\n\n"), @r#"
        aws autoscaling describe-auto-scaling-groups \
          --auto-scaling-group-names app-blue

        make it again, with app-blue desired 3 (min 2, max 6)

        aws elbv2 describe-rules \
          --listener-arn arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e

        aws elbv2 describe-listeners \
          --load-balancer-arn arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c49

        make it again, with blue 999, green 0 (0%)

        aws route53 list-resource-record-sets \
          --hosted-zone-id Z1 \
          --start-record-name www.example.com \
          --start-record-type A \
          --max-items 10

        aws deploy get-deployment-group \
          --application-name shop \
          --deployment-group-name blue
        "#);
    }

    #[test]
    fn an_alias_that_is_gone_is_made_again_and_a_stage_is_looked_for_where_stages_are() {
        let mut bindings = bindings();
        let bound = bindings.routes.get_mut(&RouteName::new("web")).unwrap();
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:checkout";
        (bound.service, bound.resource) = (RouteService::Lambda, format!("{function}:live"));
        let picture = Picture::Split(Split([(Member::new("6"), Weight::new(100).unwrap())].into()));
        let mut told = vec![typed(&again(&bindings, None, &web(), &picture))];
        told.push(typed(&look(&bindings, &web())));
        let bound = bindings.routes.get_mut(&RouteName::new("web")).unwrap();
        bound.service = RouteService::ApiGateway;
        bound.resource = "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3/stages/prod".to_owned();
        assert_eq!(again(&bindings, None, &web(), &picture), []);
        told.push(typed(&look(&bindings, &web())));
        insta::assert_snapshot!(told.join("\n\n"), @r#"
        aws lambda create-alias \
          --function-name arn:aws:lambda:eu-west-1:123456789012:function:checkout \
          --name live \
          --function-version 6 \
          --routing-config '{"AdditionalVersionWeights":{}}'

        aws lambda list-aliases \
          --function-name arn:aws:lambda:eu-west-1:123456789012:function:checkout

        aws apigateway get-stages \
          --rest-api-id a1b2c3
        "#);
    }

    #[test]
    fn a_test_route_that_copies_what_cannot_be_told_is_told_in_words() {
        let (route, mut bindings) = (RouteName::new("web"), bindings());
        let target = Target::TestRoute(route.clone());
        let header = Header { name: "x-canary".into(), value: "yes".into() };
        bindings.tests.insert(route, header.clone());
        let there = TestRoute::Present { header, group: Member::new("green") };
        bindings.written.clear();
        let told = [there, TestRoute::Absent].map(|test| {
            let picture = Picture::TestRoute(test);
            assert_eq!(commands(&bindings, None, &target, &picture), []);
            in_words(&bindings, &target, &picture, Left::There)
        });
        let look = typed(&look(&bindings, &target));
        insta::assert_snapshot!([told.join("\n"), look].join("\n\n"), @r#"
        make a rule like that of web, with whatever it rewrites, at a free priority ahead of it, with one condition more, header x-canary = yes, and all of its traffic to green
        delete the rule with the condition header x-canary = yes, and no other

        aws elbv2 describe-rules \
          --listener-arn arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e
        "#);
    }
}

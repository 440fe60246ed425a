//! A run on one page: `status` while it lasts, the closing block when it ends. First the word, then what to type, then
//! why and where the traffic is.
//!
//! More than a third of the file is tests, which need what is private here.

use super::{
    ComponentView, RouteView, RunView, SideView, Standing, StepStanding, StepView, Style,
    style::{Sign, Tone},
    tree::tree,
    typed::typed,
    words::{clock, evidence, printable, span, target},
};
use crate::{plan::units::Weight, rollout::Timestamp};

/// The closing block: what came of it, what to type next, why, and where the traffic is now.
pub fn ending(view: &RunView, style: Style) -> String {
    let mut page = Page::new(style);
    page.headline(view);
    page.section("why", &reasons(view));
    page.section("components", &tree(view, style));
    page.facts(view);
    page.lines.extend(typed(view));
    page.finish()
}

/// Everything about a run on a compact page.
pub fn status(view: &RunView, style: Style) -> String {
    let mut page = Page::new(style);
    page.headline(view);
    for component in &view.components {
        page.steps(component, view);
    }
    page.blank();
    page.section("why", &reasons(view));
    page.section("components", &tree(view, style));
    page.section("gates", &gates(view));
    page.section("approved", &approvals(view));
    page.section("refused", &refusals(view));
    page.facts(view);
    page.section("driver", &driver(view));
    page.lines.extend(typed(view));
    page.finish()
}

/// Figures are as old as the last look, and whoever acts on them should know.
fn seen(at: Timestamp) -> String {
    format!(", seen {}", clock(at))
}

/// That nobody is there matters more than where the run stands.
fn unwatched(view: &RunView) -> Option<String> {
    let since = view.unwatched_since?;
    let ago = view.now().map(|now| span(now.since(since))).unwrap_or_default();
    let split: Vec<String> = view
        .routes
        .iter()
        .filter_map(|route| {
            let candidate = route.candidate.as_ref().filter(|it| it.weight > Weight::ZERO);
            let SideView { member, share, .. } = candidate?;
            Some(format!("{share} of {} goes to {member}", route.route))
        })
        .collect();
    let split = if split.is_empty() { String::new() } else { format!(": {}", split.join(", ")) };
    Some(format!("nobody has watched its gates since {since}, for {ago}{split}"))
}

fn driver(view: &RunView) -> Vec<String> {
    let line = view.driver.as_ref().map(|driver| {
        let (holder, beat) = (&driver.holder, clock(driver.last_beat));
        if driver.alive {
            format!("{holder}, last beat at {beat}")
        } else {
            format!("nobody; it was {holder}, last beat at {beat}")
        }
    });
    line.into_iter().collect()
}

/// The cause first; the sentences about where the run is only while they add to it.
fn reasons(view: &RunView) -> Vec<String> {
    let cause = view.cause.clone();
    let why = match view.standing {
        Standing::Held | Standing::Drift | Standing::NeedsAttention if cause.is_some() => &[],
        _ => view.why.as_slice(),
    };
    // What the run is about may say the cause by itself.
    let cause = cause.filter(|cause| !why.iter().any(|line| line.contains(cause.as_str())));
    let drift = view.drifts.last().filter(|_| view.standing == Standing::Drift);
    let drift = drift.map(|drift| format!("expected {}, found {}", drift.expected, drift.found));
    let then = match view.standing {
        Standing::Abandoned | Standing::AbandonedRollingBack => "when it was left: ",
        _ => "",
    };
    let why = why.iter().map(|line| format!("{then}{line}"));
    let unwatched = unwatched(view);
    unwatched.into_iter().chain(cause).chain(drift).chain(why).collect()
}

/// Where a route's traffic was last seen.
pub(super) fn route_line(route: &RouteView) -> String {
    let side =
        |side: &SideView| format!("{} on {} (weight {})", side.share, side.member, side.weight);
    let others = route
        .others
        .iter()
        .map(|(member, weight)| format!(", not this run's: {member} (weight {weight})"));
    let stable = side(&route.stable);
    let candidate = match &route.candidate {
        Some(candidate) => side(candidate),
        None => "its candidate is not published yet".to_owned(),
    };
    let baseline = route.baseline.as_ref().map(|b| format!(", baseline {}", side(b)));
    let baseline = baseline.unwrap_or_default();
    let (others, seen) = (others.collect::<String>(), seen(route.seen));
    let place = route.place.as_ref().map(|place| format!(" at {place}"));
    let name = format!("{}{}", route.route, place.unwrap_or_default());
    format!("{name}: {stable}, {candidate}{baseline}{others}{seen}")
}

fn gates(view: &RunView) -> Vec<String> {
    let line = |gate: &super::GateView| {
        let said = gate.reading.as_ref().map_or("not read yet".to_owned(), |reading| {
            let at = match gate.last_read {
                Some(read) => format!("last read at {}", clock(read)),
                None => format!("at {}", clock(reading.at)),
            };
            format!("{} {at}, {}", reading.outcome, evidence(reading))
        });
        format!("{}: {said}", gate.gate)
    };
    view.gates.iter().map(line).collect()
}

fn approvals(view: &RunView) -> Vec<String> {
    let line = |approval: &super::ApprovalView| {
        let reason = approval.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
        format!("{} by {} at {}{reason}", approval.step, approval.by, clock(approval.at))
    };
    view.approvals.iter().map(line).collect()
}

fn refusals(view: &RunView) -> Vec<String> {
    let line = |refused: &super::RefusedView| {
        let (command, by, at) = (&refused.command, &refused.by, clock(refused.at));
        format!("{command} by {by} at {at}: {}", refused.refusal)
    };
    view.refused.iter().map(line).collect()
}

/// A page in the making: labelled sections, one below the other.
struct Page {
    style: Style,
    lines: Vec<String>,
}

const LABEL_WIDTH: usize = 11;

/// As wide as a terminal is at the least.
const WIDTH: usize = 80;

/// A line over several, broken between words; those that follow stand a little further in.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let indent = text.chars().take_while(|c| *c == ' ').count();
    let mut lines: Vec<String> = Vec::new();
    let mut line = " ".repeat(indent);
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > room {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent + 2)));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines
}

impl Page {
    fn new(style: Style) -> Self {
        Self { style, lines: Vec::new() }
    }

    fn headline(&mut self, view: &RunView) {
        let sign = view.standing.sign();
        let word = self.style.paint(sign.tone(), &view.standing.to_string());
        let took = if view.standing.moves() { "for" } else { "after" };
        let took = view.started.map(|_| format!(" {took} {}", span(view.duration)));
        let sign = self.style.sign(sign);
        self.lines.push(format!("{sign} {word}{}", took.unwrap_or_default()));
        self.next(view);
        let run = view.run.as_ref().map_or("no run yet", |run| run.as_str());
        let mut of = vec![format!("{run}, plan {} ({})", view.plan, view.digest)];
        if let (Some(started), Some(by)) = (view.started, &view.by) {
            of.push(format!("started {started} by {by}"));
        }
        self.section("run", &of);
    }

    fn steps(&mut self, component: &ComponentView, view: &RunView) {
        self.blank();
        if view.components.len() > 1 {
            self.lines.push(format!("  {}", component.name));
        }
        let widths = component.steps.iter().map(|step| step.what.chars().count());
        let width = widths.max().unwrap_or(0).min(60);
        let now = view.now();
        for step in &component.steps {
            let (sign, word) = step_words(step);
            let timing = timing(step, now, view.unwatched_since);
            let (sign, what) = (self.style.sign(sign), printable(&step.what));
            let (place, state) = (&step.place, format!("{word}{timing}"));
            let used = 4 + place.chars().count() + 2 + width.max(what.chars().count()) + 2;
            if used + state.chars().count() <= WIDTH {
                let line = format!("  {sign} {place}  {what:width$}  {state}");
                self.lines.push(line.trim_end().to_owned());
            } else {
                let margin = " ".repeat(6 + place.chars().count());
                self.lines.push(format!("  {sign} {place}  {what}"));
                self.lines.push(format!("{margin}{state}"));
            }
        }
    }

    /// Right below the word, because it is what somebody came for.
    fn next(&mut self, view: &RunView) {
        if view.standing == Standing::RolledBack {
            let words = "nothing to do here; a new `tidegate run` once the cause is fixed";
            return self.section("next", &[words.to_owned()]);
        }
        for (i, next) in view.next.iter().enumerate() {
            // A command that is broken cannot be copied.
            let label = if i == 0 { "next" } else { "" };
            self.labelled(label, &printable(&next.command));
            self.section("", &[format!("  {}", next.effect)]);
        }
    }

    /// What holds for every page: the traffic, the capacity, what needs a person.
    fn facts(&mut self, view: &RunView) {
        let traffic = view.routes.iter().map(route_line);
        self.section("traffic", &traffic.collect::<Vec<_>>());
        let capacity = view.fleets.iter().map(|fleet| {
            let seen = seen(fleet.seen);
            let (member, capacity) = (&fleet.member, fleet.capacity);
            let size = if capacity.is_unbounded() {
                format!("version {member} with {capacity}")
            } else {
                format!("{member} {capacity}")
            };
            format!("{} {}: {size}{seen}", fleet.side, fleet.fleet)
        });
        self.section("capacity", &capacity.collect::<Vec<_>>());
        let software = view.software.iter().map(|view| {
            let seen = seen(view.seen);
            format!("{}: {}{seen}", view.fleet, view.software)
        });
        self.section("software", &software.collect::<Vec<_>>());
        let test_routes = view.test_routes.iter().map(|view| {
            let seen = seen(view.seen);
            format!("{}: {}{seen}", view.route, view.test_route)
        });
        self.section("test route", &test_routes.collect::<Vec<_>>());
        let serves = view.serves.iter().map(|serves| {
            let versions: Vec<String> = serves.versions.iter().map(ToString::to_string).collect();
            format!("{}: {}, {}", serves.fleet, serves.member, versions.join(" or "))
        });
        self.section("serves", &serves.collect::<Vec<_>>());
        let locks = view.locks.iter().map(|lock| format!("{lock}, held by this run"));
        self.section("locks", &locks.collect::<Vec<_>>());
        let attention = view.attention.iter().flat_map(|item| {
            let problem = format!("{}: {}", target(&item.target), item.problem);
            [problem, format!("  {}", item.hint)]
        });
        self.section("attention", &attention.collect::<Vec<_>>());
    }

    fn section(&mut self, label: &str, lines: &[String]) {
        let room = WIDTH - 2 - LABEL_WIDTH;
        let wrapped = lines.iter().flat_map(|line| wrapped(&printable(line), room));
        for (i, line) in wrapped.enumerate() {
            self.labelled(if i == 0 { label } else { "" }, &line);
        }
    }

    fn labelled(&mut self, label: &str, line: &str) {
        let label = self.style.paint(Tone::Faint, &format!("{label:<LABEL_WIDTH$}"));
        self.lines.push(format!("  {label}{line}"));
    }

    fn blank(&mut self) {
        self.lines.push(String::new());
    }

    fn finish(self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }
}

fn step_words(step: &StepView) -> (Sign, &'static str) {
    match step.state {
        StepStanding::Pending => (Sign::None, ""),
        StepStanding::Active => (Sign::Note, "under way"),
        StepStanding::Done => (Sign::Good, "done"),
        StepStanding::Failed => (Sign::Bad, "failed"),
        StepStanding::Stopped => (Sign::Halt, "stopped"),
        StepStanding::Reverted => (Sign::Back, "reverted"),
        StepStanding::NeedsAttention => (Sign::Bad, "needs attention"),
    }
}

fn timing(step: &StepView, now: Option<Timestamp>, unwatched: Option<Timestamp>) -> String {
    if let Some(bake) = &step.bake {
        let (elapsed, total) = (span(bake.elapsed), span(bake.total));
        return match unwatched {
            Some(_) => format!(", bake {elapsed}/{total} when it was left"),
            None => format!(", bake {elapsed}/{total} until {}", clock(bake.until)),
        };
    }
    match (step.started, step.ended, step.state) {
        (Some(started), Some(ended), StepStanding::Done) => {
            format!(" in {}", span(ended.since(started)))
        }
        (Some(started), Some(ended), StepStanding::Failed) => {
            format!(" after {}", span(ended.since(started)))
        }
        // Nothing has moved since nobody is there.
        (Some(started), None, StepStanding::Active) if unwatched.is_none() => {
            now.map(|now| format!(" for {}", span(now.since(started)))).unwrap_or_default()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::Envelope,
        plan::Plan,
        report::{
            progress,
            sample::{Story, later, plan_of_two, plan_with_approval},
        },
        testkit::sample_plan,
    };

    fn closing(plan: &Plan, journal: &[Envelope]) -> String {
        ending(&RunView::of(plan, journal, later(700)), Style::PLAIN)
    }

    #[test]
    fn what_is_replaced_and_whether_a_test_route_leads_there_is_shown() {
        use crate::{
            plan::{FleetName, Header, Member, RouteName, units::Percent},
            rollout::{
                Event, Flow, Operation, Phase, Picture, Software, Target, TestRoute, Version,
            },
        };

        let operation = Operation {
            id: "r-1".into(),
            to: Version::new("8"),
            phase: Phase::Moving { done: Percent::from_basis_points(4_000).unwrap() },
            detail: None,
        };
        let software =
            Software { version: Version::new("7"), operation: Some(operation), flow: Flow::Open };
        let live = Picture::Software(software);
        let fleet = Event::Observed { target: Target::Software(FleetName::new("batch")), live };
        let header = Header { name: "x-canary".into(), value: "yes".into() };
        let live = Picture::TestRoute(TestRoute::Present { header, group: Member::new("green") });
        let route = Event::Observed { target: Target::TestRoute(RouteName::new("web")), live };
        let journal = Story::started().at(3, fleet).at(5, route).told();
        let page = closing(&sample_plan(), &journal);
        let told = |label: &str| page.lines().find(|line| line.contains(label)).map(str::trim);
        let batch = "software   batch: 7, 40% on the way to 8, seen 15:45:05Z";
        assert_eq!(told("software"), Some(batch), "{page}");
        let web = "test route web: a rule for x-canary: yes to green, seen 15:45:07Z";
        assert_eq!(told("test route"), Some(web), "{page}");
    }

    #[test]
    fn every_ending_says_why_where_the_traffic_is_and_what_to_type() {
        let plan = sample_plan();
        insta::assert_snapshot!(closing(&plan, &Story::promoted()), @r#"
    ✓ PROMOTED after 10m48s
      next       tidegate rollback sample-20260131-154502-09f3
                   puts everything back as it was before
      run        sample-20260131-154502-09f3, plan sample (000000000000)
                 started 2026-01-31T15:45:02Z by ann
      why        every step is done
      traffic    web: 0% on blue (weight 0), 100% on green (weight 999), seen
                   15:50:49Z
      capacity   stable app: app-blue desired 3 (min 2, max 6), seen 15:45:02Z
                 candidate app: app-green desired 3 (min 2, max 6), seen 15:45:04Z
    "#);
        insta::assert_snapshot!(closing(&plan, &Story::rolled_back()), @r#"
        ↩ ROLLED BACK after 3m2s
          next       nothing to do here; a new `tidegate run` once the cause is fixed
          run        sample-20260131-154502-09f3, plan sample (000000000000)
                     started 2026-01-31T15:45:02Z by ann
          why        gate errors failed: checkout-5xx is in ALARM since 15:47:40Z
                     everything this run touched is as it was before
          traffic    web: 100% on blue (weight 999), 0% on green (weight 0), seen
                       15:47:44Z
          capacity   stable app: app-blue desired 3 (min 2, max 6), seen 15:45:02Z
                     candidate app: app-green desired 0 (min 0, max 6), seen 15:48:04Z
        "#);
        insta::assert_snapshot!(closing(&plan, &Story::needing_attention()), @r#"
          ✗ NEEDS ATTENTION after 2m43s
            next       tidegate rollback sample-20260131-154502-09f3
                         tries again, once the problem is put right
            run        sample-20260131-154502-09f3, plan sample (000000000000)
                       started 2026-01-31T15:45:02Z by ann
            why        gate errors failed: checkout-5xx is in ALARM since 15:47:40Z
            traffic    web: 95% on blue (weight 950), 5% on green (weight 50), seen
                         15:47:42Z
            capacity   stable app: app-blue desired 3 (min 2, max 6), seen 15:45:02Z
                       candidate app: app-green desired 3 (min 2, max 6), seen 15:45:04Z
            attention  web: could not be restored to blue 999, green 0
                         set route web to blue 999, green 0 yourself

            web, as it was before the run:
          aws elbv2 modify-rule \
            --rule-arn arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d0 \
            --actions \
              '[{"ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/blue/0123456789abcdef",
              "Weight":999},
              {"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/green/0123456789abcdef",
              "Weight":0}]},"Order":1,"Type":"forward"}]'
          "#);
        insta::assert_snapshot!(closing(&plan, &Story::drifted()), @r#"
                     ✗ DRIFT after 11m40s
                       next       tidegate resume sample-20260131-154502-09f3
                                    takes the step again, once the foreign change is undone
                                  tidegate resume sample-20260131-154502-09f3 --overwrite
                                    writes over it and takes the step again
                                  tidegate rollback sample-20260131-154502-09f3
                                    puts back what this run changed and nobody else touched
                                  tidegate rollback sample-20260131-154502-09f3 --overwrite
                                    puts back also what somebody else has changed
                       run        sample-20260131-154502-09f3, plan sample (000000000000)
                                  started 2026-01-31T15:45:02Z by ann
                       why        somebody else changed route web
                                  expected blue 950, green 50 (5%), found blue 500, green 500 (50%)
                       traffic    web: 50% on blue (weight 500), 50% on green (weight 500), seen
                                    15:46:42Z
                       capacity   stable app: app-blue desired 3 (min 2, max 6), seen 15:45:02Z
                                  candidate app: app-green desired 3 (min 2, max 6), seen 15:45:04Z

                       web, as the run wants it:
                     aws elbv2 modify-rule \
                       --rule-arn arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d0 \
                       --actions \
                         '[{"ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/blue/0123456789abcdef",
                         "Weight":950},
                         {"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/green/0123456789abcdef",
                         "Weight":50}]},"Order":1,"Type":"forward"}]'

                       web, as it was before the run:
                     aws elbv2 modify-rule \
                       --rule-arn arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d0 \
                       --actions \
                         '[{"ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/blue/0123456789abcdef",
                         "Weight":999},
                         {"TargetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/green/0123456789abcdef",
                         "Weight":0}]},"Order":1,"Type":"forward"}]'
                     "#);
        insta::assert_snapshot!(closing(&plan_with_approval(), &Story::awaiting().told()), @r#"
                     ? AWAITING APPROVAL after 11m40s
                       next       tidegate approve sample-20260131-154502-09f3
                                    lets the run go on
                                  tidegate deny sample-20260131-154502-09f3 --reason WHY
                                    refuses: the step fails
                                  tidegate abort sample-20260131-154502-09f3
                                    stops and puts everything back as it was before
                       run        sample-20260131-154502-09f3, plan sample (000000000000)
                                  started 2026-01-31T15:45:02Z by ann
                       why        main/4-approve waits for approval: all of production next
                       traffic    web: 95% on blue (weight 950), 5% on green (weight 50), seen
                                    15:45:45Z
                       capacity   stable app: app-blue desired 3 (min 2, max 6), seen 15:45:02Z
                                  candidate app: app-green desired 3 (min 2, max 6), seen 15:45:04Z
                     "#);
    }

    #[test]
    fn status_shows_a_bake_under_way() {
        let view = RunView::of(&sample_plan(), &Story::canary().told(), later(123));
        insta::assert_snapshot!(status(&view, Style::PLAIN), @r#"
          • RUNNING for 2m3s
            next       tidegate pause sample-20260131-154502-09f3
                         starts nothing new until resumed
                       tidegate abort sample-20260131-154502-09f3
                         stops and puts everything back as it was before
            run        sample-20260131-154502-09f3, plan sample (000000000000)
                       started 2026-01-31T15:45:02Z by ann

            ✓ 1/4  scale candidate app to the size of stable                done in 2s
            ✓ 2/4  wait until 100% of candidate targets on web are healthy  done in 38s
            • 3/4  shift web to 5%
                   under way, bake 1m20s/5m until 15:50:45Z
              4/4  shift web to 100%

            why        main/3-shift bakes, waiting for the bake to end at
                         2026-01-31T15:50:45Z
            gates      errors: pass at 15:45:43Z, checkout-5xx is OK (alarms 1)
            traffic    web: 95% on blue (weight 950), 5% on green (weight 50), seen
                         15:45:45Z
            capacity   stable app: app-blue desired 3 (min 2, max 6), seen 15:45:02Z
                       candidate app: app-green desired 3 (min 2, max 6), seen 15:45:04Z
          "#);
        insta::assert_snapshot!(progress(&view).unwrap(), @"3/4 shift web to 5%  bake 1m20s/5m  errors: pass");
    }

    #[test]
    fn status_after_a_roll_back_and_with_several_components() {
        let view = RunView::of(&plan_of_two(), &Story::rolled_back(), later(123));
        insta::assert_snapshot!(status(&view, Style::PLAIN), @r#"
          ↩ ROLLED BACK after 3m2s
            next       nothing to do here; a new `tidegate run` once the cause is fixed
            run        sample-20260131-154502-09f3, plan sample (000000000000)
                       started 2026-01-31T15:45:02Z by ann

            main
            ↩ 1/4  scale candidate app to the size of stable                reverted
            ✓ 2/4  wait until 100% of candidate targets on web are healthy  done in 38s
            ↩ 3/4  shift web to 5%                                          reverted
              4/4  shift web to 100%

            api
              1/1  pause until somebody resumes

            why        gate errors failed: checkout-5xx is in ALARM since 15:47:40Z
                       everything this run touched is as it was before
            components ↩ main: taken back
                         api: not begun
            gates      errors: fail at 15:47:42Z, checkout-5xx is in ALARM since 15:47:40Z
                         (alarms 1)
            traffic    web: 100% on blue (weight 999), 0% on green (weight 0), seen
                         15:47:44Z
            capacity   stable app: app-blue desired 3 (min 2, max 6), seen 15:45:02Z
                       candidate app: app-green desired 0 (min 0, max 6), seen 15:48:04Z
          "#);
        assert_eq!(progress(&view), None);
    }

    #[test]
    fn programs_read_the_same_as_json() {
        let view = RunView::of(&sample_plan(), &Story::failing().told(), later(170));
        let json = serde_json::to_value(&view).unwrap();
        insta::assert_snapshot!(json["standing"], @r#""rolling-back""#);
        insta::assert_snapshot!(json["duration-ms"], @"170000");
        insta::assert_snapshot!(json["components"][0]["steps"][2], @r#"{"bake":null,"cause":"gate errors failed: checkout-5xx is in ALARM since 15:47:40Z","ended":1769874462000,"gates":["errors"],"id":"main/3-shift","place":"3/4","started":1769874342000,"state":"failed","what":"shift web to 5%"}"#);
        insta::assert_snapshot!(json["routes"][0], @r#"{"candidate":{"member":"green","share":"5%","weight":50},"others":{},"route":"web","seen":1769874345000,"stable":{"member":"blue","share":"95%","weight":950}}"#);
        insta::assert_snapshot!(json["gates"][0], @r#"{"gate":"errors","last-read":null,"reading":{"at":1769874462000,"because":"checkout-5xx is in ALARM since 15:47:40Z","evidence":{"alarms":"1"},"outcome":"fail"}}"#);
    }
}

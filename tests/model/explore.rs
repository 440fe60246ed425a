//! Breadth-first search: from every state, everything that can happen next. It is one long list of what may happen, kept
//! together so that one reading shows what is tried and what is not.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use tidegate::{
    plan::{Plan, PlanName, Side, StepId},
    rollout::{
        Actor, Call, CallProblem, Check, Command, Ending, Event, Input, Jump, Made, Mode, Outcome,
        Outstanding, Picture, Poll, ProblemKind, Reading, Shared, Signal, State, Subject, Target,
        Timestamp, Vote, awaits_person, handle, handle_at_rest, outstanding,
    },
};

use crate::{
    invariants,
    sampled::Sampled,
    world::{World, bindings_at_start, uploaded},
};

/// How often each kind of misfortune may strike in one story.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) crashes: u8,
    /// Gate readings that fail or are unknown.
    pub(crate) gates: u8,
    /// Calls that fail, with or without effect.
    pub(crate) calls: u8,
    pub(crate) aborts: u8,
    /// Runners that take over in order to abort.
    pub(crate) late_aborts: u8,
    pub(crate) pauses: u8,
    /// Changes by somebody else.
    pub(crate) strangers: u8,
    /// Clocks that are set, forward or back, and runners whose clock is behind.
    pub(crate) jumps: u8,
    /// Targets that somebody deletes.
    pub(crate) deletions: u8,
    /// All of these together.
    pub(crate) total: u8,
}

impl Budget {
    /// Takes one misfortune of the kind that `field` names, if there is one left.
    fn spend(mut self, field: impl Fn(&mut Self) -> &mut u8) -> Option<Self> {
        let left = field(&mut self).checked_sub(1)?;
        *field(&mut self) = left;
        self.total = self.total.checked_sub(1)?;
        Some(self)
    }
}

/// Whether something that happens counts against the budget.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cost {
    Free,
    Misfortune,
}

/// Which rules the core is made to see: the honest ones, or deliberately broken ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    Honest,
    UnknownPasses,
    AlwaysDrained,
    /// The core is not told that the clock was set.
    ClockUntold,
    /// Whoever takes over knows nothing of the candidate that was made, and does not find it.
    MadeForgotten,
}

/// How far clocks are set.
const JUMPS: [Jump; 2] = [Jump::from_millis(3_600_000), Jump::from_millis(-3_600_000)];
/// How far behind a second runner's clock is.
const BEHIND: Duration = Duration::from_mins(5);

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) state: State,
    pub(crate) world: World,
    pub(crate) now: Timestamp,
    pub(crate) budget: Budget,
    /// What each gate last said, as the world knows it.
    pub(crate) said: Shared<BTreeMap<Check, (Outcome, Timestamp)>>,
    pub(crate) strange: Option<Target>,
    /// The components that have gone back or are to, by the events alone.
    pub(crate) back: Shared<BTreeSet<String>>,
    /// How often each gate has failed since a person last resumed the run, as the world knows it.
    pub(crate) failed: Shared<BTreeMap<Check, u32>>,
    /// Targets whose last call has not returned.
    pub(crate) doubted: Shared<BTreeSet<Target>>,
    /// What somebody has deleted.
    pub(crate) gone: Option<Target>,
    /// How far the clock was set in all, in milliseconds.
    pub(crate) set_by: i64,
    /// When each step began, and when its bake did, by a clock that nobody sets.
    pub(crate) began: Shared<BTreeMap<StepId, Timestamp>>,
    pub(crate) baked: Shared<BTreeMap<StepId, Timestamp>>,
}

impl Node {
    /// The time by a clock that nobody sets.
    pub(crate) fn truth(&self, now: Timestamp) -> Timestamp {
        now.moved(Jump::from_millis(-self.set_by))
    }

    /// The clock shows something else: what was said was said as long ago as before.
    fn set_clock(&mut self, by: Jump) {
        self.set_by += by.as_millis();
        for (_, at) in self.said.values_mut() {
            *at = at.moved(by);
        }
    }

    fn apply(&mut self, plan: &Plan, event: &Event, now: Timestamp) {
        match event {
            Event::RollbackStarted { scope, .. } => {
                let all = || plan.components.iter().map(|component| component.name.to_string());
                match scope {
                    Some(scope) => {
                        self.back.extend(scope.components.iter().map(ToString::to_string));
                    }
                    None => self.back.extend(all()),
                }
            }
            Event::ClockJumped { by } => self.set_clock(*by),
            Event::StepStarted { step, .. } => {
                let truth = self.truth(now);
                self.began.insert(step.clone(), truth);
            }
            Event::BakeStarted { step, .. } => {
                let truth = self.truth(now);
                self.baked.insert(step.clone(), truth);
            }
            Event::StepDone { step } | Event::StepFailed { step, .. } => {
                self.began.remove(step);
                self.baked.remove(step);
            }
            Event::ChangeIntended { target, .. } => {
                self.doubted.insert(target.clone());
            }
            Event::CallReturned { target } => {
                self.doubted.remove(target);
            }
            _ => {}
        }
        self.state.apply(event, now);
    }
}

pub(crate) struct Report {
    pub(crate) states: usize,
    pub(crate) transitions: usize,
    pub(crate) ends: BTreeMap<String, usize>,
}

/// Everything that can be reached, or the shortest story that breaks an invariant.
pub(crate) fn explore(plan: &Plan, budget: Budget, rules: Rules) -> Result<Report, String> {
    let mut search = Search {
        plan,
        rules,
        seen: HashSet::new(),
        queue: VecDeque::new(),
        stories: Vec::new(),
        transitions: 0,
        asked: Sampled::one_of(4, "transitions, for whether enough are asked"),
    };
    let world = World::of(plan);
    let mut root = Node {
        state: State::default(),
        now: Timestamp::from_millis(1_000_000),
        budget,
        said: Shared::default(),
        strange: None,
        back: Shared::default(),
        failed: Shared::default(),
        doubted: Shared::default(),
        gone: None,
        set_by: 0,
        began: Shared::default(),
        baked: Shared::default(),
        world,
    };
    let started = Event::RunStarted {
        plan: PlanName::new("model"),
        digest: String::new(),
        params: BTreeMap::new(),
        by: Actor("model".to_owned()),
        bindings: bindings_at_start(plan),
        found: root.world.found(),
        excused: Vec::new(),
        attempts: BTreeMap::new(),
        acting_as: None,
    };
    root.state.apply(&started, root.now);
    let (first, now) = (root.clone(), root.now);
    search.step(None, &first, root, &Input::Tick, now, "start")?;
    let mut ends = BTreeMap::new();
    while let Some((id, node)) = search.queue.pop_front() {
        let fresh = search.successors(id, &node)?;
        let end = match &node.state.mode {
            Mode::Ended(ending) => format!("{ending:?}"),
            Mode::Held(_) => {
                if let Err(broken) = invariants::held(plan, &node) {
                    return Err(search.story(id, &broken));
                }
                "Held".to_owned()
            }
            Mode::NotStarted | Mode::Forward | Mode::RollingBack { .. } => {
                let stuck = !fresh && !awaits_person(plan, &node.state);
                if stuck && !search.can_move(&node) {
                    return Err(search.story(id, "nothing can ever happen again"));
                }
                continue;
            }
        };
        *ends.entry(end).or_default() += 1;
    }
    Ok(Report { states: search.seen.len(), transitions: search.transitions, ends })
}

/// How a call comes back.
type Answer = Result<Option<Made>, CallProblem>;

struct Search<'a> {
    plan: &'a Plan,
    rules: Rules,
    /// Fingerprints: whole nodes would fill the memory. At 64 bits and a million states the odds of taking two for one
    /// are below one in ten million.
    seen: HashSet<u64>,
    queue: VecDeque<(usize, Node)>,
    /// How each node was reached: its parent, and what happened there.
    stories: Vec<(Option<usize>, String)>,
    transitions: usize,
    /// At which of them it is looked whether those who are asked are enough; to decide twice more takes long.
    asked: Sampled,
}

impl Search<'_> {
    fn story(&self, mut id: usize, end: &str) -> String {
        let mut lines = vec![end.to_owned()];
        loop {
            let (parent, label) = &self.stories[id];
            lines.push(format!("  {label}"));
            match parent {
                Some(parent) => id = *parent,
                None => break,
            }
        }
        lines.reverse();
        lines.join("\n")
    }

    /// Whether the node leads anywhere but to itself: to states already seen, too.
    fn can_move(&self, node: &Node) -> bool {
        let out = outstanding(self.plan, &self.told(node), node.now);
        !out.calls.is_empty()
            || out.wake.is_some()
            || node.state.interrupted.is_some()
            || !out.polls.is_empty()
    }

    /// Lets `input` happen at `node` (whose world has been changed already) and checks what follows; with a crash to
    /// spare, after every prefix of its events too. Returns whether a new state was found.
    fn step(
        &mut self,
        parent: Option<usize>,
        before: &Node,
        mut node: Node,
        input: &Input,
        now: Timestamp,
        label: &str,
    ) -> Result<bool, String> {
        self.transitions += 1;
        let told = self.told(before);
        let Ok(events) = handle(self.plan, &told, input, now) else {
            return Ok(false);
        };
        if self.asked.takes(self.transitions) && !self.asks_enough(&told, input, now, &events) {
            let broken = "at rest, not all that an event concerns is asked";
            let id = self.remember(parent, &format!("{label} -> {events:?}"));
            return Err(self.story(id, broken));
        }
        node.now = now;
        let mut found = false;
        let mut cut = node.clone();
        for (i, event) in events.iter().enumerate() {
            if i > 0
                && let Some(budget) = cut.budget.spend(|b| &mut b.crashes)
            {
                let crashed = Node { budget, ..cut.clone() };
                found |=
                    self.restart(parent, crashed, &format!("{label}, crash after event {i}"))?;
            }
            let checked = invariants::check(self.plan, &cut, event, now);
            cut.apply(self.plan, event, now);
            if let Err(broken) = checked {
                let id = self.remember(parent, &format!("{label} -> {event:?}"));
                return Err(self.story(id, &broken));
            }
        }
        Ok(found | self.visit(parent, cut, label))
    }

    /// Where nothing follows by itself, only those are asked whom an event concerns; that comes to the same.
    fn asks_enough(&self, state: &State, input: &Input, now: Timestamp, events: &[Event]) -> bool {
        let rests = handle(self.plan, state, &Input::Tick, now).is_ok_and(|next| next.is_empty());
        !rests || handle_at_rest(self.plan, state, input, now).as_deref() == Ok(events)
    }

    /// The state as the core is made to see it.
    fn told<'a>(&self, node: &'a Node) -> Cow<'a, State> {
        let mut told = Cow::Borrowed(&node.state);
        if self.rules == Rules::AlwaysDrained {
            for route in self.plan.routes.keys() {
                for side in [Side::Stable, Side::Candidate] {
                    let idle_since = &mut told.to_mut().idle_since;
                    idle_since.insert((route.clone(), side), Timestamp::default());
                }
            }
        }
        told
    }

    fn remember(&mut self, parent: Option<usize>, label: &str) -> usize {
        self.stories.push((parent, label.to_owned()));
        self.stories.len() - 1
    }

    fn visit(&mut self, parent: Option<usize>, node: Node, label: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        node.hash(&mut hasher);
        if !self.seen.insert(hasher.finish()) {
            return false;
        }
        assert!(self.seen.len() < 3_000_000, "the search space has grown out of hand");
        let id = self.remember(parent, label);
        self.queue.push_back((id, node));
        true
    }

    /// A new runner takes over, perhaps one whose clock is behind, perhaps one that is to abort.
    fn restart(&mut self, parent: Option<usize>, node: Node, label: &str) -> Result<bool, String> {
        let mut found = self.take_over(parent, node.clone(), Vec::new(), label)?;
        if let Some(budget) = node.budget.spend(|b| &mut b.jumps) {
            let now = node.now.before(BEHIND);
            let behind = Node { now, budget, ..node.clone() };
            let label = format!("{label}, its clock behind");
            found |= self.take_over(parent, behind, Vec::new(), &label)?;
        }
        if let Some(budget) = node.budget.spend(|b| &mut b.late_aborts) {
            let abort = (Actor("operator".to_owned()), Command::Abort { reason: None });
            let asked = Node { budget, ..node };
            found |= self.take_over(parent, asked, vec![abort], &format!("{label}, to abort"))?;
        }
        Ok(found)
    }

    fn take_over(
        &mut self,
        parent: Option<usize>,
        node: Node,
        then: Vec<(Actor, Command)>,
        label: &str,
    ) -> Result<bool, String> {
        let is_asked_back = !then.is_empty() && !matches!(node.state.mode, Mode::Ended(_));
        let input = Input::RunnerStarted { by: Actor("second".to_owned()), then };
        let now = node.now;
        let events = handle(self.plan, &node.state, &input, now).expect("never refused");
        if is_asked_back
            && events.iter().any(|e| matches!(e, Event::RunEnded { ending: Ending::Promoted }))
        {
            let id = self.remember(parent, label);
            return Err(self.story(id, "a run that was to be aborted is promoted"));
        }
        let mut cut = node;
        for event in &events {
            if let Err(broken) = invariants::check(self.plan, &cut, event, now) {
                let id = self.remember(parent, &format!("{label} -> {event:?}"));
                return Err(self.story(id, &broken));
            }
            cut.apply(self.plan, event, now);
        }
        if self.rules == Rules::MadeForgotten {
            cut.state.bindings = bindings_at_start(self.plan).into();
        }
        Ok(self.visit(parent, cut, label))
    }

    /// A runner asks again only when something has happened or the moment has come at which time alone changes something.
    fn stays_until_it_wakes(&self, node: &Node, out: &Outstanding) -> bool {
        let last = match out.wake {
            Some(wake) => wake.before(Duration::from_millis(1)),
            None => node.now.plus(Duration::from_hours(24)),
        };
        outstanding(self.plan, &self.told(node), last) == *out
    }

    fn successors(&mut self, id: usize, node: &Node) -> Result<bool, String> {
        let out = outstanding(self.plan, &self.told(node), node.now);
        if !self.stays_until_it_wakes(node, &out) {
            return Err(self.story(id, "what is outstanding changes before it says it does"));
        }
        let is_calling = !out.calls.is_empty();
        let mut fresh = self.calls(id, node, out.calls)?;
        fresh |= self.polls(id, node, out.polls)?;
        fresh |= self.people(id, node)?;
        fresh |= self.accidents(id, node)?;
        fresh |= self.operations(id, node);
        if let Some(wake) = out.wake {
            fresh |= self.step(
                Some(id),
                node,
                node.clone(),
                &Input::Tick,
                wake,
                &format!("time {wake}"),
            )?;
        }
        if node.state.interrupted.is_some() && !is_calling {
            fresh |= self.restart(Some(id), node.clone(), "resume after the interrupt")?;
        }
        Ok(fresh)
    }

    /// Every way in which each call under way may end, a crash in the middle of it included.
    fn calls(&mut self, id: usize, node: &Node, calls: Vec<Call>) -> Result<bool, String> {
        let mut fresh = false;
        for call in calls {
            let after = node.world.after(&call);
            let fits = after.is_some();
            let cut_short = if fits { node.world.cut_short(self.plan, &call) } else { Vec::new() };
            let cut_short = cut_short.into_iter().map(|picture| {
                let mut next = node.clone();
                next.world.0.insert(call.target.clone(), picture);
                next
            });
            let cut_short: Vec<Node> = cut_short.collect();
            let effective = {
                let mut next = node.clone();
                if let Some(after) = after {
                    if let Err(broken) = invariants::effect(self.plan, node, &call) {
                        return Err(self.story(id, &broken));
                    }
                    next.world.0.insert(call.target.clone(), after);
                }
                next
            };
            let target = call.target.clone();
            let problem = |kind| Err(CallProblem { kind, message: "model".to_owned() });
            let mut ways: Vec<(&str, Node, Answer, Cost)> = Vec::new();
            if fits {
                ways.push(("returns", effective.clone(), Ok(World::made(&call)), Cost::Free));
                ways.push((
                    "answer lost",
                    effective.clone(),
                    problem(ProblemKind::Passing),
                    Cost::Misfortune,
                ));
            } else {
                ways.push(("conflict", node.clone(), problem(ProblemKind::Passing), Cost::Free));
            }
            for next in &cut_short {
                for (how, kind) in [
                    ("answer lost between two rules", ProblemKind::Passing),
                    ("denied at a later rule", ProblemKind::Final),
                ] {
                    ways.push((how, next.clone(), problem(kind), Cost::Misfortune));
                }
            }
            ways.push(("throttled", node.clone(), problem(ProblemKind::Passing), Cost::Misfortune));
            ways.push(("denied", node.clone(), problem(ProblemKind::Final), Cost::Misfortune));
            if node.gone.as_ref() == Some(&call.target) {
                ways = vec![("absent", node.clone(), problem(ProblemKind::Final), Cost::Free)];
            }
            for (how, mut next, result, cost) in ways {
                if cost == Cost::Misfortune {
                    let Some(budget) = next.budget.spend(|b| &mut b.calls) else { continue };
                    next.budget = budget;
                }
                let input = Input::Called { target: target.clone(), result };
                let label = format!("{target} to {}: {how}", call.after);
                fresh |= self.step(Some(id), node, next, &input, node.now, &label)?;
            }
            if let Some(budget) = node.budget.spend(|b| &mut b.crashes) {
                let whole = [("before it took effect", node.clone()), ("after", effective)];
                let between = cut_short.into_iter().map(|next| ("between two rules", next));
                for (how, mut next) in whole.into_iter().chain(between) {
                    next.budget = budget;
                    fresh |= self.restart(Some(id), next, &format!("crash in a call, {how}"))?;
                }
            }
        }
        Ok(fresh)
    }

    /// What AWS does by itself, whether somebody watches or not.
    fn operations(&mut self, id: usize, node: &Node) -> bool {
        let mut fresh = false;
        for target in node.world.0.keys() {
            if let Some(picture) = node.world.moved_on(target) {
                let mut next = node.clone();
                let label = format!("AWS: {target} to {picture}");
                next.world.0.insert(target.clone(), picture);
                fresh |= self.visit(Some(id), next, &label);
            }
            if let (Some(picture), Some(budget)) =
                (node.world.broken(target), node.budget.spend(|b| &mut b.calls))
            {
                let mut next = Node { budget, ..node.clone() };
                let label = format!("AWS: {target} to {picture}");
                next.world.0.insert(target.clone(), picture);
                fresh |= self.visit(Some(id), next, &label);
            }
        }
        fresh
    }

    fn polls(&mut self, id: usize, node: &Node, polls: Vec<Poll>) -> Result<bool, String> {
        let mut fresh = false;
        for poll in polls {
            if poll.since > node.now {
                continue;
            }
            match poll.subject {
                Subject::Target(target) if node.gone.as_ref() == Some(&target) => {
                    let label = format!("read {target}: gone");
                    let input = Input::Vanished { target, words: "model".to_owned() };
                    fresh |= self.step(Some(id), node, node.clone(), &input, node.now, &label)?;
                }
                Subject::Target(target) => {
                    let live = self.read(node, &target);
                    let label = format!("read {target}: {live}");
                    let input = Input::Observed { target, live };
                    fresh |= self.step(Some(id), node, node.clone(), &input, node.now, &label)?;
                }
                Subject::Check(check) => {
                    let is_gate = matches!(check, Check::Gate(_));
                    let honest = node.world.answer(self.plan, &check);
                    // That users are served is not kept, and changes nothing.
                    let is_served = matches!(check, Check::Served { .. });
                    if is_served && honest == Outcome::Pass && !self.is_gone(node, &check) {
                        continue;
                    }
                    let mut outcomes = vec![(honest, Cost::Free)];
                    if is_gate {
                        for outcome in [Outcome::Fail, Outcome::Unknown, Outcome::Wait] {
                            outcomes.push((outcome, Cost::Misfortune));
                        }
                    }
                    for (outcome, cost) in outcomes {
                        let mut next = node.clone();
                        if cost == Cost::Misfortune {
                            let Some(budget) = next.budget.spend(|b| &mut b.gates) else {
                                continue;
                            };
                            next.budget = budget;
                        }
                        if !is_served {
                            next.said.insert(check.clone(), (outcome, node.now));
                        }
                        if is_gate && outcome == Outcome::Fail {
                            *next.failed.entry(check.clone()).or_default() += 1;
                        }
                        let told = match (self.rules, outcome, &check) {
                            (Rules::UnknownPasses, Outcome::Unknown, _)
                            | (Rules::AlwaysDrained, _, Check::Drained { .. }) => Outcome::Pass,
                            _ => outcome,
                        };
                        let mut reading = Reading::new(told, node.now, "model");
                        if self.is_gone(node, &check) {
                            reading.outcome = Outcome::Fail;
                            reading.gone = Some("model".to_owned());
                        }
                        let label = format!("{check}: {outcome}");
                        let input = Input::Answered { check: check.clone(), reading };
                        fresh |= self.step(Some(id), node, next, &input, node.now, &label)?;
                    }
                }
            }
        }
        Ok(fresh)
    }

    /// What a target is told to look like.
    fn read(&self, node: &Node, target: &Target) -> Picture {
        if let (Rules::MadeForgotten, Target::Candidate(route)) = (self.rules, target)
            && node.state.bindings.routes[route].candidate.is_none()
        {
            return Picture::Release(uploaded("1"));
        }
        node.world.0[target].clone()
    }

    /// Whether what a check asks after is what somebody has deleted.
    fn is_gone(&self, node: &Node, check: &Check) -> bool {
        let (asked, of) = match check {
            Check::Healthy { route, side, .. } => (route, *side),
            Check::Served { route } => (route, Side::Candidate),
            Check::BaselineHealthy { .. }
            | Check::Gate(_)
            | Check::Drained { .. }
            | Check::Requests { .. }
            | Check::Stands(_) => return false,
        };
        let mut fleets = self.plan.fleets_behind(asked);
        matches!(&node.gone, Some(Target::Fleet { fleet, side }) if *side == of && fleets.any(|f| f == fleet))
    }

    /// The clock is set, and things are deleted.
    fn accidents(&mut self, id: usize, node: &Node) -> Result<bool, String> {
        let mut fresh = false;
        let is_moving = matches!(node.state.mode, Mode::Forward | Mode::RollingBack { .. });
        if !is_moving || node.state.interrupted.is_some() {
            return Ok(false);
        }
        if let Some(budget) = node.budget.spend(|b| &mut b.jumps) {
            for by in JUMPS {
                let mut next = Node { budget, ..node.clone() };
                let now = node.now.moved(by);
                let label = format!("the clock is set {by}");
                let input = match self.rules {
                    Rules::ClockUntold => {
                        next.set_clock(by);
                        Input::Tick
                    }
                    Rules::Honest
                    | Rules::UnknownPasses
                    | Rules::AlwaysDrained
                    | Rules::MadeForgotten => Input::ClockJumped { by },
                };
                fresh |= self.step(Some(id), node, next, &input, now, &label)?;
            }
        }
        if let Some(budget) = node.budget.spend(|b| &mut b.deletions) {
            for target in node.world.0.keys() {
                let gone = Some(target.clone());
                let next = Node { budget, gone, ..node.clone() };
                let label = format!("somebody deletes {target}");
                fresh |= self.step(Some(id), node, next, &Input::Tick, node.now, &label)?;
            }
        }
        Ok(fresh)
    }

    /// Operators, signals, strangers.
    fn people(&mut self, id: usize, node: &Node) -> Result<bool, String> {
        let mut fresh = false;
        let by = Actor("operator".to_owned());
        let ask = |search: &mut Self, next: Node, command: Command| {
            let label = command.name().to_owned();
            let input = Input::Command { by: by.clone(), command };
            search.step(Some(id), node, next, &input, node.now, &label)
        };
        for who in ["ann", "bob"] {
            let vote = Vote { identity: Some(who.to_owned()), ..Vote::default() };
            fresh |= ask(self, node.clone(), Command::Approve(vote))?;
        }
        if let Some(budget) = node.budget.spend(|b| &mut b.aborts) {
            let next = Node { budget, ..node.clone() };
            fresh |= ask(self, next, Command::Deny(Vote::default()))?;
        }
        // A hold that is resumed may end in the same hold again, for ever, and so may a roll-back: those are counted.
        let resumed = match node.state.mode {
            Mode::Held(_) => node.budget.spend(|b| &mut b.pauses),
            Mode::Ended(Ending::NeedsAttention) => node.budget.spend(|b| &mut b.aborts),
            _ => Some(node.budget),
        };
        if let Some(budget) = resumed {
            let mut next = Node { budget, ..node.clone() };
            if matches!(node.state.mode, Mode::Held(_)) {
                next.failed.clear();
            }
            fresh |= ask(self, next, Command::Resume)?;
        }
        if let Some(budget) = node.budget.spend(|b| &mut b.pauses) {
            let next = Node { budget, ..node.clone() };
            fresh |= ask(self, next, Command::Pause)?;
        }
        if let Some(budget) = node.budget.spend(|b| &mut b.aborts) {
            let next = Node { budget, ..node.clone() };
            fresh |= ask(self, next, Command::Rollback { reason: None })?;
        }
        let is_over = matches!(
            node.state.mode,
            Mode::Ended(Ending::Promoted | Ending::RolledBack | Ending::PartlyRolledBack)
        );
        if let Some(budget) = node.budget.spend(|b| &mut b.crashes)
            && !is_over
        {
            let next = Node { budget, ..node.clone() };
            let input = Input::Interrupted { signal: Signal::SigTerm };
            fresh |= self.step(Some(id), node, next, &input, node.now, "SIGTERM")?;
        }
        let is_moving = matches!(node.state.mode, Mode::Forward | Mode::RollingBack { .. });
        if let Some(budget) = node.budget.spend(|b| &mut b.strangers)
            && is_moving
        {
            for target in node.world.0.keys() {
                let mut next = node.clone();
                next.budget = budget;
                next.strange = Some(target.clone());
                let picture = World::strange(self.plan, target, &node.world.0[target]);
                next.world.0.insert(target.clone(), picture);
                fresh |= self.step(
                    Some(id),
                    node,
                    next,
                    &Input::Tick,
                    node.now,
                    &format!("a stranger changes {target}"),
                )?;
            }
        }
        Ok(fresh)
    }
}

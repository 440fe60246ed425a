//! One run, driven. The loop does four things, over and over: take in what has happened as one input, append the events
//! that follow from it (durable before anything else sees them), fold them, and start what is outstanding and not under
//! way. It decides nothing: after a crash another runner folds the same journal and does the same.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    Clock, Due, Histories, Signals,
    listening::{Listening, concerned},
    poll_alarms,
    polls::{Cause, Polls},
};
use crate::{
    action, cloud,
    cloud::{Cloud, News},
    gate,
    journal::{self, Envelope, Hold, RunId, Seq, Store, requests},
    plan::{Plan, Queue},
    rollout::{
        Actor, CallProblem, Check, Command, Event, Input, Mode, Outcome, Outstanding, Picture,
        Reading, Splits, State, Subject, Target, Timestamp, awaits_person, handle, outstanding,
    },
};

/// How often the inbox is looked into.
const INBOX_EVERY: Duration = Duration::from_secs(1);
/// How often the lock says that we are alive.
const BEAT_EVERY: Duration = Duration::from_secs(30);
/// How long calls under way may take to come back after an interrupt; what does not is in doubt for the next runner.
const INTERRUPT_GRACE: Duration = Duration::from_secs(5);
/// `DescribeAlarms` may tell for a moment what was before the change that there is news of: what news makes us ask is
/// asked once more so long after, unless it has failed by then.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(2);

/// Who wants to see what happens.
pub trait Observer: Send {
    /// An event is durable and has been folded.
    fn event(&mut self, envelope: &Envelope, state: &State);

    /// Something worth telling that is not a fact of the run.
    fn notice(&mut self, words: &str);

    /// Time has passed.
    fn tick(&mut self, _state: &State, _now: Timestamp) {}
}

/// What to do when only a person can take the run further.
#[derive(Clone)]
pub enum WhenAwaiting {
    Stay,
    /// Stop; the run can be resumed later.
    Leave,
    /// Stay as long as somebody may still say something.
    StayWhile(Arc<dyn Fn() -> bool + Send + Sync>),
}

/// Why the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Ended, held or interrupted: the state says which.
    AtRest,
    /// Only a person can take it further.
    AwaitsPerson,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this runner no longer owns run {run} and has stopped touching the world")]
    LostOwnership { run: RunId, source: journal::Error },
    #[error("the journal of run {run} cannot be written")]
    Journal { run: RunId, source: journal::Error },
}

pub struct Runner {
    pub plan: Plan,
    pub run: RunId,
    pub store: Arc<dyn Store>,
    pub hold: Box<dyn Hold>,
    pub cloud: Cloud,
    pub clock: Clock,
    pub when_awaiting: WhenAwaiting,
}

/// What has come back from the outside.
enum Done {
    Call { target: Target, result: Result<(), CallProblem> },
    Observed { target: Target, result: Result<Picture, cloud::Error> },
    Answered { check: Check, reading: Reading },
    Alarms { answers: Vec<(Check, Reading)>, asked: Vec<Subject>, histories: Histories },
    Heard { queue: Queue, result: Result<News, cloud::Error> },
    Forgotten { queue: Queue, result: Result<(), cloud::Error> },
}

struct Loop<'a> {
    runner: &'a Runner,
    observer: &'a mut dyn Observer,
    state: State,
    splits: Splits,
    seq: Seq,
    polls: Polls,
    listening: Listening,
    calls: BTreeMap<Target, Timestamp>,
    histories: Histories,
    tasks: JoinSet<Done>,
}

impl Runner {
    /// Runs until there is nothing left to do, given the journal so far and the first event or input of this runner.
    pub async fn drive(
        &self,
        begin: Begin,
        signals: &mut Signals,
        observer: &mut dyn Observer,
    ) -> Result<(State, Rest), Error> {
        let journal = self.store.load(&self.run).map_err(|source| self.lost(source))?;
        let state = State::fold(journal.iter().map(|envelope| (&envelope.event, envelope.at)));
        let seq = journal.last().map_or(Seq::FIRST, |last| last.seq.next());
        let mut splits = Splits::default();
        for envelope in &journal {
            splits.apply(&envelope.event, envelope.at);
        }
        let mut turn = Loop {
            runner: self,
            observer,
            state,
            splits,
            seq,
            polls: Polls::default(),
            listening: Listening::default(),
            calls: BTreeMap::new(),
            histories: Histories::default(),
            tasks: JoinSet::new(),
        };
        match begin {
            Begin::Run(event) => {
                turn.append(*event)?;
                turn.take_in(&Input::Tick)?;
            }
            Begin::TakeOver { by, then } => {
                turn.take_in(&Input::RunnerStarted { by: by.clone() })?;
                if let Some(command) = then {
                    turn.command(&by, &command)?;
                }
            }
        }
        let rest = turn.run(signals).await?;
        let state = turn.state;
        Ok((state, rest))
    }

    fn lost(&self, source: journal::Error) -> Error {
        let run = self.run.clone();
        if source.is_fence() {
            Error::LostOwnership { run, source }
        } else {
            Error::Journal { run, source }
        }
    }
}

/// How a runner comes to its run.
pub enum Begin {
    /// It is new: its first event.
    Run(Box<Event>),
    /// It was somebody else's: who takes over, and what they ask of it.
    TakeOver { by: Actor, then: Option<Command> },
}

impl Loop<'_> {
    async fn run(&mut self, signals: &mut Signals) -> Result<Rest, Error> {
        let clock = self.runner.clock;
        let mut next_inbox = clock.now();
        let mut next_beat = clock.now().plus(BEAT_EVERY);
        let mut grace = None;
        loop {
            let now = clock.now();
            if now >= next_inbox {
                self.take_in_requests()?;
                next_inbox = now.plus(INBOX_EVERY);
            }
            if now >= next_beat {
                self.runner.hold.beat(now).map_err(|source| self.runner.lost(source))?;
                next_beat = now.plus(BEAT_EVERY);
            }
            let out = outstanding(&self.runner.plan, &self.state, now);
            self.start(&out, now)?;
            let is_over = grace.is_some_and(|end| now >= end);
            if self.is_at_rest() && (self.calls.is_empty() || is_over) {
                return Ok(Rest::AtRest);
            }
            if self.awaits_in_vain(&out) {
                return Ok(Rest::AwaitsPerson);
            }
            let news = self.listening.wake(&self.runner.plan, &out);
            let wake = [out.wake, self.polls.wake(&out), news, grace]
                .into_iter()
                .flatten()
                .chain([next_inbox, next_beat])
                .min()
                .unwrap_or(next_inbox);
            tokio::select! {
                biased;
                signal = signals.next() => {
                    if self.state.interrupted.is_some() {
                        return Ok(Rest::AtRest);
                    }
                    self.take_in(&Input::Interrupted { signal })?;
                    grace = Some(clock.now().plus(INTERRUPT_GRACE));
                }
                Some(done) = self.tasks.join_next() => {
                    match done {
                        Ok(done) => self.take_in_done(done)?,
                        Err(error) => self.observer.notice(&format!("a task has died: {error}")),
                    }
                }
                () = clock.sleep_until(wake) => {
                    let now = clock.now();
                    if out.wake.is_some_and(|at| at <= now) {
                        self.take_in(&Input::Tick)?;
                    }
                    self.observer.tick(&self.state, now);
                }
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        matches!(self.state.mode, Mode::Ended(_) | Mode::Held(_))
            || self.state.interrupted.is_some()
    }

    /// Whether only a person can take the run further, and none is waited for.
    fn awaits_in_vain(&self, out: &Outstanding) -> bool {
        let awaits = matches!(self.state.mode, Mode::Forward)
            && self.calls.is_empty()
            && awaits_person(&self.runner.plan, &self.state);
        awaits
            && match &self.runner.when_awaiting {
                WhenAwaiting::Stay => false,
                WhenAwaiting::Leave => true,
                WhenAwaiting::StayWhile(more) => out.wake.is_none() && !more(),
            }
    }

    // ---- inputs

    fn take_in(&mut self, input: &Input) -> Result<(), Error> {
        let now = self.runner.clock.now();
        match handle(&self.runner.plan, &self.state, input, now) {
            Ok(events) => events.into_iter().try_for_each(|event| self.append(event)),
            // Only commands are refused, and those go through `command`.
            Err(refusal) => {
                self.observer.notice(&refusal.to_string());
                Ok(())
            }
        }
    }

    fn command(&mut self, by: &Actor, command: &Command) -> Result<(), Error> {
        let now = self.runner.clock.now();
        let input = Input::Command { by: by.clone(), command: command.clone() };
        match handle(&self.runner.plan, &self.state, &input, now) {
            Ok(events) => events.into_iter().try_for_each(|event| self.append(event)),
            Err(refusal) => self.append(Event::CommandRefused {
                by: by.clone(),
                command: command.name().to_owned(),
                refusal: refusal.to_string(),
            }),
        }
    }

    fn take_in_requests(&mut self) -> Result<(), Error> {
        let Runner { store, run, .. } = self.runner;
        let waiting =
            requests::<Command>(store.as_ref(), run).map_err(|source| self.runner.lost(source))?;
        for message in waiting {
            match message.request {
                Ok(request) => self.command(&request.by, &request.command)?,
                Err(words) => {
                    self.observer
                        .notice(&format!("a request cannot be read and is dropped: {words}"));
                }
            }
            store.discard(run, &message.ticket).map_err(|source| self.runner.lost(source))?;
        }
        Ok(())
    }

    fn take_in_done(&mut self, done: Done) -> Result<(), Error> {
        match done {
            Done::Call { target, result } => {
                self.calls.remove(&target);
                self.take_in(&Input::Called { target, result })
            }
            Done::Observed { target, result } => {
                self.polls.end(&Subject::Target(target.clone()));
                match result {
                    Ok(live) => self.take_in(&Input::Observed { target, live }),
                    Err(error) => {
                        self.observer
                            .notice(&format!("cannot read {target}: {error}; trying again"));
                        Ok(())
                    }
                }
            }
            Done::Answered { check, reading } => {
                self.polls.end(&Subject::Check(check.clone()));
                self.take_in(&Input::Answered { check, reading })
            }
            Done::Alarms { answers, asked, histories } => {
                self.histories = histories;
                for subject in &asked {
                    let cause = self.polls.end(subject);
                    let failed = answers.iter().any(|(check, reading)| {
                        *subject == Subject::Check(check.clone())
                            && reading.outcome == Outcome::Fail
                    });
                    if cause == Cause::News && !failed {
                        let at = self.runner.clock.now().plus(SECOND_LOOK_AFTER);
                        self.polls.hasten(subject, at, Cause::SecondLook);
                    }
                }
                answers.into_iter().try_for_each(|(check, reading)| {
                    self.take_in(&Input::Answered { check, reading })
                })
            }
            Done::Heard { queue, result } => {
                self.hear(queue, result);
                Ok(())
            }
            Done::Forgotten { queue, result } => {
                self.tell_trouble(&queue, result.err());
                Ok(())
            }
        }
    }

    /// News decides nothing: it makes the gates it concerns be read now.
    fn hear(&mut self, queue: Queue, result: Result<News, cloud::Error>) {
        let now = self.runner.clock.now();
        self.listening.end(&queue, &result, now);
        let news = match result {
            Ok(news) => news,
            Err(error) => return self.tell_trouble(&queue, Some(error)),
        };
        for gate in concerned(&self.runner.plan, &queue, &news) {
            self.polls.hasten(&Subject::Check(Check::Gate(gate.clone())), now, Cause::News);
        }
        if !news.receipts.is_empty() {
            let cloud = self.runner.cloud.clone();
            self.tasks.spawn(async move {
                let result = cloud.news.forget(&queue, &news.receipts).await;
                Done::Forgotten { queue, result }
            });
        }
    }

    fn tell_trouble(&mut self, queue: &Queue, error: Option<cloud::Error>) {
        let words = error.and_then(|error| self.listening.trouble(queue, &error));
        if let Some(words) = words {
            self.observer.notice(&words);
        }
    }

    /// Durable first, then folded, then seen.
    fn append(&mut self, event: Event) -> Result<(), Error> {
        let now = self.runner.clock.now();
        let envelope = Envelope::new(self.runner.run.clone(), self.seq, now, event);
        self.runner.store.append(&envelope).map_err(|source| self.runner.lost(source))?;
        self.seq = self.seq.next();
        self.state.apply(&envelope.event, now);
        self.splits.apply(&envelope.event, now);
        self.observer.event(&envelope, &self.state);
        Ok(())
    }

    // ---- effects

    fn start(&mut self, out: &Outstanding, now: Timestamp) -> Result<(), Error> {
        for call in &out.calls {
            if self.calls.contains_key(&call.target) {
                continue;
            }
            // An owner that lost its lock stops touching the world.
            self.runner.hold.still_ours().map_err(|source| self.runner.lost(source))?;
            self.calls.insert(call.target.clone(), now);
            let (cloud, bindings) = (self.runner.cloud.clone(), self.state.bindings.clone());
            let (call, plan) = (call.clone(), self.runner.plan.clone());
            self.tasks.spawn(async move {
                let result = action::call(&plan, &cloud, &bindings, &call).await;
                let result = result.map_err(|error| action::problem(&error));
                Done::Call { target: call.target, result }
            });
        }
        let mut alarms = Vec::new();
        for poll in self.polls.due(out, now) {
            match &poll.subject {
                Subject::Check(Check::Gate(gate)) if self.is_alarm_gate(gate.as_str()) => {
                    alarms.push(poll);
                }
                Subject::Check(check) => self.ask(check.clone(), now),
                Subject::Target(target) => self.observe(target.clone(), now),
            }
        }
        if !alarms.is_empty() {
            self.ask_alarms(out, now);
        }
        for queue in self.listening.begin(&self.runner.plan, out, now) {
            let cloud = self.runner.cloud.clone();
            self.tasks.spawn(async move {
                let result = cloud.news.hear(&queue).await;
                Done::Heard { queue, result }
            });
        }
        Ok(())
    }

    fn is_alarm_gate(&self, gate: &str) -> bool {
        self.runner.plan.gates.get(gate).is_some_and(|gate| gate.kind.alarms().is_some())
    }

    fn observe(&mut self, target: Target, now: Timestamp) {
        self.polls.begin(&Subject::Target(target.clone()), now);
        let (reads, bindings) = (self.runner.cloud.reads.clone(), self.state.bindings.clone());
        self.tasks.spawn(async move {
            let result = action::observe(&reads, &bindings, &target).await;
            Done::Observed { target, result }
        });
    }

    fn ask(&mut self, check: Check, now: Timestamp) {
        self.polls.begin(&Subject::Check(check.clone()), now);
        let (reads, bindings) = (self.runner.cloud.reads.clone(), self.state.bindings.clone());
        let (plan, splits) = (self.runner.plan.clone(), self.splits.clone());
        self.tasks.spawn(async move {
            let reading = gate::poll(&plan, &reads, (&bindings, &splits), &check, now).await;
            Done::Answered { check, reading }
        });
    }

    /// One question for the alarms of every gate that is due, or soon will be.
    fn ask_alarms(&mut self, out: &Outstanding, now: Timestamp) {
        let mut due = Vec::new();
        let mut asked = Vec::new();
        for poll in &out.polls {
            if let Subject::Check(Check::Gate(gate)) = &poll.subject
                && self.is_alarm_gate(gate.as_str())
                && self.polls.is_near(poll, now)
            {
                let excuses = self.state.excuses.get(gate).cloned().unwrap_or_default();
                due.push(Due { gate: gate.clone(), covering: poll.covering, excuses });
                asked.push(poll.subject.clone());
            }
        }
        if due.is_empty() {
            return;
        }
        for subject in &asked {
            self.polls.begin(subject, now);
        }
        let (plan, reads) = (self.runner.plan.clone(), self.runner.cloud.reads.clone());
        let histories = self.histories.clone();
        self.tasks.spawn(async move {
            let (answers, histories) =
                poll_alarms(&plan, reads.alarms.as_ref(), &due, histories, now).await;
            Done::Alarms { answers, asked, histories }
        });
    }
}

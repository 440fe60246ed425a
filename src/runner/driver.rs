//! One run, driven. The loop does four things, over and over: take in what has happened as one input, append the events
//! that follow from it (durable before anything else sees them), fold them, and start what is outstanding and not under
//! way. It decides nothing: after a crash another runner folds the same journal and does the same.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    Begin, Clock, Due, Error, Histories, Observer, Rest, Signals, WhenAwaiting,
    listening::{Listening, concerned},
    poll_alarms,
    polls::{Cause, Polls},
};
use crate::{
    action, cloud,
    cloud::{Cloud, News},
    gate,
    journal::{self, Envelope, Hold, Looks, MOST_WAITING, RunId, Seq, Store, requests},
    plan::{Plan, Queue},
    rollout::{
        Actor, CallProblem, Check, Command, Event, Input, Jump, Mode, Outcome, Outstanding,
        Picture, Reading, Shared, Splits, State, Subject, Target, Timestamp, awaits_person, handle,
        outstanding,
    },
};

/// How often the inbox is looked into.
const INBOX_EVERY: Duration = Duration::from_secs(1);
/// How often the lock says that we are alive, and it is noted what was read last.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// How long calls under way may take to come back after an interrupt; what does not is in doubt for the next runner.
/// Whoever presses Ctrl-C believes after two seconds that it was not heard.
const INTERRUPT_GRACE: Duration = Duration::from_millis(1_500);
/// `DescribeAlarms` may tell for a moment what was before the change that there is news of: what news makes us ask is
/// asked once more so long after, unless it has failed by then.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(2);
/// How often it is said that something still cannot be read.
const REMIND_EVERY: Duration = Duration::from_mins(1);

pub struct Runner {
    pub plan: Arc<Plan>,
    pub run: RunId,
    pub store: Arc<dyn Store>,
    pub hold: Box<dyn Hold>,
    pub cloud: Cloud,
    /// The same cloud, whose calls may take longer: going back, a late answer is better than none.
    pub patient: Cloud,
    pub clock: Clock,
    pub when_awaiting: WhenAwaiting,
}

/// What has come back from the outside.
enum Done {
    Call { target: Target, result: Result<(), CallProblem> },
    Observed { target: Target, result: Result<Picture, cloud::Error> },
    Answered { check: Check, reading: Reading, era: Era },
    Alarms { answers: Vec<(Check, Reading)>, asked: Vec<Subject>, histories: Histories, era: Era },
    Heard { queue: Queue, result: Result<News, cloud::Error> },
    Forgotten { queue: Queue, result: Result<(), cloud::Error> },
}

/// The time between two jumps of the clock: what was asked in another is told by times that are not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Era(u64);

struct Loop<'a> {
    runner: &'a Runner,
    observer: &'a mut dyn Observer,
    state: State,
    splits: Shared<Splits>,
    seq: Seq,
    polls: Polls,
    listening: Listening,
    calls: BTreeMap<Target, Timestamp>,
    histories: Histories,
    tasks: JoinSet<Done>,
    era: Era,
    /// What was last said of each target that cannot be read, and when.
    unread: BTreeMap<Target, (String, Timestamp)>,
    /// Whether it was told to, because the journal is short of room.
    goes_back: bool,
    /// The last answer to each check; the journal keeps those that matter.
    looks: Looks,
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
        let mut splits = Shared::<Splits>::default();
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
            era: Era::default(),
            unread: BTreeMap::new(),
            goes_back: false,
            looks: Looks::default(),
        };
        match begin {
            Begin::Run(event) => {
                turn.append(*event)?;
                turn.take_in(&Input::Tick)?;
            }
            Begin::TakeOver { by, then } => turn.take_over(by, then)?,
        }
        let rest = turn.run(signals).await;
        turn.note_looks();
        Ok((turn.state, rest?))
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

fn ends(event: &Event) -> bool {
    matches!(event, Event::RunEnded { .. })
}

impl Loop<'_> {
    async fn run(&mut self, signals: &mut Signals) -> Result<Rest, Error> {
        let clock = self.runner.clock.clone();
        let mut next_inbox = clock.now();
        let mut next_beat = clock.now().plus(BEAT_EVERY);
        let mut grace = None;
        let mut due: Option<Timestamp> = None;
        loop {
            if let Some(by) = clock.follow() {
                self.jump(by)?;
                next_inbox = next_inbox.moved(by);
                next_beat = next_beat.moved(by);
                grace = grace.map(|end: Timestamp| end.moved(by));
                due = due.map(|at| at.moved(by));
            }
            let now = clock.now();
            // Whatever woke us: a moment that has passed meanwhile is not among those to come.
            if due.is_some_and(|at| at <= now) {
                self.take_in(&Input::Tick)?;
            }
            if now >= next_inbox {
                let taken = self.take_in_requests()?;
                // Where more may wait, they are next, after whatever else has happened.
                next_inbox = if taken < MOST_WAITING { now.plus(self.inbox_every()) } else { now };
            }
            if now >= next_beat {
                self.runner.hold.beat(now).map_err(|source| self.runner.lost(source))?;
                self.note_looks();
                next_beat = now.plus(BEAT_EVERY);
            }
            self.mind_the_disk()?;
            let out = outstanding(&self.runner.plan, &self.state, now);
            due = out.wake;
            self.start(&out, now)?;
            let is_over = grace.is_some_and(|end| now >= end);
            if self.is_at_rest() && (self.calls.is_empty() || is_over) {
                // Whoever asked for something in the last moment is told that it came too late.
                self.take_in_requests()?;
                if self.is_at_rest() {
                    return Ok(Rest::AtRest);
                }
                continue;
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
                    // All that has come back by now, before it is asked once what is outstanding.
                    let mut back = Some(done);
                    while let Some(done) = back {
                        match done {
                            Ok(done) => self.take_in_done(done)?,
                            Err(error) => self.observer.notice(&format!("a task has died: {error}")),
                        }
                        back = self.tasks.try_join_next();
                    }
                }
                () = clock.sleep_until(wake) => self.observer.tick(&self.state, clock.now()),
            }
        }
    }

    /// In a simulation it is known when nobody will ask for anything any more.
    fn inbox_every(&self) -> Duration {
        match &self.runner.when_awaiting {
            WhenAwaiting::StayWhile(more) if !more() => BEAT_EVERY,
            WhenAwaiting::StayWhile(_) | WhenAwaiting::Stay | WhenAwaiting::Leave => INBOX_EVERY,
        }
    }

    /// On a full disk a run goes back while that can still be journaled: forward it would not get.
    fn mind_the_disk(&mut self) -> Result<(), Error> {
        let forward = matches!(self.state.mode, Mode::Forward | Mode::Held(_));
        let Runner { store, run, .. } = self.runner;
        if !forward || self.goes_back || !store.is_short(run) {
            return Ok(());
        }
        self.goes_back = true;
        self.observer.notice("the journal's disk is full; what was kept back is used to roll back");
        let reason = Some("the journal's disk is full".to_owned());
        self.command(&Actor("tidegate".to_owned()), &Command::Rollback { reason })
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
            // What nothing can be asked of any more is asked for the last time.
            // A runner that takes over has them in its input.
            Ok(events)
                if events.iter().any(ends)
                    && !matches!(input, Input::RunnerStarted { .. })
                    && self.take_in_requests()? > 0 =>
            {
                self.take_in(input)
            }
            Ok(events) => events.into_iter().try_for_each(|event| self.append(event)),
            // Only commands are refused, and those go through `command`.
            Err(refusal) => {
                self.observer.notice(&refusal.to_string());
                Ok(())
            }
        }
    }

    /// What people have asked for while nobody was here comes before all that would follow by itself.
    fn take_over(&mut self, by: Actor, then: Vec<Command>) -> Result<(), Error> {
        let Runner { store, run, .. } = self.runner;
        let waiting =
            requests::<Command>(store.as_ref(), run).map_err(|source| self.runner.lost(source))?;
        let mut asked: Vec<(Actor, Command)> =
            then.into_iter().map(|command| (by.clone(), command)).collect();
        let mut tickets = Vec::new();
        for message in waiting {
            match message.request {
                Ok(request) => asked.push((request.by, request.command)),
                Err(words) => self.tell_unreadable(&words),
            }
            tickets.push(message.ticket);
        }
        self.take_in(&Input::RunnerStarted { by, then: asked })?;
        for ticket in tickets {
            store.discard(run, &ticket).map_err(|source| self.runner.lost(source))?;
        }
        Ok(())
    }

    /// A note that cannot be written is missed by nobody but whoever looks.
    fn note_looks(&mut self) {
        self.looks.at = self.runner.clock.now();
        let Runner { store, run, .. } = self.runner;
        let _ = store.note(run, &self.looks);
    }

    /// Answers that are under way were asked for by the old time, and count for nothing.
    fn jump(&mut self, by: Jump) -> Result<(), Error> {
        self.era = Era(self.era.0 + 1);
        self.polls.forget_times();
        self.looks.readings.clear();
        self.listening.follow(by);
        self.take_in(&Input::ClockJumped { by })
    }

    fn tell_unreadable(&mut self, words: &str) {
        self.observer.notice(&format!("a request cannot be read and is dropped: {words}"));
    }

    fn command(&mut self, by: &Actor, command: &Command) -> Result<(), Error> {
        let now = self.runner.clock.now();
        let input = Input::Command { by: by.clone(), command: command.clone() };
        match handle(&self.runner.plan, &self.state, &input, now) {
            Ok(events) => events.into_iter().try_for_each(|event| self.append(event)),
            Err(refusal) => self.append(command.refused(by, &refusal)),
        }
    }

    /// How many there were.
    fn take_in_requests(&mut self) -> Result<usize, Error> {
        let Runner { store, run, .. } = self.runner;
        let waiting =
            requests::<Command>(store.as_ref(), run).map_err(|source| self.runner.lost(source))?;
        let all = waiting.len();
        for message in waiting {
            match message.request {
                Ok(request) => self.command(&request.by, &request.command)?,
                Err(words) => self.tell_unreadable(&words),
            }
            store.discard(run, &message.ticket).map_err(|source| self.runner.lost(source))?;
        }
        Ok(all)
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
                    Ok(live) => {
                        self.unread.remove(&target);
                        self.take_in(&Input::Observed { target, live })
                    }
                    Err(error @ cloud::Error::Absent { .. }) => {
                        let words = error.to_string();
                        self.take_in(&Input::Vanished { target, words })
                    }
                    Err(error) => {
                        self.tell_unread(target, &error);
                        Ok(())
                    }
                }
            }
            Done::Answered { check, reading, era } => {
                self.polls.end(&Subject::Check(check.clone()));
                if era != self.era {
                    return Ok(());
                }
                self.looks.keep(&check, &reading);
                self.take_in(&Input::Answered { check, reading })
            }
            Done::Alarms { answers, asked, histories, era } => {
                self.histories = histories;
                if era != self.era {
                    for subject in &asked {
                        self.polls.end(subject);
                    }
                    return Ok(());
                }
                for subject in &asked {
                    let cause = self.polls.end(subject);
                    let failed = || {
                        answers.iter().any(|(check, reading)| {
                            *subject == Subject::Check(check.clone())
                                && reading.outcome == Outcome::Fail
                        })
                    };
                    if cause == Cause::News && !failed() {
                        let at = self.runner.clock.now().plus(SECOND_LOOK_AFTER);
                        self.polls.hasten(subject, at, Cause::SecondLook);
                    }
                }
                answers.into_iter().try_for_each(|(check, reading)| {
                    self.looks.keep(&check, &reading);
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

    /// The same trouble is told again only now and then.
    fn tell_unread(&mut self, target: Target, error: &cloud::Error) {
        let (words, now) = (error.to_string(), self.runner.clock.now());
        let last = self.unread.get(&target);
        if last.is_some_and(|(said, at)| *said == words && now.since(*at) < REMIND_EVERY) {
            return;
        }
        self.observer.notice(&format!("cannot read {target}: {words}; trying again"));
        self.unread.insert(target, (words, now));
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

    fn cloud(&self) -> &Cloud {
        match self.state.mode {
            Mode::RollingBack { .. } => &self.runner.patient,
            Mode::NotStarted | Mode::Forward | Mode::Held(_) | Mode::Ended(_) => &self.runner.cloud,
        }
    }

    fn start(&mut self, out: &Outstanding, now: Timestamp) -> Result<(), Error> {
        for call in &out.calls {
            if self.calls.contains_key(&call.target) {
                continue;
            }
            // An owner that lost its lock stops touching the world.
            self.runner.hold.still_ours().map_err(|source| self.runner.lost(source))?;
            self.calls.insert(call.target.clone(), now);
            let (cloud, bindings) = (self.cloud().clone(), self.state.bindings.clone());
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
        let (reads, bindings) = (self.cloud().reads.clone(), self.state.bindings.clone());
        self.tasks.spawn(async move {
            let result = action::observe(&reads, &bindings, &target).await;
            Done::Observed { target, result }
        });
    }

    fn ask(&mut self, check: Check, now: Timestamp) {
        self.polls.begin(&Subject::Check(check.clone()), now);
        let (reads, bindings) = (self.cloud().reads.clone(), self.state.bindings.clone());
        let (plan, splits) = (self.runner.plan.clone(), self.splits.clone());
        let era = self.era;
        self.tasks.spawn(async move {
            let reading = gate::poll(&plan, &reads, (&bindings, &splits), &check, now).await;
            Done::Answered { check, reading, era }
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
        let (histories, era) = (self.histories.clone(), self.era);
        self.tasks.spawn(async move {
            let (answers, histories) =
                poll_alarms(&plan, reads.alarms.as_ref(), &due, histories, now).await;
            Done::Alarms { answers, asked, histories, era }
        });
    }
}

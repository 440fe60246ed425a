//! One run, driven. The loop does four things, over and over: take in what has happened as one input, append the events
//! that follow from it (durable before anything else sees them), fold them, and start what is outstanding and not under
//! way. It decides nothing: after a crash another runner folds the same journal and does the same.
//!
//! It stands in one file, at about 500 lines, because the order of these four things is what it is about.

use std::{
    collections::{BTreeSet, VecDeque},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinHandle;

use super::{
    Begin, Clock, Error, Observer, Rest, Signals, WhenAwaiting,
    under_way::{Back, UnderWay},
};
use crate::{
    cloud::{Cloud, Places},
    journal::{self, Envelope, Hold, MOST_WAITING, RunId, Seq, Store, requests},
    plan::Plan,
    rollout::{
        Actor, Command, Event, Input, Jump, Mode, Outcome, Outstanding, Shared, Signal, Splits,
        State, Target, Timestamp, awaits_person, handle, handle_at_rest, outstanding,
    },
};

/// How often the inbox is looked into.
const INBOX_EVERY: Duration = Duration::from_secs(1);
/// How often the lock says that we are alive, and it is noted what was read last.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// How long calls under way may take to come back after an interrupt; what does not is in doubt for the next runner.
/// Whoever presses Ctrl-C believes after two seconds that it was not heard.
const INTERRUPT_GRACE: Duration = Duration::from_millis(1_500);
/// While the journal is waited for, what is due to be read is begun so often.
const GLANCE_EVERY: Duration = Duration::from_secs(1);
/// A journal that takes longer is slow, and that is said; how often it is said that it still is.
const SLOW: Duration = Duration::from_secs(5);
const REMIND_EVERY: Duration = Duration::from_mins(1);
/// How long the last note of what was read is waited for.
const LAST_NOTE: Duration = Duration::from_secs(1);

/// What one run is driven with. Store, clouds and clock are handles of what many runs may share.
pub struct Runner {
    pub plan: Arc<Plan>,
    pub run: RunId,
    pub store: Store,
    pub hold: Box<dyn Hold>,
    pub cloud: Places<Cloud>,
    /// The same cloud, whose calls may take longer: going back, a late answer is better than none.
    pub patient: Places<Cloud>,
    pub clock: Clock,
    pub when_awaiting: WhenAwaiting,
}

struct Loop<'a> {
    runner: &'a Runner,
    signals: &'a mut Signals,
    observer: &'a mut dyn Observer,
    state: State,
    splits: Shared<Splits>,
    seq: Seq,
    under_way: UnderWay,
    calls: BTreeSet<Target>,
    /// What has happened and is not taken in yet: it came while the journal was waited for.
    inputs: VecDeque<Input>,
    /// The moment at which nothing follows from the state by itself, if that is known.
    rests_at: Option<Timestamp>,
    /// Until when calls under way are waited for, once interrupted.
    grace: Option<Timestamp>,
    /// Whether it was told to, because the journal is short of room.
    goes_back: bool,
    /// Writes down what was read last.
    noting: Option<JoinHandle<()>>,
}

impl Runner {
    /// Runs until there is nothing left to do, given the journal so far and the first event or input of this runner.
    pub async fn drive(
        &self,
        begin: Begin,
        signals: &mut Signals,
        observer: &mut dyn Observer,
    ) -> Result<(State, Rest), Error> {
        let journal = self.store.load(&self.run).await.map_err(|source| self.lost(source))?;
        let state = State::fold(journal.iter().map(|envelope| (&envelope.event, envelope.at)));
        let seq = journal.last().map_or(Seq::FIRST, |last| last.seq.next());
        let mut splits = Shared::<Splits>::default();
        for envelope in &journal {
            splits.apply(&envelope.event, envelope.at);
        }
        let Self { plan, cloud, patient, clock, .. } = self;
        let under_way = UnderWay::new(plan.clone(), cloud.clone(), patient.clone(), clock.clone());
        let mut turn = Loop {
            runner: self,
            signals,
            observer,
            state,
            splits,
            seq,
            under_way,
            calls: BTreeSet::new(),
            inputs: VecDeque::new(),
            rests_at: None,
            grace: None,
            goes_back: false,
            noting: None,
        };
        match begin {
            Begin::Run(event) => {
                turn.append(*event).await?;
                turn.take_in(&Input::Tick).await?;
            }
            Begin::TakeOver { by, then } => turn.take_over(by, then).await?,
        }
        let rest = turn.run().await;
        turn.note_looks();
        if let Some(noting) = turn.noting.take() {
            let _ = tokio::time::timeout(LAST_NOTE, noting).await;
        }
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
    async fn run(&mut self) -> Result<Rest, Error> {
        let clock = self.runner.clock.clone();
        let mut next_inbox = clock.now();
        let mut next_beat = clock.now().plus(BEAT_EVERY);
        let mut due: Option<Timestamp> = None;
        // What was outstanding after so many events: it is still, until one happens or the moment it names has come.
        let mut asked: Option<(Seq, Outstanding)> = None;
        loop {
            if let Some(by) = clock.follow() {
                self.jump(by).await?;
                next_inbox = next_inbox.moved(by);
                next_beat = next_beat.moved(by);
                self.grace = self.grace.map(|end| end.moved(by));
                due = due.map(|at| at.moved(by));
            }
            let now = clock.now();
            // Whatever woke us: a moment that has passed meanwhile is not among those to come.
            if due.is_some_and(|at| at <= now) {
                self.take_in(&Input::Tick).await?;
            }
            if now >= next_inbox {
                let taken = self.take_in_requests().await?;
                // Where more may wait, they are next, after whatever else has happened.
                next_inbox = if taken < MOST_WAITING { now.plus(self.inbox_every()) } else { now };
            }
            if now >= next_beat {
                let hold = &self.runner.hold;
                self.patiently("its lock says that it lives", hold.beat(now)).await?;
                self.note_looks();
                next_beat = now.plus(BEAT_EVERY);
            }
            self.mind_the_disk().await?;
            self.take_in_waiting().await?;
            // By the moment from before the journal was waited for: what has passed since is still to come, and wakes at once.
            let still = |out: &Outstanding| out.wake.is_none_or(|at| at > now);
            let out = match asked.take() {
                Some((seq, out)) if seq == self.seq && still(&out) => out,
                Some(_) | None => outstanding(&self.runner.plan, &self.state, now),
            };
            let seq = self.seq;
            due = out.wake;
            self.start(&out).await?;
            let is_over = self.grace.is_some_and(|end| now >= end);
            if self.is_at_rest() && (self.calls.is_empty() || is_over) {
                // Whoever asked for something in the last moment is told that it came too late.
                self.take_in_requests().await?;
                if self.is_at_rest() {
                    return Ok(Rest::AtRest);
                }
                continue;
            }
            if self.awaits_in_vain(&out) {
                return Ok(Rest::AwaitsPerson);
            }
            // What came back while the lock was looked at is not to be waited for.
            if !self.inputs.is_empty() {
                continue;
            }
            let wake = [out.wake, self.under_way.wake(&out), self.grace]
                .into_iter()
                .flatten()
                .chain([next_inbox, next_beat])
                .min()
                .unwrap_or(next_inbox);
            asked = Some((seq, out));
            tokio::select! {
                biased;
                signal = self.signals.next() => {
                    if self.state.interrupted.is_some() {
                        return Ok(Rest::AtRest);
                    }
                    self.interrupt(signal).await?;
                }
                Some(done) = self.under_way.next() => {
                    // All that has come back by now, before it is asked once what is outstanding.
                    let mut back = Some(done);
                    while let Some(done) = back {
                        let done = self.under_way.settle(done);
                        self.keep(done);
                        self.take_in_waiting().await?;
                        back = self.under_way.take();
                    }
                }
                () = clock.sleep_until(wake) => self.observer.tick(clock.now()),
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
    async fn mind_the_disk(&mut self) -> Result<(), Error> {
        let forward = matches!(self.state.mode, Mode::Forward | Mode::Held(_));
        if !forward || self.goes_back {
            return Ok(());
        }
        let Runner { store, run, .. } = self.runner;
        let is_short = async { Ok(store.is_short(run).await) };
        if !self.patiently("the room that is kept back is looked at", is_short).await? {
            return Ok(());
        }
        self.goes_back = true;
        self.observer.notice("the journal's disk is full; what was kept back is used to roll back");
        let reason = Some("the journal's disk is full".to_owned());
        self.command(&Actor("tidegate".to_owned()), &Command::Rollback { reason }).await
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

    // ---- the journal

    /// Waits for the journal, which may be slow. Nothing that changes the world is begun meanwhile; but what is under way
    /// comes back, gates go on being read, signals are heard, and what has to wait is said. A second signal leaves the
    /// journal as a crash would.
    async fn patiently<T>(
        &mut self,
        until: &str,
        work: impl Future<Output = Result<T, journal::Error>>,
    ) -> Result<T, Error> {
        let clock = self.runner.clock.clone();
        let mut work = pin!(work);
        let (began, mut remind) = (clock.now(), SLOW);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done.map_err(|source| self.runner.lost(source)),
                signal = self.signals.next() => self.hear(signal, until)?,
                Some(done) = self.under_way.next() => {
                    let done = self.under_way.settle(done);
                    self.tell_failed(&done, until);
                    self.keep(done);
                }
                () = clock.sleep(GLANCE_EVERY) => {
                    let took = clock.now().since(began);
                    if took >= remind {
                        remind = took + REMIND_EVERY;
                        self.observer.notice(&format!(
                            "the journal is slow: for {} s it is waited until {until}; nothing is begun before that, \
                             though gates go on being read",
                            took.as_secs()
                        ));
                    }
                    let out = outstanding(&self.runner.plan, &self.state, clock.now());
                    self.under_way.read(&out, &self.state, &self.splits);
                    self.observer.tick(clock.now());
                }
            }
        }
    }

    fn hear(&mut self, signal: Signal, until: &str) -> Result<(), Error> {
        let is_second = |input: &Input| matches!(input, Input::Interrupted { .. });
        if self.state.interrupted.is_some() || self.inputs.iter().any(is_second) {
            let (run, until) = (self.runner.run.clone(), until.to_owned());
            return Err(Error::Interrupted { run, signal, until });
        }
        self.observer.notice(&format!(
            "{signal} was heard, and waits until {until}; another ends this process at once"
        ));
        self.inputs.push_back(Input::Interrupted { signal });
        Ok(())
    }

    /// Nothing can be done about it yet, but whoever watches can.
    fn tell_failed(&mut self, back: &Back, until: &str) {
        for input in &back.inputs {
            if let Input::Answered { check, reading } = input
                && reading.outcome == Outcome::Fail
            {
                self.observer.notice(&format!(
                    "{check} fails, and nothing can be done about it until {until}"
                ));
            }
        }
    }

    fn keep(&mut self, back: Back) {
        self.inputs.extend(back.inputs);
        if let Some(words) = back.notice {
            self.observer.notice(&words);
        }
    }

    /// Durable first, then folded, then seen.
    async fn append(&mut self, event: Event) -> Result<(), Error> {
        let now = self.runner.clock.now();
        let envelope = Envelope::new(self.runner.run.clone(), self.seq, now, event);
        let until = format!("event {} is written", self.seq);
        self.patiently(&until, self.runner.store.append(&envelope)).await?;
        self.seq = self.seq.next();
        self.state.apply(&envelope.event, now);
        self.rests_at = None;
        self.splits.apply(&envelope.event, now);
        self.observer.event(&envelope);
        Ok(())
    }

    async fn append_all(&mut self, events: Vec<Event>) -> Result<(), Error> {
        for event in events {
            self.append(event).await?;
        }
        Ok(())
    }

    /// Events that were decided at a moment, after which nothing follows by itself if they happen at that moment.
    async fn append_decided(&mut self, events: Vec<Event>, now: Timestamp) -> Result<(), Error> {
        let mut at_once = true;
        for event in events {
            self.append(event).await?;
            at_once &= self.state.at == now;
        }
        self.rests_at = at_once.then_some(now);
        Ok(())
    }

    /// A note that cannot be written is missed by nobody but whoever looks, and is not waited for.
    fn note_looks(&mut self) {
        if self.noting.as_ref().is_some_and(|noting| !noting.is_finished()) {
            return;
        }
        self.under_way.looks.at = self.runner.clock.now();
        self.under_way.looks.events = self.seq.previous().map_or(0, Seq::get);
        let Runner { store, run, .. } = self.runner;
        let (store, run, looks) = (store.clone(), run.clone(), self.under_way.looks.clone());
        self.noting = Some(tokio::spawn(async move {
            let _ = store.note(&run, &looks).await;
        }));
    }

    // ---- inputs

    /// What has happened while the journal was waited for.
    async fn take_in_waiting(&mut self) -> Result<(), Error> {
        while let Some(input) = self.inputs.pop_front() {
            match input {
                Input::Interrupted { signal } => self.interrupt(signal).await?,
                input => self.take_in(&input).await?,
            }
        }
        Ok(())
    }

    async fn interrupt(&mut self, signal: Signal) -> Result<(), Error> {
        self.take_in(&Input::Interrupted { signal }).await?;
        self.grace = Some(self.runner.clock.now().plus(INTERRUPT_GRACE));
        Ok(())
    }

    async fn take_in(&mut self, input: &Input) -> Result<(), Error> {
        // Only now may what is outstanding ask for it again.
        if let Input::Called { target, .. } = input {
            self.calls.remove(target);
        }
        loop {
            let now = self.runner.clock.now();
            let decide = if self.rests_at == Some(now) { handle_at_rest } else { handle };
            let events = match decide(&self.runner.plan, &self.state, input, now) {
                Ok(events) => events,
                // Only commands are refused, and those go through `command`.
                Err(refusal) => {
                    self.observer.notice(&refusal.to_string());
                    return Ok(());
                }
            };
            // What nothing can be asked of any more is asked for the last time.
            // A runner that takes over has them in its input.
            let is_last_call =
                events.iter().any(ends) && !matches!(input, Input::RunnerStarted { .. });
            if events.is_empty() {
                self.rests_at = Some(now);
                return Ok(());
            }
            if !is_last_call || self.take_in_requests().await? == 0 {
                return self.append_decided(events, now).await;
            }
        }
    }

    /// What people have asked for while nobody was here comes before all that would follow by itself.
    async fn take_over(&mut self, by: Actor, then: Vec<Command>) -> Result<(), Error> {
        let Runner { store, run, .. } = self.runner;
        let waiting = self.patiently("its inbox is read", requests::<Command>(store, run)).await?;
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
        self.take_in(&Input::RunnerStarted { by, then: asked }).await?;
        for ticket in tickets {
            self.patiently("its inbox is tidied", store.discard(run, &ticket)).await?;
        }
        Ok(())
    }

    async fn jump(&mut self, by: Jump) -> Result<(), Error> {
        self.under_way.jump(by);
        self.inputs.retain(|input| !matches!(input, Input::Answered { .. }));
        self.take_in(&Input::ClockJumped { by }).await
    }

    fn tell_unreadable(&mut self, words: &str) {
        self.observer.notice(&format!("a request cannot be read and is dropped: {words}"));
    }

    async fn command(&mut self, by: &Actor, command: &Command) -> Result<(), Error> {
        let now = self.runner.clock.now();
        let input = Input::Command { by: by.clone(), command: command.clone() };
        match handle(&self.runner.plan, &self.state, &input, now) {
            Ok(events) => self.append_all(events).await,
            Err(refusal) => self.append(command.refused(by, &refusal)).await,
        }
    }

    /// How many there were.
    async fn take_in_requests(&mut self) -> Result<usize, Error> {
        let Runner { store, run, .. } = self.runner;
        let waiting = self.patiently("its inbox is read", requests::<Command>(store, run)).await?;
        let all = waiting.len();
        for message in waiting {
            match message.request {
                Ok(request) => self.command(&request.by, &request.command).await?,
                Err(words) => self.tell_unreadable(&words),
            }
            self.patiently("its inbox is tidied", store.discard(run, &message.ticket)).await?;
        }
        Ok(all)
    }

    // ---- effects

    async fn start(&mut self, out: &Outstanding) -> Result<(), Error> {
        let new: Vec<_> =
            out.calls.iter().filter(|call| !self.calls.contains(&call.target)).collect();
        if !new.is_empty() {
            // An owner that lost its lock stops touching the world.
            self.patiently("its lock is looked at", self.runner.hold.still_ours()).await?;
            // What came back meanwhile comes first: it may forbid what was outstanding.
            if !self.inputs.is_empty() {
                return Ok(());
            }
        }
        for call in new {
            self.calls.insert(call.target.clone());
            self.under_way.call(call.clone(), &self.state);
        }
        self.under_way.read(out, &self.state, &self.splits);
        Ok(())
    }
}

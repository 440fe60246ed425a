//! What is under way outside: calls, readings, news of alarms. It begins what the loop asks for, each in a task, and turns what
//! comes back into inputs. It decides nothing, and needs no journal: while that is slow, gates go on being read.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::task::{JoinError, JoinSet};

use super::{
    Clock, Due, Histories,
    listening::{Channel, Listening, concerned},
    poll_alarms,
    polls::{Cause, Polls},
};
use crate::{
    action,
    cloud::{self, Cloud, News, Places, Reads},
    gate::{self, Judgements},
    journal::Looks,
    plan::{Place, Plan, Queue},
    rollout::{
        Call, CallProblem, Check, Input, Jump, Made, Mode, Outcome, Outstanding, Picture, Reading,
        Shared, Splits, State, Subject, Target, Timestamp,
    },
};

/// `DescribeAlarms` may tell for a moment what was before the change that there is news of: what news makes us ask is
/// asked once more so long after, unless it has failed by then.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(2);
/// How often it is said that something still cannot be read.
const REMIND_EVERY: Duration = Duration::from_mins(1);

/// What has come back from the outside.
pub(super) enum Done {
    Call {
        target: Target,
        result: Result<Option<Made>, CallProblem>,
    },
    Observed {
        target: Target,
        result: Result<Picture, cloud::Error>,
    },
    Answered {
        check: Check,
        reading: Reading,
        era: Era,
    },
    Alarms {
        place: Place,
        answers: Vec<(Check, Reading)>,
        asked: Vec<Subject>,
        histories: Histories,
        era: Era,
    },
    Heard {
        channel: Channel,
        result: Result<News, cloud::Error>,
    },
    Forgotten {
        channel: Channel,
        result: Result<(), cloud::Error>,
    },
}

/// The time between two jumps of the clock: what was asked in another is told by times that are not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Era(u64);

/// What that comes to.
#[derive(Default)]
pub(super) struct Back {
    pub inputs: Vec<Input>,
    pub notice: Option<String>,
}

pub(super) struct UnderWay {
    plan: Arc<Plan>,
    cloud: Places<Cloud>,
    patient: Places<Cloud>,
    /// What is read going forward, and going back.
    reads: [Places<Reads>; 2],
    clock: Clock,
    polls: Polls,
    listening: Listening,
    histories: BTreeMap<Place, Histories>,
    judgements: Judgements,
    tasks: JoinSet<Done>,
    era: Era,
    /// What was last said of each target that cannot be read, and when.
    unread: BTreeMap<Target, (String, Timestamp)>,
    /// The last answer to each check; the journal keeps those that matter.
    pub looks: Looks,
}

impl UnderWay {
    pub(super) fn new(
        plan: Arc<Plan>,
        cloud: Places<Cloud>,
        patient: Places<Cloud>,
        clock: Clock,
    ) -> Self {
        Self {
            reads: [cloud.reads(), patient.reads()],
            plan,
            cloud,
            patient,
            clock,
            polls: Polls::default(),
            listening: Listening::default(),
            histories: BTreeMap::new(),
            judgements: Judgements::default(),
            tasks: JoinSet::new(),
            era: Era::default(),
            unread: BTreeMap::new(),
            looks: Looks::default(),
        }
    }

    /// The next that comes back; at once `None` when nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Result<Done, JoinError>> {
        self.tasks.join_next().await
    }

    /// One that is back already.
    pub(super) fn take(&mut self) -> Option<Result<Done, JoinError>> {
        self.tasks.try_join_next()
    }

    /// When something is due to be read or heard that is not under way.
    pub(super) fn wake(&self, out: &Outstanding) -> Option<Timestamp> {
        let news = self.listening.wake(&self.plan, out);
        [self.polls.wake(out), news].into_iter().flatten().min()
    }

    /// Answers that are under way were asked for by the old time, and count for nothing.
    pub(super) fn jump(&mut self, by: Jump) {
        self.era = Era(self.era.0 + 1);
        self.polls.forget_times();
        self.looks.readings.clear();
        self.listening.follow(by);
    }

    // ---- coming back

    pub(super) fn settle(&mut self, done: Result<Done, JoinError>) -> Back {
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                let notice = Some(format!("a task has died: {error}"));
                return Back { notice, ..Back::default() };
            }
        };
        match done {
            Done::Call { target, result } => input(Input::Called { target, result }),
            Done::Observed { target, result } => {
                self.polls.end(&Subject::Target(target.clone()));
                match result {
                    Ok(live) => {
                        self.unread.remove(&target);
                        input(Input::Observed { target, live })
                    }
                    Err(error @ cloud::Error::Absent { .. }) => {
                        let words = error.to_string();
                        input(Input::Vanished { target, words })
                    }
                    Err(error) => notice(self.unread(target, &error)),
                }
            }
            Done::Answered { check, reading, era } => {
                self.polls.end(&Subject::Check(check.clone()));
                self.answered(vec![(check, reading)], era)
            }
            Done::Alarms { place, answers, asked, histories, era } => {
                self.histories.insert(place, histories);
                for subject in &asked {
                    let cause = self.polls.end(subject);
                    let failed = || {
                        answers.iter().any(|(check, reading)| {
                            *subject == Subject::Check(check.clone())
                                && reading.outcome == Outcome::Fail
                        })
                    };
                    if era == self.era && cause == Cause::News && !failed() {
                        let at = self.clock.now().plus(SECOND_LOOK_AFTER);
                        self.polls.hasten(subject, at, Cause::SecondLook);
                    }
                }
                self.answered(answers, era)
            }
            Done::Heard { channel, result } => self.heard(channel, result),
            Done::Forgotten { channel, result } => {
                notice(self.trouble(&channel.queue, result.err()))
            }
        }
    }

    fn answered(&mut self, answers: Vec<(Check, Reading)>, era: Era) -> Back {
        if era != self.era {
            return Back::default();
        }
        for (check, reading) in &answers {
            self.looks.keep(check, reading);
        }
        let inputs = answers.into_iter();
        let inputs = inputs.map(|(check, reading)| Input::Answered { check, reading }).collect();
        Back { inputs, notice: None }
    }

    /// The same trouble is told again only now and then.
    fn unread(&mut self, target: Target, error: &cloud::Error) -> Option<String> {
        let (words, now) = (error.to_string(), self.clock.now());
        let last = self.unread.get(&target);
        if last.is_some_and(|(said, at)| *said == words && now.since(*at) < REMIND_EVERY) {
            return None;
        }
        let told = format!("cannot read {target}: {words}; trying again");
        self.unread.insert(target, (words, now));
        Some(told)
    }

    /// News decides nothing: it makes the gates it concerns be read now.
    fn heard(&mut self, channel: Channel, result: Result<News, cloud::Error>) -> Back {
        let now = self.clock.now();
        self.listening.end(&channel, &result, now);
        let news = match result {
            Ok(news) => news,
            Err(error) => return notice(self.trouble(&channel.queue, Some(error))),
        };
        for gate in concerned(&self.plan, &channel, &news) {
            self.polls.hasten(&Subject::Check(Check::Gate(gate.clone())), now, Cause::News);
        }
        if !news.receipts.is_empty() {
            let cloud = self.cloud.clone();
            self.tasks.spawn(async move {
                let forgetting = async {
                    cloud.at(&channel.place)?.news.forget(&channel.queue, &news.receipts).await
                };
                let result = forgetting.await;
                Done::Forgotten { channel, result }
            });
        }
        Back::default()
    }

    fn trouble(&mut self, queue: &Queue, error: Option<cloud::Error>) -> Option<String> {
        self.listening.trouble(queue, &error?)
    }

    // ---- beginning

    fn cloud(&self, state: &State, target: &Target) -> &Places<Cloud> {
        if is_on_its_way_back(state, Some(target)) { &self.patient } else { &self.cloud }
    }

    fn reads(&self, state: &State, target: Option<&Target>) -> &Places<Reads> {
        let [forward, back] = &self.reads;
        if is_on_its_way_back(state, target) { back } else { forward }
    }

    pub(super) fn call(&mut self, call: Call, state: &State) {
        let (cloud, bindings) = (self.cloud(state, &call.target).clone(), state.bindings.clone());
        let plan = self.plan.clone();
        self.tasks.spawn(async move {
            let result = action::call(&plan, &cloud, &bindings, &call).await;
            let result = result.map_err(|error| action::problem(&error));
            Done::Call { target: call.target, result }
        });
    }

    /// Begins to read what is due.
    pub(super) fn read(&mut self, out: &Outstanding, state: &State, splits: &Shared<Splits>) {
        let now = self.clock.now();
        let mut are_alarms_due = false;
        for poll in self.polls.due(out, now) {
            match &poll.subject {
                Subject::Check(Check::Gate(gate)) if self.is_alarm_gate(gate.as_str()) => {
                    are_alarms_due = true;
                }
                Subject::Check(check) => self.ask(check.clone(), state, splits, now),
                Subject::Target(target) => self.observe(target.clone(), state, now),
            }
        }
        if are_alarms_due {
            self.ask_alarms(out, state, now);
        }
        for channel in self.listening.begin(&self.plan, out, now) {
            let cloud = self.cloud.clone();
            self.tasks.spawn(async move {
                let hearing = async { cloud.at(&channel.place)?.news.hear(&channel.queue).await };
                let result = hearing.await;
                Done::Heard { channel, result }
            });
        }
    }

    fn is_alarm_gate(&self, gate: &str) -> bool {
        self.plan.gates.get(gate).is_some_and(|gate| gate.kind.alarms().is_some())
    }

    fn observe(&mut self, target: Target, state: &State, now: Timestamp) {
        self.polls.begin(&Subject::Target(target.clone()), now);
        let reads = self.reads(state, Some(&target)).clone();
        let bindings = state.bindings.clone();
        self.tasks.spawn(async move {
            let result = action::observe(&reads, &bindings, &target).await;
            Done::Observed { target, result }
        });
    }

    fn ask(&mut self, check: Check, state: &State, splits: &Shared<Splits>, now: Timestamp) {
        self.polls.begin(&Subject::Check(check.clone()), now);
        let (reads, bindings) = (self.reads(state, None).clone(), state.bindings.clone());
        let (plan, splits, era) = (self.plan.clone(), splits.clone(), self.era);
        let judgements = self.judgements.clone();
        self.tasks.spawn(async move {
            let run = (&*bindings, &*splits, &judgements);
            let reading = gate::poll(&plan, &reads, run, &check, now).await;
            Done::Answered { check, reading, era }
        });
    }

    /// One question in each place for the alarms of every gate that is due, or soon will be.
    fn ask_alarms(&mut self, out: &Outstanding, state: &State, now: Timestamp) {
        let mut places: BTreeMap<Place, (Vec<Due>, Vec<Subject>)> = BTreeMap::new();
        for poll in &out.polls {
            if let Subject::Check(Check::Gate(name)) = &poll.subject
                && let Some(gate) = self.plan.gates.get(name)
                && gate.kind.alarms().is_some()
                && self.polls.is_near(poll, now)
            {
                let excuses = state.excuses.get(name).cloned().unwrap_or_default();
                let (due, asked) = places.entry(gate.place.clone()).or_default();
                due.push(Due { gate: name.clone(), covering: poll.covering, excuses });
                asked.push(poll.subject.clone());
            }
        }
        for (place, (due, asked)) in places {
            for subject in &asked {
                self.polls.begin(subject, now);
            }
            let (plan, [reads, _], era) = (self.plan.clone(), self.reads.clone(), self.era);
            let histories = self.histories.get(&place).cloned().unwrap_or_default();
            self.tasks.spawn(async move {
                let (answers, histories) = match reads.at(&place) {
                    Ok(reads) => {
                        poll_alarms(&plan, reads.alarms.as_ref(), &due, histories, now).await
                    }
                    Err(error) => (nobody_there(&due, &error, now), histories),
                };
                Done::Alarms { place, answers, asked, histories, era }
            });
        }
    }
}

/// What gates answer whose alarms are nowhere that is reached.
fn nobody_there(due: &[Due], error: &cloud::Error, now: Timestamp) -> Vec<(Check, Reading)> {
    due.iter().map(|due| (Check::Gate(due.gate.clone()), gate::unknown(error, now))).collect()
}

fn input(input: Input) -> Back {
    Back { inputs: vec![input], notice: None }
}

fn notice(notice: Option<String>) -> Back {
    Back { notice, ..Back::default() }
}

/// Whether what is done to a target, or asked, is part of a way back: that has nowhere else to go, so its calls may take longer.
fn is_on_its_way_back(state: &State, target: Option<&Target>) -> bool {
    match &state.mode {
        Mode::RollingBack { .. } => target.is_none_or(|target| state.has_back(target)),
        Mode::NotStarted | Mode::Forward | Mode::Held(_) | Mode::Ended(_) => false,
    }
}

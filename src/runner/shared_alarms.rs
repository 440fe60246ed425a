//! One question for the alarms of many runs. What the poller does for the gates of one run, this does for the runs of one
//! process: `DescribeAlarms` is an account's, and a thousand canaries that ask one by one would disarm each other.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::Clock;
use crate::{
    cloud::{Alarm, Alarms, Error, Operation, Transition},
    rollout::Timestamp,
};

/// A port that runs share; clones are the same.
#[derive(Clone)]
pub struct SharedAlarms(Arc<Shared>);

struct Shared {
    alarms: Arc<dyn Alarms>,
    clock: Clock,
    gather: Duration,
    waiting: Mutex<Vec<Asker>>,
}

struct Asker {
    names: BTreeSet<String>,
    answer: oneshot::Sender<Result<Vec<Alarm>, Error>>,
}

impl SharedAlarms {
    /// Whoever asks first waits so long for others. Readings say when they were begun, so none seems newer than it is.
    pub fn new(alarms: Arc<dyn Alarms>, clock: Clock, gather: Duration) -> Self {
        Self(Arc::new(Shared { alarms, clock, gather, waiting: Mutex::default() }))
    }
}

impl Shared {
    fn wait(&self, asker: Asker) -> Turn {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(asker);
        if waiting.len() == 1 { Turn::First } else { Turn::Later }
    }

    async fn ask(&self) {
        self.clock.sleep(self.gather).await;
        let askers =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let names: BTreeSet<&String> = askers.iter().flat_map(|asker| &asker.names).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let seen = self.alarms.alarms(&names).await;
        for Asker { names, answer } in askers {
            let own = |seen: &Vec<Alarm>| {
                seen.iter().filter(|alarm| names.contains(&alarm.name)).cloned().collect()
            };
            // Whoever asked may have been given up meanwhile.
            let _ = answer.send(seen.as_ref().map(own).map_err(Clone::clone));
        }
    }
}

enum Turn {
    First,
    Later,
}

#[async_trait]
impl Alarms for SharedAlarms {
    async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>, Error> {
        let (answer, told) = oneshot::channel();
        let names = names.iter().cloned().collect();
        match self.0.wait(Asker { names, answer }) {
            Turn::First => {
                // In a task of its own: a run that is given up must not take the others' question with it.
                let shared = self.0.clone();
                tokio::spawn(async move { shared.ask().await });
            }
            Turn::Later => {}
        }
        told.await.unwrap_or_else(|_| {
            let message = "the request it was part of was given up".to_owned();
            Err(Error::Transient { operation: Operation::DescribeAlarms, message })
        })
    }

    async fn history(&self, name: &str, since: Timestamp) -> Result<Vec<Transition>, Error> {
        self.0.alarms.history(name, since).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;
    use crate::cloud::AlarmValue;

    /// Every alarm exists; keeps what it was asked for.
    #[derive(Default)]
    struct Asked(Mutex<Vec<Vec<String>>>);

    #[async_trait]
    impl Alarms for Asked {
        async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>, Error> {
            self.0.lock().unwrap().push(names.to_vec());
            let alarm = |name: &String| Alarm {
                name: name.clone(),
                value: AlarmValue::Ok,
                since: None,
                reason: String::new(),
                evaluation: None,
                actions_enabled: true,
                target_groups: Vec::new(),
                load_balancers: Vec::new(),
                reacts_in: None,
                request: None,
                told: None,
            };
            Ok(names.iter().map(alarm).collect())
        }

        async fn history(&self, _: &str, _: Timestamp) -> Result<Vec<Transition>, Error> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn what_many_runs_ask_within_a_moment_is_asked_once_and_each_hears_of_its_own() {
        let (asked, clock) = (Arc::new(Asked::default()), Clock::virtual_time(Vec::new()));
        let shared = SharedAlarms::new(asked.clone(), clock.clone(), Duration::from_secs(1));
        let mut runs = JoinSet::new();
        for run in 0..50 {
            let (shared, clock) = (shared.clone(), clock.clone());
            runs.spawn(async move {
                clock.sleep(Duration::from_millis(run * 10)).await;
                let names = ["of all".to_owned(), format!("of {run}")];
                let seen = shared.alarms(&names).await.unwrap();
                let seen: BTreeSet<_> = seen.into_iter().map(|alarm| alarm.name).collect();
                assert_eq!(seen, names.into());
            });
        }
        // One that gives up first takes nobody's answer with it.
        tokio::time::timeout(Duration::from_millis(1), shared.alarms(&["gone".to_owned()]))
            .await
            .unwrap_err();
        while let Some(run) = runs.join_next().await {
            run.unwrap();
        }
        let asked = asked.0.lock().unwrap();
        assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [52]);
    }
}

//! What several tasks ask at the same time, asked once. Whoever comes first waits a moment and then speaks for all who
//! have come meanwhile; an account's requests are few, and shared with its other users.

use std::sync::{self, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Mutex, oneshot};

use crate::cloud::{Error, Operation};

/// A service that answers several questions in one request.
#[async_trait]
pub(super) trait AsksTogether: Sync {
    type Ask: Send + Sync;
    type Answer: Send;
    /// What questions have in common that go into one request.
    type Kind: PartialEq + Send;
    const OPERATION: Operation;

    fn kind(ask: &Self::Ask) -> Self::Kind;

    /// Waits until a request may be made.
    async fn turn(&self);

    /// Makes one request, and answers each question in order.
    async fn put(&self, asks: &[Self::Ask]) -> Result<Vec<Self::Answer>, Error>;
}

/// Questions that wait to be asked with others like them.
#[derive(Debug)]
pub(super) struct Together<Ask, Answer> {
    waiting: sync::Mutex<Vec<Waiting<Ask, Answer>>>,
    /// Whoever holds it asks for all who wait.
    asking: Mutex<()>,
}

#[derive(Debug)]
struct Waiting<Ask, Answer> {
    ask: Ask,
    answer: oneshot::Sender<Result<Answer, Error>>,
}

impl<Ask, Answer> Together<Ask, Answer> {
    pub(super) fn new() -> Self {
        Self { waiting: sync::Mutex::default(), asking: Mutex::default() }
    }

    /// Asks with whatever else waits and is of its kind by the time a request may be made. What is asked together is refused
    /// together, so that is asked again one by one.
    pub(super) async fn ask<S>(&self, service: &S, ask: Ask) -> Result<Answer, Error>
    where
        S: AsksTogether<Ask = Ask, Answer = Answer>,
    {
        let given_up = || Error::Transient {
            operation: S::OPERATION,
            message: "the request it was part of was given up".to_owned(),
        };
        let kind = S::kind(&ask);
        let (answer, mut told) = oneshot::channel();
        let mine = Waiting { ask, answer };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(mine);
        let _asking = self.asking.lock().await;
        if let Ok(result) = told.try_recv() {
            return result;
        }
        service.turn().await;
        let (asks, askers): (Vec<Ask>, Vec<_>) = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let alike = waiting.extract_if(.., |waiting| S::kind(&waiting.ask) == kind);
            alike.map(|waiting| (waiting.ask, waiting.answer)).unzip()
        };
        let results: Vec<Result<Answer, Error>> = match service.put(&asks).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(Error::Rejected { .. }) if asks.len() > 1 => {
                let mut results = Vec::with_capacity(asks.len());
                for ask in &asks {
                    service.turn().await;
                    let one = service.put(std::slice::from_ref(ask)).await;
                    results.push(one.and_then(|mut one| one.pop().ok_or_else(given_up)));
                }
                results
            }
            Err(error) => asks.iter().map(|_| Err(error.clone())).collect(),
        };
        for (asker, result) in askers.into_iter().zip(results) {
            // Whoever asked may have been given up meanwhile.
            let _ = asker.send(result);
        }
        told.await.unwrap_or_else(|_| Err(given_up()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with the number of questions in the request; refuses a 9, and puts odd and even ones apart.
    struct Counting;

    #[async_trait]
    impl AsksTogether for Counting {
        type Ask = u32;
        type Answer = (u32, usize);
        type Kind = u32;
        const OPERATION: Operation = Operation::Call;

        fn kind(ask: &u32) -> u32 {
            ask % 2
        }

        async fn turn(&self) {
            tokio::task::yield_now().await;
        }

        async fn put(&self, asks: &[u32]) -> Result<Vec<(u32, usize)>, Error> {
            if asks.contains(&9) {
                return Err(Error::Rejected {
                    operation: Operation::Call,
                    message: "9".to_owned(),
                });
            }
            Ok(asks.iter().map(|ask| (*ask, asks.len())).collect())
        }
    }

    async fn ask([a, b, c]: [u32; 3]) -> [Option<(u32, usize)>; 3] {
        let together = Together::new();
        let ask = |ask| together.ask(&Counting, ask);
        let (a, b, c) = tokio::join!(ask(a), ask(b), ask(c));
        [a.ok(), b.ok(), c.ok()]
    }

    #[tokio::test]
    async fn what_is_asked_together_is_answered_apart() {
        assert_eq!(ask([1, 3, 5]).await, [Some((1, 3)), Some((3, 3)), Some((5, 3))]);
    }

    #[tokio::test]
    async fn questions_of_another_kind_are_asked_apart() {
        assert_eq!(ask([1, 2, 3]).await, [Some((1, 2)), Some((2, 1)), Some((3, 2))]);
    }

    #[tokio::test]
    async fn one_bad_question_spoils_no_other() {
        assert_eq!(ask([1, 9, 3]).await, [Some((1, 1)), None, Some((3, 1))]);
    }
}

//! The queues of the simulated cloud. Every change of an alarm is news in each of them, as if a rule filled it, and is
//! there within a second.

use std::time::Duration;

use async_trait::async_trait;

use super::{alarm::SimulatedAlarm, landscape::Landscape, world::World};
use crate::{
    cloud::{AlarmNews, Error, News, Operation},
    plan::Queue,
};

/// How often a reader who waits looks again; the world moves on in steps of a second.
const LOOKS: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[async_trait]
impl AlarmNews for World {
    #[expect(clippy::disallowed_methods, reason = "waits in virtual time, as a long poll would")]
    async fn hear(&self, queue: &Queue) -> Result<News, Error> {
        self.calls().count(Operation::ReceiveMessage.name());
        for _ in 0..LOOKS {
            let news = self.look(|landscape, _| unheard(landscape, queue));
            if !news.receipts.is_empty() {
                return Ok(news);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(News::default())
    }

    async fn forget(&self, _queue: &Queue, _receipts: &[String]) -> Result<(), Error> {
        self.request(Operation::DeleteMessageBatch, |_, _| Ok(()))
    }
}

/// What a queue holds that was not heard yet; it is from now on.
fn unheard(landscape: &mut Landscape, queue: &Queue) -> News {
    let moved_to = landscape.moved_to;
    let heard = landscape.heard.insert(queue.clone(), moved_to).unwrap_or(landscape.start);
    let is_news = |alarm: &SimulatedAlarm| alarm.history().iter().any(|change| change.at > heard);
    let alarms = landscape.alarms.iter().filter(|(_, alarm)| is_news(alarm));
    let names: Vec<String> = alarms.map(|(name, _)| name.clone()).collect();
    News { alarms: names.iter().cloned().collect(), receipts: names }
}

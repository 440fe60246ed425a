//! The inbox of a run, for commands from outside: `runs/<run>/inbox/000001-<id>.json`. Messages are read in the order of
//! their numbers, and stay until what came of them has been journaled.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Created, Error, RunId, Store,
    objects::{PAGE, names},
    store::folder,
};
use crate::{
    printable,
    rollout::{Actor, Timestamp},
};

/// Messages are taken in batches of so many, so that whoever reads an inbox can do something else in between.
pub const MOST_WAITING: usize = 100;

/// How often a place in an inbox is looked for that nobody else takes first.
const TRIES: u32 = 1_000;

/// A message in an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub ticket: Ticket,
    /// Or the words for why it is not JSON.
    pub content: Result<Value, String>,
}

/// Names a message in an inbox, `<number>-<id>`, in the order they are to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    number: u64,
    id: String,
}

impl Ticket {
    /// The ticket after `last`. What does not belong in a file name is left out of `id`.
    fn after(last: Option<&Self>, id: &str) -> Self {
        let id = id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        Self { number: last.map_or(0, |t| t.number).saturating_add(1), id }
    }

    fn named(name: &str) -> Option<Self> {
        name.strip_suffix(".json")?.parse().ok()
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}-{}", self.number, self.id)
    }
}

impl FromStr for Ticket {
    type Err = ();

    /// Reads what `Display` writes and nothing else.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, id) = text.split_once('-').ok_or(())?;
        let ticket = Self { number: number.parse().map_err(|_| ())?, id: id.to_owned() };
        if ticket.to_string() == text { Ok(ticket) } else { Err(()) }
    }
}

/// An operator's command on its way to the runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request<C> {
    /// Tells requests of the same moment apart: letters and digits, made at random by the sender.
    pub id: String,
    pub by: Actor,
    pub at: Timestamp,
    pub command: C,
}

/// A request in an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting<C> {
    pub ticket: Ticket,
    /// Or the words for why it cannot be read; the runner says so and discards it.
    pub request: Result<Request<C>, String>,
}

fn inbox(run: &RunId) -> String {
    format!("{}/inbox", folder(run))
}

fn key(run: &RunId, ticket: &Ticket) -> String {
    format!("{}/{ticket}.json", inbox(run))
}

impl Store {
    /// Puts a message into a run's inbox, behind all that are waiting there. `id` tells messages of the same moment
    /// apart; see [`Ticket`].
    pub async fn put(&self, run: &RunId, id: &str, message: &Value) -> Result<Ticket, Error> {
        self.must_exist(run).await?;
        let line = printable::json(&message.to_string()) + "\n";
        for _ in 0..TRIES {
            let names = names(self.objects.as_ref(), &inbox(run)).await?;
            let last = names.iter().filter_map(|name| Ticket::named(name)).max();
            let ticket = Ticket::after(last.as_ref(), id);
            match self.objects.put_absent(&key(run, &ticket), &line).await? {
                Created::Now => return Ok(ticket),
                Created::ExistsAlready => {}
            }
        }
        let file = self.objects.place(&inbox(run));
        Err(Error::Corrupt { file, problem: "no place is free in it".to_owned() })
    }

    /// The messages in the inbox, oldest first, at most [`MOST_WAITING`] of them. They stay there until they are
    /// discarded, which is done after what came of them has been journaled: a crash in between delivers them again rather
    /// than losing an abort.
    pub async fn waiting(&self, run: &RunId) -> Result<Vec<Message>, Error> {
        let (mut tickets, mut after) = (Vec::new(), None::<String>);
        // Names that are no tickets are passed over, however many there are.
        while tickets.len() < MOST_WAITING {
            let page = self.objects.list(&inbox(run), after.as_deref(), PAGE).await?;
            tickets.extend(page.iter().filter_map(|name| Ticket::named(name)));
            let is_last = page.len() < PAGE;
            after = page.into_iter().next_back();
            if is_last {
                break;
            }
        }
        tickets.sort();
        let mut waiting = Vec::new();
        for ticket in tickets.into_iter().take(MOST_WAITING) {
            let content = match self.objects.get(&key(run, &ticket)).await {
                Ok(Some(text)) => serde_json::from_str(&text).map_err(|e| e.to_string()),
                // Somebody else may have discarded it meanwhile.
                Ok(None) => continue,
                // Anybody may have put it there; it is told and dropped.
                Err(Error::Corrupt { problem, .. }) => Err(problem),
                Err(error) => return Err(error),
            };
            waiting.push(Message { ticket, content });
        }
        Ok(waiting)
    }

    /// Whether a message is in the inbox still.
    pub async fn is_waiting(&self, run: &RunId, ticket: &Ticket) -> Result<bool, Error> {
        match self.objects.get(&key(run, ticket)).await {
            Ok(message) => Ok(message.is_some()),
            Err(Error::Corrupt { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Takes a message out of the inbox; nothing happens when it is not there.
    pub async fn discard(&self, run: &RunId, ticket: &Ticket) -> Result<(), Error> {
        self.objects.delete(&key(run, ticket)).await
    }
}

/// Puts a request into a run's inbox.
pub async fn send<C: Serialize>(
    store: &Store,
    run: &RunId,
    request: &Request<C>,
) -> Result<Ticket, Error> {
    let message = serde_json::to_value(request)
        .map_err(|source| Error::Unwritable { what: format!("a command to run {run}"), source })?;
    store.put(run, &request.id, &message).await
}

/// The requests in a run's inbox, oldest first.
pub async fn requests<C: DeserializeOwned>(
    store: &Store,
    run: &RunId,
) -> Result<Vec<Waiting<C>>, Error> {
    let read = |message| serde_json::from_value(message).map_err(|e| e.to_string());
    let messages = store.waiting(run).await?.into_iter();
    Ok(messages.map(|m| Waiting { ticket: m.ticket, request: m.content.and_then(read) }).collect())
}

//! The contract of a journal store. It is what any store with "create if absent" can keep (a disk with link(2), S3
//! with `If-None-Match`), and that one primitive is the whole fence: of two writers of event N, one succeeds.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Envelope, Error, RunId};
use crate::rollout::{Actor, Check, Reading, Timestamp};

/// Messages are taken in batches of so many, so that whoever reads an inbox can do something else in between.
pub const MOST_WAITING: usize = 100;

/// Keeps journals, one per run, and beside each the text of its plan and an inbox for commands from outside.
pub trait Store: Send + Sync {
    /// Makes a run without events and keeps the plan's text with it. `RunExists` when the id is taken.
    fn create(&self, run: &RunId, plan: &str) -> Result<(), Error>;

    /// The text of the plan the run was created with. `PlanLost` when it is not there any more.
    fn plan(&self, run: &RunId) -> Result<String, Error>;

    /// Appends an event; when this returns `Ok`, it is durable. `Fenced` unless its place is exactly the next one.
    fn append(&self, envelope: &Envelope) -> Result<(), Error>;

    /// All events of a run in order; none for a run that has just been created. `Gap`, `Corrupt` or `UnknownFormat`
    /// name the file that is not as it was written.
    fn load(&self, run: &RunId) -> Result<Vec<Envelope>, Error>;

    /// The events up to the first that cannot be read: all that is left of a damaged journal. Nobody may go on from them.
    fn begun(&self, run: &RunId) -> Result<Vec<Envelope>, Error> {
        self.load(run)
    }

    /// The runs that have at least one event, oldest first.
    fn runs(&self) -> Result<Vec<RunId>, Error>;

    /// Puts a message into a run's inbox, behind all that are waiting there. `id` tells messages of the same moment
    /// apart; see [`Ticket`].
    fn put(&self, run: &RunId, id: &str, message: &Value) -> Result<Ticket, Error>;

    /// The messages in the inbox, oldest first, at most [`MOST_WAITING`] of them. They stay there until they are discarded, which is done after what
    /// came of them has been journaled: a crash in between delivers them again rather than losing an abort.
    fn waiting(&self, run: &RunId) -> Result<Vec<Message>, Error>;

    /// Whether a message is in the inbox still.
    fn is_waiting(&self, run: &RunId, ticket: &Ticket) -> Result<bool, Error> {
        Ok(self.waiting(run)?.iter().any(|message| message.ticket == *ticket))
    }

    /// Whether only a little more can be appended: what was kept back for a roll-back is being used up. Whoever goes
    /// forward then takes back what was done while that can still be journaled.
    fn is_short(&self, _run: &RunId) -> bool {
        false
    }

    /// Notes what was looked at last, in the place of what was noted before. It is no fact of the run: nothing is decided
    /// from it, and it may be lost.
    fn note(&self, _run: &RunId, _looks: &Looks) -> Result<(), Error> {
        Ok(())
    }

    /// What was noted last, as far as it can be read.
    fn noted(&self, _run: &RunId) -> Option<Looks> {
        None
    }

    /// Takes a message out of the inbox; nothing happens when it is not there.
    fn discard(&self, run: &RunId, ticket: &Ticket) -> Result<(), Error>;
}

/// The last answer to each check, whether or not the journal keeps it: `status` tells by it when somebody last looked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    /// When the runner noted them, and so was there.
    pub at: Timestamp,
    /// In the order of the checks.
    pub readings: Vec<Look>,
}

/// The last answer to one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub check: Check,
    pub reading: Reading,
}

impl Looks {
    /// Takes an answer in the place of the last one to the same check.
    pub fn keep(&mut self, check: &Check, reading: &Reading) {
        let look = Look { check: check.clone(), reading: reading.clone() };
        match self.readings.binary_search_by(|look| look.check.cmp(check)) {
            Ok(at) => {
                if let Some(old) = self.readings.get_mut(at) {
                    *old = look;
                }
            }
            Err(at) => self.readings.insert(at, look),
        }
    }
}

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
    pub(super) fn after(last: Option<&Self>, id: &str) -> Self {
        let id = id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        Self { number: last.map_or(0, |t| t.number).saturating_add(1), id }
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

/// Puts a request into a run's inbox.
pub fn send<C: Serialize>(
    store: &dyn Store,
    run: &RunId,
    request: &Request<C>,
) -> Result<Ticket, Error> {
    let message = serde_json::to_value(request)
        .map_err(|source| Error::Unwritable { what: format!("a command to run {run}"), source })?;
    store.put(run, &request.id, &message)
}

/// The requests in a run's inbox, oldest first.
pub fn requests<C: DeserializeOwned>(
    store: &dyn Store,
    run: &RunId,
) -> Result<Vec<Waiting<C>>, Error> {
    let read = |message| serde_json::from_value(message).map_err(|e| e.to_string());
    let messages = store.waiting(run)?.into_iter();
    Ok(messages.map(|m| Waiting { ticket: m.ticket, request: m.content.and_then(read) }).collect())
}

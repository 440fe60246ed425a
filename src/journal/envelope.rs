//! What surrounds an event on its way into the journal: its place, its moment, its run, and who wrote it in which
//! format, so that a tidegate of another age can say plainly that it does not understand instead of guessing.

use serde::{Deserialize, Serialize};

use super::{
    Error, FORMAT, RunId, Seq, WRITER,
    upcast::{from_first, is_known},
};
use crate::{
    printable,
    rollout::{Event, Timestamp},
};

/// One event as the journal keeps it: one JSON object on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    pub format: u32,
    pub seq: Seq,
    pub at: Timestamp,
    pub run: RunId,
    /// The program that wrote it, with its version.
    pub writer: String,
    pub event: Event,
}

/// As it stands in a file, where a digest may follow; who reads files checks it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    seq: Seq,
    at: Timestamp,
    run: RunId,
    writer: String,
    event: Event,
    #[serde(default, rename = "chain")]
    _chain: Option<String>,
}

impl Envelope {
    /// Puts an event into an envelope of today's format.
    pub fn new(run: RunId, seq: Seq, at: Timestamp, event: Event) -> Self {
        Self { format: FORMAT, seq, at, run, writer: WRITER.to_owned(), event }
    }

    /// The JSON object, without a line end. People read it with `cat`, so nothing in it steers their terminal.
    pub fn to_line(&self) -> Result<String, Error> {
        let line = serde_json::to_string(self).map_err(|source| Error::Unwritable {
            what: format!("event {} of run {}", self.seq, self.run),
            source,
        })?;
        Ok(printable::json(&line))
    }

    /// Reads what `to_line` wrote, or its forerunners did. `file` is where the text was found, for the error.
    pub fn from_line(text: &str, file: &str) -> Result<Self, Error> {
        /// What every format is promised to have, whatever else it changes.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
            #[serde(default)]
            writer: String,
        }

        let corrupt =
            |e: serde_json::Error| Error::Corrupt { file: file.to_owned(), problem: e.to_string() };
        let Head { format, writer } = serde_json::from_str(text).map_err(corrupt)?;
        let stored = match format {
            FORMAT => serde_json::from_str(text),
            older if is_known(older) => serde_json::from_str(text).and_then(|mut envelope| {
                from_first(&mut envelope);
                serde_json::from_value(envelope)
            }),
            _ => return Err(Error::UnknownFormat { file: file.to_owned(), format, writer }),
        };
        let Stored { format, seq, at, run, writer, event, .. } = stored.map_err(corrupt)?;
        Ok(Self { format, seq, at, run, writer, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::PlanName,
        rollout::{Actor, Ending},
    };

    fn at() -> Timestamp {
        Timestamp::from_millis(1_769_874_302_123)
    }

    #[test]
    fn a_run_id_says_which_plan_ran_when() {
        let id = RunId::new(&PlanName::new("checkout"), at(), 0x9f3);
        assert_eq!(id.as_str(), "checkout-20260131-154502-09f3");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"checkout-20260131-154502-09f3\"");
    }

    #[test]
    fn a_run_id_never_leads_out_of_its_folder() {
        let id = RunId::new(&PlanName::new("../etc/pass wd"), at(), 1);
        assert_eq!(id.as_str(), "---etc-pass-wd-20260131-154502-0001");
        for text in ["", "..", "a/b", "a b", ".hidden", "ä"] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<RunId>("\"../x\"").is_err());
    }

    #[test]
    fn an_envelope_is_one_line_and_reads_back() {
        let run = RunId::new(&PlanName::new("checkout"), at(), 1);
        let event = Event::RunnerStarted { by: Actor("ann\nbob".into()) };
        let envelope = Envelope::new(run, Seq::FIRST, at(), event);
        let line = envelope.to_line().unwrap();
        assert!(!line.contains('\n'));
        insta::assert_snapshot!(line.replace(WRITER, "WRITER"), @r#"{"format":2,"seq":1,"at":1769874302123,"run":"checkout-20260131-154502-0001","writer":"WRITER","event":{"event":"runner-started","by":"ann\nbob"}}"#);
        assert_eq!(Envelope::from_line(&line, "f").unwrap(), envelope);
    }

    #[test]
    fn another_format_is_refused_by_naming_its_writer() {
        let error = Envelope::from_line(
            r#"{"format":7,"writer":"tidegate 9.1.0","event":{"event":"future"}}"#,
            "runs/x/events/000003.json",
        )
        .unwrap_err();
        insta::assert_snapshot!(error.to_string().replace(WRITER, "tidegate X"), @"runs/x/events/000003.json has journal format 7, written by tidegate 9.1.0; this is tidegate X, which reads formats 1 to 2");
    }

    #[test]
    fn a_truncated_line_is_an_error_that_names_its_file() {
        let run = RunId::new(&PlanName::new("p"), at(), 1);
        let event = Event::RunEnded { ending: Ending::Promoted };
        let line = Envelope::new(run, Seq::FIRST, at(), event).to_line().unwrap();
        for length in 0..line.len() {
            let error = Envelope::from_line(&line[..length], "000001.json").unwrap_err();
            assert!(error.to_string().contains("000001.json"), "{error}");
        }
    }
}

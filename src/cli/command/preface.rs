//! The first lines: as whom and where a command acts, and where its journal is, so that the wrong account or folder is
//! seen before anything happens.

use std::time::Duration;

use crate::{
    cli::{
        args::{Format, Global},
        output::Output,
        wire,
    },
    cloud::{Error, Operation, Places, Reads},
    printable,
    rollout::ActingAs,
};

/// Whoever cannot be told who they are in so long is told nothing; preflight asks again where it matters.
const PATIENCE: Duration = Duration::from_secs(10);

/// As whom and where, in a line; or why that cannot be told, as a warning. Whoever has no credentials, or meets somebody
/// whose certificate is not trusted, need not ask for anything else: that is the error.
pub(super) async fn acting_as(
    places: &Places<Reads>,
    output: &Output,
) -> Result<Result<ActingAs, String>, Error> {
    let here = acting_in(places.home(), output).await?;
    for reads in places.all().skip(1) {
        // Where that cannot be told, preflight says so.
        let _ = acting_in(reads, output).await?;
    }
    Ok(here)
}

async fn acting_in(reads: &Reads, output: &Output) -> Result<Result<ActingAs, String>, Error> {
    let region = reads.region.clone();
    let asked = tokio::time::timeout(PATIENCE, reads.identity.caller()).await;
    let answer = asked.unwrap_or_else(|_| {
        let message = format!("none within {} s", PATIENCE.as_secs());
        Err(Error::Transient { operation: Operation::GetCallerIdentity, message })
    });
    match answer {
        Ok(caller) => {
            let (account, identity) = (caller.account, caller.arn);
            say(output, &format!("account {account}, region {region}, as {identity}"));
            Ok(Ok(ActingAs { account, identity, region }))
        }
        Err(
            error @ (Error::Unauthenticated { .. }
            | Error::Untrusted { .. }
            | Error::Stranger { .. }),
        ) => Err(error),
        // Where others cannot be reached either, preflight says so.
        Err(error) => Ok(Err(format!(
            "AWS does not tell whose account this is (region {region}): {error}; whatever it is, it is the one that \
             is changed"
        ))),
    }
}

pub(super) fn journal(global: &Global, output: &Output) {
    say(output, &format!("journal {}", global.journal.display()));
    for kept in wire::files_of(global).keep_others_out() {
        match kept {
            Ok(folder) => output.say(
                "note",
                &format!(
                    "others could read {}, where plans and parameters are; it is yours alone now (0700)",
                    folder.display()
                ),
            ),
            Err(error) => output.say("warning", &format!("others may read the journal: {error}")),
        }
    }
}

/// Where data is JSON, it is talk.
fn say(output: &Output, line: &str) {
    match output.format {
        Format::Text => output.line(line),
        Format::Json => output.talk(&printable::line(line)),
    }
}

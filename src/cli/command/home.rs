//! Where a run is at home: the account and region in which it was started. Whoever takes it over works there, whatever
//! their own configuration says; elsewhere its names mean nothing, or worse, something else.

use anyhow::anyhow;

use crate::{
    cli::{
        args::{Aws, Global},
        exit::{Exit, Failure},
    },
    journal::{Envelope, RunId},
    rollout::{ActingAs, Event},
};

pub(super) struct Home<'a> {
    run: &'a RunId,
    /// Journals of earlier versions, and runs that AWS did not tell who they were, do not say.
    began: Option<&'a ActingAs>,
}

impl<'a> Home<'a> {
    pub(super) fn of(run: &'a RunId, journal: &'a [Envelope]) -> Self {
        let began = journal.iter().find_map(|envelope| match &envelope.event {
            Event::RunStarted { acting_as, .. } => acting_as.as_ref(),
            _ => None,
        });
        Self { run, began }
    }

    /// What was typed, in the region of the run. Another region that was typed on purpose is refused.
    pub(super) fn within(&self, global: &Global) -> Result<Global, Failure> {
        let Some(ActingAs { region, .. }) = self.began else { return Ok(global.clone()) };
        match &global.aws.region {
            Some(other) if other != region => Err(Failure::usage(
                format!("run {} is at home in {region}, not in {other}", self.run),
                "the same command without `--region`",
            )),
            Some(_) | None => {
                let aws = Aws { region: Some(region.clone()), ..global.aws.clone() };
                Ok(Global { aws, ..global.clone() })
            }
        }
    }

    /// Refuses credentials of another account before anything is written with them.
    pub(super) fn admit(&self, now: &ActingAs) -> Result<(), Failure> {
        match self.began {
            Some(began) if began.account != now.account => Err(Failure::new(
                Exit::Refused,
                anyhow!(
                    "run {} is at home in account {}, and these credentials are of account {}; it was not taken over",
                    self.run,
                    began.account,
                    now.account
                ),
                Some(format!("use credentials of account {}, by `--profile` say", began.account)),
            )),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        cli::args::Cli,
        plan::PlanName,
        rollout::{Actor, Bindings, Timestamp},
    };

    fn acting_as(account: &str) -> ActingAs {
        let identity = format!("arn:aws:iam::{account}:user/ann");
        ActingAs { account: account.into(), identity, region: "eu-west-1".into() }
    }

    fn run() -> RunId {
        RunId::new(&PlanName::new("shop"), Timestamp::from_millis(0), 0)
    }

    fn typed(more: &[&str]) -> Global {
        Cli::parse_from([&["tidegate", "rollback"], more].concat()).global
    }

    #[test]
    fn a_run_is_taken_over_in_its_own_region_and_in_no_other() {
        let (run, began) = (run(), acting_as("1"));
        let home = Home { run: &run, began: Some(&began) };
        for typed in [typed(&[]), typed(&["--region", "eu-west-1"])] {
            let within = home.within(&typed).map_err(|failure| failure.error).unwrap();
            assert_eq!(within.aws.region.as_deref(), Some("eu-west-1"));
        }
        let refused = home.within(&typed(&["--region", "us-east-1"])).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        let unknown = Home { run: &run, began: None };
        let elsewhere = unknown.within(&typed(&["--region", "us-east-1"]));
        let elsewhere = elsewhere.map_err(|failure| failure.error).unwrap();
        assert_eq!(elsewhere.aws.region.as_deref(), Some("us-east-1"));
    }

    #[test]
    fn credentials_of_another_account_take_no_run_over() {
        let (run, began) = (run(), acting_as("111122223333"));
        let home = Home { run: &run, began: Some(&began) };
        assert!(home.admit(&acting_as("111122223333")).is_ok());
        let refused = home.admit(&acting_as("444455556666")).unwrap_err();
        assert_eq!(refused.exit, Exit::Refused);
        assert!(refused.hint.unwrap().contains("111122223333"));
    }

    #[test]
    fn the_home_of_a_run_is_what_its_first_event_says() {
        let (run, at) = (run(), Timestamp::from_millis(0));
        let started = Event::RunStarted {
            plan: PlanName::new("shop"),
            digest: String::new(),
            params: [].into(),
            by: Actor("ann".into()),
            bindings: Bindings::default(),
            found: Vec::new(),
            excused: Vec::new(),
            attempts: [].into(),
            acting_as: Some(acting_as("1")),
        };
        let journal = [Envelope::new(run.clone(), crate::journal::Seq::FIRST, at, started)];
        assert_eq!(Home::of(&run, &journal).began, Some(&acting_as("1")));
        assert_eq!(Home::of(&run, &[]).began, None);
    }
}

//! How long something has waited, minute by minute, held against a limit; and how a gate of several limits becomes one
//! reading.

use std::time::Duration;

use super::measured::lacking;
use crate::{
    cloud::{Query, Series},
    plan::{Lag, units::format_duration},
    rollout::{Outcome, Reading, Timestamp},
};

pub(super) const MINUTE: Duration = Duration::from_mins(1);
/// How many minutes figures may be late.
pub(super) const LATE: u32 = 3;

/// Figures by the minute they are of, oldest first, or in words why there are none.
pub(super) type Minutes = Result<Vec<(Timestamp, f64)>, String>;

/// What one limit of a gate says.
pub(super) type Said = (Outcome, String);

/// How far back figures are wanted for so many minutes.
pub(super) const fn covering(minutes: u32) -> Duration {
    MINUTE.saturating_mul(minutes.saturating_add(LATE))
}

/// What was answered to one query, from a moment on.
pub(super) fn minutes(query: &Query, answer: Option<&Series>, from: Timestamp) -> Minutes {
    let answer = answer.ok_or_else(|| format!("{} was not answered", query.metric))?;
    match lacking(std::slice::from_ref(query), std::slice::from_ref(answer)) {
        Some(words) => Err(words),
        None => Ok(answer.points.iter().copied().filter(|(at, _)| *at >= from).collect()),
    }
}

pub(super) fn not_measured(words: &str) -> Said {
    (Outcome::Unknown, format!("cannot be measured: {words}"))
}

/// Fails when enough of the latest minutes are beyond the limit; waits while there are too few. Without any it is unknown:
/// nobody knows whether nothing waits, or nobody looks. `ages` is in seconds.
pub(super) fn judge_lag(what: &str, limit: Lag, ages: &Minutes) -> Said {
    let ages = match ages {
        Ok(ages) => ages,
        Err(words) => return not_measured(words),
    };
    let wanted = usize::try_from(limit.periods.of).unwrap_or(usize::MAX);
    let latest = ages.iter().rev().take(wanted);
    let beyond = latest.filter(|(_, age)| *age > limit.below.as_secs_f64()).count();
    let below = format_duration(limit.below);
    let seen = ages.len().min(wanted);
    if seen == 0 {
        (Outcome::Unknown, format!("the age of {what} has no figure in the last minutes"))
    } else if beyond >= usize::try_from(limit.periods.breaching).unwrap_or(usize::MAX) {
        let words = format!("{what} was older than {below} in {beyond} of the last {seen} minutes");
        (Outcome::Fail, words)
    } else if seen < wanted {
        (Outcome::Wait, format!("the age of {what} is known of {seen} of {wanted} minutes"))
    } else {
        (Outcome::Pass, format!("{what} is at most {below} old"))
    }
}

/// The latest figures in words.
pub(super) fn latest(ages: &Minutes, limit: Lag) -> Option<String> {
    let ages = ages.as_ref().ok().filter(|ages| !ages.is_empty())?;
    let wanted = usize::try_from(limit.periods.of).unwrap_or(usize::MAX);
    let skipped = ages.len().saturating_sub(wanted);
    let told = ages.iter().skip(skipped).map(|(_, age)| format!("{}s", age.round()));
    Some(told.collect::<Vec<_>>().join(", "))
}

/// The worst of what its limits say is what a gate says, in the words of all that say so.
pub(super) fn together(said: &[Said], at: Timestamp) -> Reading {
    let worst = [Outcome::Fail, Outcome::Unknown, Outcome::Wait];
    let is_said = |outcome: &Outcome| said.iter().any(|(of, _)| of == outcome);
    let outcome = worst.into_iter().find(is_said).unwrap_or(Outcome::Pass);
    let mut told: Vec<&str> = Vec::new();
    for (_, words) in said.iter().filter(|(of, _)| *of == outcome) {
        // What keeps one question from being answered keeps others.
        if !told.contains(&words.as_str()) {
            told.push(words);
        }
    }
    Reading::new(outcome, at, told.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Periods;

    fn judged(ages: &[f64]) -> Outcome {
        let limit = Lag { below: Duration::from_mins(1), periods: Periods { breaching: 2, of: 3 } };
        let minute = |(minute, age): (i64, &f64)| (Timestamp::from_millis(minute * 60_000), *age);
        judge_lag("it", limit, &Ok((0..).zip(ages).map(minute).collect())).0
    }

    #[test]
    fn enough_of_the_latest_minutes_decide() {
        assert_eq!(judged(&[1.0, 60.0, 61.0]), Outcome::Pass, "the limit itself is allowed");
        assert_eq!(judged(&[61.0, 0.0, 61.0]), Outcome::Fail);
        assert_eq!(judged(&[61.0, 61.0, 0.0, 61.0, 0.0]), Outcome::Pass, "only the last three");
        assert_eq!(judged(&[61.0, 61.0]), Outcome::Fail, "no need to wait for a third");
        assert_eq!(judged(&[0.0, 0.0]), Outcome::Wait);
        assert_eq!(judged(&[]), Outcome::Unknown);
    }

    #[test]
    fn a_failure_is_not_hidden_by_what_is_not_known() {
        let said = |outcome: Outcome| (outcome, outcome.to_string());
        let all = [Outcome::Pass, Outcome::Unknown, Outcome::Fail, Outcome::Wait].map(said);
        let reading = together(&all, Timestamp::default());
        assert_eq!((reading.outcome, reading.because.as_str()), (Outcome::Fail, "fail"));
        let other = (Outcome::Wait, "later".to_owned());
        let three = [said(Outcome::Wait), other, said(Outcome::Pass), said(Outcome::Wait)];
        assert_eq!(together(&three, Timestamp::default()).because, "wait; later");
    }
}

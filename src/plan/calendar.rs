//! When a step may start: days of the week, hours of the day and dates that are out of the question, in a time zone. A
//! pure function of the moment; the rules of the zones are part of the program, so that every machine agrees.

use std::fmt;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};

/// A change calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// At least one, in the order of the week.
    pub days: Vec<Day>,
    pub hours: Hours,
    pub zone: Zone,
    /// Dates on which nothing starts.
    pub except: Vec<Dates>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    pub const ALL: [Self; 7] =
        [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        })
    }
}

/// Hours in minutes since the beginning of a day, at most 1440. Those that end before they begin run into the next
/// day, and belong to the one they began on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    pub from: u16,
    pub to: u16,
}

impl Hours {
    pub const ALL_DAY: Self = Self { from: 0, to: 1_440 };

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minutes(from.trim())?, minutes(to.trim())?);
        (from != to && from < 1_440).then_some(Self { from, to })
    }
}

/// `09:30`, up to `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        if digits { text.parse::<u16>().ok() } else { None }
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 1_440).then_some(total)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// A time zone as it was written: `UTC`, `+02:00` or `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let rules = if text == "UTC" {
            TimeZone::UTC
        } else if let Some(offset) = text.strip_prefix(['+', '-']) {
            let ahead = i32::from(minutes(offset).filter(|minutes| *minutes <= 18 * 60)?) * 60;
            let seconds = if text.starts_with('-') { -ahead } else { ahead };
            TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?)
        } else {
            jiff::tz::TimeZoneDatabase::bundled().get(text).ok()?
        };
        Some(Self { name: text.to_owned(), rules })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Dates from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    pub first: Date,
    pub last: Date,
}

impl Dates {
    /// `2026-12-24`, or `2026-12-24 to 2027-01-02`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once(" to ").unwrap_or((text, text));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some(Self { first, last })
    }
}

impl Dates {
    pub(super) fn is_longer_than_a_year(self) -> bool {
        self.first.checked_add(366.days()).is_ok_and(|year| year <= self.last)
    }
}

impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{} to {}", self.first, self.last)
        }
    }
}

/// What a window says of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    Open,
    /// It opens then, in milliseconds since 1970; `None` when not within a year.
    Closed {
        opens: Option<i64>,
    },
}

/// How far ahead an opening is looked for.
const DAYS_AHEAD: usize = 400;

impl Window {
    /// Whether a step may start at a moment, in milliseconds since 1970.
    pub fn at(&self, millis: i64) -> Opening {
        let Ok(now) = Timestamp::from_millisecond(millis) else {
            return Opening::Closed { opens: None };
        };
        let today = self.zone.rules.to_datetime(now).date();
        // Hours that began yesterday may not be over.
        let mut date = today.checked_sub(1.day()).unwrap_or(today);
        for _ in 0..DAYS_AHEAD {
            if let Some((from, to)) = self.hours_on(date) {
                if (from..to).contains(&now) {
                    return Opening::Open;
                }
                if now < from {
                    return Opening::Closed { opens: Some(from.as_millisecond()) };
                }
            }
            let Ok(next) = date.checked_add(1.day()) else { break };
            date = next;
        }
        Opening::Closed { opens: None }
    }

    /// From when to when it is open on a date, if it is.
    fn hours_on(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        let is_day = self.days.iter().any(|day| day.weekday() == date.weekday());
        let is_out = self.except.iter().any(|dates| (dates.first..=dates.last).contains(&date));
        if !is_day || is_out {
            return None;
        }
        let moment = |date: Date, minutes: u16| {
            let (date, minutes) = match minutes {
                1_440 => (date.checked_add(1.day()).ok()?, 0),
                within => (date, within),
            };
            let (hour, minute) =
                (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
            let time = Time::new(hour, minute, 0, 0).ok()?;
            self.zone.rules.to_timestamp(date.to_datetime(time)).ok()
        };
        let Hours { from, to } = self.hours;
        let ends_on = if to < from { date.checked_add(1.day()).ok()? } else { date };
        Some((moment(date, from)?, moment(ends_on, to)?))
    }

    /// A moment as the people of the zone write it.
    pub fn local(&self, millis: i64) -> String {
        Timestamp::from_millisecond(millis).map_or_else(
            |_| format!("{millis} ms"),
            |at| {
                let local = self.zone.rules.to_datetime(at);
                format!("{} {}", local.strftime("%a %Y-%m-%d %H:%M"), self.zone)
            },
        )
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<String> = self.days.iter().map(Day::to_string).collect();
        write!(f, "{} {} {}", days.join(" "), self.hours, self.zone)?;
        if !self.except.is_empty() {
            let dates: Vec<String> = self.except.iter().map(Dates::to_string).collect();
            write!(f, " except {}", dates.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn office(zone: &str) -> Window {
        Window {
            days: Day::ALL[..5].to_vec(),
            hours: Hours::parse("09:00-16:30").unwrap(),
            zone: Zone::parse(zone).unwrap(),
            except: vec![Dates::parse("2026-12-24 to 2027-01-03").unwrap()],
        }
    }

    fn opens(zone: &str, at: &str) -> Opening {
        office(zone).at(millis(at))
    }

    fn at(text: &str) -> Opening {
        Opening::Closed { opens: Some(millis(text)) }
    }

    #[test]
    fn it_is_open_within_its_hours_and_tells_when_it_opens_next() {
        assert_eq!(opens("UTC", "2026-11-24T09:00:00Z"), Opening::Open);
        assert_eq!(opens("UTC", "2026-11-24T16:29:59Z"), Opening::Open);
        assert_eq!(opens("UTC", "2026-11-24T08:59:59Z"), at("2026-11-24T09:00:00Z"));
        assert_eq!(opens("UTC", "2026-11-27T16:30:00Z"), at("2026-11-30T09:00:00Z"), "a weekend");
        assert_eq!(opens("UTC", "2026-12-24T10:00:00Z"), at("2027-01-04T09:00:00Z"), "a freeze");
    }

    #[test]
    fn a_zone_keeps_its_clock_through_summer_time() {
        assert_eq!(opens("Europe/Berlin", "2026-07-01T07:00:00Z"), Opening::Open);
        assert_eq!(opens("Europe/Berlin", "2026-11-24T07:30:00Z"), at("2026-11-24T08:00:00Z"));
        assert_eq!(opens("+05:30", "2026-11-24T03:30:00Z"), Opening::Open);
        assert_eq!(opens("-03:00", "2026-11-24T11:59:00Z"), at("2026-11-24T12:00:00Z"));
        // On 2026-03-29 the clocks of Berlin go from 02:00 to 03:00.
        let night = Window {
            days: Day::ALL.to_vec(),
            hours: Hours::parse("02:30-04:00").unwrap(),
            ..office("Europe/Berlin")
        };
        assert_eq!(night.at(millis("2026-03-29T01:30:00Z")), Opening::Open);
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_they_began_on() {
        let night = Window {
            days: vec![Day::Mon, Day::Sat],
            hours: Hours::parse("22:00-06:00").unwrap(),
            except: vec![Dates::parse("2026-12-28").unwrap()],
            zone: Zone::parse("Europe/Berlin").unwrap(),
        };
        let at_berlin = |text| night.at(millis(text));
        // 2026-11-23 is a Monday, and Berlin is an hour ahead of UTC.
        assert_eq!(at_berlin("2026-11-23T05:00:00Z"), at("2026-11-23T21:00:00Z"), "Sunday night");
        assert_eq!(at_berlin("2026-11-23T21:00:00Z"), Opening::Open);
        assert_eq!(at_berlin("2026-11-24T04:59:59Z"), Opening::Open, "Tuesday morning");
        assert_eq!(at_berlin("2026-11-24T05:00:00Z"), at("2026-11-28T21:00:00Z"), "until Saturday");
        assert_eq!(
            at_berlin("2026-12-29T02:00:00Z"),
            at("2027-01-02T21:00:00Z"),
            "out with its day"
        );
        // In the night to 2026-10-25 the clocks go back and it lasts nine hours, in that to 2026-03-29 seven.
        assert_eq!(at_berlin("2026-10-24T20:00:00Z"), Opening::Open);
        assert_eq!(at_berlin("2026-10-25T04:59:59Z"), Opening::Open);
        assert_eq!(at_berlin("2026-10-25T05:00:00Z"), at("2026-10-26T21:00:00Z"));
        assert_eq!(at_berlin("2026-03-28T21:00:00Z"), Opening::Open);
        assert_eq!(at_berlin("2026-03-29T04:00:00Z"), at("2026-03-30T20:00:00Z"));
    }

    #[test]
    fn what_never_opens_says_so() {
        let never = Window {
            except: vec![Dates::parse("2000-01-01 to 2999-12-31").unwrap()],
            ..office("UTC")
        };
        assert_eq!(never.at(millis("2026-11-24T10:00:00Z")), Opening::Closed { opens: None });
    }

    #[test]
    fn each_part_reads_back_as_it_is_shown_and_nonsense_is_refused() {
        for text in ["00:00-24:00", "09:30-17:00", "22:00-06:00", "22:00-00:00"] {
            assert_eq!(Hours::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["09:00-09:00", "24:00-06:00", "9:00-17:00", "09:00-24:01", "09:60-10:00", "09:00", ""]
        {
            assert_eq!(Hours::parse(text), None, "{text}");
        }
        for text in ["2026-12-24", "2026-12-24 to 2027-01-02"] {
            assert_eq!(Dates::parse(text).unwrap().to_string(), text);
        }
        for text in ["2026-02-30", "2027-01-02 to 2026-12-24", "christmas"] {
            assert_eq!(Dates::parse(text), None, "{text}");
        }
        for text in ["Mars/Olympus", "+25:00", "CEST+", ""] {
            assert_eq!(Zone::parse(text), None, "{text}");
        }
    }
}

//! Simulated traffic: two arms, minute by minute, in the situations a judge must not be fooled by.

use crate::judge::random::Random;
use crate::judge::{
    counts::{Arm, Counts, Exposure, Pair, Row, Series, Step},
    quantity::{Minute, Share, size, whole},
};

/// How traffic and errors behave besides chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Weather {
    /// The same all the time.
    Calm,
    /// Traffic and error rate swing with the time of day, the rate from 0.2 to 1.8 times its mean.
    Seasonal,
    /// The canary's share rises: 1, 5 and 10 times, in thirds of the time.
    Steps,
    /// Ten minutes in which a fifth of both arms' requests fail.
    SharedIncident,
    /// The canary's rate varies from minute to minute, with this coefficient of variation.
    CanaryNoise(f64),
    /// One minute in which a fifth of the canary's requests fail.
    CanaryBurst,
    /// Rates that vary about their mean from minute to minute.
    Restless(Unrest, Arms),
}

/// How a rate varies about its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unrest {
    /// By gamma noise under which a minute's errors vary so many times as much as independent requests' would (a
    /// negative binomial count).
    Overdispersed(f64),
    /// By gamma noise with this coefficient of variation.
    Gamma(f64),
    /// One minute in ten has four times the errors of the others.
    Bursts,
    /// By log-normal noise with a coefficient of variation of 0.3 and this autocorrelation from one minute to the next.
    Lasting(f64),
}

/// Whose rates vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arms {
    Canary,
    Baseline,
    /// Each arm's by itself.
    Apart,
    /// Both arms' alike.
    Together,
}

/// What lasting noise remembers of each arm: its last normal deviate.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    canary: Option<f64>,
    baseline: Option<f64>,
}

impl Unrest {
    /// The factor of one minute, of mean 1, on a rate that makes `expected` errors.
    fn factor(self, expected: f64, memory: &mut Option<f64>, random: &mut Random) -> f64 {
        match self {
            Self::Overdispersed(times) if expected > 0.0 && times > 1.0 => {
                random.gamma(((times - 1.0) / expected).sqrt())
            }
            Self::Overdispersed(_) => 1.0,
            Self::Gamma(variation) => random.gamma(variation),
            Self::Bursts => {
                let times = if random.uniform() < 0.1 { 4.0 } else { 1.0 };
                times / 1.3
            }
            Self::Lasting(kept) => {
                const VARIATION: f64 = 0.3;
                let fresh = random.normal();
                let deviate =
                    memory.map_or(fresh, |last| kept * last + (1.0 - kept * kept).sqrt() * fresh);
                *memory = Some(deviate);
                let variance = (1.0 + VARIATION * VARIATION).ln();
                (variance.sqrt() * deviate - variance / 2.0).exp()
            }
        }
    }
}

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    /// Requests per second of both arms together.
    pub(super) rps: f64,
    /// The canary's share.
    pub(super) share: f64,
    /// The baseline's rate of bad requests.
    pub(super) rate: f64,
    /// The canary's rate is `ratio * rate + extra` from minute `onset` on, and `rate` before.
    pub(super) ratio: f64,
    pub(super) extra: f64,
    pub(super) onset: u32,
    pub(super) weather: Weather,
    pub(super) minutes: u32,
}

impl Scenario {
    /// Three hours of calm 1 % errors and 5 % share, without any difference between the arms.
    pub(super) const fn at(rps: f64) -> Self {
        Self {
            rps,
            share: 0.05,
            rate: 0.01,
            ratio: 1.0,
            extra: 0.0,
            onset: 0,
            weather: Weather::Calm,
            minutes: 180,
        }
    }

    pub(super) const fn share(self, share: f64) -> Self {
        Self { share, ..self }
    }

    pub(super) const fn rate(self, rate: f64) -> Self {
        Self { rate, ..self }
    }

    pub(super) const fn worse(self, ratio: f64, extra: f64) -> Self {
        Self { ratio, extra, ..self }
    }

    pub(super) const fn from(self, onset: u32) -> Self {
        Self { onset, ..self }
    }

    pub(super) const fn in_weather(self, weather: Weather) -> Self {
        Self { weather, ..self }
    }

    /// One run of it, minute by minute.
    pub(super) fn draw(&self, random: &mut Random) -> Vec<Pair> {
        let mut memory = Memory::default();
        (0..self.minutes).map(|minute| self.draw_minute(minute, &mut memory, random)).collect()
    }

    fn draw_minute(&self, minute: u32, memory: &mut Memory, random: &mut Random) -> Pair {
        let of_all = f64::from(minute) / f64::from(self.minutes);
        let mut requests = self.rps * 60.0;
        let mut share = self.share;
        let mut baseline = self.rate;
        let mut canary_times = 1.0;
        let mut baseline_times = 1.0;
        let mut canary_burst = 0.0;
        match self.weather {
            Weather::Calm => {}
            Weather::Seasonal => {
                let swing = (std::f64::consts::TAU * of_all).sin();
                requests *= 1.0 + 0.5 * swing;
                baseline *= 1.0 + 0.8 * swing;
            }
            Weather::Steps => {
                let times = if of_all < 1.0 / 3.0 {
                    1.0
                } else if of_all < 2.0 / 3.0 {
                    5.0
                } else {
                    10.0
                };
                share = (share * times).min(0.5);
            }
            Weather::SharedIncident => {
                if (60..70).contains(&minute) {
                    baseline = 0.2;
                }
            }
            Weather::CanaryNoise(variation) => canary_times = random.gamma(variation),
            Weather::CanaryBurst => {
                if minute == 30 {
                    canary_burst = 0.2;
                }
            }
            Weather::Restless(unrest, arms) => {
                let to_canary = requests * share;
                let canary = self.ratio * baseline + self.extra;
                let mut of_canary =
                    || unrest.factor(to_canary * canary, &mut memory.canary, random);
                match arms {
                    Arms::Canary => canary_times = of_canary(),
                    Arms::Apart => {
                        canary_times = of_canary();
                        let errors = (requests - to_canary) * baseline;
                        baseline_times = unrest.factor(errors, &mut memory.baseline, random);
                    }
                    Arms::Baseline => {
                        let errors = (requests - to_canary) * baseline;
                        baseline_times = unrest.factor(errors, &mut memory.baseline, random);
                    }
                    Arms::Together => baseline *= of_canary(),
                }
            }
        }
        let canary =
            if minute >= self.onset { self.ratio * baseline + self.extra } else { baseline };
        let canary = (canary * canary_times).max(canary_burst).min(1.0);
        let all = whole(requests);
        let to_canary = random.binomial(all, share);
        let mut arm = |total: u64, rate: f64| Counts::new(total, random.binomial(total, rate));
        Pair {
            canary: arm(to_canary, canary),
            baseline: arm(all - to_canary, (baseline * baseline_times).min(1.0)),
        }
    }
}

/// The minutes of a stream as rows, the first one as minute 0.
pub(super) fn series(metric: &str, stream: &[Pair]) -> Series {
    let rows = (0..).zip(stream).flat_map(|(minute, pair)| {
        [(Arm::Canary, pair.canary), (Arm::Baseline, pair.baseline)].map(|(arm, counts)| Row {
            minute: Minute(minute),
            arm,
            counts,
        })
    });
    Series { metric: metric.into(), rows: rows.collect() }
}

/// One step at minute 0, with the share the stream shows.
pub(super) fn exposure(stream: &[Pair]) -> Exposure {
    let shares: f64 = stream.iter().filter_map(|pair| pair.share()).sum();
    let share = Share::new(shares / size(stream.len().max(1))).ok();
    Exposure::new(Step { at: Minute(0), share: share.unwrap_or(Share::HALF) })
}

/// A part of the baseline as large as the canary, drawn without looking at the errors: what Kayenta asks for.
pub(super) fn equal_baseline(stream: &[Pair], random: &mut Random) -> Vec<Pair> {
    stream
        .iter()
        .map(|pair| {
            let wanted = pair.canary.total().min(pair.baseline.total());
            let rate = pair.baseline.rate().unwrap_or(0.0);
            // Sampling few out of many: with replacement is as good as without.
            let bad = random.binomial(wanted, rate);
            Pair { canary: pair.canary, baseline: Counts::new(wanted, bad) }
        })
        .collect()
}

/// A row in two pieces.
pub(super) fn halves(row: Row) -> [Row; 2] {
    let (good, bad) = (row.counts.total() - row.counts.bad(), row.counts.bad());
    let piece = |good: u64, bad: u64| Row { counts: Counts::new(good + bad, bad), ..row };
    [piece(good / 2, bad / 2), piece(good - good / 2, bad - bad / 2)]
}

/// Three hours of counts for each of so many gates, to time the judge with.
pub fn gates(count: u32) -> Vec<(Exposure, Vec<Series>)> {
    (0..u64::from(count))
        .map(|run| {
            let stream = Scenario::at(200.0).draw(&mut Random::new(1, run));
            (exposure(&stream), vec![series("errors", &stream)])
        })
        .collect()
}

/// Whether two zones of the same software really are alike.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::judge) enum Zones {
    Alike,
    OneWorse,
}

/// So many minutes of two zones with even traffic, to calibrate with.
#[cfg(test)]
pub(in crate::judge) fn history(minutes: u32, zones: Zones) -> Series {
    let ratio = match zones {
        Zones::Alike => 1.0,
        Zones::OneWorse => 2.0,
    };
    let scenario = Scenario { minutes, ..Scenario::at(50.0).share(0.5).worse(ratio, 0.0) };
    series("errors", &scenario.draw(&mut Random::new(5, 0)))
}

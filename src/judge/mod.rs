//! The judge: whether a canary is worse than its baseline, from counts alone. Pure statistics without IO or clock, and
//! without a word about AWS or plans: rows in, report out.

mod calibrate;
mod clusters;
mod compare;
mod config;
mod counts;
mod elementary;
mod evidence;
mod explain;
mod forecast;
mod guard;
mod interval;
pub mod kayenta;
mod lasting;
mod looks;
mod metric;
mod plot;
mod presence;
mod quantity;
mod random;
#[cfg(test)]
mod reference;
mod report;
pub mod study;
#[cfg(test)]
mod tests;
mod unrest;

pub use calibrate::{Calibration, MetricCalibration, calibrate};
pub use compare::{Case, Judgement, judge};
pub use config::{Config, Metric, Pace, Standard};
pub use counts::{Arm, Counts, Exposure, Pair, Row, Series, Step};
pub use forecast::{Delay, Forecast, Outlook, forecast};
pub use lasting::Lasting;
pub use quantity::{Allowance, Alpha, Minute, Minutes, Problem, Share};
pub use report::{
    Absence, Blame, Bounds, Carried, Earlier, Evidence, MetricReport, Point, Reason, Report, Split,
    SplitFinding, Verdict, WorstMinute,
};

//! From what a person wrote to the model: every name found, every value in range, every combination one that makes
//! sense. Each check reports and goes on; a plan comes out only if there was nothing to report.

mod addresses;
mod aliases;
mod buses;
mod draft;
mod events;
mod forward_action;
mod gates;
mod invoke;
mod lost;
mod mappings;
mod measure;
mod places;
mod plan;
mod pruning;
mod publishing;
mod replacement;
mod replays;
mod routes;
mod scope;
mod shares;
mod stages;
mod steps;
mod strategy;
mod targets;
mod test_route;
mod traffic;

pub(super) use draft::{Draft, DraftComponent};
pub(super) use plan::check;

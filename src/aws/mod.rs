//! Adapters: the ports of `cloud` kept with the AWS SDK. Nothing outside this folder names an SDK type.

#[cfg(test)]
mod absence_on_the_wire;
mod alias_deployments;
#[cfg(test)]
mod alias_deployments_on_the_wire;
mod aliases;
#[cfg(test)]
mod aliases_on_the_wire;
mod arn;
mod auto_scaling;
mod balancing;
#[cfg(test)]
mod bounds_on_the_wire;
mod buses;
#[cfg(test)]
mod buses_on_the_wire;
mod clients;
mod cloudwatch;
mod codedeploy;
mod conditions;
mod connection;
mod error;
mod forward;
mod handing_over;
mod heard;
mod identity;
mod instance_refresh;
#[cfg(test)]
mod instance_refresh_on_the_wire;
mod lambda;
#[cfg(test)]
mod lambda_on_the_wire;
mod launch_templates;
#[cfg(test)]
mod launch_templates_on_the_wire;
mod leads;
#[cfg(test)]
mod leads_on_the_wire;
mod load_balancers;
mod mappings;
#[cfg(test)]
mod mappings_on_the_wire;
mod marks;
mod metrics;
#[cfg(test)]
mod metrics_on_the_wire;
mod names;
mod news;
#[cfg(test)]
mod news_on_the_wire;
mod old_versions;
#[cfg(test)]
mod old_versions_on_the_wire;
#[cfg(test)]
mod on_the_wire;
mod pace;
mod profile;
mod provisioned;
#[cfg(test)]
mod provisioned_on_the_wire;
mod records;
mod redriving;
#[cfg(test)]
mod redriving_on_the_wire;
mod releases;
mod renewal;
mod replays;
#[cfg(test)]
mod replays_on_the_wire;
mod route53;
#[cfg(test)]
mod route53_on_the_wire;
mod settings;
mod stages;
#[cfg(test)]
mod stages_on_the_wire;
mod takers;
mod tally;
mod test_route;
#[cfg(test)]
mod test_route_on_the_wire;
mod together;
#[cfg(test)]
mod unfit_on_the_wire;
mod version;
#[cfg(test)]
mod wire;
mod written;

pub use clients::*;
pub use profile::*;
pub use settings::*;

//! Adapters: the ports of `cloud` kept with the AWS SDK. Nothing outside this folder names an SDK type.

mod arn;
mod auto_scaling;
mod clients;
mod cloudwatch;
mod codedeploy;
mod error;
mod forward;
mod identity;
mod instance_refresh;
#[cfg(test)]
mod instance_refresh_on_the_wire;
mod lambda;
#[cfg(test)]
mod lambda_on_the_wire;
mod load_balancers;
mod metrics;
#[cfg(test)]
mod metrics_on_the_wire;
mod news;
#[cfg(test)]
mod news_on_the_wire;
#[cfg(test)]
mod on_the_wire;
mod pace;
mod records;
mod route53;
#[cfg(test)]
mod route53_on_the_wire;
mod tally;
mod test_route;
#[cfg(test)]
mod test_route_on_the_wire;
mod together;
#[cfg(test)]
mod wire;

pub use clients::*;

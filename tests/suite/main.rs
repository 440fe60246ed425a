//! Everything that needs no AWS and no LocalStack: the walls of the architecture, what a person sees from the real
//! binary, and thousands of runs in the simulated cloud.

mod architecture;
mod cli;
mod scenarios;
mod stage;
mod sweep;

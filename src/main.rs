//! Parses, runs, and gives the exit code back.

fn main() -> tidegate::cli::Exit {
    tidegate::cli::run()
}

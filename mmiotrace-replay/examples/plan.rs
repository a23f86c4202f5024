//! Prints the plan of a trace: `cargo run --example plan TRACE`.

use core::error::Error;
use mmiotrace_format::Reader;
use mmiotrace_replay::{PlanOptions, plan_trace};
use std::fs::File;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: plan TRACE")?;
    let planned = plan_trace(Reader::new(File::open(path)?), PlanOptions::default())?;
    print!("{}", planned.plan.to_toml());
    Ok(())
}

//! Another tool over the tracefs backend: traces a driver from load to unload and counts, live, how
//! often each register is written. As root: `cargo run --example trace_driver -- e1000`.

use mmiotrace_capture::machine::Root;
use mmiotrace_capture::tracefs::{Driver, Options, Subject, Tracefs};
use mmiotrace_core::{
    AccessKind, Blind, CaptureBackend, DrainState, Event, EventSink, Loss, Marker, PhysAddr,
};
use std::collections::BTreeMap;

#[derive(Default)]
struct Writes {
    by_register: BTreeMap<PhysAddr, u64>,
    lost: u64,
}

impl EventSink for Writes {
    fn event(&mut self, event: &Event) {
        if let Some(access) = event
            .as_access()
            .filter(|access| access.kind == AccessKind::Write)
        {
            *self.by_register.entry(access.phys).or_default() += 1;
        }
    }
    fn lost(&mut self, loss: &Loss) {
        self.lost += loss.count;
    }
    fn marker(&mut self, _: &Marker<'_>) {}
    fn blind(&mut self, _: &Blind) {}
    fn line(&mut self, _: &[u8]) {}
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let name = std::env::args_os().nth(1).ok_or("which driver?")?;
    let mut driver = Driver::new(Root::system(), Subject::module(&name));
    driver.prepare()?;
    let (mut backend, mut writes) = (Tracefs::new(Options::new()), Writes::default());
    backend.start()?;
    let work = std::thread::spawn(move || driver.attach().and_then(|()| driver.detach()));
    while !work.is_finished() {
        if backend.drain(&mut writes)?.state == DrainState::Idle {
            std::thread::sleep(core::time::Duration::from_millis(10));
        }
    }
    backend.stop()?;
    while backend.drain(&mut writes)?.state != DrainState::Ended {}
    for (register, count) in &writes.by_register {
        println!("{count:8} writes to {register}");
    }
    println!("{} events were lost", writes.lost);
    work.join().map_err(|_| "the driver's thread died")??;
    Ok(())
}

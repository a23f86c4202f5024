//! A target that may stop answering.

use super::Target;
use crate::plan::{Device, Place, Region, RegionId};
use core::fmt;
use core::time::Duration;
use mmiotrace_core::{PhysAddr, Value, Width};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;

/// A target that does every access on a thread of its own, and gives up on one that takes too
/// long. The thread and the target are left behind then: nothing can take an access back.
///
/// A processor that waits for a dead bus is not helped by this; the breadcrumbs of a run are for
/// that case.
pub struct Guarded<T: Target> {
    to: Sender<Request>,
    from: Receiver<Answer<T::Error>>,
    limit: Duration,
    real: bool,
    clock: Option<Duration>,
    silent: bool,
}

/// Why a guarded target could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError<E> {
    /// The target itself says so.
    #[error(transparent)]
    Target(E),
    /// It did not answer in time, and is not asked again.
    #[error("no answer from the device within {0:?}")]
    NoAnswer(Duration),
}

enum Request {
    Open(Option<Device>, RegionId, Region),
    Read(Place, Width),
    Write(Place, Value),
    Delay(Duration),
    Mark(String),
}

enum Done<E> {
    Opened(Result<PhysAddr, E>),
    Read(Result<Value, E>),
    Written(Result<(), E>),
    Other,
}

/// What was done, and the target's clock after it.
struct Answer<E>(Done<E>, Option<Duration>);

impl<T: Target> fmt::Debug for Guarded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("limit", &self.limit)
            .field("silent", &self.silent)
            .finish_non_exhaustive()
    }
}

impl<T: Target + Send + 'static> Guarded<T> {
    /// Guards a target: no access of it may take longer than `limit`.
    pub fn new(mut target: T, limit: Duration) -> Self {
        let (to, requests) = mpsc::channel();
        let (answers, from) = mpsc::channel();
        let (real, clock) = (target.is_real(), target.clock());
        thread::spawn(move || {
            for request in requests {
                let done = serve(&mut target, request);
                if answers.send(Answer(done, target.clock())).is_err() {
                    break;
                }
            }
        });
        Self {
            to,
            from,
            limit,
            real,
            clock,
            silent: false,
        }
    }
}

fn serve<T: Target>(target: &mut T, request: Request) -> Done<T::Error> {
    match request {
        Request::Open(device, id, region) => {
            Done::Opened(target.open(device.as_ref(), id, &region))
        }
        Request::Read(at, width) => Done::Read(target.read(at, width)),
        Request::Write(at, value) => Done::Written(target.write(at, &value)),
        Request::Delay(time) => {
            target.delay(time);
            Done::Other
        }
        Request::Mark(text) => {
            target.mark(&text);
            Done::Other
        }
    }
}

impl<T: Target> Guarded<T> {
    fn ask(
        &mut self,
        request: Request,
        extra: Duration,
    ) -> Result<Done<T::Error>, GuardError<T::Error>> {
        let no_answer = GuardError::NoAnswer(self.limit);
        if self.silent || self.to.send(request).is_err() {
            return Err(no_answer);
        }
        match self.from.recv_timeout(self.limit + extra) {
            Ok(Answer(done, clock)) => {
                self.clock = clock;
                Ok(done)
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.silent = true;
                Err(no_answer)
            }
        }
    }
}

impl<T: Target> Target for Guarded<T> {
    type Error = GuardError<T::Error>;

    fn open(
        &mut self,
        device: Option<&Device>,
        id: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, Self::Error> {
        match self.ask(
            Request::Open(device.cloned(), id, region.clone()),
            Duration::ZERO,
        )? {
            Done::Opened(result) => result.map_err(GuardError::Target),
            _ => Err(GuardError::NoAnswer(self.limit)),
        }
    }

    fn read(&mut self, at: Place, width: Width) -> Result<Value, Self::Error> {
        match self.ask(Request::Read(at, width), Duration::ZERO)? {
            Done::Read(result) => result.map_err(GuardError::Target),
            _ => Err(GuardError::NoAnswer(self.limit)),
        }
    }

    fn write(&mut self, at: Place, value: &Value) -> Result<(), Self::Error> {
        match self.ask(Request::Write(at, *value), Duration::ZERO)? {
            Done::Written(result) => result.map_err(GuardError::Target),
            _ => Err(GuardError::NoAnswer(self.limit)),
        }
    }

    fn delay(&mut self, time: Duration) {
        // A target that has gone silent is noticed at the next access.
        let _ = self.ask(Request::Delay(time), time);
    }

    fn clock(&self) -> Option<Duration> {
        self.clock
    }

    fn mark(&mut self, text: &str) {
        let _ = self.ask(Request::Mark(text.to_owned()), Duration::ZERO);
    }

    fn is_real(&self) -> bool {
        self.real
    }
}

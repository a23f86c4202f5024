//! One capture in this process.

use super::Error;
use super::annotation::annotate;
use super::handler_state::{HandlerState, Pump};
use super::memory::ChannelMemory;
use super::regions::Regions;
use super::space::UserSpace;
use std::sync::{Arc, OnceLock};

/// One capture in this process.
#[derive(Debug)]
pub(crate) struct Capture {
    // Its engine is dropped before the second mappings that it looks at.
    pub(super) handler: HandlerState,
    pub(super) regions: Regions,
    /// What the worker calls once in a while, if anything.
    scan: OnceLock<fn()>,
}

impl Capture {
    /// `names_files`: the trace says which file each mapping is.
    pub(super) fn new(
        memory: Arc<ChannelMemory>,
        pump: Option<Pump>,
        names_files: bool,
    ) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            handler: HandlerState::new::<UserSpace<'_>>(memory, pump)?,
            regions: Regions::new(names_files),
            scan: OnceLock::new(),
        }))
    }

    /// Has the worker call `scan` once in a while.
    pub(super) fn scan_with(&self, scan: fn()) {
        let _ = self.scan.set(scan);
    }

    pub(super) fn scan(&self) -> Option<fn()> {
        self.scan.get().copied()
    }

    /// Arms pages again whose time has come; returns how many wait.
    pub(super) fn rearm(&self) -> usize {
        let space = UserSpace::outside(&self.handler);
        self.handler.engine().rearm(&space)
    }

    pub(super) fn marker(&self, text: &[u8]) {
        let space = UserSpace::outside(&self.handler);
        self.handler.engine().marker(&space, text);
    }

    /// Writes an annotation: a marker that begins with the reserved word.
    pub(super) fn annotate(&self, text: &[u8]) {
        annotate(&self.handler, &[text]);
    }

    /// In the child of a fork: its mappings are its own.
    ///
    /// # Safety
    /// No other thread exists, and this one is in no handler.
    #[expect(unsafe_code, reason = "the contract of `after_fork` is the caller's")]
    pub(super) unsafe fn after_fork(&self) {
        self.handler.renew_pid();
        // Before anything is mapped or allocated.
        self.regions.reserve_vanished();
        let space = UserSpace::outside(&self.handler);
        // SAFETY: the caller's promise.
        unsafe { self.handler.after_fork(&space) };
        self.regions.after_fork(&self.handler);
        self.regions.forget_unmapped(&self.handler);
    }
}

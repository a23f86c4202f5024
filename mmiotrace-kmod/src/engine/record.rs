//! Numbers, the order lock, and the way of a record into the channel.

use super::Engine;
use crate::channel::{
    Body, ContextGuard, ContextId, DeviceOrder, Entry, OnFull, Order, Plain, Stamp, TryLock,
};
use crate::platform::{Platform, Point};
use mmiotrace_core::{Timestamp, VirtAddr};

/// Held around one access of the device: gives it its position in the order.
#[derive(Debug)]
pub(super) struct OrderGuard {
    locked: bool,
    order: GuardKind,
}

#[derive(Debug)]
enum GuardKind {
    Total,
    Unordered,
    /// The number taken before the access; the second access under a guard takes its own.
    Interval(Option<u64>),
}

/// The position of an access in the order of the device.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrderPosition {
    pub(super) seq: u64,
    pub(super) order: Order,
}

impl<L: Send> Engine<'_, L> {
    /// Begins an access of the device.
    #[inline(always)]
    pub(super) fn begin_ordered<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
    ) -> OrderGuard {
        if self.channel.options().order == DeviceOrder::Interval {
            return OrderGuard {
                locked: false,
                order: GuardKind::Interval(Some(self.channel.next_sequence())),
            };
        }
        let locked = self.lock(platform, inside);
        OrderGuard {
            locked,
            order: if locked {
                GuardKind::Total
            } else {
                GuardKind::Unordered
            },
        }
    }

    /// The position of an access that was just made. A guard may be asked more than once: a
    /// read-modify-write is two accesses.
    #[inline(always)]
    pub(super) fn order_position(&self, guard: &mut OrderGuard) -> OrderPosition {
        match &mut guard.order {
            GuardKind::Total => OrderPosition {
                seq: self.channel.next_sequence(),
                order: Order::Total,
            },
            GuardKind::Unordered => OrderPosition {
                seq: self.channel.next_sequence(),
                order: Order::Unordered,
            },
            GuardKind::Interval(before) => OrderPosition {
                seq: before
                    .take()
                    .unwrap_or_else(|| self.channel.next_sequence()),
                order: Order::Before(self.channel.sequence()),
            },
        }
    }

    /// Ends it.
    #[inline(always)]
    pub(super) fn end_ordered<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        guard: OrderGuard,
    ) {
        if guard.locked {
            if P::CPUS {
                self.channel.unlock_own();
            } else {
                self.channel.unlock(inside.owner());
            }
        }
        if let GuardKind::Interval(Some(seq)) = guard.order {
            self.void(platform, inside, seq);
        }
    }

    /// The access was not made. A number without a record would be a loss.
    #[cold]
    fn void<P: Platform<Lane = L>>(&self, platform: &P, inside: &ContextGuard<'_>, seq: u64) {
        let stamp = self.stamp(platform, seq, VirtAddr(0), platform.now());
        let body = Body::Void;
        self.write(platform, inside, &Entry { stamp, body });
    }

    /// Takes the order lock. `false` where waiting for it would be for ever: this CPU has it
    /// already (an NMI came while it did), or its holder does not come back (stopped by a
    /// debugger, an exception in a single step). The access is then made all the same, and its
    /// record says that its position is not exact.
    #[inline(always)]
    fn lock<P: Platform<Lane = L>>(&self, platform: &P, inside: &ContextGuard<'_>) -> bool {
        platform.point(Point::Lock);
        match self.channel.try_lock(inside.owner()) {
            TryLock::Taken => true,
            TryLock::Mine => false,
            TryLock::Held(_) => self.lock_later(platform, inside),
        }
    }

    /// The same, if it is held.
    #[inline(never)]
    fn lock_later<P: Platform<Lane = L>>(&self, platform: &P, inside: &ContextGuard<'_>) -> bool {
        let mut waited: u32 = 0;
        let mut since = None;
        let mut sequence = self.channel.sequence();
        loop {
            platform.point(Point::Lock);
            let holder = match self.channel.try_lock(inside.owner()) {
                TryLock::Taken => return true,
                TryLock::Mine => return false,
                TryLock::Held(holder) => holder,
            };
            platform.relax(waited);
            waited = waited.saturating_add(1);
            if !waited.is_multiple_of(64) {
                continue;
            }
            if !platform.is_alive(holder) {
                self.channel.unlock(holder);
                continue;
            }
            let now = platform.now();
            let latest = self.channel.sequence();
            if latest != sequence {
                // Others come and go: the lock is contended, not stuck.
                (sequence, since) = (latest, None);
            }
            let waiting = now.since(*since.get_or_insert(now));
            if waiting.is_some_and(|waiting| waiting >= P::PATIENCE) {
                return false;
            }
        }
    }

    /// Who is recording what, with number `seq`.
    #[inline(always)]
    pub(super) fn stamp<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        seq: u64,
        pc: VirtAddr,
        time: Timestamp,
    ) -> Stamp {
        Stamp {
            seq,
            time,
            pid: platform.thread_id(),
            cpu: platform.cpu(),
            pc: if self.channel.options().no_pc {
                VirtAddr(0)
            } else {
                pc
            },
        }
    }

    /// Writes a record, or counts it as lost.
    pub(super) fn write<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        entry: &Entry<'_>,
    ) {
        let ring = inside.ring(&self.channel);
        self.write_by(platform, ring, || self.channel.push(ring, entry));
    }

    /// As [`write`](Self::write), of a plain access.
    #[inline(never)]
    pub(super) fn write_plain<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        plain: &Plain,
    ) {
        let ring = inside.ring(&self.channel);
        self.write_by(platform, ring, || self.channel.push_plain(ring, plain));
    }

    fn write_by<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        ring: ContextId,
        push: impl Fn() -> bool,
    ) {
        platform.point(Point::Numbered);
        let mut waited: u32 = 0;
        while !push() {
            let wait = self.channel.options().on_full == OnFull::Block
                && !self.channel.is_closed()
                && platform.wait_for_room(waited);
            if !wait {
                self.channel.count_lost(ring);
                return;
            }
            waited = waited.saturating_add(1);
        }
    }

    /// Takes a number and writes a record that is no access.
    pub(super) fn note<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        pc: VirtAddr,
        body: Body<'_>,
    ) {
        let stamp = self.stamp(platform, self.channel.next_sequence(), pc, platform.now());
        let body = match body {
            Body::Blind(mut blind) => {
                blind.time = stamp.time;
                Body::Blind(blind)
            }
            other => other,
        };
        self.write(platform, inside, &Entry { stamp, body });
    }

    /// Writes a marker, at its place in the order. Text beyond
    /// [`MAX_MARKER_BYTES`](crate::MAX_MARKER_BYTES) is cut. Not for fault context.
    pub fn marker<P: Platform<Lane = L>>(&self, platform: &P, text: &[u8]) {
        let inside = self.enter(platform);
        self.note(platform, &inside, VirtAddr(0), Body::Marker(text));
    }
}

//! Where collections live, and what a panic does.
#![expect(unsafe_code, reason = "the global allocator")]

use crate::shim;
use core::alloc::{GlobalAlloc, Layout};
use core::fmt::Write;
use core::panic::PanicInfo;

/// The kernel's allocator. In fault context it gives nothing: the C side warns and says no, which
/// is how a test sees that nothing asks.
struct KernelHeap;

// SAFETY: memory from kvmalloc is valid for its size, aligned as asked (see memory.c), and freed
// only by kvfree.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        shim::alloc(layout.size(), layout.align())
    }

    unsafe fn dealloc(&self, at: *mut u8, _layout: Layout) {
        // SAFETY: the caller gives back what `alloc` gave.
        unsafe { shim::free(at) }
    }
}

#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

/// A text of limited length, for a place where nothing can be allocated.
struct Line {
    bytes: [u8; 200],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            let Some(to) = self.bytes.get_mut(self.len) else { break };
            *to = byte;
            self.len += 1;
        }
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut line = Line { bytes: [0; 200], len: 0 };
    // A line that is too long is cut.
    let _ = write!(line, "{info}");
    let text = line.bytes.get(..line.len).unwrap_or(&[]);
    shim::panic(core::str::from_utf8(text).unwrap_or("a panic whose text was cut"))
}

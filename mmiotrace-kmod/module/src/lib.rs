//! The engine as a Linux module.
#![no_std]

extern crate alloc;

unsafe extern "C" {
    fn mmiotrace_die() -> !;
    fn mmiotrace_alloc(size: usize) -> *mut u8;
    fn mmiotrace_free(at: *mut u8);
}

struct Kernel;
unsafe impl core::alloc::GlobalAlloc for Kernel {
    unsafe fn alloc(&self, layout: core::alloc::Layout) -> *mut u8 {
        unsafe { mmiotrace_alloc(layout.size()) }
    }
    unsafe fn dealloc(&self, at: *mut u8, _: core::alloc::Layout) {
        unsafe { mmiotrace_free(at) }
    }
}

#[global_allocator]
static ALLOCATOR: Kernel = Kernel;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe { mmiotrace_die() }
}

#[unsafe(no_mangle)]
pub extern "C" fn mmiotrace_engine_hello(n: u32) -> u32 {
    let v: alloc::vec::Vec<u32> = (0..n).collect();
    v.iter().sum()
}

//! The C library's own functions, which ours replace.

#![expect(unsafe_code, reason = "functions are looked up by name")]

use core::ffi::{CStr, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};

/// A function of the next library that has it.
#[derive(Debug)]
pub(crate) struct RealFn {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl RealFn {
    pub(crate) const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            found: AtomicPtr::new(core::ptr::null_mut()),
        }
    }

    /// The function.
    ///
    /// # Panics
    /// Never: ends the process where the C library does not have it, which it has.
    pub(crate) fn get(&self) -> *mut c_void {
        let known = self.found.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: a name that ends in 0.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        if found.is_null() {
            std::process::abort();
        }
        self.found.store(found, Ordering::Relaxed);
        found
    }
}

/// Calls the C library's function `$name` with its type.
macro_rules! call_next {
    ($name:literal as fn($($type:ty),*) -> $result:ty, $($argument:expr),*) => {{
        static NEXT: $crate::real_fns::RealFn = $crate::real_fns::RealFn::new($name);
        type Function = unsafe extern "C" fn($($type),*) -> $result;
        let found = NEXT.get();
        // SAFETY: the C library's function of this name has this type.
        let function = unsafe { core::mem::transmute::<*mut core::ffi::c_void, Function>(found) };
        // SAFETY: the arguments are those of a caller of this function, changed at most to others
        // that it takes.
        unsafe { function($($argument),*) }
    }};
}
pub(crate) use call_next;

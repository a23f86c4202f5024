//! `execl` and its kin, which take the arguments of the program one by one: they are made a list, and
//! the functions that take a list go on.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use crate::execute::{execv, execve, execvp};
use crate::syscall::kernel;
use core::arch::asm;
use core::ffi::{c_char, c_int};
use mmiotrace_capture::process::preload::{Strings, keeping_errno};

type Text = *const c_char;

/// What lies on the stack where a function's arguments no longer fit into registers. Being larger than
/// two words it is itself passed there, and nowhere else (System V ABI for x86-64, 3.2.3): it lies over
/// the first three of those arguments, however many there are. Rust has no other way to define a
/// function with as many arguments as the caller likes.
#[repr(C)]
struct OnStack([Text; 3]);

/// The arguments after the program's name, up to and with the null pointer that ends them.
struct Arguments {
    in_registers: [Text; 5],
    on_stack: *const Text,
}

impl Arguments {
    fn new(in_registers: [Text; 5], on_stack: &OnStack) -> Self {
        let mut on_stack = on_stack.0.as_ptr();
        // SAFETY: nothing happens. The compiler must not take the pointer for one of three words only.
        unsafe {
            asm!("/* {} */", inout(reg) on_stack, options(readonly, nostack, preserves_flags));
        }
        Self {
            in_registers,
            on_stack,
        }
    }

    /// # Safety
    /// An argument before this one is not the null pointer, or is the one right before `execle`'s
    /// environment.
    unsafe fn get(&self, at: usize) -> Text {
        match self.in_registers.get(at) {
            Some(argument) => *argument,
            // SAFETY: the caller's promise: the argument was passed.
            None => unsafe { *self.on_stack.add(at - self.in_registers.len()) },
        }
    }

    /// How many precede the null pointer.
    ///
    /// # Safety
    /// A null pointer was passed.
    unsafe fn count(&self) -> usize {
        let mut count = 0;
        // SAFETY: the caller's promise: no argument before this one was the null pointer.
        while !unsafe { self.get(count) }.is_null() {
            count += 1;
        }
        count
    }

    /// Calls `go_on` with the arguments as a list. It comes back only where the program was not started.
    /// Uses no heap: a child between `fork` and `exec` may have a locked one.
    ///
    /// # Safety
    /// As [`count`](Self::count).
    unsafe fn with(&self, go_on: impl FnOnce(Strings) -> c_int) -> c_int {
        // SAFETY: the caller's promise.
        let len = unsafe { self.count() } + 1;
        let mut few = [core::ptr::null(); 128];
        if let Some(list) = few.get_mut(..len) {
            // SAFETY: all of them were passed.
            unsafe { self.copy_to(list) };
            return go_on(few.as_ptr());
        }
        let bytes = len * size_of::<Text>();
        let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let many = unsafe { kernel(libc::SYS_mmap, [0, bytes, protection, flags, usize::MAX, 0]) };
        if many == -1 {
            return -1;
        }
        // SAFETY: memory of ours, zeroed, and large enough; and all of the arguments were passed.
        let list = unsafe {
            let list = core::slice::from_raw_parts_mut(many as *mut Text, len);
            self.copy_to(list);
            list
        };
        let done = go_on(list.as_ptr());
        // SAFETY: mapped above, and nobody else has it.
        keeping_errno(|| unsafe { kernel(libc::SYS_munmap, [many as usize, bytes, 0, 0, 0, 0]) });
        done
    }

    /// # Safety
    /// So many arguments were passed.
    unsafe fn copy_to(&self, list: &mut [Text]) {
        for (at, argument) in list.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *argument = unsafe { self.get(at) };
        }
    }
}

macro_rules! variadic {
    ($($(#[$about:meta])* $name:ident = |$program:ident, $list:ident| $go_on:expr;)*) => {$(
        $(#[$about])*
        ///
        /// # Safety
        /// As the C library's function, which takes any number of arguments.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            $program: Text,
            first: Text,
            second: Text,
            third: Text,
            fourth: Text,
            fifth: Text,
            on_stack: OnStack,
        ) -> c_int {
            let $list = Arguments::new([first, second, third, fourth, fifth], &on_stack);
            $go_on
        }
    )*};
}

variadic! {
    /// The program at a path.
    execl = |path, arguments| {
        // SAFETY: the caller's promise, of both.
        unsafe { arguments.with(|list| execv(path, list)) }
    };

    /// A program that is looked for.
    execlp = |name, arguments| {
        // SAFETY: as above.
        unsafe { arguments.with(|list| execvp(name, list)) }
    };

    /// The program at a path, with the environment that follows the null pointer.
    execle = |path, arguments| {
        // SAFETY: as above; and the environment was passed too.
        unsafe {
            let environment = arguments.get(arguments.count() + 1);
            arguments.with(|list| execve(path, list, environment.cast()))
        }
    };
}

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mmiotrace_fuzz_bodies::registers_rnndb(data));

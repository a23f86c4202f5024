#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mmiotrace_fuzz_bodies::decode_instruction(data));

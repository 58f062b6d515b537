#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| acarecipe_fuzz::run("expression", bytes));

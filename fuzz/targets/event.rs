//! See `anabranch_hostile::event`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anabranch_hostile::event::check(data));

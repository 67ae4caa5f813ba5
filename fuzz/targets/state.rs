//! See `anabranch_hostile::state`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anabranch_hostile::state::check(data));

//! See `anabranch_hostile::row`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anabranch_hostile::row::check(data));

//! See `anabranch_hostile::query`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anabranch_hostile::query::check(data));

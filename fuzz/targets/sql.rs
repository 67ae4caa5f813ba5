//! See `anabranch_hostile::sql`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anabranch_hostile::sql::check(data));

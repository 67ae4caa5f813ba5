//! See `anabranch_hostile::stored`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anabranch_hostile::stored::check(data));

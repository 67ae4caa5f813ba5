//! See `anabranch_hostile::envelope`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anabranch_hostile::envelope::check(data));

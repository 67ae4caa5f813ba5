//! See `anabranch_hostile::ingest`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anabranch_hostile::ingest::check(data));

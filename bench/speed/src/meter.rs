//! The meter: CPU seconds and peak memory of this process, as the kernel has them.

use std::fs;

/// Ticks of `/proc/self/stat` per second, on every Linux that matters.
const TICKS: f64 = 100.0;

/// User and system time of all threads so far, in seconds.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let after_name = stat.rsplit_once(')').expect("the name is in brackets").1;
    let field = |at: usize| -> f64 {
        after_name
            .split_whitespace()
            .nth(at)
            .and_then(|n| n.parse().ok())
            .expect("a count of ticks")
    };
    (field(11) + field(12)) / TICKS
}

/// The most memory that was resident, in MiB.
pub(crate) fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is there");
    let kib = line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    kib.expect("a count of KiB") / 1024.0
}

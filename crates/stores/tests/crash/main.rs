//! What a data folder has acknowledged is there after `kill -9`, time and again.
//!
//! The driver starts this program as a child, which works on a data folder as the server does
//! (append, archive, absorb, publish) and prints a line for whatever is done. After a random time
//! the driver kills it, opens the folder itself, and compares: everything acknowledged must be
//! there, and whatever else is there must be whole. Then the next child goes on with the same
//! folder. What is written follows from its number, so that nothing has to be remembered.

#![allow(clippy::print_stdout, reason = "the child acknowledges on standard output")]

mod check;
mod work;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

const ROUNDS: u64 = 25;
const LONGEST_MS: u64 = 250;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("work") => work::run(Path::new(&args[2])),
        // Whatever else cargo passes, such as a filter of names.
        _ => drive(),
    }
}

fn drive() {
    let root = tempfile::tempdir().expect("a folder for the test");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    let mut random = now.as_nanos() as u64;
    println!("crash: seed {random}");
    let mut acknowledged = work::Done::default();
    for round in 1..=ROUNDS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let run = Duration::from_millis((random >> 33) % LONGEST_MS);
        acknowledged.add(&killed_after(run, root.path()));
        let found = check::check(root.path(), &acknowledged);
        println!("crash: round {round}, killed after {run:?}: {found:?}");
        acknowledged = found;
    }
    assert!(acknowledged.absorbed > 10, "the children were killed before they did anything");
}

/// Lets a child work for a while behind its first line, kills it, and returns what it has printed.
fn killed_after(run: Duration, root: &Path) -> String {
    let program = std::env::current_exe().expect("a program knows its file");
    let mut child = Command::new(program)
        .arg("work")
        .arg(root)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child starts");
    let mut output = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
    let mut printed = String::new();
    output.read_line(&mut printed).expect("the child prints UTF-8");
    assert_eq!(printed, "open\n");
    let reader = std::thread::spawn(move || {
        while output.read_line(&mut printed).expect("the child prints UTF-8") > 0 {}
        printed
    });
    std::thread::sleep(run);
    child.kill().expect("the child is there to be killed");
    let status = child.wait().expect("a killed child ends");
    assert_eq!(status.signal(), Some(9), "the child failed by itself: {status}");
    let mut printed = reader.join().expect("the reader does not panic");
    // A line that was cut off has not been acknowledged.
    printed.truncate(printed.rfind('\n').map_or(0, |end| end + 1));
    printed
}

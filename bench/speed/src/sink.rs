//! A server that says yes to every request, and counts the write units of the puts as DynamoDB would.
//!
//! It prints its URL, and serves until its standard input ends; then it prints its counts.

use crate::item;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
struct Counts {
    rows: AtomicU64,
    units: AtomicU64,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    let counts = Arc::new(Counts::default());
    let shared = Arc::clone(&counts);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counts = Arc::clone(&shared);
            // A client that goes away ends its thread.
            std::thread::spawn(move || drop(serve(&stream, &counts)));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let [rows, units] = [&counts.rows, &counts.units].map(|count| count.load(Ordering::Relaxed));
    println!("{}", serde_json::json!({"puts": rows, "units": units}));
    Ok(())
}

fn serve(stream: &TcpStream, counts: &Counts) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut line = String::new();
    loop {
        let (mut length, mut is_put) = (0, false);
        loop {
            line.clear();
            anyhow::ensure!(reader.read_line(&mut line)? > 0, "the client has left");
            let lower = line.trim_end().to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            is_put |= lower.starts_with("x-amz-target:") && lower.ends_with(".putitem");
            if lower.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if is_put {
            count(&serde_json::from_slice(&body)?, counts);
        }
        let mut stream = stream;
        stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 2\r\n\r\n{}",
        )?;
    }
}

/// Counts a put of a speed row; those of spans and layouts have no state.
fn count(request: &Value, counts: &Counts) {
    let Some(item) = request["Item"].as_object().filter(|item| item.contains_key("state")) else {
        return;
    };
    let size = |value: &Value| match value.as_object().and_then(|value| value.iter().next()) {
        Some((kind, Value::String(text))) if kind == "B" => {
            base64_simd::STANDARD.decode_to_vec(text).map_or(0, |bytes| bytes.len())
        }
        Some((kind, Value::String(text))) if kind == "N" => 1 + text.len().div_ceil(2),
        Some((_, Value::String(text))) => text.len(),
        _ => 0,
    };
    let bytes = item.iter().map(|(name, value)| name.len() + size(value)).sum();
    counts.rows.fetch_add(1, Ordering::Relaxed);
    counts.units.fetch_add(item::units(bytes) as u64, Ordering::Relaxed);
}

//! A server as something to write lines to.

use crate::server::{self, Address};
use std::io::{self, Write};
use ureq::Agent;

/// About as much is posted at once, or less where the writer flushes.
const POST_BYTES: usize = 1 << 20;

/// Posts what is written to it. Every write must be of whole lines.
pub(super) struct Posts<'a> {
    client: Agent,
    server: &'a Address,
    lines: Vec<u8>,
}

impl<'a> Posts<'a> {
    pub(super) fn new(server: &'a Address) -> Self {
        Posts { client: server::client(), server, lines: Vec::new() }
    }
}

impl Write for Posts<'_> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.lines.extend_from_slice(lines);
        if self.lines.len() >= POST_BYTES {
            self.flush()?;
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.lines.is_empty() {
            server::post(&self.client, self.server, &self.lines).map_err(io::Error::other)?;
            self.lines.clear();
        }
        Ok(())
    }
}

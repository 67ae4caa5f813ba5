//! A server that gives prepared replies: for what no emulator does, such as throttling.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A reply: its status and body.
type Reply = (u16, &'static str);

/// A server on a free port, which goes with the process.
pub(in crate::aws) struct Stub {
    pub(in crate::aws) url: String,
    /// The bodies of the requests.
    pub(in crate::aws) requests: Receiver<String>,
}

impl Stub {
    /// Serves the replies, one per request, and then the last for ever.
    pub(in crate::aws) fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        std::thread::spawn(move || serve(&listener, &replies, &sender));
        Stub { url, requests }
    }
}

fn serve(listener: &TcpListener, replies: &[Reply], requests: &Sender<String>) {
    for i in 0.. {
        let (status, body) = replies[i.min(replies.len() - 1)];
        let (mut stream, _) = listener.accept().unwrap();
        let request = read_request(&mut stream);
        // Whoever started the stub may not care what it was asked.
        let _unread = requests.send(request);
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    }
}

/// Reads a request and returns its body.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return body.to_owned();
        }
    }
}

//! A connection and the answers on it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use kms_e2e::Server;
use serde_json::Value;

use crate::signer::Request;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header, its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The id of the request.
    pub(crate) fn request_id(&self) -> &str {
        self.header("x-amzn-requestid").unwrap_or_else(|| panic!("no request id: {self:?}"))
    }

    /// It is a refusal with exactly these members, and everything that belongs to any answer.
    #[track_caller]
    pub(crate) fn is_refusal(&self, exception: &str, message: Option<&str>) {
        self.is_whole();
        let expected = match message {
            Some(text) => serde_json::json!({"__type": exception, "message": text}),
            None => serde_json::json!({"__type": exception}),
        };
        assert_eq!((self.status, self.json()), (400, expected));
        assert_eq!(self.header("content-type"), Some("application/x-amz-json-1.1"));
    }

    /// Request id, date and length are there.
    #[track_caller]
    pub(crate) fn is_whole(&self) {
        let id = self.request_id();
        assert!(uuid::Uuid::try_parse(id).is_ok() && id.len() == 36, "{id}");
        let date = self.header("date").unwrap();
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
        assert_eq!(self.header("content-length"), Some(self.body.len().to_string().as_str()));
        assert_eq!(self.header("x-amzn-errortype"), None);
    }
}

/// A connection to the server under test.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// To the server that all tests share.
    pub(crate) fn open() -> Self {
        Self::to(Server::shared())
    }

    /// To this server.
    pub(crate) fn to(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: Vec::new() }
    }

    /// Sends bytes as they are; an error means that the server has closed.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().unwrap_or_else(|| panic!("closed without an answer: {:?}", self.received))
    }

    /// The next answer, or none if the server closes first.
    pub(crate) fn try_answer(&mut self) -> Option<Answer> {
        let head_end = loop {
            if let Some(at) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            self.receive()?;
        };
        let head = String::from_utf8(self.received[..head_end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        self.received.drain(..head_end + 4);
        if status == 100 {
            return self.try_answer();
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
        let length: usize = length.parse().unwrap();
        while self.received.len() < length {
            self.receive()?;
        }
        let body = self.received.drain(..length).collect();
        Some(Answer { status, headers, body })
    }

    /// Whether the server has closed and sends nothing more.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.received.is_empty() && self.receive().is_none()
    }

    fn receive(&mut self) -> Option<()> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => None,
            Ok(read) => {
                self.received.extend_from_slice(&buffer[..read]);
                Some(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("nothing comes: {error}"),
        }
    }
}

/// Sends one request over a connection of its own.
pub(crate) fn send(request: &Request) -> Answer {
    let mut connection = Connection::open();
    connection.send(&request.bytes()).unwrap();
    connection.answer()
}

/// The answer of an operation that must succeed.
#[track_caller]
pub(crate) fn succeed(request: &Request) -> Value {
    let answer = send(request);
    answer.is_whole();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

//! Just enough of the Postgres protocol to ask one question over a Unix socket with a deadline.
//!
//! libpq would wait for ever on a server that accepts and never answers (stopped by SIGSTOP), and `psql` need not be
//! installed. Source: PostgreSQL documentation, "Message Formats". Only `trust` authentication is spoken.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum QueryError {
    /// No server, or it did not answer in time.
    Unreachable(io::Error),
    /// The server answered with an error: SQLSTATE and text.
    Refused { state: String, message: String },
}

impl QueryError {
    /// True while the server starts, recovers or stops (SQLSTATE 57P03): asking again may help.
    pub(crate) fn is_not_ready(&self) -> bool {
        matches!(self, Self::Refused { state, .. } if state == "57P03")
    }
}

impl std::fmt::Display for QueryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "no answer: {error}"),
            Self::Refused { state, message } => write!(f, "{message} ({state})"),
        }
    }
}

impl From<io::Error> for QueryError {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(error)
    }
}

/// Whom to log in as and where.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
}

/// Runs one statement and gives the first column of its last row, or none if it has no rows.
pub(crate) fn query(
    socket: &Path,
    login: &Login<'_>,
    sql: &str,
    timeout: Duration,
) -> Result<Option<String>, QueryError> {
    let mut connection = Connection { stream: UnixStream::connect(socket)?, deadline: Instant::now() + timeout };
    connection.send_startup(login)?;
    connection.read_until_ready()?;
    connection.send(b'Q', &[sql.as_bytes(), &[0]].concat())?;
    let answer = connection.read_until_ready()?;
    // A courtesy: without it the server logs a lost connection. The answer is already here.
    let _ = connection.send(b'X', &[]);
    Ok(answer)
}

struct Connection {
    stream: UnixStream,
    deadline: Instant,
}

impl Connection {
    fn send_startup(&mut self, login: &Login<'_>) -> io::Result<()> {
        const PROTOCOL_3_0: u32 = 196_608;
        let mut body = PROTOCOL_3_0.to_be_bytes().to_vec();
        for text in ["user", login.user, "database", login.database, "application_name", "strongroom-local"] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        let message = [&length_of(&body)[..], &body].concat();
        self.write(&message)
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let message = [&[kind][..], &length_of(body), body].concat();
        self.write(&message)
    }

    fn write(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.set_write_timeout(Some(self.time_left()?))?;
        self.stream.write_all(message)
    }

    /// Reads up to ReadyForQuery; an error of the server wins over what came before it.
    fn read_until_ready(&mut self) -> Result<Option<String>, QueryError> {
        let mut answer = None;
        let mut refusal = None;
        loop {
            let (kind, body) = match self.read_message() {
                Ok(message) => message,
                // A refused login ends with the error and a closed connection, without ReadyForQuery.
                Err(error) => return Err(refusal.unwrap_or(QueryError::Unreachable(error))),
            };
            match kind {
                b'R' if body != [0, 0, 0, 0] => {
                    let text = "the server asks for a password; this is not a private Postgres";
                    return Err(io::Error::new(ErrorKind::PermissionDenied, text).into());
                }
                b'D' => answer = first_column(&body),
                b'E' => refusal = Some(parse_error(&body)),
                b'Z' => return refusal.map_or(Ok(answer), Err),
                _ => {}
            }
        }
    }

    fn read_message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        const LIMIT: usize = 1 << 20;
        let mut header = [0; 5];
        self.read_exact(&mut header)?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        let body_length = length.checked_sub(4).filter(|len| *len <= LIMIT).ok_or(ErrorKind::InvalidData)?;
        let mut body = vec![0; body_length];
        self.read_exact(&mut body)?;
        Ok((header[0], body))
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.stream.set_read_timeout(Some(self.time_left()?))?;
        self.stream.read_exact(buffer)
    }

    fn time_left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// The length word counts itself.
fn length_of(body: &[u8]) -> [u8; 4] {
    u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes()
}

/// DataRow: a count of columns (2 bytes), then for each its length (4 bytes, -1 for NULL) and its bytes.
fn first_column(body: &[u8]) -> Option<String> {
    let length = i32::from_be_bytes(body.get(2..6)?.try_into().ok()?);
    let value = body.get(6..6 + usize::try_from(length).ok()?)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// ErrorResponse: fields of one type byte and a text that ends in a zero byte. `C` is the SQLSTATE, `M` the message.
fn parse_error(body: &[u8]) -> QueryError {
    let field = |wanted: u8| {
        body.split(|byte| *byte == 0)
            .find_map(|field| field.strip_prefix(&[wanted]))
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .unwrap_or_default()
    };
    QueryError::Refused { state: field(b'C'), message: field(b'M') }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_server_that_accepts_and_never_answers_costs_no_more_than_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let _silent = UnixListener::bind(&socket).unwrap();
        let start = Instant::now();
        let login = Login { user: "u", database: "d" };
        let outcome = query(&socket, &login, "SELECT 1", Duration::from_millis(200));
        assert!(matches!(outcome, Err(QueryError::Unreachable(_))), "{outcome:?}");
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn an_error_response_gives_state_and_message() {
        let error = parse_error(b"SFATAL\0C57P03\0Mthe database system is starting up\0\0");
        assert!(error.is_not_ready());
        assert_eq!(error.to_string(), "the database system is starting up (57P03)");
    }

    #[test]
    fn a_null_or_torn_column_is_none() {
        assert_eq!(first_column(&[0, 1, 255, 255, 255, 255]), None);
        assert_eq!(first_column(&[0, 1, 0, 0, 0, 9, b'x']), None);
        assert_eq!(first_column(&[0, 1, 0, 0, 0, 1, b'x']).as_deref(), Some("x"));
    }
}

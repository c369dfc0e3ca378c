//! One keep-alive connection: just enough HTTP/1.1 for answers with a length.

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::signer::Signer;

/// An answer larger than this is none of ours.
const LONGEST_ANSWER: usize = 4 << 20;

/// A connection and what signs for it.
pub(crate) struct Connection {
    stream: TcpStream,
    signer: Signer,
    received: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("the server cannot be reached")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, signer: Signer::new(address), received: Vec::with_capacity(8192) })
    }

    /// Signs a request, sends it and waits for its answer.
    pub(crate) async fn call(&mut self, operation: &str, body: &str, is_bad: bool) -> anyhow::Result<Answer<'_>> {
        let request = self.signer.request(operation, body, is_bad);
        self.send(request.as_bytes()).await
    }

    /// Sends what is not signed.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (status, head, length) = loop {
            self.read_more().await?;
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let (status, length) = read_head(&self.received[..end])?;
                break (status, end + 4, length);
            }
        };
        while self.received.len() < head + length {
            self.read_more().await?;
        }
        Ok(Answer { status, body: &self.received[head..head + length] })
    }

    /// A call that must succeed; its answer as JSON.
    pub(crate) async fn json(&mut self, operation: &str, body: &str) -> anyhow::Result<serde_json::Value> {
        let answer = self.call(operation, body, false).await?;
        if answer.status != 200 {
            bail!("{operation} was refused: {} {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        if answer.body.is_empty() { Ok(serde_json::Value::Null) } else { Ok(serde_json::from_slice(answer.body)?) }
    }

    async fn read_more(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.received).await?;
        if read == 0 || self.received.len() > LONGEST_ANSWER {
            bail!("the server closed the connection, or its answer has no end");
        }
        Ok(())
    }
}

/// Status and `Content-Length`.
fn read_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let head = str::from_utf8(head)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    Ok((status.context("no status")?, length.context("an answer without a length")?))
}

//! `az` and `azd` as child processes.

use std::ffi::OsStr;
use std::io;
use std::process::{Output, Stdio};

use azure_identity::Executor;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// The most that is read of what a tool writes, in bytes: a token with its envelope is a few thousand.
const LARGEST: u64 = 1024 * 1024;

/// Runs a tool with nothing to read, takes a bounded answer, and kills it when nobody waits for it any longer. The
/// SDK's own does none of the three: a tool that asks a question, writes for ever or hangs would outlive the run.
#[derive(Debug)]
pub(super) struct Tool;

#[async_trait::async_trait]
impl Executor for Tool {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = tokio::try_join!(bounded(out), bounded(err))?;
        let status = child.wait().await?;
        if status.success() && !holds_token(&stdout) {
            // The SDK's reader would quote what it found instead, and that can be a token in another form.
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it printed no token"));
        }
        Ok(Output { status, stdout, stderr })
    }
}

/// Whether this is an object with a token, as az (`accessToken`) and azd (`token`) print it.
fn holds_token(stdout: &[u8]) -> bool {
    let answer: serde_json::Value = serde_json::from_slice(stdout).unwrap_or_default();
    ["accessToken", "token"]
        .iter()
        .filter_map(|name| answer.get(name)?.as_str())
        .any(|token| !token.trim().is_empty())
}

async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(LARGEST + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it wrote more than {LARGEST} bytes")));
    }
    Ok(bytes)
}

//! The line to the machine's shell: one line there, its output and its status back.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::MachineError;

/// The longest that anything takes in an emulated machine on a busy host.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);

#[derive(Debug)]
pub(super) struct Control {
    stream: BufReader<UnixStream>,
}

impl Control {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// The next line that the machine says.
    pub(super) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    pub(super) fn run(&mut self, line: &str) -> Result<String, MachineError> {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes())?;
        let mut said = String::new();
        loop {
            let next = self.line()?;
            match next.strip_prefix("= ") {
                Some("0") => return Ok(said),
                Some(_) => return Err(MachineError::Refused(line.to_owned(), said)),
                None => said += &format!("{next}\n"),
            }
        }
    }
}

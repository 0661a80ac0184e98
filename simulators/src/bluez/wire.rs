//! One D-Bus connection on a tokio socket.
//!
//! libdbus makes and reads the messages; the socket is ours. Its tokio binding waits for readability
//! only, so a sender that fills the socket stalls until somebody writes to it, and a BlueZ that reports
//! every advertisement does fill it. Here the unsent rest waits for writability.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;
use std::time::Duration;

use dbus::Message;
use dbus::message::MessageType;
use tokio::net::UnixStream;

const BUS: &str = "org.freedesktop.DBus";
/// A flag of RequestName: fail rather than wait for the name.
const DO_NOT_QUEUE: u32 = 4;
/// The bus answers its own methods in microseconds; this much means that it hangs.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// A connection that owns the name it asked for.
#[derive(Debug)]
pub(super) struct Wire {
    stream: UnixStream,
    incoming: Vec<u8>,
    outgoing: VecDeque<u8>,
    serial: u32,
    /// Messages that arrived while the connection was being set up.
    early: Vec<Message>,
}

impl Wire {
    /// Connects to the bus at `socket`, takes `name` and subscribes to `matches`. Blocks for the few
    /// exchanges that this takes; call it inside a tokio runtime.
    pub(super) fn connect(socket: &Path, name: &str, matches: &str) -> io::Result<Self> {
        let mut setup = Setup::open(socket)?;
        setup.call("Hello", |call| call)?;
        setup.call("AddMatch", |call| call.append1(matches))?;
        let outcome = setup.call("RequestName", |call| call.append2(name, DO_NOT_QUEUE))?;
        if outcome.get1::<u32>() != Some(1) {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("{name} has an owner already"),
            ));
        }
        setup.into_wire()
    }

    /// Queues a message; [`flush`](Self::flush) sends.
    pub(super) fn queue(&mut self, message: Message) {
        self.serial += 1;
        self.outgoing.extend(marshal(message, self.serial));
    }

    /// Sends what the socket takes without waiting.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match self.stream.try_write(self.outgoing.as_slices().0) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => drop(self.outgoing.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until there is something to read, or room for what is queued. Cancel safe.
    pub(super) async fn ready(&self) -> io::Result<()> {
        let interest = match self.outgoing.is_empty() {
            true => tokio::io::Interest::READABLE,
            false => tokio::io::Interest::READABLE | tokio::io::Interest::WRITABLE,
        };
        self.stream.ready(interest).await.map(drop)
    }

    /// The messages that have arrived. An error means that the bus is gone.
    pub(super) fn receive(&mut self) -> io::Result<Vec<Message>> {
        let mut messages = std::mem::take(&mut self.early);
        let mut chunk = [0; 4096];
        loop {
            match self.stream.try_read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.incoming.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        while let Some(message) = cut(&mut self.incoming)? {
            messages.push(message);
        }
        Ok(messages)
    }
}

/// A connection before it is asynchronous.
struct Setup {
    stream: BlockingStream,
    incoming: Vec<u8>,
    serial: u32,
    early: Vec<Message>,
}

impl Setup {
    fn open(socket: &Path) -> io::Result<Self> {
        let mut stream = BlockingStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        authenticate(&mut stream)?;
        Ok(Self {
            stream,
            incoming: Vec::new(),
            serial: 0,
            early: Vec::new(),
        })
    }

    /// Calls a method of the bus itself; other messages that come meanwhile are kept.
    fn call(&mut self, method: &str, arguments: impl FnOnce(Message) -> Message) -> io::Result<Message> {
        let call = Message::new_method_call(BUS, "/org/freedesktop/DBus", BUS, method);
        self.serial += 1;
        let call = arguments(call.map_err(io::Error::other)?);
        self.stream.write_all(&marshal(call, self.serial))?;
        loop {
            let message = self.next()?;
            match (
                message.get_reply_serial() == Some(self.serial),
                message.msg_type(),
            ) {
                (true, MessageType::MethodReturn) => return Ok(message),
                (true, _) => return Err(io::Error::other(format!("{method} failed: {message:?}"))),
                (false, _) => self.early.push(message),
            }
        }
    }

    fn next(&mut self) -> io::Result<Message> {
        let mut chunk = [0; 4096];
        loop {
            if let Some(message) = cut(&mut self.incoming)? {
                return Ok(message);
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.incoming.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn into_wire(self) -> io::Result<Wire> {
        self.stream.set_read_timeout(None)?;
        self.stream.set_nonblocking(true)?;
        let Self {
            stream,
            incoming,
            serial,
            early,
        } = self;
        let stream = UnixStream::from_std(stream)?;
        Ok(Wire {
            stream,
            incoming,
            outgoing: VecDeque::new(),
            serial,
            early,
        })
    }
}

/// The EXTERNAL mechanism with an empty identity: the bus takes the one the kernel vouches for (D-Bus
/// specification, "Authentication Mechanisms").
fn authenticate(stream: &mut BlockingStream) -> io::Result<()> {
    stream.write_all(b"\0AUTH EXTERNAL\r\n")?;
    expect_line(stream, "DATA")?;
    stream.write_all(b"DATA\r\n")?;
    expect_line(stream, "OK")?;
    stream.write_all(b"BEGIN\r\n")
}

/// Reads byte by byte: what follows the line belongs to somebody else.
fn expect_line(stream: &mut BlockingStream, start: &str) -> io::Result<()> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.extend(byte);
    }
    let line = String::from_utf8_lossy(&line);
    match line.starts_with(start) {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("the bus says {line:?}"),
        )),
    }
}

fn marshal(mut message: Message, serial: u32) -> Vec<u8> {
    message.set_serial(serial);
    let mut bytes = Vec::new();
    let appended: Result<(), ()> = message.marshal(|part| {
        bytes.extend_from_slice(part);
        Ok(())
    });
    assert_eq!(appended, Ok(()), "appending to a vector does not fail");
    bytes
}

/// Cuts one whole message off the front.
fn cut(buffer: &mut Vec<u8>) -> io::Result<Option<Message>> {
    let broken = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let needed = Message::demarshal_bytes_needed(buffer).map_err(|()| broken("no D-Bus message".into()))?;
    if buffer.len() < needed {
        return Ok(None);
    }
    let message = Message::demarshal(&buffer[..needed]).map_err(|error| broken(error.to_string()))?;
    buffer.drain(..needed);
    Ok(Some(message))
}

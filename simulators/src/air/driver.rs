//! The hands of the air: one thread that owns the streams, the clock and the world; and the handles.

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use firmware_protocol::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::net::UnixStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::hci::{self, Raw, take_packet};
use super::link::Physics;
use super::trace::Trace;
use super::world::{Id, World};
use super::{AirConfig, AirCounters};
use crate::bluez::Address;

/// What a stream in memory holds before its writer waits.
const PIPE_LEN: usize = 64 * 1024;
/// What a socket to a host holds, as the kernel counts; some ten packets.
const SOCKET_LEN: usize = 8 * 1024;
/// Packets that may wait for a slow host before advertisements are no longer reported to it. A controller has room for few;
/// and behind many the answer to a command would come too late.
const WAITING_MAX: usize = 16;

type Job = Box<dyn FnOnce(&mut Driver) + Send>;

/// Something that happened outside the world.
enum Note {
    Job(Job),
    Packet(Id, Vec<u8>),
    /// The host closed its end.
    Gone(Id),
    Stop,
}

/// The air. Dropping it ends its thread and closes every stream.
#[derive(Debug)]
pub struct Air {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Handle(UnboundedSender<Note>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    fn call<R: Send + 'static>(&self, job: impl FnOnce(&mut Driver) -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        // The caller waits below.
        let job: Job = Box::new(move |driver| drop(sender.send(job(driver))));
        let outcome = self
            .0
            .send(Note::Job(job))
            .ok()
            .and_then(|()| receiver.recv().ok());
        outcome.expect("the air was dropped or its thread panicked")
    }
}

impl Air {
    /// Starts an air without controllers.
    pub fn start(config: AirConfig) -> io::Result<Self> {
        let (notes_in, notes) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let driver = Driver {
            world: World::new(config),
            epoch: std::time::Instant::now(),
            notes: notes_in.clone(),
            hosts: Vec::new(),
            reports_dropped: 0,
        };
        let body = move || runtime.block_on(driver.drive(notes));
        let thread = std::thread::Builder::new().name("air".to_owned()).spawn(body)?;
        Ok(Self {
            handle: Handle(notes_in),
            thread: Some(thread),
        })
    }

    /// A controller for a host in this process: the host's end of its HCI stream. `address` is its public
    /// address, and the one by which the port finds it until the host sets another one as random address.
    pub fn controller(&self, address: Address) -> (DuplexStream, Port) {
        let (ours, theirs) = duplex(PIPE_LEN);
        self.handle.call(move |driver| driver.add(address, ours, None));
        (theirs, self.port(address))
    }

    /// A controller for a host at the other end of this socket. What crosses it is written to `trace`.
    pub fn attach(&self, address: Address, socket: StdUnixStream, trace: Option<&Path>) -> io::Result<Port> {
        let trace = trace.map(Trace::create).transpose()?;
        socket.set_nonblocking(true)?;
        rustix::net::sockopt::set_socket_send_buffer_size(&socket, SOCKET_LEN)?;
        self.handle.call(move |driver| {
            driver.add(address, UnixStream::from_std(socket)?, trace);
            io::Result::Ok(())
        })?;
        Ok(self.port(address))
    }

    /// Whoever has this address now or later.
    pub fn port(&self, address: Address) -> Port {
        Port {
            handle: self.handle.clone(),
            address,
        }
    }

    /// Sets what connection events carry from now on.
    pub fn set_physics(&self, physics: Physics) {
        self.handle
            .call(move |driver| driver.world.config.physics = physics);
    }

    /// See [`AirConfig::strict_doubles`](super::AirConfig::strict_doubles).
    pub fn set_strict_doubles(&self, strict: bool) {
        self.handle
            .call(move |driver| driver.world.config.strict_doubles = strict);
    }

    /// What happened so far.
    pub fn counters(&self) -> AirCounters {
        self.handle.call(|driver| AirCounters {
            reports_dropped: driver.reports_dropped,
            ..driver.world.counters()
        })
    }
}

impl Drop for Air {
    fn drop(&mut self) {
        // A thread that panicked has ended and said why.
        let _ = self.handle.0.send(Note::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One place in the air. Its methods panic once the air is gone.
#[derive(Clone, Debug)]
pub struct Port {
    handle: Handle,
    address: Address,
}

impl Port {
    /// Moves it nearer or farther.
    pub fn set_rssi(&self, rssi_dbm: i16) {
        self.on_world(move |world, _, address| world.at(address).for_each(|it| it.rssi_dbm = rssi_dbm));
    }

    /// Takes it out of reach, or back. Its links are lost.
    pub fn set_in_range(&self, in_range: bool) {
        self.on_world(move |world, now, address| {
            world.at(address).for_each(|it| it.in_range = in_range);
            if !in_range {
                world.cut(now, address);
            }
        });
    }

    /// Breaks its links by interference: nothing passes, and both ends notice after the supervision timeout.
    pub fn drop_link(&self) {
        self.on_world(|world, now, address| world.cut(now, address));
    }

    /// Links it has, those about to be found lost too.
    pub fn link_count(&self) -> usize {
        self.on_world(|world, _, address| world.links_of(address))
    }

    fn on_world<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut World, Instant, Raw) -> R + Send + 'static,
    ) -> R {
        let address = raw(self.address);
        self.handle.call(move |driver| {
            let now = driver.now();
            job(&mut driver.world, now, address)
        })
    }
}

/// Least significant byte first.
fn raw(address: Address) -> Raw {
    let mut bytes = address.0;
    bytes.reverse();
    bytes
}

/// The way to one host.
struct Host {
    id: Id,
    packets: UnboundedSender<Vec<u8>>,
    /// Packets on their way.
    waiting: Arc<AtomicUsize>,
    trace: Option<Trace>,
}

impl Host {
    /// Sends a packet; false if it is a report for which there is no room.
    fn send(&mut self, now: Instant, packet: Vec<u8>) -> bool {
        if hci::is_report(&packet) && self.waiting.load(Ordering::Relaxed) >= WAITING_MAX {
            return false;
        }
        if let Some(trace) = &mut self.trace {
            trace.note(now, true, &packet);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // A host that is gone is about to say so.
        let _ = self.packets.send(packet);
        true
    }
}

struct Driver {
    world: World,
    /// Moment zero of the one clock.
    epoch: std::time::Instant,
    notes: UnboundedSender<Note>,
    hosts: Vec<Host>,
    reports_dropped: u64,
}

impl Driver {
    fn now(&self) -> Instant {
        Instant::from_micros(self.epoch.elapsed().as_micros() as u64)
    }

    async fn drive(mut self, mut notes: UnboundedReceiver<Note>) {
        loop {
            self.settle();
            let deadline = self.world.poll_timeout();
            let note = tokio::select! {
                note = notes.recv() => note,
                () = until(self.epoch, deadline) => continue,
            };
            match note {
                Some(Note::Job(job)) => job(&mut self),
                Some(Note::Packet(id, packet)) => self.take(id, &packet),
                Some(Note::Gone(id)) => {
                    self.world.remove(self.now(), id);
                    self.hosts.retain(|host| host.id != id);
                }
                Some(Note::Stop) | None => return,
            }
        }
    }

    /// Lets due things happen and sends what came of them.
    fn settle(&mut self) {
        self.world.handle_timeout(self.now());
        while let Some((id, packet)) = self.world.poll_packet() {
            let now = self.now();
            let host = self.hosts.iter_mut().find(|host| host.id == id);
            if host.is_some_and(|host| !host.send(now, packet)) {
                self.reports_dropped += 1;
            }
        }
    }

    fn take(&mut self, id: Id, packet: &[u8]) {
        let now = self.now();
        if let Some(host) = self.hosts.iter_mut().find(|host| host.id == id) {
            host.trace
                .iter_mut()
                .for_each(|trace| trace.note(now, false, packet));
        }
        self.world.handle_packet(now, id, packet);
    }

    fn add<S>(&mut self, address: Address, stream: S, trace: Option<Trace>)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let id = self.world.add(raw(address));
        let (packets, queue) = unbounded_channel();
        let (reading, writing) = split(stream);
        tokio::spawn(read(id, reading, self.notes.clone()));
        let waiting = Arc::new(AtomicUsize::new(0));
        tokio::spawn(write(writing, queue, waiting.clone()));
        self.hosts.push(Host {
            id,
            packets,
            waiting,
            trace,
        });
    }
}

async fn until(epoch: std::time::Instant, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => {
            let at = epoch + Duration::from_micros(deadline.as_micros());
            tokio::time::sleep_until(at.into()).await;
        }
        None => std::future::pending().await,
    }
}

async fn read(id: Id, mut stream: impl AsyncRead + Unpin, notes: UnboundedSender<Note>) {
    let mut bytes = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut bytes).await {
        while let Some(packet) = take_packet(&mut bytes) {
            // Fails when the air is gone, and this task is about to be.
            let _ = notes.send(Note::Packet(id, packet));
        }
    }
    let _ = notes.send(Note::Gone(id));
}

async fn write(
    mut stream: impl AsyncWrite + Unpin,
    mut queue: UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
) {
    while let Some(packet) = queue.recv().await {
        if stream.write_all(&packet).await.is_err() {
            return;
        }
        waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

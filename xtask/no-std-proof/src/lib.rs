//! The protocol crate on a machine that has nothing: this library brings its own panic handler and
//! its own allocator, so a dependency that links std meets a second panic handler and does not build.
//!
//! `unsafe` is unavoidable here, and only here: an allocator is an unsafe trait.
#![no_std]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};

use alloc::vec::Vec;

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::band::{BandEngine, BandIdentity, BandSettings, Wearer};
use firmware_protocol::certificate::{BandCertificate, Signed, StationCertificate};
use firmware_protocol::handler::{BandHandler, Screen, StorageFault};
use firmware_protocol::id::{Serial, Zone};
use firmware_protocol::message::{BandToStation, Recall, StationToBand};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{StationIdentity, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

const HEAP_LEN: usize = 32 * 1024;

/// Hands out memory once and never takes it back: the smallest allocator there is.
struct Bump {
    heap: UnsafeCell<[u8; HEAP_LEN]>,
    used: AtomicUsize,
}

// SAFETY: bytes of `heap` are only reached through the disjoint ranges that `used` gives out.
unsafe impl Sync for Bump {}

// SAFETY: each range is inside `heap`, aligned as asked, and given out once.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.heap.get().cast::<u8>();
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let Some(offset) = aligned(start as usize + used, layout.align()).map(|at| at - start as usize)
            else {
                return core::ptr::null_mut();
            };
            let Some(end) = offset.checked_add(layout.size()).filter(|end| *end <= HEAP_LEN) else {
                return core::ptr::null_mut();
            };
            match self
                .used
                .compare_exchange_weak(used, end, Ordering::Relaxed, Ordering::Relaxed)
            {
                // SAFETY: `offset` is at most HEAP_LEN.
                Ok(_) => return unsafe { start.add(offset) },
                Err(now) => used = now,
            }
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

fn aligned(address: usize, align: usize) -> Option<usize> {
    address.checked_next_multiple_of(align)
}

#[global_allocator]
static HEAP: Bump = Bump {
    heap: UnsafeCell::new([0; HEAP_LEN]),
    used: AtomicUsize::new(0),
};

/// Reaches everything that a band's firmware calls, so that nothing is left out of the build.
///
/// # Safety
///
/// `input` points to `len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bandstand_no_std_proof(input: *const u8, len: usize) -> usize {
    // SAFETY: the caller's promise.
    let bytes = unsafe { core::slice::from_raw_parts(input, len) };
    let band = band(bytes).unwrap_or(0);
    messages(bytes) + certificates(bytes) + band + station(bytes)
}

/// A band's hardware, as little of it as there can be.
struct Hardware {
    kept: Vec<u8>,
}

impl BandHandler for Hardware {
    fn store(&mut self, record: &[u8]) -> Result<(), StorageFault> {
        self.kept = record.to_vec();
        Ok(())
    }

    fn random(&mut self, out: &mut [u8]) {
        out.fill(black_box(7));
    }

    fn show(&mut self, screen: Screen) {
        black_box(screen);
    }

    fn sense(&mut self, slot: Option<u8>) {
        black_box(slot);
    }

    fn erase_templates(&mut self) {}
}

/// The band's end, through every entrance.
fn band(bytes: &[u8]) -> Option<usize> {
    let identity = BandIdentity {
        certificate: minicbor::decode(bytes).ok()?,
        dh_secret: black_box([1; 32]).into(),
        signing_key: black_box([2; 32]).into(),
        serial: Serial::new("PROOF")?,
        model: "proof".into(),
        seos: false,
    };
    let (now, mut hardware) = (Instant::ZERO, Hardware { kept: Vec::new() });
    let mut engine = BandEngine::new(identity, BandSettings::default(), bytes, now, &mut hardware).ok()?;
    engine.handle_connected(now, 23);
    engine.handle_wearer(now, Wearer::PutOn, &mut hardware);
    engine.handle_input(now, bytes, &mut hardware);
    engine.handle_timeout(now, &mut hardware);
    let frames = core::iter::from_fn(|| engine.poll_transmit())
        .map(|frame| frame.len())
        .sum::<usize>();
    engine.handle_disconnected(&mut hardware);
    black_box((engine.beacon(now), engine.poll_timeout()));
    Some(frames + engine.info().len() + hardware.kept.len())
}

/// The station's end, through every entrance.
fn station(bytes: &[u8]) -> usize {
    let Ok(certificate) = minicbor::decode::<Signed>(bytes) else {
        return 0;
    };
    let identity = StationIdentity {
        certificate,
        dh_secret: black_box([3; 32]).into(),
    };
    let now = Instant::ZERO;
    let entropy = black_box([4; firmware_protocol::station::ENTROPY_LEN]);
    let mut session = StationSession::new(&identity, Vec::new(), 517, &entropy, now, UnixSeconds(0));
    session.handle_input(now, bytes);
    session.handle_timeout(now);
    let asked = session.request(
        now,
        &StationToBand::Recall(Recall {
            zone: Zone::Enrollment,
        }),
    );
    black_box((asked.is_ok(), session.poll_timeout()));
    let events = core::iter::from_fn(|| session.poll_event()).count();
    events
        + core::iter::from_fn(|| session.poll_transmit())
            .map(|frame| frame.len())
            .sum::<usize>()
}

fn messages(bytes: &[u8]) -> usize {
    let request = StationToBand::decode(bytes).map_or(0, |message| message.encode().len());
    let answer = BandToStation::decode(bytes).map_or(0, |message| message.encode().len());
    let beacon = Beacon::decode(bytes).map_or(0, |beacon| beacon.advertisement().len());
    black_box(request + answer + beacon)
}

fn certificates(bytes: &[u8]) -> usize {
    let Ok(signed) = minicbor::decode::<Signed>(bytes) else {
        return 0;
    };
    let key = [7; 32];
    let band = BandCertificate::verify(&signed, &[key]).is_ok();
    let station = StationCertificate::verify(&signed, UnixSeconds(0)).is_ok();
    let receipt = Receipt::verify(&signed, &key).is_ok();
    black_box(usize::from(band) + usize::from(station) + usize::from(receipt))
}

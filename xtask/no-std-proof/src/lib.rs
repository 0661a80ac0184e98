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

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::certificate::{BandCertificate, Signed, StationCertificate};
use firmware_protocol::message::{BandToStation, StationToBand};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::UnixSeconds;

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
    messages(bytes) + certificates(bytes)
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

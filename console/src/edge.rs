//! The one clock and the one source of randomness of the console.

use anyhow::{Result, anyhow};
use firmware_protocol::time::UnixSeconds;
use ring::rand::{SecureRandom, SystemRandom};

/// Bytes that nobody can predict, from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow!("the system gives no random bytes"))?;
    Ok(bytes)
}

/// What the wall clock says.
pub fn unix_now() -> UnixSeconds {
    UnixSeconds(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0))
}

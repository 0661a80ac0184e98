//! The hands at the bands: what somebody types is what a wearer does.

use std::io::Write;

use anyhow::{Context, Result, anyhow, bail};
use firmware_protocol::band::Wearer;
use firmware_protocol::time::Instant;
use simulators::band::SimBand;
use simulators::bluez::BandPort;
use simulators::hci::HciPort;
use simulators::signals::until_stopped;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const HELP: &str = "\
[SERIAL] WORD; without a serial it is the first band
  press            the button: yes to what the screen asks, else \"here I am\"
  decline          no to what the screen asks
  delete           hold the button until user data is deleted
  off, on          off the wrist, on the wrist
  charger, ready   on the charger, off it
  battery PERCENT  the charge
  reboot           the power fails and comes back
  screen           what the screen shows
";

/// A band wherever it is.
pub(super) trait Hands {
    fn act<R: Send + 'static>(&self, act: impl FnOnce(&mut SimBand, Instant) -> R + Send + 'static) -> R;

    /// Why the band cannot be reached any more.
    fn ended(&self) -> impl Future<Output = String>;
}

impl Hands for BandPort<SimBand> {
    fn act<R: Send + 'static>(&self, act: impl FnOnce(&mut SimBand, Instant) -> R + Send + 'static) -> R {
        self.with(act)
    }

    async fn ended(&self) -> String {
        std::future::pending().await
    }
}

impl Hands for HciPort<SimBand> {
    fn act<R: Send + 'static>(&self, act: impl FnOnce(&mut SimBand, Instant) -> R + Send + 'static) -> R {
        self.with(act)
    }

    async fn ended(&self) -> String {
        HciPort::ended(self).await
    }
}

/// Presses each band's button once, then does what is typed until told to stop, or until a band ends.
pub(super) async fn follow(bands: &[impl Hands]) -> Result<()> {
    bands
        .iter()
        .for_each(|band| band.act(|band, now| band.act(now, Wearer::Press)));
    let mut stopped = std::pin::pin!(until_stopped());
    let mut ended = std::pin::pin!(first_end(bands));
    let mut lines = typed();
    loop {
        tokio::select! {
            stop = &mut stopped => return Ok(stop?),
            fault = &mut ended => bail!(fault),
            Some(line) = lines.recv() => say(&answer(bands, &line))?,
        }
    }
}

/// The lines of standard input, until it ends. The thread that reads is never waited for: a read of a
/// terminal cannot be taken back.
fn typed() -> UnboundedReceiver<String> {
    let (sender, lines) = unbounded_channel();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok);
        lines
            .map(|line| sender.send(line))
            .take_while(Result::is_ok)
            .for_each(drop);
    });
    lines
}

/// Waits for the first band that ends.
async fn first_end(bands: &[impl Hands]) -> String {
    let mut ends: Vec<_> = bands.iter().map(|band| Box::pin(band.ended())).collect();
    std::future::poll_fn(|context| {
        for end in &mut ends {
            if let std::task::Poll::Ready(fault) = end.as_mut().poll(context) {
                return std::task::Poll::Ready(fault);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{text}")?;
    out.flush()
}

fn answer(bands: &[impl Hands], line: &str) -> String {
    carry_out(bands, line).unwrap_or_else(|error| format!("{error:#}"))
}

fn carry_out(bands: &[impl Hands], line: &str) -> Result<String> {
    let mut words = line.split_whitespace().peekable();
    let named = words
        .peek()
        .and_then(|word| bands.iter().find(|band| serial(*band) == **word));
    if named.is_some() {
        words.next();
    }
    let band = named.or(bands.first()).context("there is no band")?;
    let word = words.next().unwrap_or("help");
    let action = match (word, words.next()) {
        ("help", _) => return Ok(HELP.trim_end().to_owned()),
        ("screen", None) => return Ok(band.act(|band, _| format!("{:?}", band.screen()))),
        ("reboot", None) => {
            band.act(|band, now| band.cut_power(now));
            return Ok(String::from("ok"));
        }
        ("battery", Some(percent)) => {
            let percent = percent.parse().ok().filter(|percent| *percent <= 100);
            Wearer::Battery(percent.context("a battery has 0 to 100 percent")?)
        }
        (word, None) => {
            wearer(word).ok_or_else(|| anyhow!("{word:?} is not understood; help shows the words"))?
        }
        (word, Some(more)) => bail!("{word:?} takes no {more:?}; help shows the words"),
    };
    band.act(move |band, now| band.act(now, action));
    Ok(String::from("ok"))
}

fn serial(band: &impl Hands) -> String {
    band.act(|band, _| band.serial().to_string())
}

fn wearer(word: &str) -> Option<Wearer> {
    Some(match word {
        "press" => Wearer::Press,
        "decline" => Wearer::Decline,
        "delete" => Wearer::HoldToDelete,
        "off" => Wearer::TakeOff,
        "on" => Wearer::PutOn,
        "charger" => Wearer::Charger(true),
        "ready" => Wearer::Charger(false),
        _ => return None,
    })
}

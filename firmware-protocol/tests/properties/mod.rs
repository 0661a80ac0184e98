//! What holds for every input, not only for those somebody thought of.

mod agreement;
mod framing;
mod life;
mod noise;

//! Whatever can go wrong around the real station: radio, people, secrets, files.

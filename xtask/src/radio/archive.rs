//! The archive that a kernel takes as its first file system: cpio, "newc".

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_777;

/// An archive in the making.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    folders: Vec<String>,
    count: u32,
}

impl Archive {
    /// Adds a file, and the folders above it.
    pub(super) fn file(&mut self, path: &str, bytes: &[u8], mode: u32) {
        self.folders_above(path);
        self.entry(path, FILE | mode, bytes);
    }

    /// Adds a file of this machine, following links, with its permissions.
    pub(super) fn copy(&mut self, path: &str, from: &Path) -> Result<()> {
        let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        let mode = fs::metadata(from)?.permissions().mode() & 0o777;
        self.file(path, &bytes, mode);
        Ok(())
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.folders_above(path);
        self.entry(path, LINK, target.as_bytes());
    }

    /// Adds a folder, and those above it.
    pub(super) fn folder(&mut self, path: &str) {
        self.folders_above(&format!("{path}/x"));
    }

    fn folders_above(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            let folder = &path[..at];
            if !self.folders.iter().any(|known| known == folder) {
                self.folders.push(folder.to_owned());
                self.entry(folder, FOLDER, &[]);
            }
        }
    }

    fn entry(&mut self, path: &str, mode: u32, bytes: &[u8]) {
        self.count += 1;
        let (number, len, name_len) = (self.count, bytes.len(), path.len() + 1);
        // Magic; inode, mode, uid, gid, links, time, length, four device numbers, name's length, no checksum.
        let fields = [
            number,
            mode,
            0,
            0,
            1,
            0,
            len as u32,
            0,
            0,
            0,
            0,
            name_len as u32,
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            write!(self.bytes, "{field:08x}").expect("memory takes everything");
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Archive;

    #[test]
    fn folders_come_before_what_is_in_them_and_everything_is_aligned() {
        let mut archive = Archive::default();
        archive.file("a/b/c", b"12345", 0o644);
        archive.link("a/d", "b/c");
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let at = |name: &str| text.find(&format!("{name}\0")).unwrap();
        assert!(at("a") < at("a/b") && at("a/b") < at("a/b/c") && at("a/b/c") < at("a/d"));
        assert!(text.match_indices("070701").all(|(at, _)| at % 4 == 0));
        assert_eq!(text.matches("070701").count(), 5);
    }
}

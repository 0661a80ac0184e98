//! The kernel's modules: which ones, and in which order they go in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What the machine needs. The ciphers are asked for by Bluetooth while it runs, when nobody loads modules.
const WANTED: &[&str] = &[
    "virtio_pci",
    "virtio_console",
    "virtio_net",
    "drbg",
    "ecb",
    "cmac",
    "ctr",
    "hmac",
    "algif_hash",
    "algif_skcipher",
    "bluetooth",
    "hci_uart",
];

/// Every module that is needed, dependencies first. What the kernel has built in is left out.
pub(super) fn in_order(tree: &Path) -> Result<Vec<PathBuf>> {
    let mut files = BTreeMap::new();
    collect(tree, &mut files)?;
    let mut order = Vec::new();
    for name in WANTED {
        add(name, &files, &mut order)?;
    }
    Ok(order)
}

fn collect(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("no modules in {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if let Some(name) = path.file_name().and_then(|it| it.to_str()?.strip_suffix(".ko")) {
            files.insert(name.replace('-', "_"), path);
        }
    }
    Ok(())
}

fn add(name: &str, files: &BTreeMap<String, PathBuf>, order: &mut Vec<PathBuf>) -> Result<()> {
    let Some(path) = files.get(name) else {
        return Ok(());
    };
    if order.contains(path) {
        return Ok(());
    }
    let bytes = fs::read(path)?;
    for needed in depends(&bytes) {
        add(&needed, files, order)?;
    }
    order.push(path.clone());
    Ok(())
}

/// The modules that a module says it needs: text of the form `depends=one,other` between zero bytes.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let text = module[at + KEY.len()..].split(|byte| *byte == 0).next();
    let text = String::from_utf8_lossy(text.unwrap_or_default()).into_owned();
    text.split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::depends;

    fn check(module: &[u8], expected: &[&str]) {
        assert_eq!(depends(module), expected);
    }

    #[test]
    fn a_module_says_what_it_needs() {
        check(
            b"..\0license=GPL\0depends=ecdh_generic,crc16\0name=bluetooth\0",
            &["ecdh_generic", "crc16"],
        );
        check(b"..\0depends=\0name=cmac\0", &[]);
        check(b"..\0depends=aes-lib", &["aes_lib"]);
        check(b"nothing", &[]);
    }
}

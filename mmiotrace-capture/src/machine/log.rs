//! The kernel's log.

use super::Root;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

/// The kernel's log in the form of `dmesg`: `[    6.372845] text`.
///
/// Read from `/dev/kmsg`, whose records are `priority,sequence,microseconds,flags;text` and
/// lines that begin with a space and name devices (`Documentation/ABI/testing/dev-kmsg`).
///
/// # Errors
/// Where the device cannot be opened (`kernel.dmesg_restrict` without privilege).
pub fn kernel_log(root: &Root) -> io::Result<String> {
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        // Without it, the read after the last record waits for the next one.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(root.path("/dev/kmsg"))?;
    let mut records = Vec::new();
    // A read gives one record whole; a smaller buffer is EINVAL (`devkmsg_read`).
    let mut buffer = vec![0; 16 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => records.extend_from_slice(buffer.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // EPIPE: records were overwritten while they were being read; the rest follows.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut text = String::new();
    let records = String::from_utf8_lossy(&records);
    records.lines().for_each(|line| append(&mut text, line));
    Ok(text)
}

fn append(text: &mut String, line: &str) {
    let Some((head, message)) = line.split_once(';') else {
        return;
    };
    let micros = head.split(',').nth(2).and_then(|word| word.parse().ok());
    let Some(micros): Option<u64> = micros else {
        return;
    };
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    text.push_str(&format!("[{seconds:5}.{micros:06}] {message}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_become_lines_as_dmesg_prints_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        std::fs::create_dir_all(root.path("/dev")).unwrap();
        let records =
            "6,339,5140900,-;NET: Registered PF_INET6\n SUBSYSTEM=net\n4,340,71000001,-;a; b\n";
        std::fs::write(root.path("/dev/kmsg"), records).unwrap();
        assert_eq!(
            kernel_log(&root).unwrap(),
            "[    5.140900] NET: Registered PF_INET6\n[   71.000001] a; b\n"
        );
    }
}

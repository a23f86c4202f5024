//! Questions to a text.

use host::error::Result;

pub(super) fn expect(text: &str, what: &str) -> Result<()> {
    if text.contains(what) {
        Ok(())
    } else {
        Err(format!("no \"{what}\" in:\n{}", indent(text)).into())
    }
}

pub(super) fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// Lines that were entries of the kernel's ring.
pub(super) fn entries(text: &str) -> u64 {
    let kinds = ["R ", "W ", "UNKNOWN ", "MAP ", "UNMAP ", "MARK "];
    let is_entry = |line: &&str| {
        let is_ours = ["MARK 0.000000 Lost ", "MARK 0.000000 mmiotrace1 "];
        kinds.iter().any(|kind| line.starts_with(kind))
            && !is_ours.iter().any(|ours| line.starts_with(ours))
    };
    text.lines().filter(is_entry).count() as u64
}

/// The number before some words.
pub(super) fn number_before(text: &str, words: &str) -> Option<u64> {
    let head = text
        .split(words)
        .next()
        .filter(|head| head.len() < text.len())?;
    head.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        let log = "mmiotrace: a: 5 records, 9 bytes in 1.0 s (x); ring 8 KiB; the kernel counts 44 entries read, 3 lost\n";
        assert_eq!(number_before(log, " entries read,"), Some(44));
        assert_eq!(number_before(log, " apples"), None);
        assert_eq!(
            entries(
                "R 4 1\nMARK 0.000000 Lost 5 events.\nMARK 0.000000 mmiotrace1 end\nMARK 1.0 a\nLSPCI x\nb\n"
            ),
            2
        );
    }
}

//! Sizes and times on the command line, and counts in sentences.

use core::time::Duration;

/// `1 time`, `2 times`.
pub(crate) fn count_noun(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A size in bytes: a number with `K`, `M` or `G` (powers of 1024), or plain bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.trim().to_ascii_uppercase() {
        text if text.ends_with('K') => (text, 10),
        text if text.ends_with('M') => (text, 20),
        text if text.ends_with('G') => (text, 30),
        text => (text, 0),
    };
    let number = number.trim_end_matches(['K', 'M', 'G']);
    let size: Option<u64> = number.parse().ok();
    size.and_then(|size| size.checked_mul(1 << shift))
        .filter(|size| *size > 0)
        .ok_or_else(|| "write it as 512K, 64M or 2G".to_owned())
}

/// A size in KiB, as the kernel's `buffer_size_kb` takes it: a number with `K`, `M` or `G`, or plain
/// KiB.
pub(crate) fn kib(text: &str) -> Result<u64, String> {
    let plain = text.trim().bytes().all(|byte| byte.is_ascii_digit());
    let text = if plain {
        format!("{text}K")
    } else {
        text.to_owned()
    };
    bytes(&text).map(|bytes| bytes.div_ceil(1024))
}

/// A time: a number with `ms`, `s`, `m` or `h`, or plain seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
        .unwrap_or((text, 1.0));
    let seconds: Option<f64> = number.trim().parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds * unit).ok())
        .ok_or_else(|| "write it as 500ms, 30s, 5m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("64M"), Ok(64 << 20));
        assert_eq!(bytes("10"), Ok(10));
        assert_eq!(bytes("2g"), Ok(2 << 30));
        assert_eq!(kib("1408"), Ok(1408));
        assert_eq!(kib("64M"), Ok(64 << 10));
        for wrong in ["", "M", "-1", "1T", "0", "99999999999G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "-1", "1d", "nan", "inf"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}

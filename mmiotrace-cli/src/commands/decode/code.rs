//! Bytes of code as they are written down.

use core::fmt::Write;
use core::str::FromStr;

/// Bytes given in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodeBytes(Vec<u8>);

impl CodeBytes {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Pairs of digits; between pairs may stand blanks, commas, colons, `0x` and `\x`, so that what an
/// `UNKNOWN` record, an oops and a disassembler print can be given as it is.
impl FromStr for CodeBytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.replace("\\x", " ").replace("0x", " ");
        let mut bytes = Vec::new();
        for word in plain.split([' ', ',', ':', '\t', '\n']) {
            if !word.is_ascii() || word.len() % 2 != 0 {
                return Err(format!("{word} is not pairs of hex digits"));
            }
            for at in (0..word.len()).step_by(2) {
                let pair = word.get(at..at + 2).unwrap_or_default();
                let digits = pair.bytes().all(|byte| byte.is_ascii_hexdigit());
                match u8::from_str_radix(pair, 16) {
                    Ok(byte) if digits => bytes.push(byte),
                    _ => return Err(format!("{pair} is no pair of hex digits")),
                }
            }
        }
        if bytes.is_empty() {
            return Err("there are no bytes".to_owned());
        }
        Ok(Self(bytes))
    }
}

/// Bytes as pairs of digits, without blanks.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Into memory: this does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn bytes_are_read_as_they_are_printed_elsewhere() {
        for text in [
            "f3a548",
            "f3,a5,48",
            "F3 A5 48",
            "0xf3 0xa5 0x48",
            "\\xf3\\xa5\\x48",
            "f3:a548",
        ] {
            assert_eq!(
                text.parse(),
                Ok(CodeBytes(vec![0xf3, 0xa5, 0x48])),
                "{text}"
            );
        }
        for text in ["", "  ", "f", "f3a", "+1", "zz", "f3-a5", "é0"] {
            assert!(text.parse::<CodeBytes>().is_err(), "{text}");
        }
        assert_eq!(hex(&[0, 0x0f, 0xff]), "000fff");
    }
}

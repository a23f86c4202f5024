//! One JSON object per record.

use super::digits::{Digits, hex_digit};
use super::row::Row;
use super::text::PrintableJson;
use serde::Serialize as _;
use serde_json::Serializer;

/// Appends a row as an object without its end: more may follow. Numbers of up to 64 bits are strings
/// in hex, since many readers of JSON hold numbers in 53 bits.
pub(super) fn push_open(out: &mut Vec<u8>, row: &Row<'_>) {
    out.extend_from_slice(b"{\"line\":");
    push_decimal(out, row.line);
    out.extend_from_slice(b",\"kind\":\"");
    out.extend_from_slice(row.kind.as_bytes());
    out.push(b'"');
    push_word(out, "time", row.time);
    push_number(out, "width", row.width.map(i64::from));
    push_number(out, "map_id", row.map_id.map(i64::from));
    push_hex(out, "phys", row.phys);
    push_hex(out, "virt", row.virt);
    push_hex(out, "len", row.len);
    push_hex(out, "value", row.value);
    push_word(out, "code", row.code);
    push_hex(out, "pc", row.pc);
    push_number(out, "pid", row.pid.map(i64::from));
    if let Some(seq) = row.seq {
        push_key(out, "seq");
        push_decimal(out, seq);
    }
    push_number(out, "cpu", row.cpu.map(i64::from));
    push_text(out, row.text);
}

/// The symbol of the instruction.
pub(super) fn push_symbol(out: &mut Vec<u8>, symbol: &str) {
    push_key(out, "symbol");
    push_string(out, symbol);
}

pub(super) fn push_key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn push_number(out: &mut Vec<u8>, key: &str, number: Option<i64>) {
    let Some(number) = number else { return };
    push_key(out, key);
    if number < 0 {
        out.push(b'-');
    }
    push_decimal(out, number.unsigned_abs());
}

fn push_hex(out: &mut Vec<u8>, key: &str, number: Option<u64>) {
    let Some(number) = number else { return };
    push_key(out, key);
    out.push(b'"');
    push_hex_digits(out, number);
    out.push(b'"');
}

/// A word of digits and punctuation, as a parsed column holds it.
fn push_word(out: &mut Vec<u8>, key: &str, word: Option<&[u8]>) {
    let Some(word) = word else { return };
    push_key(out, key);
    out.push(b'"');
    out.extend_from_slice(word);
    out.push(b'"');
}

/// Text where it is UTF-8, else its bytes in hex.
fn push_text(out: &mut Vec<u8>, text: Option<&[u8]>) {
    let Some(text) = text else { return };
    match core::str::from_utf8(text) {
        Ok(text) => {
            push_key(out, "text");
            push_string(out, text);
        }
        Err(_) => {
            push_key(out, "bytes");
            out.push(b'"');
            push_bytes(out, text);
            out.push(b'"');
        }
    }
}

/// Bytes, two hex digits each.
pub(super) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.push(hex_digit(u64::from(byte >> 4)) as u8);
        out.push(hex_digit(u64::from(*byte)) as u8);
    }
}

/// A text as a JSON string.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    let needs_care = |byte: &u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\');
    if text.as_bytes().iter().any(needs_care) {
        // Into memory, of strings: this does not fail.
        let _ = text.serialize(&mut Serializer::with_formatter(out, PrintableJson));
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// `0x` and digits without leading zeros.
pub(super) fn push_hex_digits(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(Digits::hex(number).as_bytes());
}

/// Decimal digits.
pub(super) fn push_decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(Digits::decimal(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::push_string;

    #[test]
    fn strings_are_those_of_json() {
        let odd: String = (0..=0x100).filter_map(char::from_u32).collect();
        for text in [
            "",
            "CTRL[3].EN",
            "é",
            "a\"b",
            "a\\b",
            "\u{7f}\u{80}",
            "\n",
            &odd,
        ] {
            let mut out = Vec::new();
            push_string(&mut out, text);
            let again: String = serde_json::from_slice(&out).expect("a string");
            assert_eq!(again, text);
            let shown = String::from_utf8(out).expect("UTF-8");
            assert!(
                shown.chars().all(mmiotrace_core::Printable::shows),
                "{shown}"
            );
        }
    }
}

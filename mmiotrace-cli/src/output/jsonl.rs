//! One JSON object per record.

use super::row::Row;

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
    // Into memory, of strings: this does not fail.
    let _ = serde_json::to_writer(out, symbol);
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
            // Into memory, of strings: this does not fail.
            let _ = serde_json::to_writer(out, text);
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
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 0xf)]);
    }
}

/// `0x` and digits without leading zeros.
pub(super) fn push_hex_digits(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(b"0x");
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(DIGITS[(number >> (4 * digit)) as usize & 0xf]);
    }
}

/// Decimal digits.
pub(super) fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_the_standard_library_prints_them() {
        for number in [
            0,
            1,
            9,
            10,
            0xf,
            0x10,
            0xffff,
            0x10000,
            u64::MAX - 1,
            u64::MAX,
        ] {
            let (mut hex, mut decimal) = (Vec::new(), Vec::new());
            push_hex_digits(&mut hex, number);
            push_decimal(&mut decimal, number);
            assert_eq!(hex, format!("{number:#x}").into_bytes());
            assert_eq!(decimal, number.to_string().into_bytes());
        }
    }
}

//! Comma-separated values (RFC 4180, but lines end in newline alone).

use super::jsonl::{push_bytes, push_decimal, push_hex_digits};
use super::row::Row;

/// The names of the columns, those of `jsonl`, without the end of the line.
pub(super) const HEADER: &[u8] =
    b"line,kind,time,width,map_id,phys,value,pc,pid,virt,len,code,seq,cpu,text,bytes";

/// Appends a row as one line.
pub(super) fn push(out: &mut Vec<u8>, row: &Row<'_>) {
    push_decimal(out, row.line);
    out.push(b',');
    out.extend_from_slice(row.kind.as_bytes());
    push_word(out, row.time);
    push_number(out, row.width.map(i64::from));
    push_number(out, row.map_id.map(i64::from));
    push_hex(out, row.phys);
    push_hex(out, row.value);
    push_hex(out, row.pc);
    push_number(out, row.pid.map(i64::from));
    push_hex(out, row.virt);
    push_hex(out, row.len);
    push_code(out, row.code);
    out.push(b',');
    if let Some(seq) = row.seq {
        push_decimal(out, seq);
    }
    push_number(out, row.cpu.map(i64::from));
    push_text(out, row.text);
    out.push(b'\n');
}

/// Appends one column to a row that is there.
pub(super) fn push_last(out: &mut Vec<u8>, text: &str) {
    if out.last() == Some(&b'\n') {
        out.pop();
    }
    out.push(b',');
    if !text.is_empty() {
        push_quoted(out, text.as_bytes());
    }
    out.push(b'\n');
}

fn push_number(out: &mut Vec<u8>, number: Option<i64>) {
    out.push(b',');
    let Some(number) = number else { return };
    if number < 0 {
        out.push(b'-');
    }
    push_decimal(out, number.unsigned_abs());
}

fn push_hex(out: &mut Vec<u8>, number: Option<u64>) {
    out.push(b',');
    if let Some(number) = number {
        push_hex_digits(out, number);
    }
}

fn push_word(out: &mut Vec<u8>, word: Option<&[u8]>) {
    out.push(b',');
    out.extend_from_slice(word.unwrap_or_default());
}

/// The bytes of an instruction have commas between them.
fn push_code(out: &mut Vec<u8>, code: Option<&[u8]>) {
    out.push(b',');
    if let Some(code) = code {
        push_quoted(out, code);
    }
}

/// Text, quoted always, or bytes in hex in the column behind it.
fn push_text(out: &mut Vec<u8>, text: Option<&[u8]>) {
    out.push(b',');
    match text {
        Some(text) if core::str::from_utf8(text).is_ok() => {
            push_quoted(out, text);
            out.push(b',');
        }
        Some(text) => {
            out.push(b',');
            push_bytes(out, text);
        }
        None => out.push(b','),
    }
}

fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

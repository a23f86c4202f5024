//! The tokens of C expressions.

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Number(u64),
    Name(&'t str),
    /// An operator or a bracket, at most two characters.
    Sign(&'t str),
}

/// The next token and the rest; `None` at the end or at something that is none.
pub(super) fn next(text: &str) -> Option<(Token<'_>, &str)> {
    let text = text.trim_start();
    let first = text.chars().next()?;
    if first.is_ascii_digit() {
        return number(text);
    }
    if let Some(len) = super::source::name_len(text) {
        return Some((Token::Name(&text[..len]), &text[len..]));
    }
    for sign in ["<<", ">>", "==", "!=", "<=", ">=", "&&", "||"] {
        if let Some(rest) = text.strip_prefix(sign) {
            return Some((Token::Sign(sign), rest));
        }
    }
    "+-*/%&|^~!()?:<>,"
        .contains(first)
        .then(|| (Token::Sign(&text[..1]), &text[1..]))
}

fn number(text: &str) -> Option<(Token<'_>, &str)> {
    let (digits, radix) = match text.get(..2) {
        Some("0x" | "0X") => (&text[2..], 16),
        _ => (text, 10),
    };
    let len = digits
        .bytes()
        .take_while(|byte| char::from(*byte).is_digit(radix))
        .count();
    let rest = digits[len..].trim_start_matches(['u', 'U', 'l', 'L']);
    // A leading zero means octal.
    let radix = if radix == 10 && len > 1 && digits.starts_with('0') {
        8
    } else {
        radix
    };
    let number = u64::from_str_radix(&digits[..len], radix).ok()?;
    Some((Token::Number(number), rest))
}

/// How many digits a body has that is one hexadecimal number, with `0x` or without.
pub(super) fn hex_digits(body: &str) -> Option<usize> {
    let body = body.trim().trim_matches(['(', ')']).trim();
    let digits = body
        .strip_prefix("0x")
        .or_else(|| body.strip_prefix("0X"))?
        .trim_end_matches(['u', 'U', 'l', 'L']);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then_some(digits.len())
}

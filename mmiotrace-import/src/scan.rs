//! Taking a line of text apart from left to right.

/// What is left of a line. Every method takes something off its front, or gives `None` and leaves
/// it as it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a>(pub(crate) &'a str);

impl<'a> Scan<'a> {
    /// Takes blanks.
    pub(crate) fn blanks(&mut self) -> &mut Self {
        self.0 = self.0.trim_start();
        self
    }

    /// Takes exactly this text.
    pub(crate) fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Takes everything before `text`, and `text` itself.
    pub(crate) fn until(&mut self, text: &str) -> Option<&'a str> {
        let (before, after) = self.0.split_once(text)?;
        self.0 = after;
        Some(before)
    }

    /// Skips to behind `key` and takes the number there.
    pub(crate) fn number_after(&mut self, key: &str) -> Option<u64> {
        let mut rest = *self;
        rest.until(key)?;
        let number = rest.number()?;
        *self = rest;
        Some(number)
    }

    /// Takes a number: hexadecimal after `0x`, else decimal.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut rest = *self;
        rest.blanks();
        let number = if rest.literal("0x").is_some() || rest.literal("0X").is_some() {
            rest.digits(16)?
        } else {
            rest.digits(10)?
        };
        *self = rest;
        Some(number)
    }

    /// Takes a hexadecimal number, with or without `0x`.
    pub(crate) fn hex(&mut self) -> Option<u64> {
        let mut rest = *self;
        rest.blanks();
        let _ = rest.literal("0x");
        let number = rest.digits(16)?;
        *self = rest;
        Some(number)
    }

    fn digits(&mut self, radix: u32) -> Option<u64> {
        let end = self
            .0
            .find(|c: char| !c.is_digit(radix))
            .unwrap_or(self.0.len());
        let (digits, after) = self.0.split_at(end);
        let number = u64::from_str_radix(digits, radix).ok()?;
        self.0 = after;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_takes_nothing() {
        let mut scan = Scan("width=32 val=0x10");
        assert_eq!(scan.number_after("addr="), None);
        assert_eq!(scan.number_after("width="), Some(32));
        assert_eq!(scan.number_after("val="), Some(16));
        assert_eq!(scan.0, "");
        assert_eq!(Scan("0x1ffffffffffffffff").number(), None);
    }
}

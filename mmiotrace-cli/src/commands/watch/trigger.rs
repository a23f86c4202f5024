//! What to stop at.

use core::str::FromStr;
use regex::Regex;

/// An access to a register whose name fits, with a value where one is wanted.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    name: Regex,
    value: Option<(u64, u64)>,
}

impl Trigger {
    pub(super) fn fits(&self, name: &str, value: Option<u64>) -> bool {
        let fits =
            |(wanted, mask): (u64, u64)| value.is_some_and(|value| value & mask == wanted & mask);
        self.name.is_match(name) && self.value.is_none_or(fits)
    }
}

impl FromStr for Trigger {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pattern, value) = match text.split_once('=') {
            Some((pattern, value)) => (pattern, Some(value)),
            None => (text, None),
        };
        let value = value
            .map(|value| {
                let (value, mask) = match value.split_once('/') {
                    Some((value, mask)) => (value, number(mask)?),
                    None => (value, u64::MAX),
                };
                Ok::<_, String>((number(value)?, mask))
            })
            .transpose()?;
        let escaped = regex::escape(pattern)
            .replace(r"\*", ".*")
            .replace(r"\?", ".");
        let name = Regex::new(&format!("(?i)^{escaped}$")).map_err(|error| error.to_string())?;
        Ok(Self { name, value })
    }
}

fn number(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| format!("`{text}` is no number, decimal or hex with 0x"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        let trigger: Trigger = "PORT[*].TFD=0x50/0xf0".parse().unwrap();
        assert!(trigger.fits("PORT[3].TFD", Some(0x158)));
        assert!(!trigger.fits("PORT[3].TFD", Some(0x148)));
        assert!(!trigger.fits("PORT[3].TFD", None));
        assert!(!trigger.fits("XPORT[3].TFD", Some(0x158)));
        let trigger: Trigger = "ctrl".parse().unwrap();
        assert!(trigger.fits("CTRL", None));
        assert!("CTRL=x".parse::<Trigger>().is_err());
    }
}

//! How much to show of which register.

use core::fmt;

/// How much of an access is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verbosity {
    /// Nothing.
    Off,
    /// The access, when its value differs from the last one.
    Changes,
    /// The access with the register's name.
    Name,
    /// The access with name and fields.
    #[default]
    Fields,
}

impl Verbosity {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Off, "off"),
        (Self::Changes, "changes"),
        (Self::Name, "name"),
        (Self::Fields, "fields"),
    ];

    /// `off`, `changes`, `name` or `fields`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(verbosity, _)| *verbosity)
    }
}

/// A text that is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidRule(pub String);

impl fmt::Display for InvalidRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}`: expected PATTERN=off, PATTERN=changes, PATTERN=name or PATTERN=fields",
            self.0
        )
    }
}

impl core::error::Error for InvalidRule {}

/// Rules that say how much to show of which register: a pattern with `*` (any text) and `?` (any
/// character) for the register's name, and a [`Verbosity`]. The last rule that fits counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerbosityRules {
    rules: Vec<(String, Verbosity)>,
}

impl VerbosityRules {
    /// No rules: everything is shown with fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule `PATTERN=off|changes|name|fields`.
    ///
    /// # Errors
    /// Where the text is no such rule.
    pub fn add(&mut self, rule: &str) -> Result<(), InvalidRule> {
        let parsed = rule.rsplit_once('=').and_then(|(pattern, word)| {
            Some((pattern.to_owned(), Verbosity::from_name(word)?))
                .filter(|(pattern, _)| !pattern.is_empty())
        });
        self.rules
            .push(parsed.ok_or_else(|| InvalidRule(rule.to_owned()))?);
        Ok(())
    }

    /// How much to show of the register with that name; unnamed accesses have the empty name.
    #[must_use]
    pub fn of(&self, register: &str) -> Verbosity {
        let fits =
            |(pattern, _): &&(String, Verbosity)| fits(pattern.as_bytes(), register.as_bytes());
        self.rules
            .iter()
            .rev()
            .find(fits)
            .map_or(Verbosity::default(), |(_, verbosity)| *verbosity)
    }
}

/// Whether a name fits a pattern. Takes at most pattern times name steps.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where to go on when a `*` must take one more byte.
    let mut retry = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(&name[n]) => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    p = star + 1;
                    n = from + 1;
                    retry = Some((star, n));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_that_fits_counts() {
        let mut rules = VerbosityRules::new();
        rules.add("*=name").unwrap();
        rules.add("PORT[*].TFD=changes").unwrap();
        rules.add("ICR=off").unwrap();
        assert_eq!(rules.of("CTRL"), Verbosity::Name);
        assert_eq!(rules.of("PORT[12].TFD"), Verbosity::Changes);
        assert_eq!(rules.of("ICR"), Verbosity::Off);
        assert_eq!(VerbosityRules::new().of(""), Verbosity::Fields);
        assert!(rules.add("x").is_err());
        assert!(rules.add("=off").is_err());
        assert!(rules.add("x=on").is_err());
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("?x", "ax", true),
            ("?x", "x", false),
            ("*ab", "aab", true),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }
}

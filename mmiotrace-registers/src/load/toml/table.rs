//! A TOML table whose keys are taken one by one, so that those left over are errors.

use crate::error::{LoadError, LoadErrorKind, Position};
use core::cell::Cell;
use core::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) type Result<T> = core::result::Result<T, LoadError>;

/// The text that is read, for places.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
}

impl Source<'_> {
    pub(super) fn error(
        self,
        span: &Range<usize>,
        kind: LoadErrorKind,
        text: impl Into<String>,
    ) -> LoadError {
        LoadError::new(kind, text).at(Position::of_byte(self.text, span.start))
    }
}

/// A value with its place.
#[derive(Clone, Copy)]
pub(super) struct Value<'t> {
    pub(super) source: Source<'t>,
    inner: &'t Spanned<DeValue<'t>>,
}

impl<'t> Value<'t> {
    pub(super) fn span(&self) -> Range<usize> {
        self.inner.span()
    }

    pub(super) fn error(&self, kind: LoadErrorKind, text: impl Into<String>) -> LoadError {
        self.source.error(&self.span(), kind, text)
    }

    pub(super) fn invalid(&self, text: impl Into<String>) -> LoadError {
        self.error(LoadErrorKind::Invalid, text)
    }

    fn expected(&self, what: &str) -> LoadError {
        self.invalid(format!(
            "expected {what}, found {}",
            self.inner.get_ref().type_str()
        ))
    }

    pub(super) fn str(&self) -> Result<&'t str> {
        self.inner
            .get_ref()
            .as_str()
            .ok_or_else(|| self.expected("a string"))
    }

    pub(super) fn string(&self) -> Result<String> {
        self.str().map(str::to_owned)
    }

    pub(super) fn bool(&self) -> Result<bool> {
        self.inner
            .get_ref()
            .as_bool()
            .ok_or_else(|| self.expected("true or false"))
    }

    /// A number of up to 64 bits; above 2^63 also as a string, since TOML's integers end there.
    pub(super) fn number(&self) -> Result<u64> {
        let number = match self.inner.get_ref() {
            DeValue::Integer(integer) => {
                u64::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
            DeValue::String(text) => crate::number::parse(text),
            _ => return Err(self.expected("a number")),
        };
        number.ok_or_else(|| self.invalid("expected a number from 0 to 2^64 - 1"))
    }

    pub(super) fn number_below(&self, end: u64) -> Result<u64> {
        let number = self.number()?;
        if number >= end {
            return Err(self.invalid(format!("{number} is too large; it must be below {end}")));
        }
        Ok(number)
    }

    pub(super) fn as_table(&self) -> Option<Table<'t>> {
        self.inner
            .get_ref()
            .as_table()
            .map(|table| Table::new(self.source, table, self.span()))
    }

    pub(super) fn table(&self) -> Result<Table<'t>> {
        self.as_table().ok_or_else(|| self.expected("a table"))
    }

    pub(super) fn as_array(&self) -> Option<impl Iterator<Item = Self> + use<'t>> {
        let source = self.source;
        let array = self.inner.get_ref().as_array()?;
        Some(array.iter().map(move |inner| Self { source, inner }))
    }

    pub(super) fn array(&self) -> Result<impl Iterator<Item = Self> + use<'t>> {
        self.as_array().ok_or_else(|| self.expected("an array"))
    }

    pub(super) fn is_str(&self) -> bool {
        self.inner.get_ref().is_str()
    }

    pub(super) fn is_integer(&self) -> bool {
        self.inner.get_ref().is_integer()
    }
}

/// A key with its place.
#[derive(Clone)]
pub(super) struct Key<'t> {
    pub(super) name: &'t str,
    pub(super) span: Range<usize>,
}

/// A table; every key must be taken.
pub(super) struct Table<'t> {
    source: Source<'t>,
    span: Range<usize>,
    /// In the order of the text.
    entries: Vec<(Key<'t>, Value<'t>, Cell<bool>)>,
    asked: core::cell::RefCell<Vec<&'static str>>,
}

impl<'t> Table<'t> {
    pub(super) fn new(source: Source<'t>, table: &'t DeTable<'t>, span: Range<usize>) -> Self {
        let entry = |(key, inner): (&'t Spanned<_>, &'t Spanned<DeValue<'t>>)| {
            let key: &Spanned<std::borrow::Cow<'t, str>> = key;
            (
                Key {
                    name: key.get_ref(),
                    span: key.span(),
                },
                Value { source, inner },
                Cell::new(false),
            )
        };
        let mut entries: Vec<_> = table.iter().map(entry).collect();
        entries.sort_by_key(|(key, _, _)| key.span.start);
        Self {
            source,
            span,
            entries,
            asked: core::cell::RefCell::default(),
        }
    }

    pub(super) fn error(&self, kind: LoadErrorKind, text: impl Into<String>) -> LoadError {
        self.source.error(&self.span, kind, text)
    }

    /// The value of a key, which counts as known from now on.
    pub(super) fn take(&self, name: &'static str) -> Option<Value<'t>> {
        self.asked.borrow_mut().push(name);
        let (_, value, taken) = self.entries.iter().find(|(key, _, _)| key.name == name)?;
        taken.set(true);
        Some(*value)
    }

    pub(super) fn require(&self, name: &'static str) -> Result<Value<'t>> {
        self.take(name)
            .ok_or_else(|| self.error(LoadErrorKind::Missing, format!("`{name}` is missing")))
    }

    /// All keys, in the order of the text; for tables whose keys are names.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Key<'t>, Value<'t>)> {
        self.entries.iter().map(|(key, value, taken)| {
            taken.set(true);
            (key, *value)
        })
    }

    /// An error for the first key that nobody took.
    pub(super) fn finish(&self) -> Result<()> {
        let Some((key, _, _)) = self.entries.iter().find(|(_, _, taken)| !taken.get()) else {
            return Ok(());
        };
        let known = self.asked.borrow().join(", ");
        let text = format!("`{}` is not known here; known are: {known}", key.name);
        Err(self.source.error(&key.span, LoadErrorKind::Unknown, text))
    }

    pub(super) fn string_or_empty(&self, name: &'static str) -> Result<String> {
        self.take(name)
            .map_or_else(|| Ok(String::new()), |value| value.string())
    }
}

//! What can be wrong with a line or a request.

/// A line that names an event and then is not as that event is printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, byte {byte}: {event} is not as it should be printed")]
pub struct LineError {
    /// The line, counted from 1.
    pub line: u64,
    /// The offset of the line's first byte, counted from 0.
    pub byte: u64,
    /// The event.
    pub event: &'static str,
}

/// A user's pattern that cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is no regular expression.
    #[error("no regular expression: {0}")]
    Syntax(String),
    /// A named group is missing.
    #[error("the pattern needs a group named {0}: (?<{0}>…)")]
    MissingGroup(&'static str),
    /// A named group has no meaning.
    #[error(
        "a group named {0} has no meaning (kind, width, addr, offset, window, value, time, cpu, pid, pc)"
    )]
    UnknownGroup(String),
}

//! What is asked of a capture while it runs.

/// Whether a capture is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndRequest {
    /// It goes on.
    #[default]
    None,
    /// In order: a driver's loading or unloading is waited for.
    End,
    /// At once.
    EndNow,
}

//! Why a command of the rig did not do its work.

use core::fmt;

/// The rig's error.
#[derive(Debug)]
pub enum Error {
    /// This machine lacks something that the rig cannot bring: QEMU, apt, root, a package. A test
    /// that meets it is skipped, loudly.
    Unavailable(String),
    /// Something went wrong, or a comparison found a difference.
    Failed(String),
}

/// What the rig's functions return.
pub type Result<T> = core::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(text) | Self::Failed(text) => f.write_str(text),
        }
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Self::Failed(text.to_owned())
    }
}

/// Says which file an input or output error is about.
pub trait AtPath<T> {
    /// The error with the path in front of it.
    ///
    /// # Errors
    /// The same.
    fn at(self, path: &std::path::Path) -> Result<T>;
}

impl<T> AtPath<T> for std::io::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T> {
        self.map_err(|error| Error::Failed(format!("{}: {error}", path.display())))
    }
}

//! rnndb: the XML of envytools and of Mesa's freedreno.
//!
//! What it means is described in envytools' `rules-ng-ng.txt`; where that and the tools differ,
//! the tools' reading is taken, because the databases are written against it.

mod known;
mod parse;
mod raw;
mod resolve;
mod types;
mod variants;

use super::Loaded;
use super::files::Files;
use crate::error::{LoadError, LoadErrorKind};
use crate::model::SpaceLocation;
use parse::Database;
use resolve::Resolver;

/// What cannot be read from the database.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// The domain that is a BAR.
    pub(super) domain: Option<String>,
    /// Which BAR that is.
    pub(super) bar: Option<u8>,
}

pub(super) fn load(
    root: &str,
    files: &mut dyn Files,
    options: &Options,
) -> Result<Loaded, LoadError> {
    let mut database = Database::default();
    database.file(root, files, 0)?;
    if database.domains.is_empty() {
        return Err(LoadError::new(
            LoadErrorKind::Missing,
            "the database has no domain",
        ));
    }
    if let Some(domain) = &options.domain
        && !database.domains.iter().any(|known| known.name == *domain)
    {
        let mut known: Vec<_> = database
            .domains
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        known.truncate(20);
        let text = format!(
            "there is no domain {domain}; there are: {}",
            known.join(", ")
        );
        return Err(LoadError::new(LoadErrorKind::Missing, text));
    }
    let name = options.domain.as_deref().unwrap_or("rnndb");
    let mut resolver = Resolver::new(&database, name);
    for domain in &database.domains {
        let place = match (&options.domain, known::bar_of(&domain.name)) {
            (Some(wanted), known) if *wanted == domain.name => {
                SpaceLocation::Bar(options.bar.or(known).unwrap_or(0))
            }
            (None, Some(known)) => SpaceLocation::Bar(options.bar.unwrap_or(known)),
            // One domain and nothing said: it is meant.
            (None, None) if database.domains.len() == 1 => {
                SpaceLocation::Bar(options.bar.unwrap_or(0))
            }
            _ => SpaceLocation::Elsewhere,
        };
        resolver.domain(domain, place)?;
    }
    let (mut map, warnings) = (resolver.map, resolver.warnings);
    known::complete(&mut map);
    Ok(Loaded { map, warnings })
}

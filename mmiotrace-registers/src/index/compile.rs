//! Checking a map and preparing it for look-ups.

mod cells;
mod spaces;
mod types;

use super::compiled::CompiledMap;
use super::list_index::{ListIndex, block_extent, register_extent};
use crate::error::{CompileError, LoadErrorKind, Subject, Warning};
use crate::index::value::Programs;
use crate::model::{Block, ConditionId, Item, ListId, Register, RegisterMap, TypeId};
use cells::{Cells, cells_of_lists};

/// How deep blocks may hold blocks, spaces lie in spaces, and types refer to types.
pub(crate) const MAX_DEPTH: usize = 32;
/// How many registers a map may have when every use of a group counts (arrays count once).
const MAX_REGISTERS: u64 = 16 << 20;
/// How many elements of one stripe may lie over one place.
const MAX_SELF_OVERLAP: u64 = 4096;
/// How many warnings are kept.
const MAX_WARNINGS: usize = 1000;

type Result<T> = core::result::Result<T, CompileError>;

impl RegisterMap {
    /// Checks the map and prepares it for look-ups.
    ///
    /// # Errors
    /// Where a reference leads nowhere or in a circle, where a place lies beyond 64 bits, or where
    /// the map would be too large. Time and memory are bounded by the map's size in any case.
    pub fn compile(self) -> core::result::Result<CompiledMap, CompileError> {
        let mut check = Check {
            map: &self,
            lists: vec![State::New; self.lists.len()],
            cells: cells_of_lists(&self),
            warnings: Vec::new(),
        };
        check.types()?;
        for list in 0..self.lists.len() {
            check.list(ListId(list as u32), 0)?;
        }
        check.spaces()?;
        let detects = check.detects()?;
        let places = check.places()?;
        let warnings = core::mem::take(&mut check.warnings);
        let lists = check
            .lists
            .into_iter()
            .map(|state| {
                if let State::Done(done) = state {
                    done.index
                } else {
                    ListIndex::default()
                }
            })
            .collect();
        Ok(CompiledMap {
            programs: Programs::new(&self),
            map: self,
            lists,
            places,
            detects,
            warnings,
        })
    }
}

#[derive(Clone)]
enum State {
    New,
    Busy,
    Done(Box<Done>),
}

#[derive(Clone)]
struct Done {
    index: ListIndex,
    registers: u64,
}

struct Check<'m> {
    map: &'m RegisterMap,
    lists: Vec<State>,
    cells: Vec<Cells>,
    warnings: Vec<Warning>,
}

fn fail<T>(kind: LoadErrorKind, subject: Subject, text: impl Into<String>) -> Result<T> {
    Err(CompileError::new(kind, subject, text))
}

/// An access to what has an empty name would look as if nothing were known of it.
fn named(name: &str, what: &str, subject: Subject) -> Result<()> {
    if name.is_empty() {
        return fail(
            LoadErrorKind::Invalid,
            subject,
            format!("the name of {what} is empty"),
        );
    }
    Ok(())
}

impl Check<'_> {
    fn warn(&mut self, text: impl FnOnce() -> String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(Warning::new(text()));
        }
    }

    /// Checks a list and what it holds, and builds its index. Gives its extent and how many
    /// registers it has.
    fn list(&mut self, list: ListId, depth: usize) -> Result<((u64, u64), u64)> {
        let subject = Subject::Item(list, 0);
        match self.lists.get(list.0 as usize) {
            None => {
                return fail(
                    LoadErrorKind::Dangling,
                    Subject::Map,
                    "a list of items is missing",
                );
            }
            Some(State::Busy) => {
                return fail(LoadErrorKind::Cycle, subject, "a group contains itself");
            }
            Some(State::Done(done)) => return Ok((done.index.extent, done.registers)),
            Some(State::New) if depth > MAX_DEPTH => {
                let text = format!("groups in groups, more than {MAX_DEPTH} deep");
                return fail(LoadErrorKind::TooLarge, subject, text);
            }
            Some(State::New) => {}
        }
        self.lists[list.0 as usize] = State::Busy;
        let cells = self.cells.get(list.0 as usize).copied().unwrap_or_default();
        let items = self.map.items(list);
        let mut extents = Vec::with_capacity(items.len());
        let mut registers = 0u64;
        for (number, item) in items.iter().enumerate() {
            let subject = Subject::Item(list, number as u32);
            self.condition(item.when(), subject)?;
            let (extent, count) = match item {
                Item::Register(register) => (self.register(register, cells.bytes(), subject)?, 1),
                Item::Block(block) => self.block(block, subject, depth)?,
            };
            extents.push(extent);
            registers = registers.saturating_add(count);
        }
        if registers > MAX_REGISTERS {
            let text = format!("groups used in groups make more than {MAX_REGISTERS} registers");
            return fail(LoadErrorKind::TooLarge, subject, text);
        }
        let index = ListIndex::build(items, &extents, self.map.by_direction, !cells.mixed);
        let extent = index.extent;
        self.lists[list.0 as usize] = State::Done(Box::new(Done { index, registers }));
        Ok((extent, registers))
    }

    fn condition(&self, condition: ConditionId, subject: Subject) -> Result<()> {
        let Some(condition) = self.map.condition(condition) else {
            return fail(LoadErrorKind::Dangling, subject, "a condition is missing");
        };
        if condition
            .all_of
            .iter()
            .any(|(varset, _)| self.map.varset(*varset).is_none())
        {
            return fail(
                LoadErrorKind::Dangling,
                subject,
                "a condition names no family of chips",
            );
        }
        Ok(())
    }

    fn register(&mut self, register: &Register, cell: u8, subject: Subject) -> Result<(u64, u64)> {
        let name = &register.name;
        named(name, "a register", subject)?;
        if register.width == 0 || register.width > 8 {
            let text = format!(
                "{name}: a register has 1 to 8 bytes, not {}",
                register.width
            );
            return fail(LoadErrorKind::Invalid, subject, text);
        }
        if register.count != 1 && register.stride == 0 {
            return fail(
                LoadErrorKind::Invalid,
                subject,
                format!("{name}: an array needs a stride"),
            );
        }
        self.index_names(register.index_names, subject)?;
        self.value_type(&register.value_type, name, register.bit_len(), subject, 0)?;
        register_extent(register, cell).ok_or_else(|| too_far(name, subject))
    }

    fn block(
        &mut self,
        block: &Block,
        subject: Subject,
        depth: usize,
    ) -> Result<((u64, u64), u64)> {
        let (inner, registers) = self.list(block.items, depth + 1)?;
        let name = block.name.as_deref().unwrap_or("a group");
        self.index_names(block.index_names, subject)?;
        let several = block.count != 1 || !block.offsets.is_empty();
        if (several || block.reserve) && block.stride == 0 && block.offsets.is_empty() {
            return fail(
                LoadErrorKind::Invalid,
                subject,
                format!("{name}: an array needs a stride"),
            );
        }
        if block.reserve && inner.1 > block.stride {
            let stride = block.stride;
            self.warn(|| {
                format!(
                    "{name}: what it holds ends at {:#x}, past its size {stride:#x}",
                    inner.1
                )
            });
        }
        let overlap = (inner.1 - inner.0).checked_div(block.stride).unwrap_or(0);
        if !block.reserve
            && block.count != 1
            && overlap.min(block.count.wrapping_sub(1)) > MAX_SELF_OVERLAP
        {
            let text =
                format!("{name}: more than {MAX_SELF_OVERLAP} of its elements lie over each other");
            return fail(LoadErrorKind::TooLarge, subject, text);
        }
        let extent = block_extent(block, inner).ok_or_else(|| too_far(name, subject))?;
        Ok((extent, registers.max(1)))
    }

    fn index_names(&self, names: Option<TypeId>, subject: Subject) -> Result<()> {
        match names {
            Some(id) if self.map.named_type(id).is_none() => fail(
                LoadErrorKind::Dangling,
                subject,
                "the names of the elements are missing",
            ),
            _ => Ok(()),
        }
    }
}

fn too_far(name: &str, subject: Subject) -> CompileError {
    CompileError::new(
        LoadErrorKind::Invalid,
        subject,
        format!("{name}: it reaches past 64 bits"),
    )
}

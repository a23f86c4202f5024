//! Checking a map and preparing it for look-ups.

use super::compiled::{Bits, CompiledMap, ResolvedDynamic, ResolvedPlace};
use super::find::find_register;
use super::list_index::{ListIndex, block_extent, register_extent};
use crate::error::{CompileError, LoadErrorKind, Subject, Warning};
use crate::model::{
    Block, Command, ConditionId, Dynamic, Field, FieldRef, Form, Indirect, Item, ListId, Place,
    Register, RegisterMap, RegisterRef, Space, SpaceId, TypeId, ValueType, VarsetId,
};
use crate::value::Programs;

/// How deep blocks may hold blocks, spaces lie in spaces, and types refer to types.
pub(crate) const MAX_DEPTH: usize = 32;
/// How many registers a map may have when every use of a group counts (arrays count once).
const MAX_REGISTERS: u64 = 16 << 20;
/// How many elements of one stripe may lie over one place.
const MAX_SELF_OVERLAP: u64 = 4096;
/// How many fields a type may have when every use of a shared type counts.
const MAX_FIELDS: u64 = 1 << 16;
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

/// How many bytes the cells of the spaces have that use a list.
#[derive(Clone, Copy, Default)]
struct Cells {
    /// The fewest; 0 where no space uses it.
    fewest: u8,
    /// Spaces with different cells use it.
    mixed: bool,
}

impl Cells {
    const fn bytes(self) -> u8 {
        if self.fewest == 0 { 1 } else { self.fewest }
    }
}

/// A group may be used by spaces whose cells differ; then its registers have no one extent.
fn cells_of_lists(map: &RegisterMap) -> Vec<Cells> {
    let mut cells = vec![Cells::default(); map.lists.len()];
    let mut seen = vec![[false; 4]; map.lists.len()];
    let mut work: Vec<_> = map
        .spaces
        .iter()
        .map(|space| (space.items, space.cell))
        .collect();
    while let Some((list, cell)) = work.pop() {
        let slot = (cell.trailing_zeros() as usize).min(3);
        match seen.get_mut(list.0 as usize) {
            Some(seen) if !seen[slot] => seen[slot] = true,
            _ => continue,
        }
        let known = &mut cells[list.0 as usize];
        known.mixed |= known.fewest != 0 && known.fewest != cell;
        known.fewest = if known.fewest == 0 {
            cell
        } else {
            known.fewest.min(cell)
        };
        let blocks = map.items(list).iter().filter_map(|item| match item {
            Item::Block(block) => Some((block.items, cell)),
            Item::Register(_) => None,
        });
        work.extend(blocks);
    }
    cells
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

    fn types(&mut self) -> Result<()> {
        let mut sizes = vec![None; self.map.types.len()];
        for (number, named) in self.map.types.iter().enumerate() {
            let id = TypeId(number as u32);
            self.value_type(&named.value_type, &named.name, 64, Subject::Type(id), 0)?;
            self.type_size(id, &mut sizes, 0)?;
        }
        Ok(())
    }

    /// How deep a shared type refers to others, and how many fields that makes when a value is
    /// shown; an error in a circle.
    fn type_size(
        &self,
        id: TypeId,
        sizes: &mut [Option<TypeSize>],
        above: usize,
    ) -> Result<TypeSize> {
        let Some(named) = self.map.named_type(id) else {
            return Ok(TypeSize::default());
        };
        if let Some(size) = sizes.get(id.0 as usize).copied().flatten() {
            return Ok(size);
        }
        let mut references = Vec::new();
        let mut size = TypeSize {
            depth: 0,
            fields: type_references(&named.value_type, &mut references),
        };
        for reference in references {
            let inner = match above {
                0..=MAX_DEPTH => self.type_size(reference, sizes, above + 1)?,
                _ => TypeSize {
                    depth: MAX_DEPTH,
                    fields: 0,
                },
            };
            size.depth = size.depth.max(inner.depth + 1);
            size.fields = size.fields.saturating_add(inner.fields);
        }
        if size.depth > MAX_DEPTH {
            let text = format!(
                "{}: its type refers to itself, or more than {MAX_DEPTH} deep",
                named.name
            );
            return fail(LoadErrorKind::Cycle, Subject::Type(id), text);
        }
        if size.fields > MAX_FIELDS {
            let text = format!(
                "{}: its types make more than {MAX_FIELDS} fields",
                named.name
            );
            return fail(LoadErrorKind::TooLarge, Subject::Type(id), text);
        }
        sizes[id.0 as usize] = Some(size);
        Ok(size)
    }

    fn value_type(
        &mut self,
        value_type: &ValueType,
        name: &str,
        bits: u32,
        subject: Subject,
        depth: usize,
    ) -> Result<()> {
        if depth > MAX_DEPTH {
            return fail(
                LoadErrorKind::Cycle,
                subject,
                format!("{name}: its type contains itself"),
            );
        }
        if value_type.shr > 63 {
            return fail(
                LoadErrorKind::Invalid,
                subject,
                format!("{name}: shr is above 63"),
            );
        }
        match &value_type.form {
            Form::Named(id) => {
                // The shared type is checked by itself.
                if self.map.named_type(*id).is_none() {
                    return fail(
                        LoadErrorKind::Dangling,
                        subject,
                        format!("{name}: its type is missing"),
                    );
                }
                Ok(())
            }
            Form::Fixed(radix) | Form::UnsignedFixed(radix) if *radix > 63 => fail(
                LoadErrorKind::Invalid,
                subject,
                format!("{name}: radix is above 63"),
            ),
            Form::Enum(values) => values.iter().try_for_each(|value| {
                named(&value.name, "a value", subject)?;
                self.condition(value.when, subject)
            }),
            Form::Bitset(fields) => fields
                .iter()
                .try_for_each(|field| self.field(field, name, bits, subject, depth)),
            _ => Ok(()),
        }
    }

    fn field(
        &mut self,
        field: &Field,
        register: &str,
        bits: u32,
        subject: Subject,
        depth: usize,
    ) -> Result<()> {
        named(&field.name, "a field", subject)?;
        self.condition(field.when, subject)?;
        let (low, high) = (field.low, field.high);
        if low > high || high > 63 {
            let text = format!("{register}.{}: bits {high}:{low} are no bits", field.name);
            return fail(LoadErrorKind::Invalid, subject, text);
        }
        if u32::from(high) >= bits {
            self.warn(|| {
                format!(
                    "{register}.{}: bit {high} is not in {bits} bits",
                    field.name
                )
            });
        }
        self.value_type(
            &field.value_type,
            &field.name,
            field.bit_len(),
            subject,
            depth + 1,
        )
    }

    fn spaces(&mut self) -> Result<()> {
        for (number, space) in self.map.spaces.iter().enumerate() {
            let id = SpaceId(number as u32);
            let subject = Subject::Space(id);
            if !matches!(space.cell, 1 | 2 | 4 | 8) {
                return fail(
                    LoadErrorKind::Invalid,
                    subject,
                    format!("{}: a cell has 1, 2, 4 or 8 bytes", space.name),
                );
            }
            if let Place::Bar(bar @ 7..) = space.place {
                return fail(
                    LoadErrorKind::Invalid,
                    subject,
                    format!("{}: there is no BAR {bar}", space.name),
                );
            }
            self.list(space.items, 0)?;
            self.nesting(id, subject)?;
        }
        Ok(())
    }

    /// That the chain of spaces around a space ends.
    fn nesting(&self, id: SpaceId, subject: Subject) -> Result<()> {
        let mut at = id;
        for _ in 0..MAX_DEPTH {
            let Some(space) = self.map.space(at) else {
                return fail(
                    LoadErrorKind::Dangling,
                    subject,
                    "it lies in a space that is missing",
                );
            };
            at = match &space.place {
                Place::Inside(inside) => inside.space,
                Place::Behind(indirect) => match &**indirect {
                    Indirect::Window(window) => window.outer,
                    Indirect::Command(command) => command.register.space,
                },
                _ => return Ok(()),
            };
        }
        fail(LoadErrorKind::Cycle, subject, "spaces lie in each other")
    }

    fn detects(&self) -> Result<Vec<Option<Bits>>> {
        let mut detects = Vec::with_capacity(self.map.varsets.len());
        for (number, varset) in self.map.varsets.iter().enumerate() {
            let subject = Subject::Varset(VarsetId(number as u32));
            let pci = varset.pci.len();
            if varset.ids.len() != varset.variants.len()
                || (pci != 0 && pci != varset.variants.len())
            {
                return fail(
                    LoadErrorKind::Invalid,
                    subject,
                    "variants and their numbers do not agree",
                );
            }
            let detect = varset.detect.as_ref();
            detects.push(
                detect
                    .map(|detect| self.field_ref(&detect.field, subject))
                    .transpose()?,
            );
        }
        Ok(detects)
    }

    fn places(&self) -> Result<Vec<ResolvedPlace>> {
        let spaces = self.map.spaces.iter().enumerate();
        spaces
            .map(|(number, space)| self.place(space, Subject::Space(SpaceId(number as u32))))
            .collect()
    }

    fn place(&self, space: &Space, subject: Subject) -> Result<ResolvedPlace> {
        Ok(match &space.place {
            Place::Inside(inside) => {
                let optional = |number: &Option<Dynamic>| {
                    number
                        .as_ref()
                        .map(|number| self.dynamic(number, subject))
                        .transpose()
                };
                ResolvedPlace::Inside {
                    space: inside.space,
                    base: self.dynamic(&inside.base, subject)?,
                    spread: optional(&inside.spread)?,
                    len: optional(&inside.len)?,
                }
            }
            Place::Behind(indirect) => match &**indirect {
                Indirect::Window(window) => {
                    if window.data_at.checked_add(window.data_len).is_none() || window.data_len == 0
                    {
                        return fail(LoadErrorKind::Invalid, subject, "the window has no bytes");
                    }
                    ResolvedPlace::Window {
                        select: self.field_ref(&window.select, subject)?,
                    }
                }
                Indirect::Command(command) => self.command(command, subject)?,
            },
            _ => ResolvedPlace::Fixed,
        })
    }

    fn command(&self, command: &Command, subject: Subject) -> Result<ResolvedPlace> {
        let field = |name: &String| {
            self.field_ref(
                &FieldRef::new(command.register.clone(), Some(name.clone())),
                subject,
            )
        };
        Ok(ResolvedPlace::Command {
            register: self.field_ref(&FieldRef::new(command.register.clone(), None), subject)?,
            address: field(&command.address)?,
            data: field(&command.data)?,
            operation: field(&command.operation)?,
            done: command.done.as_ref().map(field).transpose()?,
        })
    }

    fn dynamic(&self, dynamic: &Dynamic, subject: Subject) -> Result<ResolvedDynamic> {
        Ok(ResolvedDynamic {
            from: dynamic
                .from
                .as_ref()
                .map(|field| self.field_ref(field, subject))
                .transpose()?,
            scale: dynamic.scale,
            hint: dynamic.hint.clone(),
            default: dynamic.default,
        })
    }

    fn field_ref(&self, field: &FieldRef, subject: Subject) -> Result<Bits> {
        let RegisterRef {
            space,
            register: name,
        } = &field.register;
        let Some((at, register)) = find_register(self.map, *space, name) else {
            return fail(
                LoadErrorKind::Dangling,
                subject,
                format!("there is no register {name}"),
            );
        };
        let Some(field) = &field.field else {
            return Ok(Bits::new(*space, at, register, 0, register.bit_len()));
        };
        let found = self
            .map
            .fields_of_register(register)
            .iter()
            .find(|known| known.name == *field);
        let Some(found) = found else {
            return fail(
                LoadErrorKind::Dangling,
                subject,
                format!("{name} has no field {field}"),
            );
        };
        Ok(Bits::new(*space, at, register, found.low, found.bit_len()))
    }
}

#[derive(Clone, Copy, Default)]
struct TypeSize {
    depth: usize,
    fields: u64,
}

/// The shared types that a type names, also in its fields, and how many fields it has. How deep
/// fields may lie was checked by `value_type`.
fn type_references(value_type: &ValueType, references: &mut Vec<TypeId>) -> u64 {
    match &value_type.form {
        Form::Named(id) => {
            references.push(*id);
            1
        }
        Form::Bitset(fields) => fields
            .iter()
            .map(|field| type_references(&field.value_type, references))
            .sum(),
        _ => 1,
    }
}

fn too_far(name: &str, subject: Subject) -> CompileError {
    CompileError::new(
        LoadErrorKind::Invalid,
        subject,
        format!("{name}: it reaches past 64 bits"),
    )
}

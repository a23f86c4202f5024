//! From the database to a map.

use super::parse::Database;
use super::raw::{RawBlock, RawDomain, RawItem, RawRegister, RawVariants, SourcePos};
use super::variants::Scope;
use crate::error::{LoadError, LoadErrorKind, SourceText, Warning};
use crate::model::{
    Block, Condition, ConditionId, Item, List, ListId, Register, RegisterMap, Space, SpaceLocation,
    TypeId, VarsetId,
};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;

/// Groups may use groups, and blocks hold blocks.
const MAX_DEPTH: usize = 32;
const MAX_WARNINGS: usize = 1000;

type Result<T> = core::result::Result<T, LoadError>;

/// A database that is being turned into a map.
pub(super) struct Resolver<'d> {
    pub(super) database: &'d Database,
    pub(super) map: RegisterMap,
    pub(super) warnings: Vec<Warning>,
    pub(super) varsets: HashMap<String, Option<VarsetId>>,
    pub(super) conditions: BTreeMap<Condition, ConditionId>,
    pub(super) types: HashMap<String, TypeId>,
    pub(super) enum_names: HashMap<&'d str, usize>,
    pub(super) bitset_names: HashMap<&'d str, usize>,
    pub(super) spectype_names: HashMap<&'d str, usize>,
    group_names: HashMap<&'d str, usize>,
    /// The lists that groups made, by group, scope and cell; `None`: being made.
    groups: BTreeMap<(usize, Scope, u8), Option<ListId>>,
    pub(super) items: usize,
    /// A place for what has none.
    nowhere: SourcePos,
}

impl<'d> Resolver<'d> {
    pub(super) fn new(database: &'d Database, name: &str) -> Self {
        let map = RegisterMap {
            by_direction: false,
            ..RegisterMap::new(name)
        };
        let enums = database
            .enums
            .iter()
            .enumerate()
            .map(|(at, known)| (known.name.as_str(), at));
        let bitsets = database
            .bitsets
            .iter()
            .enumerate()
            .map(|(at, known)| (known.name.as_str(), at));
        let spectypes = database
            .spectypes
            .iter()
            .enumerate()
            .map(|(at, known)| (known.name.as_str(), at));
        let groups = database
            .groups
            .iter()
            .enumerate()
            .map(|(at, known)| (known.name.as_str(), at));
        Self {
            map,
            warnings: database.warnings.clone(),
            varsets: HashMap::new(),
            conditions: BTreeMap::new(),
            types: HashMap::new(),
            enum_names: enums.collect(),
            bitset_names: bitsets.collect(),
            spectype_names: spectypes.collect(),
            group_names: groups.collect(),
            groups: BTreeMap::new(),
            items: 0,
            nowhere: SourcePos {
                file: Rc::new(SourceText::new(PathBuf::new(), String::new())),
                byte: 0,
            },
            database,
        }
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        }
    }

    /// The scope of something at the top.
    pub(super) fn top_scope(&mut self, own: &RawVariants) -> Scope {
        let nowhere = self.nowhere.clone();
        self.scope(&Scope::default(), own, &nowhere)
            .unwrap_or_default()
    }

    pub(super) fn domain(&mut self, domain: &RawDomain, place: SpaceLocation) -> Result<()> {
        let scope = self.top_scope(&domain.variants);
        let cell = (domain.width / 8) as u8;
        let mut items = self.items(&domain.items, &scope, cell, 0)?;
        let condition = self.condition(&scope);
        if condition != ConditionId::ALWAYS {
            let inner = self.map.add_list(items);
            items = vec![Item::Block(Block {
                when: condition,
                ..Block::new(None, 0, inner)
            })];
        }
        let list = self.map.add_list(items);
        let space = Space {
            cell,
            size: domain.size,
            doc: domain.doc.clone(),
            ..Space::new(&domain.name, place, list)
        };
        self.map.add_space(space);
        Ok(())
    }

    fn items(
        &mut self,
        raw: &[RawItem],
        scope: &Scope,
        cell: u8,
        depth: usize,
    ) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(raw.len());
        for item in raw {
            match item {
                RawItem::Register(register) => items.extend(self.register(register, scope, cell)?),
                RawItem::Block(block) => items.extend(self.block(block, scope, cell, depth)?),
                RawItem::UseGroup { name, place } => {
                    if let Some(list) = self.group(name, place, scope, cell, depth)? {
                        items.push(Item::Block(Block::new(None, 0, list)));
                    }
                }
            }
        }
        Ok(items)
    }

    fn group(
        &mut self,
        name: &str,
        place: &SourcePos,
        scope: &Scope,
        cell: u8,
        depth: usize,
    ) -> Result<Option<ListId>> {
        self.count(place)?;
        let Some(at) = self.group_names.get(name).copied() else {
            self.warn(place.warning(format!("there is no group {name}")));
            return Ok(None);
        };
        let key = (at, scope.clone(), cell);
        match self.groups.get(&key) {
            Some(Some(list)) => return Ok(Some(*list)),
            Some(None) => {
                return Err(place.error(LoadErrorKind::Cycle, format!("group {name} uses itself")));
            }
            None if depth > MAX_DEPTH => {
                let text = format!("groups use groups more than {MAX_DEPTH} deep");
                return Err(place.error(LoadErrorKind::TooLarge, text));
            }
            None => {}
        }
        self.groups.insert(key.clone(), None);
        let database = self.database;
        let items = self.items(&database.groups[at].items, scope, cell, depth + 1)?;
        self.map.lists.push(List {
            name: Some(name.to_owned()),
            ..List::new(items)
        });
        let list = ListId(self.map.lists.len() as u32 - 1);
        self.groups.insert(key, Some(list));
        Ok(Some(list))
    }

    fn block(
        &mut self,
        raw: &RawBlock,
        scope: &Scope,
        cell: u8,
        depth: usize,
    ) -> Result<Option<Item>> {
        self.count(&raw.place)?;
        if depth > MAX_DEPTH {
            let text = format!("arrays and stripes lie more than {MAX_DEPTH} deep");
            return Err(raw.place.error(LoadErrorKind::TooLarge, text));
        }
        let Some(inner) = self.scope(scope, &raw.variants, &raw.place) else {
            return Ok(None);
        };
        if raw.dynamic {
            self.warn(
                raw.place
                    .warning("its offset is only known when the device runs; it is left out"),
            );
            return Ok(None);
        }
        let mut length = raw.length;
        if length != 1 && raw.stride == 0 && raw.offsets.is_empty() {
            self.warn(
                raw.place
                    .warning("a stripe of several elements needs a stride; the first counts"),
            );
            length = 1;
        }
        let items = self.items(&raw.items, &inner, cell, depth + 1)?;
        let items = self.map.add_list(items);
        Ok(Some(Item::Block(Block {
            count: length,
            stride: raw.stride,
            offsets: raw.offsets.clone(),
            reserve: raw.array,
            index_names: self.index_names(raw.index.as_deref(), &raw.place)?,
            when: self.condition(&inner),
            doc: raw.doc.clone(),
            ..Block::new(raw.name.clone(), raw.offset, items)
        })))
    }

    fn register(&mut self, raw: &RawRegister, scope: &Scope, cell: u8) -> Result<Option<Item>> {
        self.count(&raw.place)?;
        let Some(inner) = self.scope(scope, &raw.variants, &raw.place) else {
            return Ok(None);
        };
        if raw.width < cell {
            let text = format!(
                "{}: a register cannot be narrower than a cell of its domain",
                raw.name
            );
            self.warn(raw.place.warning(text));
            return Ok(None);
        }
        let stride = match (raw.length, raw.stride) {
            (1, stride) => stride,
            (_, 0) => u64::from(raw.width / cell),
            (_, stride) => stride,
        };
        let bits = u32::from(raw.width) * 8;
        Ok(Some(Item::Register(Register {
            count: raw.length,
            stride,
            access: raw.access,
            value_type: self.value_type(&raw.value_type, bits, &inner, &raw.place, 0)?,
            when: self.condition(&inner),
            doc: raw.doc.clone(),
            ..Register::new(raw.name.as_str(), raw.offset, raw.width)
        })))
    }
}

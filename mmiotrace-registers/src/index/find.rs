//! From a name to places.

use super::compiled::CompiledMap;
use crate::model::{Block, Item, ListId, Register, RegisterMap, SpaceId, TypeId};

/// How many items a search may try.
const BUDGET: u32 = 1 << 20;
/// How many answers a search gives.
const MAX_FOUND: usize = 256;
/// How deep blocks may lie; [`compile`](RegisterMap::compile) allows no deeper.
const MAX_DEPTH: usize = 40;

/// A register or block that has the name asked for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Found<'m> {
    /// The space it is in.
    pub space: SpaceId,
    /// Its full name, with `[i]` for each index that was not asked for.
    pub name: String,
    /// The byte in the space, where indices not asked for are 0.
    pub at: u64,
    /// For each index not asked for: how many elements (0: unknown) and how many bytes apart.
    pub arrays: Vec<(u64, u64)>,
    /// The register; `None` where it is a block.
    pub register: Option<&'m Register>,
    /// On which chips, in words; empty: on all.
    pub variants: String,
}

impl CompiledMap {
    /// What has this name: `PORT[3].CMD`, `PORT.CMD` (all ports), `CMD` (in any block), also in
    /// the form of generated headers (`PORT_CMD`). ASCII case does not matter.
    ///
    /// The whole name is tried first, then the end of a name, then the name without the `mm`, `reg`
    /// or `ix` of AMD's driver. Gives at most 256 answers.
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<Found<'_>> {
        let map = self.map();
        let mut search = Search::new(map, name, false);
        search.spaces();
        if search.found.is_empty() {
            search = Search::new(map, name, true);
            search.spaces();
        }
        if search.found.is_empty() {
            return driver_prefix(name).map_or_else(Vec::new, |name| self.find(name));
        }
        search.found
    }
}

/// The name without what AMD's driver puts before the names of registers: `mmGRBM_STATUS`.
fn driver_prefix(name: &str) -> Option<&str> {
    let names = ["mm", "reg", "ix"]
        .iter()
        .filter_map(|prefix| name.strip_prefix(prefix));
    let mut names = names.filter(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()));
    names.next()
}

/// The first register of exactly that name in a space, with its byte.
pub(crate) fn find_register<'m>(
    map: &'m RegisterMap,
    space: SpaceId,
    name: &str,
) -> Option<(u64, &'m Register)> {
    let mut search = Search::new(map, name, false);
    search.space(space);
    search
        .found
        .iter()
        .find_map(|found| Some((found.at, found.register?)))
}

struct Search<'m, 'n> {
    map: &'m RegisterMap,
    wanted: &'n str,
    /// A name may begin anywhere, not only at the top.
    anywhere: bool,
    budget: u32,
    found: Vec<Found<'m>>,
}

/// Where a search is.
#[derive(Clone)]
struct State {
    space: SpaceId,
    cell: u64,
    at: u64,
    name: String,
    arrays: Vec<(u64, u64)>,
    /// Indices of blocks without a name: count, stride in cells, names.
    pending: Vec<(u64, u64, Option<TypeId>)>,
    variants: String,
    depth: usize,
}

impl<'m, 'n> Search<'m, 'n> {
    const fn new(map: &'m RegisterMap, wanted: &'n str, anywhere: bool) -> Self {
        Self {
            map,
            wanted,
            anywhere,
            budget: BUDGET,
            found: Vec::new(),
        }
    }

    fn spaces(&mut self) {
        for number in 0..self.map.spaces.len() {
            self.space(SpaceId(number as u32));
        }
    }

    fn space(&mut self, id: SpaceId) {
        let Some(space) = self.map.space(id) else {
            return;
        };
        let state = State {
            space: id,
            cell: u64::from(space.cell.max(1)),
            at: 0,
            name: String::new(),
            arrays: Vec::new(),
            pending: Vec::new(),
            variants: String::new(),
            depth: 0,
        };
        let wanted = self.wanted;
        // `SPACE.NAME` and `SPACE_NAME` name the space as well.
        if let Some(rest) = strip_prefix(wanted, &space.name).and_then(strip_separator) {
            self.list(space.items, rest, &state);
        }
        self.list(space.items, wanted, &state);
    }

    fn list(&mut self, list: ListId, wanted: &str, state: &State) {
        if state.depth > MAX_DEPTH {
            return;
        }
        for item in self.map.items(list) {
            if self.budget == 0 || self.found.len() >= MAX_FOUND {
                return;
            }
            self.budget -= 1;
            match item {
                Item::Register(register) => self.register(register, wanted, state),
                Item::Block(block) => self.block(block, wanted, state),
            }
        }
    }

    fn register(&mut self, register: &'m Register, wanted: &str, state: &State) {
        let own = (register.count != 1).then_some((
            register.count,
            register.stride,
            register.index_names,
        ));
        let mut state = state.clone();
        state.variants = self.variants(&state.variants, register.when);
        let Some(rest) = self.enter(&mut state, &register.name, register.at, own, wanted) else {
            return;
        };
        if rest.is_empty() {
            self.push(state, Some(register));
        }
    }

    fn block(&mut self, block: &Block, wanted: &str, state: &State) {
        let several = block.count != 1 || !block.offsets.is_empty();
        let own = several.then_some((block.count, block.stride, block.index_names));
        let mut inner = state.clone();
        inner.depth += 1;
        inner.variants = self.variants(&state.variants, block.when);
        let at = block.offsets.first().copied().unwrap_or(block.at);
        let Some(name) = block.name.as_deref().filter(|name| !name.is_empty()) else {
            inner.at = inner.at.wrapping_add(at.wrapping_mul(inner.cell));
            inner.pending.extend(own);
            return self.list(block.items, wanted, &inner);
        };
        let mut below = inner.clone();
        if let Some(rest) = self.enter(&mut inner, name, at, own, wanted) {
            if rest.is_empty() {
                return self.push(inner, None);
            }
            if let Some(rest) = strip_separator(rest) {
                inner.name.push('.');
                self.list(block.items, rest, &inner);
            }
        }
        if self.anywhere {
            // The wanted name may begin further down; here every index is left open.
            self.open(&mut below, name, at, own);
            below.name.push('.');
            self.list(block.items, wanted, &below);
        }
    }

    /// Takes a name and its indices from what is wanted, and moves the state there.
    fn enter<'w>(
        &self,
        state: &mut State,
        name: &str,
        at: u64,
        own: Option<(u64, u64, Option<TypeId>)>,
        wanted: &'w str,
    ) -> Option<&'w str> {
        let mut rest = strip_prefix(wanted, name)?;
        state.name.push_str(name);
        state.at = state.at.wrapping_add(at.wrapping_mul(state.cell));
        let dimensions: Vec<_> = core::mem::take(&mut state.pending)
            .into_iter()
            .chain(own)
            .collect();
        for (count, stride, names) in dimensions {
            let asked = rest
                .strip_prefix('[')
                .and_then(|inner| inner.split_once(']'));
            if let Some((index, after)) = asked.filter(|(index, _)| *index != "i") {
                let index = self
                    .index(index, names)
                    .filter(|index| count == 0 || *index < count)?;
                state.name.push_str(&format!("[{index}]"));
                state.at = state
                    .at
                    .wrapping_add(index.wrapping_mul(stride).wrapping_mul(state.cell));
                rest = after;
            } else {
                rest = asked.map_or(rest, |(_, after)| after);
                state.name.push_str("[i]");
                state.arrays.push((count, stride.wrapping_mul(state.cell)));
            }
        }
        (rest.is_empty() || rest.starts_with(['.', '_'])).then_some(rest)
    }

    fn open(
        &self,
        state: &mut State,
        name: &str,
        at: u64,
        own: Option<(u64, u64, Option<TypeId>)>,
    ) {
        let _ = self.enter(state, name, at, own, name);
    }

    fn index(&self, text: &str, names: Option<TypeId>) -> Option<u64> {
        if let Some(crate::model::Form::Enum(values)) = names
            .and_then(|id| self.map.named_type(id))
            .map(|named| &named.value_type.form)
        {
            let named = values
                .iter()
                .find(|value| value.name.eq_ignore_ascii_case(text));
            if let Some(value) = named.and_then(|value| value.value) {
                return Some(value);
            }
        }
        crate::number::parse(text)
    }

    fn push(&mut self, state: State, register: Option<&'m Register>) {
        self.found.push(Found {
            space: state.space,
            name: state.name,
            at: state.at,
            arrays: state.arrays,
            register,
            variants: state.variants,
        });
    }

    fn variants(&self, above: &str, when: crate::model::ConditionId) -> String {
        let own = crate::model_text::condition(self.map, when);
        match (above.is_empty(), own.is_empty()) {
            (true, _) => own,
            (_, true) => above.to_owned(),
            _ => format!("{above}; {own}"),
        }
    }
}

fn strip_prefix<'w>(wanted: &'w str, name: &str) -> Option<&'w str> {
    let head = wanted.get(..name.len())?;
    head.eq_ignore_ascii_case(name)
        .then(|| &wanted[name.len()..])
}

fn strip_separator(rest: &str) -> Option<&str> {
    rest.strip_prefix(['.', '_'])
}

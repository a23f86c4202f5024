//! Several maps as one.

use super::{
    Block, Condition, ConditionId, Dynamic, FieldRef, Form, Indirect, Item, List, ListId,
    RegisterMap, RegisterRef, Space, SpaceId, SpaceLocation, TypeId, ValueType, VarsetId,
};

impl RegisterMap {
    /// Adds what another map describes, after what is here: manuals and headers of one device are
    /// often many files. Spaces of the same name and place become one; where registers lie over
    /// each other, those that were here are asked first.
    pub fn append(&mut self, other: Self) {
        let mut moved = Moved {
            lists: self.lists.len(),
            types: self.types.len(),
            varsets: self.varsets.len(),
            conditions: Vec::new(),
            spaces: Vec::new(),
        };
        for condition in &other.conditions {
            let all_of = condition.all_of.iter();
            let all_of = all_of.map(|(varset, variants)| (moved.varset(*varset), variants.clone()));
            let condition = Condition {
                all_of: all_of.collect(),
            };
            moved.conditions.push(self.add_condition(condition));
        }
        let mut free = self.spaces.len();
        for space in &other.spaces {
            let same = self.same_space(space);
            moved.spaces.push(same.unwrap_or_else(|| {
                free += 1;
                id(free - 1, SpaceId)
            }));
        }
        self.types.extend(other.types.into_iter().map(|mut named| {
            moved.value_type(&mut named.value_type);
            named
        }));
        self.varsets
            .extend(other.varsets.into_iter().map(|mut varset| {
                if let Some(detect) = &mut varset.detect {
                    moved.field(&mut detect.field);
                }
                varset
            }));
        self.lists
            .extend(other.lists.into_iter().map(|list| moved.list(list)));
        for mut space in other.spaces {
            let items = moved.list_id(space.items);
            if let Some(same) = self.same_space(&space) {
                self.extend_space(same, items);
            } else {
                space.items = items;
                moved.location(&mut space.place);
                self.spaces.push(space);
            }
        }
        self.devices.extend(other.devices);
        self.by_direction &= other.by_direction;
    }

    /// The space that a space of another map is.
    fn same_space(&self, other: &Space) -> Option<SpaceId> {
        let is_fixed = matches!(
            other.place,
            SpaceLocation::Bar(_) | SpaceLocation::Physical(_)
        );
        let known = self.space_named(&other.name).filter(|_| is_fixed)?;
        let space = self.space(known)?;
        (space.place == other.place && space.cell == other.cell && space.size == other.size)
            .then_some(known)
    }

    /// Adds a list to a space. The space gets a list of its own: a group may have the old one too.
    fn extend_space(&mut self, space: SpaceId, more: ListId) {
        let Some(old) = self.space(space).map(|space| space.items) else {
            return;
        };
        let mut items = self.items(old).to_vec();
        items.extend_from_slice(self.items(more));
        let list = self.add_list(items);
        if let Some(space) = self.spaces.get_mut(space.0 as usize) {
            space.items = list;
        }
    }
}

/// Where the parts of a map are after they were added to another.
struct Moved {
    lists: usize,
    types: usize,
    varsets: usize,
    conditions: Vec<ConditionId>,
    spaces: Vec<SpaceId>,
}

fn id<T>(number: usize, make: impl Fn(u32) -> T) -> T {
    make(u32::try_from(number).unwrap_or(u32::MAX))
}

impl Moved {
    fn list_id(&self, list: ListId) -> ListId {
        id(list.0 as usize + self.lists, ListId)
    }

    fn type_id(&self, of: TypeId) -> TypeId {
        id(of.0 as usize + self.types, TypeId)
    }

    fn varset(&self, varset: VarsetId) -> VarsetId {
        id(varset.0 as usize + self.varsets, VarsetId)
    }

    /// A condition that the map did not have leads nowhere here too: compiling says so.
    fn condition(&self, of: ConditionId) -> ConditionId {
        let missing = ConditionId(u32::MAX);
        self.conditions
            .get(of.0 as usize)
            .copied()
            .unwrap_or(missing)
    }

    fn space(&self, of: SpaceId) -> SpaceId {
        self.spaces
            .get(of.0 as usize)
            .copied()
            .unwrap_or(SpaceId(u32::MAX))
    }

    fn list(&self, list: List) -> List {
        let items = list.items.into_iter().map(|item| match item {
            Item::Register(mut register) => {
                register.index_names = register.index_names.map(|names| self.type_id(names));
                register.when = self.condition(register.when);
                self.value_type(&mut register.value_type);
                Item::Register(register)
            }
            Item::Block(block) => Item::Block(Block {
                index_names: block.index_names.map(|names| self.type_id(names)),
                when: self.condition(block.when),
                items: self.list_id(block.items),
                ..block
            }),
        });
        List {
            name: list.name,
            items: items.collect(),
        }
    }

    fn value_type(&self, of: &mut ValueType) {
        match &mut of.form {
            Form::Named(named) => *named = self.type_id(*named),
            Form::Enum(values) => {
                for value in values {
                    value.when = self.condition(value.when);
                }
            }
            Form::Bitset(fields) => {
                for field in fields {
                    field.when = self.condition(field.when);
                    self.value_type(&mut field.value_type);
                }
            }
            _ => {}
        }
    }

    fn location(&self, place: &mut SpaceLocation) {
        match place {
            SpaceLocation::Inside(inside) => {
                inside.space = self.space(inside.space);
                self.dynamic(&mut inside.base);
                inside
                    .spread
                    .iter_mut()
                    .for_each(|number| self.dynamic(number));
                inside
                    .len
                    .iter_mut()
                    .for_each(|number| self.dynamic(number));
            }
            SpaceLocation::Behind(indirect) => match &mut **indirect {
                Indirect::Window(window) => {
                    window.outer = self.space(window.outer);
                    self.field(&mut window.select);
                }
                Indirect::Command(command) => self.register(&mut command.register),
            },
            _ => {}
        }
    }

    fn dynamic(&self, number: &mut Dynamic) {
        number.from.iter_mut().for_each(|field| self.field(field));
    }

    fn field(&self, field: &mut FieldRef) {
        self.register(&mut field.register);
    }

    fn register(&self, register: &mut RegisterRef) {
        register.space = self.space(register.space);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "name = \"a\"\n[[space]]\nname = \"BAR0\"\nbar = 0\nregisters = [{ at = 0, name = \"A\", fields = { EN = 0 } }]\n";
    const SECOND: &str = "name = \"b\"\n[types.mode]\nvalues = { 0 = \"OFF\", 1 = \"ON\" }\n[[space]]\nname = \"BAR0\"\nbar = 0\nregisters = [{ at = 4, name = \"B\", type = \"mode\" }, { at = 8, name = \"I\" }, { at = 12, name = \"D\" }]\n[[space]]\nname = \"INNER\"\nwindow = { outer = \"BAR0\", select = \"I\", data = \"D\" }\nregisters = [{ at = 0, name = \"IN\" }]\n";

    #[test]
    fn two_maps_of_one_device_are_one() {
        let mut map = RegisterMap::from_toml(FIRST).expect("a map");
        let Ok(second) = RegisterMap::from_toml(SECOND) else {
            panic!("{:?}", RegisterMap::from_toml(SECOND).err());
        };
        map.append(second.clone());
        let map = map.compile().expect("a sound map");
        assert_eq!(map.map().spaces.len(), second.spaces.len());
        for name in ["A", "B", "I", "IN"] {
            assert_eq!(map.find(name).len(), 1, "{name}");
        }
        let b = map.find("B");
        let register = b[0].register.expect("a register");
        let selection = map.selection();
        let known = crate::Known::whole(1, 4);
        assert_eq!(
            map.value_text(register, known, &selection).to_string(),
            "ON"
        );
    }
}

//! Spaces: where they are and what they hold.

use super::item::{Defaults, Reader};
use super::reference;
use super::table::{Result, Table, Value};
use crate::error::LoadErrorKind;
use crate::model::{
    Command, Dynamic, FieldRef, Indirect, Inside, ListId, MappingHint, RegisterRef, Scale, Space,
    SpaceId, SpaceLocation, Window,
};

impl Reader<'_> {
    pub(super) fn space(&mut self, table: &Table<'_>) -> Result<()> {
        let name_value = table.require("name")?;
        let name = name_value.string()?;
        if self.map.space_named(&name).is_some() {
            return Err(name_value.error(
                LoadErrorKind::Duplicate,
                format!("there is a space `{name}` already"),
            ));
        }
        let place = self.place(table)?;
        let cell = table
            .take("cell")
            .map_or(Ok(1), |value| value.number_below(9))? as u8;
        let width = table
            .take("width")
            .map_or(Ok(4), |value| value.number_below(9))? as u8;
        let items = match table.take("registers") {
            Some(registers) => self.list(&registers, Defaults { width, cell })?,
            None => match table.take("group") {
                Some(group) => self.group_named(&group)?,
                None => self.map.add_list(Vec::new()),
            },
        };
        let space = Space {
            cell,
            size: table.take("size").map(|value| value.number()).transpose()?,
            doc: table.string_or_empty("doc")?,
            spec: table.string_or_empty("spec")?,
            ..Space::new(name, place, items)
        };
        table.finish()?;
        self.map.add_space(space);
        Ok(())
    }

    fn group_named(&self, value: &Value<'_>) -> Result<ListId> {
        let name = value.str()?;
        let text = || format!("there is no group `{name}` before this one");
        self.groups
            .get(name)
            .copied()
            .ok_or_else(|| value.error(LoadErrorKind::Dangling, text()))
    }

    fn place(&self, table: &Table<'_>) -> Result<SpaceLocation> {
        let bar = table.take("bar");
        let physical = table.take("physical");
        let inside = table.take("inside");
        let window = table.take("window");
        let command = table.take("command");
        let given = [bar, physical, inside, window, command];
        let mut given = given.iter().flatten();
        if let (Some(_), Some(second)) = (given.next(), given.next()) {
            return Err(second.invalid("a space is in one place only"));
        }
        if let Some(bar) = bar {
            return Ok(SpaceLocation::Bar(bar.number_below(7)? as u8));
        }
        if let Some(physical) = physical {
            return Ok(SpaceLocation::Physical(physical.number()?));
        }
        if let Some(inside) = inside {
            let space = reference::space(&self.map, inside.str()?, &inside)?;
            let base = self.dynamic(&table.require("base")?, space)?;
            let spread = table
                .take("spread")
                .map(|value| self.dynamic(&value, space))
                .transpose()?;
            let len = table
                .take("len")
                .map(|value| self.dynamic(&value, space))
                .transpose()?;
            let inside = Inside {
                spread,
                len,
                ..Inside::new(space, base)
            };
            return Ok(SpaceLocation::Inside(Box::new(inside)));
        }
        if let Some(window) = window {
            let window = self.window(&window.table()?)?;
            return Ok(SpaceLocation::Behind(Box::new(Indirect::Window(window))));
        }
        match command {
            Some(command) => {
                let command = self.command(&command.table()?)?;
                Ok(SpaceLocation::Behind(Box::new(Indirect::Command(command))))
            }
            None => Ok(SpaceLocation::Elsewhere),
        }
    }

    /// `0x100`, or a table with `from`, `default` and what becomes of the value.
    fn dynamic(&self, value: &Value<'_>, space: SpaceId) -> Result<Dynamic> {
        if value.is_integer() {
            return Ok(Dynamic::known(value.number()?));
        }
        let table = value.table()?;
        let from = table
            .take("from")
            .map(|value| reference::field_ref(&self.map, Some(space), &value))
            .transpose()?;
        let times = table
            .take("times")
            .map(|value| value.number())
            .transpose()?;
        let plus = table.take("plus").map(|value| value.number()).transpose()?;
        let scale = match table.take("shifted") {
            Some(shifted) if times.is_some() || plus.is_some() => {
                return Err(shifted.invalid("`shifted` goes with neither `times` nor `plus`"));
            }
            Some(unit) => Scale::Power {
                unit: unit.number()?,
            },
            None => Scale::Linear {
                times: times.unwrap_or(1),
                plus: plus.unwrap_or(0),
            },
        };
        let hint = match (table.take("mapped_lengths"), table.take("mapped_multiple")) {
            (Some(_), Some(second)) => return Err(second.invalid("only one hint can be there")),
            (Some(lengths), None) => {
                let lengths = lengths
                    .array()?
                    .map(|value| value.number())
                    .collect::<Result<_>>()?;
                Some(MappingHint::Lengths(lengths))
            }
            (None, Some(multiple)) => Some(MappingHint::MultipleOf(multiple.number()?)),
            (None, None) => None,
        };
        let default = table.require("default")?.number()?;
        table.finish()?;
        Ok(Dynamic {
            from,
            scale,
            hint,
            default,
        })
    }

    fn window(&self, table: &Table<'_>) -> Result<Window> {
        let outer_value = table.require("outer")?;
        let outer = reference::space(&self.map, outer_value.str()?, &outer_value)?;
        let select = reference::field_ref(&self.map, Some(outer), &table.require("select")?)?;
        let data = table.require("data")?;
        let (data_at, data_len) = self.data(&data, outer)?;
        let number = |key, default| table.take(key).map_or(Ok(default), |value| value.number());
        let window = Window {
            unit: number("unit", 1)?,
            step_on_read: number("step_on_read", 0)?,
            step_on_write: number("step_on_write", 0)?,
            ..Window::new(outer, select, data_at, data_len)
        };
        table.finish()?;
        Ok(window)
    }

    /// The name of the data register, or `{ at = …, len = … }`.
    fn data(&self, value: &Value<'_>, outer: SpaceId) -> Result<(u64, u64)> {
        if let Some(table) = value.as_table() {
            let range = (
                table.require("at")?.number()?,
                table.require("len")?.number()?,
            );
            table.finish()?;
            return Ok(range);
        }
        let name = value.str()?;
        let (at, register) =
            crate::index::find_register(&self.map, outer, name).ok_or_else(|| {
                value.error(
                    LoadErrorKind::Dangling,
                    format!("there is no register {name}"),
                )
            })?;
        Ok((at, u64::from(register.width)))
    }

    fn command(&self, table: &Table<'_>) -> Result<Command> {
        let register = table.require("register")?;
        let FieldRef { register, .. } =
            reference::field_ref(&self.map, Some(SpaceId(0)), &register)?;
        let text = |key| table.require(key).and_then(|value| value.string());
        let number = |key| {
            table
                .take(key)
                .map(|value: Value<'_>| value.number())
                .transpose()
        };
        let command = Command {
            register: RegisterRef::new(register.space, register.register),
            address: text("address")?,
            data: text("data")?,
            operation: text("operation")?,
            write: number("write_is")?,
            read: number("read_is")?,
            done: table.take("done").map(|value| value.string()).transpose()?,
        };
        table.finish()?;
        Ok(command)
    }
}

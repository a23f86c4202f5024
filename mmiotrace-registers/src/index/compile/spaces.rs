//! Spaces: where they lie, and the fields that tell it.

use super::{Check, MAX_DEPTH, Result, fail};
use crate::error::{LoadErrorKind, Subject};
use crate::index::compiled::{Bits, ResolvedDynamic, ResolvedPlace};
use crate::index::find::find_register;
use crate::model::{
    Command, Dynamic, FieldRef, Indirect, RegisterRef, Space, SpaceId, SpaceLocation, VarsetId,
};

impl Check<'_> {
    pub(super) fn spaces(&mut self) -> Result<()> {
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
            if let SpaceLocation::Bar(bar @ 7..) = space.place {
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
                SpaceLocation::Inside(inside) => inside.space,
                SpaceLocation::Behind(indirect) => match &**indirect {
                    Indirect::Window(window) => window.outer,
                    Indirect::Command(command) => command.register.space,
                },
                _ => return Ok(()),
            };
        }
        fail(LoadErrorKind::Cycle, subject, "spaces lie in each other")
    }

    pub(super) fn detects(&self) -> Result<Vec<Option<Bits>>> {
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

    pub(super) fn places(&self) -> Result<Vec<ResolvedPlace>> {
        let spaces = self.map.spaces.iter().enumerate();
        spaces
            .map(|(number, space)| self.place(space, Subject::Space(SpaceId(number as u32))))
            .collect()
    }

    fn place(&self, space: &Space, subject: Subject) -> Result<ResolvedPlace> {
        Ok(match &space.place {
            SpaceLocation::Inside(inside) => {
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
            SpaceLocation::Behind(indirect) => match &**indirect {
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

//! Registers and blocks.

use super::Writer;
use super::text::{Inline, hex};
use super::value_type::{effects, names_differ};
use crate::model::{Block, Form, Item, Register, TypeId};

/// The width that spaces and groups have unless they say otherwise.
const DEFAULT_WIDTH: u8 = 4;

impl Writer<'_> {
    /// The items of a space: one a line, or one a table where any has fields of its own.
    pub(super) fn space_items(&self, items: &[Item], out: &mut String) {
        let has_fields = |item: &Item| match item {
            Item::Register(register) => matches!(register.value_type.form, Form::Bitset(_)),
            Item::Block(_) => false,
        };
        if items.is_empty() {
            return;
        }
        if !items.iter().any(has_fields) {
            out.push_str("registers = ");
            self.list(items, "", out);
            out.push('\n');
            return;
        }
        for item in items {
            out.push_str("\n[[space.registers]]\n");
            match item {
                Item::Register(register) => self.register_lines(register, out),
                Item::Block(block) => {
                    for part in self.block(block, "").parts() {
                        out.push_str(&part);
                        out.push('\n');
                    }
                }
            }
        }
    }

    fn register_lines(&self, register: &Register, out: &mut String) {
        let fields = match &register.value_type.form {
            Form::Bitset(fields) if names_differ(fields) && !fields.is_empty() => Some(fields),
            _ => None,
        };
        for part in self.register(register, fields.is_none()).parts() {
            out.push_str(&part);
            out.push('\n');
        }
        if let Some(fields) = fields {
            out.push_str("[space.registers.fields]\n");
            for field in fields {
                out.push_str(&self.field_entry(field));
                out.push('\n');
            }
        }
    }

    /// `[ … ]` with one item a line.
    pub(super) fn list(&self, items: &[Item], indent: &str, out: &mut String) {
        out.push_str("[\n");
        for item in items {
            out.push_str(indent);
            out.push_str("  ");
            out.push_str(&match item {
                Item::Register(register) => self.register(register, true).finish(),
                Item::Block(block) => self.block(block, indent).finish(),
            });
            out.push_str(",\n");
        }
        out.push_str(indent);
        out.push(']');
    }

    fn register(&self, register: &Register, with_type: bool) -> Inline {
        let mut table = Inline::new();
        table.raw("at", &hex(register.at));
        table.text("name", &register.name);
        if register.width != DEFAULT_WIDTH {
            table.raw("width", &register.width.to_string());
        }
        if register.count != 1 {
            table.raw("count", &register.count.to_string());
        }
        if register.count != 1 || register.stride != 0 {
            table.raw("stride", &hex(register.stride));
        }
        self.index(register.index_names, &mut table);
        effects(
            register.access,
            register.read_effect,
            register.write_effect,
            register.volatile,
            &mut table,
        );
        self.on(register.when, &mut table);
        register
            .reset
            .into_iter()
            .for_each(|reset| table.raw("reset", &hex(reset)));
        table.number_unless("reserved", register.reserved, 0);
        table.text_unless_empty("spec", &register.spec);
        table.text_unless_empty("doc", &register.doc);
        if with_type {
            self.value_type(&register.value_type, register.bit_len().max(2), &mut table);
        } else {
            let value_type = &register.value_type;
            table.number_unless("shr", value_type.shr.into(), 0);
            table.number_unless("add", value_type.add, 0);
            table.number_unless("align", value_type.align, 0);
        }
        table
    }

    fn block(&self, block: &Block, indent: &str) -> Inline {
        let mut table = Inline::new();
        table.raw("at", &hex(block.at));
        block.name.iter().for_each(|name| table.text("name", name));
        let items = self.map.items(block.items);
        let group = self
            .group_names
            .get(block.items.0 as usize)
            .and_then(Option::as_ref);
        let memory = items.is_empty() && group.is_none() && block.reserve;
        if block.count != 1 {
            table.raw("count", &block.count.to_string());
        }
        if block.stride != 0 && !memory {
            table.raw("stride", &hex(block.stride));
        }
        if !block.offsets.is_empty() {
            let offsets: Vec<_> = block.offsets.iter().map(|at| hex(*at)).collect();
            table.raw("offsets", &format!("[{}]", offsets.join(", ")));
        }
        if !block.reserve && block.stride != 0 {
            table.raw("stripe", "true");
        }
        self.index(block.index_names, &mut table);
        self.on(block.when, &mut table);
        table.text_unless_empty("spec", &block.spec);
        table.text_unless_empty("doc", &block.doc);
        match group {
            Some(group) => table.text("group", group),
            None if memory => table.raw("memory", &hex(block.stride)),
            None => {
                let mut list = String::new();
                self.list(items, &format!("{indent}  "), &mut list);
                table.raw("registers", &list);
            }
        }
        table
    }

    fn index(&self, names: Option<TypeId>, table: &mut Inline) {
        if let Some(name) = names.and_then(|id| self.type_names.get(id.0 as usize)) {
            table.text("index", name);
        }
    }
}

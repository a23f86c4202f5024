//! Writing a map in the TOML form.

mod item;
mod text;
mod value_type;

use crate::model::{
    Detect, DetectRule, DetectThen, DeviceMatch, Dynamic, FieldRef, Indirect, MappingHint,
    RegisterMap, Scale, Space, SpaceId, SpaceLocation, Varset,
};
use std::collections::HashSet;
use text::{Inline, hex, quoted};

/// The map as text.
pub(super) fn map(map: &RegisterMap) -> String {
    let mut out = String::new();
    line(&mut out, "name", &quoted(&map.name));
    optional(&mut out, "doc", &map.doc);
    optional(&mut out, "source", &map.source);
    if !map.devices.is_empty() {
        let devices: Vec<_> = map
            .devices
            .iter()
            .map(|device| quoted(&device.to_string()))
            .collect();
        line(&mut out, "match", &format!("[{}]", devices.join(", ")));
    }
    if !map.by_direction {
        line(&mut out, "by_direction", "false");
    }
    let writer = Writer::new(map);
    for varset in &map.varsets {
        writer.varset(varset, &mut out);
    }
    for (number, named) in map.types.iter().enumerate() {
        out.push_str(&format!(
            "\n[types.{}]\n",
            text::key(&writer.type_names[number])
        ));
        writer.type_lines(&named.value_type, 64, &mut out);
    }
    for (number, list) in map.lists.iter().enumerate() {
        if let Some(name) = &writer.group_names[number] {
            out.push_str(&format!("\n[groups.{}]\n", text::key(name)));
            out.push_str("registers = ");
            writer.list(&list.items, "", &mut out);
            out.push('\n');
        }
    }
    for space in &map.spaces {
        writer.space(space, &mut out);
    }
    out
}

/// What is needed to name things that the model refers to by number.
pub(super) struct Writer<'m> {
    map: &'m RegisterMap,
    type_names: Vec<String>,
    group_names: Vec<Option<String>>,
}

impl<'m> Writer<'m> {
    fn new(map: &'m RegisterMap) -> Self {
        let mut types = HashSet::new();
        let mut groups = HashSet::new();
        let type_names = map
            .types
            .iter()
            .map(|named| unique(&named.name, &mut types))
            .collect();
        let group_names = map
            .lists
            .iter()
            .map(|list| Some(unique(list.name.as_deref()?, &mut groups)))
            .collect();
        Self {
            map,
            type_names,
            group_names,
        }
    }

    fn varset(&self, varset: &Varset, out: &mut String) {
        out.push_str(&format!("\n[variants.{}]\n", text::key(&varset.name)));
        let names: Vec<_> = varset.variants.iter().map(|name| quoted(name)).collect();
        line(out, "names", &format!("[{}]", names.join(", ")));
        if varset.ids.iter().any(Option::is_some) {
            let ids: Vec<_> = varset
                .ids
                .iter()
                .map(|id| id.map_or_else(|| "\"\"".to_owned(), hex))
                .collect();
            line(out, "ids", &format!("[{}]", ids.join(", ")));
        }
        if !varset.pci.is_empty() {
            let text = |wanted: &Option<DeviceMatch>| {
                wanted
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string)
            };
            let pci: Vec<_> = varset
                .pci
                .iter()
                .map(|wanted| quoted(&text(wanted)))
                .collect();
            line(out, "pci", &format!("[{}]", pci.join(", ")));
        }
        if let Some(detect) = &varset.detect {
            line(out, "detect", &self.detect(varset, detect));
        }
    }

    fn detect(&self, varset: &Varset, detect: &Detect) -> String {
        let field = quoted(&self.field_ref(&detect.field));
        if detect.rules.is_empty() {
            return field;
        }
        let rule = |rule: &DetectRule| {
            let mut table = Inline::new();
            table.raw("mask", &hex(rule.mask));
            table.raw("equals", &hex(rule.equals));
            match rule.then {
                DetectThen::Id { low, high } => table.text("id", &format!("{high}:{low}")),
                DetectThen::Variant(variant) => {
                    let name = varset
                        .variants
                        .get(variant as usize)
                        .map_or("", String::as_str);
                    table.text("variant", name);
                }
            }
            table.finish()
        };
        let rules: Vec<_> = detect.rules.iter().map(rule).collect();
        format!("{{ field = {field}, rules = [{}] }}", rules.join(", "))
    }

    fn space(&self, space: &Space, out: &mut String) {
        out.push_str("\n[[space]]\n");
        line(out, "name", &quoted(&space.name));
        optional(out, "doc", &space.doc);
        optional(out, "spec", &space.spec);
        if space.cell != 1 {
            line(out, "cell", &space.cell.to_string());
        }
        if let Some(size) = space.size {
            line(out, "size", &hex(size));
        }
        self.place(&space.place, out);
        match self
            .group_names
            .get(space.items.0 as usize)
            .and_then(Option::as_ref)
        {
            Some(group) => line(out, "group", &quoted(group)),
            None => self.space_items(self.map.items(space.items), out),
        }
    }

    fn place(&self, place: &SpaceLocation, out: &mut String) {
        match place {
            SpaceLocation::Bar(bar) => line(out, "bar", &bar.to_string()),
            SpaceLocation::Physical(at) => line(out, "physical", &hex(*at)),
            SpaceLocation::Inside(inside) => {
                line(out, "inside", &quoted(self.space_name(inside.space)));
                line(out, "base", &self.dynamic(&inside.base));
                for (key, number) in [("spread", &inside.spread), ("len", &inside.len)] {
                    number
                        .iter()
                        .for_each(|number| line(out, key, &self.dynamic(number)));
                }
            }
            SpaceLocation::Behind(indirect) => self.indirect(indirect, out),
            SpaceLocation::Elsewhere => {}
        }
    }

    fn indirect(&self, indirect: &Indirect, out: &mut String) {
        let mut table = Inline::new();
        match indirect {
            Indirect::Window(window) => {
                table.text("outer", self.space_name(window.outer));
                table.text("select", &self.field_ref(&window.select));
                let data = format!(
                    "{{ at = {}, len = {} }}",
                    hex(window.data_at),
                    hex(window.data_len)
                );
                table.raw("data", &data);
                table.number_unless("unit", window.unit, 1);
                table.number_unless("step_on_read", window.step_on_read, 0);
                table.number_unless("step_on_write", window.step_on_write, 0);
                line(out, "window", &table.finish());
            }
            Indirect::Command(command) => {
                table.text(
                    "register",
                    &self.field_ref(&FieldRef::new(command.register.clone(), None)),
                );
                table.text("address", &command.address);
                table.text("data", &command.data);
                table.text("operation", &command.operation);
                command
                    .write
                    .into_iter()
                    .for_each(|write| table.raw("write_is", &hex(write)));
                command
                    .read
                    .into_iter()
                    .for_each(|read| table.raw("read_is", &hex(read)));
                command
                    .done
                    .iter()
                    .for_each(|done| table.text("done", done));
                line(out, "command", &table.finish());
            }
        }
    }

    fn dynamic(&self, dynamic: &Dynamic) -> String {
        if dynamic.is_known()
            && dynamic.scale == Scale::default()
            && i64::try_from(dynamic.default).is_ok()
        {
            return hex(dynamic.default);
        }
        let mut table = Inline::new();
        dynamic
            .from
            .iter()
            .for_each(|from| table.text("from", &self.field_ref(from)));
        match dynamic.scale {
            Scale::Linear { times, plus } => {
                table.number_unless("times", times, 1);
                table.number_unless("plus", plus, 0);
            }
            Scale::Power { unit } => table.raw("shifted", &hex(unit)),
        }
        match &dynamic.hint {
            Some(MappingHint::Lengths(lengths)) => {
                let lengths: Vec<_> = lengths.iter().map(|len| hex(*len)).collect();
                table.raw("mapped_lengths", &format!("[{}]", lengths.join(", ")));
            }
            Some(MappingHint::MultipleOf(multiple)) => {
                table.raw("mapped_multiple", &multiple.to_string())
            }
            None => {}
        }
        table.raw("default", &hex(dynamic.default));
        table.finish()
    }

    fn space_name(&self, id: SpaceId) -> &str {
        self.map.space(id).map_or("", |space| space.name.as_str())
    }

    fn field_ref(&self, field: &FieldRef) -> String {
        let register = &field.register;
        let suffix = field
            .field
            .as_ref()
            .map_or_else(String::new, |field| format!(":{field}"));
        format!(
            "{}/{}{suffix}",
            self.space_name(register.space),
            register.register
        )
    }
}

/// The name, with a number where it is taken.
fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut count = 1;
    while !taken.insert(candidate.clone()) {
        count += 1;
        candidate = format!("{name}-{count}");
    }
    candidate
}

fn line(out: &mut String, key: &str, value: &str) {
    out.push_str(key);
    out.push_str(" = ");
    out.push_str(value);
    out.push('\n');
}

fn optional(out: &mut String, key: &str, text: &str) {
    if !text.is_empty() {
        line(out, key, &quoted(text));
    }
}

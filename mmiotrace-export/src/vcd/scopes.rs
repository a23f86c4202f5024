//! The scopes of a dump: device, BAR, and the part of the device that a register's name begins with.

use super::codes;
use crate::tracks::Track;
use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

/// A scope with its own registers and the scopes in it.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// Numbers of registers, with their names.
    registers: Vec<(usize, String)>,
    inside: BTreeMap<String, Self>,
}

impl Scopes {
    pub(super) fn of(tracks: &[Track]) -> Self {
        let mut root = Self::default();
        for (number, track) in tracks.iter().enumerate() {
            let mut scope = &mut root;
            let mut name = track.name.as_str();
            if let Some(device) = &track.device {
                scope = scope.enter(&format!("dev_{device}"));
                if let Some(bar) = track.bar {
                    scope = scope.enter(&format!("bar{bar}"));
                }
                if let Some((part, rest)) = name.split_once('.') {
                    scope = scope.enter(part);
                    name = rest;
                }
            }
            scope.registers.push((number, identifier(name)));
        }
        root
    }

    fn enter(&mut self, name: &str) -> &mut Self {
        // No dot in a scope: viewers take it for two.
        let name = identifier(name).replace('.', "_");
        self.inside.entry(name).or_default()
    }

    /// Writes the registers of this scope, then the scopes in it.
    pub(super) fn write(&self, tracks: &[Track], out: &mut dyn Write) -> io::Result<()> {
        let mut used: HashSet<String> = self.inside.keys().cloned().collect();
        for (number, name) in &self.registers {
            let mut own = name.clone();
            let mut count = 1;
            // What the format cannot tell apart has a number.
            while !used.insert(own.clone()) {
                count += 1;
                own = format!("{name}_{count}");
            }
            let width = tracks.get(*number).map_or(4, |track| track.width.bytes());
            let [value, read, write] = codes(*number);
            writeln!(out, "$var wire {} {value} {own} $end", 8 * u32::from(width))?;
            writeln!(
                out,
                "$var event 1 {read} {own}.rd $end\n$var event 1 {write} {own}.wr $end"
            )?;
        }
        for (name, scope) in &self.inside {
            writeln!(out, "$scope module {name} $end")?;
            scope.write(tracks, out)?;
            writeln!(out, "$upscope $end")?;
        }
        Ok(())
    }
}

/// A name without what the format or viewers take for syntax: blanks and brackets.
fn identifier(name: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || "_.+".contains(c) {
            c
        } else {
            '_'
        }
    };
    if name.is_empty() {
        return "_".to_owned();
    }
    name.chars().map(keep).collect()
}

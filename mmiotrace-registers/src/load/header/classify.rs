//! Which constants of a driver's header are registers, and which are their bits.

use super::eval::Evaluator;
use super::expression::hex_digits;
use super::source::{Define, Kind, Source};
use std::collections::HashMap;

/// What was found in a header.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) registers: Vec<FoundRegister>,
    /// By the place of their register.
    pub(super) fields: Vec<(usize, FoundField)>,
    /// Values of fields, by the place of the register: name and value in the register.
    pub(super) values: Vec<(usize, String, u64)>,
    /// How many bytes an offset counts.
    pub(super) cell: u8,
}

#[derive(Clone, Debug)]
pub(super) struct FoundRegister {
    pub(super) name: String,
    pub(super) at: u64,
    /// 0: as far as the next register, at most 4.
    pub(super) width: u8,
    /// Strides in bytes and lengths (0: not known), outermost first.
    pub(super) arrays: Vec<(u64, u64)>,
    pub(super) access: crate::model::AccessMode,
    pub(super) doc: String,
    /// The space it is in, where not all are in one.
    pub(super) segment: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct FoundField {
    pub(super) name: String,
    pub(super) low: u8,
    pub(super) high: u8,
    pub(super) doc: String,
}

/// What a constant seems to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Register,
    Mask,
    Shift,
    /// Bits of a register, or a value of some bits.
    Bits,
    Nothing,
}

pub(super) fn registers(source: &Source<'_>) -> Found {
    let mut classifier = Classifier::new(source);
    classifier.run();
    classifier.found
}

struct Classifier<'s, 't> {
    source: &'s Source<'t>,
    evaluator: Evaluator<'s, 't>,
    found: Found,
    /// Registers by name, for finding the longest that begins a name.
    by_name: HashMap<String, usize>,
    /// Fewest blanks behind `#define`.
    base_indent: usize,
    /// How many digits offsets have, where numbers of fewer than eight are common.
    usual_digits: Option<usize>,
    shifts: HashMap<String, u64>,
    masks: Vec<(usize, String, u64, String)>,
    bits: Vec<(usize, String, u64, String)>,
}

impl<'s, 't> Classifier<'s, 't> {
    fn new(source: &'s Source<'t>) -> Self {
        let macros = source
            .defines
            .iter()
            .filter(|define| define.kind == Kind::Macro && !define.body.text().is_empty());
        let base_indent = macros
            .clone()
            .map(|define| define.indent)
            .min()
            .unwrap_or(1);
        // Where short and full-width numbers are told apart by their digits, the latter are bits.
        let mut digits = [0usize; 17];
        for count in source
            .defines
            .iter()
            .filter_map(|define| hex_digits(define.body.text()))
        {
            digits[count.min(16)] += 1;
        }
        // The most digits that a good part of the numbers has: fewer are for smaller things.
        let all: usize = digits.iter().sum();
        let usual = (1..8).rev().find(|count| digits[*count] * 10 > all.max(10));
        Self {
            source,
            evaluator: Evaluator::new(source),
            found: Found {
                cell: 1,
                ..Found::default()
            },
            by_name: HashMap::new(),
            base_indent,
            usual_digits: usual,
            shifts: HashMap::new(),
            masks: Vec::new(),
            bits: Vec::new(),
        }
    }

    fn run(&mut self) {
        let mut last = None;
        for define in &self.source.defines {
            match self.role(define) {
                Role::Register => {
                    if let Some(at) = self.register(define) {
                        last = Some(at);
                    }
                }
                Role::Nothing => {}
                role => self.part(define, role, last),
            }
        }
        self.fields();
    }

    fn role(&self, define: &Define<'_>) -> Role {
        let body = define.body.text();
        let name = define.name;
        if ["_SHIFT", "_SHFT", "_LSB", "_OFF_SHIFT"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            return Role::Shift;
        }
        if ["_MASK", "_MSK"].iter().any(|end| name.ends_with(end)) {
            return Role::Mask;
        }
        if define.arguments.is_some() {
            // A macro of an index has an offset in it; one that moves a value into place shifts.
            let shifts = body.contains("<<") || body.contains(">>") || body.contains('&');
            return if shifts || !body.contains('+') {
                Role::Nothing
            } else {
                Role::Register
            };
        }
        let shifted = ["<<", "BIT(", "GENMASK", "BIT_ULL(", "~"]
            .iter()
            .any(|part| body.contains(part));
        if shifted || body.contains('|') {
            return Role::Bits;
        }
        if define.kind == Kind::Macro && define.indent > self.base_indent {
            return Role::Bits;
        }
        match hex_digits(body) {
            Some(digits) if digits >= 8 && self.usual_digits.is_some() => Role::Bits,
            // Offsets of one header are written with one number of digits, where that is many.
            Some(digits)
                if self
                    .usual_digits
                    .is_some_and(|usual| usual >= 5 && digits < usual) =>
            {
                Role::Bits
            }
            Some(1..=8) => Role::Register,
            Some(_) => Role::Nothing,
            // `HOST_CTL + 4` of other registers; decimal numbers are counts.
            None if body.contains('+')
                && body.contains(|c: char| c.is_ascii_alphabetic() && c != 'x') =>
            {
                Role::Register
            }
            None => Role::Nothing,
        }
    }

    fn register(&mut self, define: &Define<'_>) -> Option<usize> {
        let name = define.name;
        let (at, arrays) = match define.arguments.as_ref().map(Vec::len) {
            None => (self.evaluator.value(name, &[])?, Vec::new()),
            Some(1) => self.array(name)?,
            Some(2) => self.nested_array(name)?,
            Some(_) => return None,
        };
        // Nothing maps a register so far out; it is a constant of another kind.
        if at > 0x0fff_ffff {
            return None;
        }
        let register = FoundRegister {
            name: name.to_owned(),
            at,
            width: 0,
            arrays,
            access: access_of(define.comment),
            doc: define
                .comment
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            segment: None,
        };
        self.found.registers.push(register);
        let place = self.found.registers.len() - 1;
        self.by_name.insert(name.to_owned(), place);
        Some(place)
    }

    /// The start, and the stride with the length as far as it is the same.
    fn array(&mut self, name: &str) -> Option<(u64, Vec<(u64, u64)>)> {
        let first = self.evaluator.value(name, &[0])?;
        let stride = self
            .evaluator
            .value(name, &[1])?
            .checked_sub(first)
            .filter(|stride| *stride > 0)?;
        let length = (2u64..256).find(|index| {
            // Past the top of the address space there is no element, so the array ends there.
            let expected = index
                .checked_mul(stride)
                .and_then(|distance| first.checked_add(distance));
            expected.is_none() || self.evaluator.value(name, &[*index]) != expected
        });
        Some((first, vec![(stride, length.unwrap_or(0))]))
    }

    fn nested_array(&mut self, name: &str) -> Option<(u64, Vec<(u64, u64)>)> {
        let first = self.evaluator.value(name, &[0, 0])?;
        let mut stride = |arguments: [u64; 2]| {
            self.evaluator
                .value(name, &arguments)?
                .checked_sub(first)
                .filter(|stride| *stride > 0)
        };
        let outer = stride([1, 0])?;
        let inner = stride([0, 1])?;
        Some((first, vec![(outer, 0), (inner, 0)]))
    }

    /// A mask, shift or bit: whose is it?
    fn part(&mut self, define: &Define<'_>, role: Role, last: Option<usize>) {
        let Some(value) = self.evaluator.value(define.name, &[]) else {
            return;
        };
        let indented = define.indent > self.base_indent;
        let by_name = self.owner(define.name);
        let Some(owner) = by_name.or(if indented { last } else { None }) else {
            return;
        };
        let doc = define
            .comment
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let name = define.name.to_owned();
        match role {
            Role::Shift => {
                let base = name
                    .rsplit_once('_')
                    .map_or(name.as_str(), |(base, _)| base)
                    .to_owned();
                self.shifts.insert(base, value);
            }
            Role::Mask => {
                let base = name
                    .rsplit_once('_')
                    .map_or(name.as_str(), |(base, _)| base)
                    .to_owned();
                self.masks.push((owner, base, value, doc));
            }
            _ => self.bits.push((owner, name, value, doc)),
        }
    }

    /// The register whose name, with or without `_REG`, begins this name; the longest.
    fn owner(&self, name: &str) -> Option<usize> {
        let mut end = name.len();
        while let Some(at) = name[..end].rfind('_') {
            let head = &name[..at];
            if let Some(found) = self.by_name.get(head) {
                return Some(*found);
            }
            if let Some((first, rest)) = head.split_once('_') {
                if let Some(found) = self.by_name.get(&format!("{first}_REG_{rest}")) {
                    return Some(*found);
                }
            }
            end = at;
        }
        None
    }

    fn fields(&mut self) {
        let mut ranges: HashMap<usize, Vec<(u64, String)>> = HashMap::new();
        for (owner, base, mask, doc) in core::mem::take(&mut self.masks) {
            let shift = self.shifts.get(&base).copied().unwrap_or(0);
            // Some headers give the mask as it stands in the register, some before the shift.
            let mask = if shift > 0 && shift < 64 && mask & 1 << shift == 0 {
                mask << shift
            } else {
                mask
            };
            if let Some((low, high)) = bit_range(mask) {
                let name = self.field_name(owner, &base);
                self.found.fields.push((
                    owner,
                    FoundField {
                        name,
                        low,
                        high,
                        doc,
                    },
                ));
                ranges.entry(owner).or_default().push((mask, base));
            }
        }
        for (owner, name, value, doc) in core::mem::take(&mut self.bits) {
            let within = ranges.get(&owner).and_then(|ranges| {
                ranges
                    .iter()
                    .find(|(mask, base)| name.starts_with(base.as_str()) && value & !mask == 0)
            });
            let field = self.field_name(owner, &name);
            if within.is_some() {
                self.found.values.push((owner, field, value));
            } else if let Some((low, high)) = bit_range(value) {
                self.found.fields.push((
                    owner,
                    FoundField {
                        name: field,
                        low,
                        high,
                        doc,
                    },
                ));
            }
        }
    }

    /// The name without what it shares with the register's.
    fn field_name(&self, owner: usize, name: &str) -> String {
        let register = self
            .found
            .registers
            .get(owner)
            .map_or("", |register| register.name.as_str());
        let short = register.replacen("_REG_", "_", 1);
        let rest = name
            .strip_prefix(register)
            .or_else(|| name.strip_prefix(&short));
        match rest
            .and_then(|rest| rest.strip_prefix('_'))
            .filter(|rest| !rest.is_empty())
        {
            Some(rest) => rest.to_owned(),
            None => name.to_owned(),
        }
    }
}

/// `- RO`, `R/clr`, `- WO` at the end of a comment.
fn access_of(comment: &str) -> crate::model::AccessMode {
    use crate::model::AccessMode;
    let last = comment.rsplit(['-', ' ']).next().unwrap_or("").trim();
    match last {
        "RO" | "R/O" | "R/clr" | "R" => AccessMode::Read,
        "WO" | "W/O" | "W" => AccessMode::Write,
        _ => AccessMode::ReadWrite,
    }
}

/// The lowest and highest bit of a mask without holes.
pub(super) fn bit_range(mask: u64) -> Option<(u8, u8)> {
    if mask == 0 {
        return None;
    }
    let low = mask.trailing_zeros();
    let high = 63 - mask.leading_zeros();
    (mask >> low == crate::model::low_mask(high - low + 1)).then_some((low as u8, high as u8))
}

//! Which constants of a driver's header are registers, and which are their bits.

use super::eval::Evaluator;
use super::expression::hex_digits;
use super::source::{Define, Kind, Source};
use std::collections::{HashMap, HashSet};

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

/// What was left out, and why: names for the one who reads the map.
#[derive(Debug, Default)]
pub(super) struct LeftOut<'t> {
    /// Written as registers are, but their place depends on what the header does not say.
    unknown: Vec<&'t str>,
    /// Numbers of fewer or more digits than the registers have.
    other_digits: Vec<&'t str>,
    /// Bits of which no name of a register is the beginning.
    ownerless: Vec<&'t str>,
}

impl LeftOut<'_> {
    /// A sentence for each reason, with the first names.
    pub(super) fn told(&self) -> Vec<String> {
        let reasons = [
            (
                &self.unknown,
                "look like registers, but the header does not say where they are",
            ),
            (
                &self.other_digits,
                "are numbers of another form than those of the registers",
            ),
            (
                &self.ownerless,
                "look like bits, but of no register that is known by its name",
            ),
        ];
        let told = reasons.into_iter().filter(|(names, _)| !names.is_empty());
        let told = told.map(|(names, why)| {
            let first: Vec<&str> = names.iter().take(3).copied().collect();
            let more = if names.len() > first.len() {
                ", …"
            } else {
                ""
            };
            format!(
                "{} constants {why}; left out: {}{more}",
                names.len(),
                first.join(", ")
            )
        });
        told.collect()
    }
}

pub(super) fn registers<'t>(source: &Source<'t>) -> (Found, LeftOut<'t>) {
    let mut classifier = Classifier::new(source);
    classifier.run();
    (classifier.found, classifier.left_out)
}

struct Classifier<'s, 't> {
    source: &'s Source<'t>,
    evaluator: Evaluator<'s, 't>,
    found: Found,
    left_out: LeftOut<'t>,
    /// Registers by name, for finding the longest that begins a name.
    by_name: HashMap<String, usize>,
    /// Fewest blanks behind `#define`.
    base_indent: usize,
    digits: Digits,
    /// Macros that make a register of an offset and do nothing to it: where they are usual, plain
    /// numbers are something else.
    typed: bool,
    /// Names that other definitions are made of.
    used: HashSet<&'t str>,
    /// Registers of which some constants are values.
    with_values: HashSet<usize>,
    shifts: HashMap<String, u64>,
    masks: Vec<(usize, String, u64, String)>,
    bits: Vec<(usize, String, u64, String)>,
}

/// How many digits the numbers of a header have that are not indented.
#[derive(Clone, Copy, Debug)]
enum Digits {
    /// Most have eight: shorter ones are something else.
    Full,
    /// Most have so many or more, up to seven; those of eight are bits. Of two or fewer only where
    /// most are so short.
    Short { long: bool },
}

/// Macros that make bits.
const BITS: [&str; 4] = ["BIT", "GENMASK", "FIELD_PREP", "MASKED_"];
/// Macros of the kernel that make a register of an offset.
const TYPES: [&str; 2] = ["_MMIO", "MCR_REG"];
/// So many typed registers make a header one whose registers are typed.
const MANY_TYPED: usize = 20;

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
        let typed = macros
            .clone()
            .filter(|define| is_typed(source, define.body.text()));
        let typed = typed.count() >= MANY_TYPED;
        Self {
            source,
            evaluator: Evaluator::new(source),
            found: Found {
                cell: 1,
                ..Found::default()
            },
            left_out: LeftOut::default(),
            by_name: HashMap::new(),
            base_indent,
            digits: digits(source, base_indent),
            typed,
            used: used(source),
            with_values: HashSet::new(),
            shifts: HashMap::new(),
            masks: Vec::new(),
            bits: Vec::new(),
        }
    }

    fn run(&mut self) {
        let source = self.source;
        let mut last = None;
        for define in &source.defines {
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

    fn role(&mut self, define: &Define<'t>) -> Role {
        let body = define.body.text();
        let name = define.name;
        if ["_SHIFT", "_SHFT", "_LSB"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            return Role::Shift;
        }
        if ["_MASK", "_MSK"].iter().any(|end| name.ends_with(end)) && !self.is_wrapped(body) {
            return Role::Mask;
        }
        if define.arguments.is_some() {
            return self.role_of_macro(define);
        }
        let call = called(body);
        let makes_bits = |name: &str| BITS.iter().any(|bits| name.contains(bits));
        let is_bits = ["<<", "~", "|"].iter().any(|part| body.contains(part));
        if is_bits || call.is_some_and(makes_bits) || body.contains("BIT(") {
            return Role::Bits;
        }
        if call.is_some() {
            return if self.is_wrapped(body) {
                Role::Register
            } else {
                Role::Nothing
            };
        }
        if define.kind == Kind::Macro && define.indent > self.base_indent {
            return Role::Bits;
        }
        match hex_digits(body) {
            Some(digits) => self.role_of_number(define, digits),
            // `HOST_CTL + 4` of other registers; decimal numbers are counts.
            None if body.contains('+')
                && body.contains(|c: char| c.is_ascii_alphabetic() && c != 'x') =>
            {
                Role::Register
            }
            None => Role::Nothing,
        }
    }

    /// A macro of an index has an offset in it; one that moves a value into place shifts; one whose
    /// argument is itself the offset is no register.
    fn role_of_macro(&self, define: &Define<'t>) -> Role {
        let body = define.body.text();
        let shifts = ["<<", ">>", "&"].iter().any(|part| body.contains(part));
        let call = called(body).filter(|call| !BITS.iter().any(|bits| call.contains(bits)));
        let typed = call.is_some_and(|call| TYPES.iter().any(|known| call.starts_with(known)))
            || is_typed(self.source, body);
        let adds = body.contains('+') || call.is_some() && self.is_wrapped(body);
        // Where registers are typed, what is not typed is a part of them or lies elsewhere.
        if shifts || !(typed || adds && !self.typed) {
            return Role::Nothing;
        }
        Role::Register
    }

    fn role_of_number(&mut self, define: &Define<'t>, digits: usize) -> Role {
        if digits > 8 || self.typed && !self.by_name.is_empty() {
            return Role::Nothing;
        }
        // What others are made of is a part of a place: a base, a stride.
        let is_part = ["_BASE", "_STRIDE", "_SIZE", "_LEN", "_OFFSET"]
            .iter()
            .any(|end| define.name.ends_with(end));
        if self.used.contains(define.name) && (is_part || define.name.starts_with('_')) {
            return Role::Nothing;
        }
        let usual = match self.digits {
            Digits::Full => digits == 8,
            Digits::Short { long } => digits < 8 && (digits > 2 || !long),
        };
        if !usual {
            if digits < 8 && self.owner(define.name).is_none() && define.kind == Kind::Macro {
                self.left_out.other_digits.push(define.name);
                return Role::Nothing;
            }
            return Role::Bits;
        }
        // The values of a field of a register come after it and are smaller numbers than its place.
        let value = self.evaluator.value(define.name, &[]).unwrap_or(0);
        if let Some(owner) = self.owner(define.name) {
            let at = self.found.registers.get(owner).map_or(0, |owner| owner.at);
            if value < at || self.with_values.contains(&owner) {
                self.with_values.insert(owner);
                return Role::Bits;
            }
        }
        Role::Register
    }

    /// Whether a body is a call of a macro that makes a register of an offset: one of the header
    /// that only adds, or a known one.
    fn is_wrapped(&self, body: &str) -> bool {
        let Some(call) = called(body) else {
            return false;
        };
        if TYPES.iter().any(|known| call.starts_with(known)) {
            return true;
        }
        let Some(define) = self.source.get(call) else {
            // Of a macro of another header that is called like a register's type.
            return call.ends_with("_REG") || call.starts_with("__REG");
        };
        let body = define.body.text();
        let only_adds = !["<<", ">>", "&", "|", "~"]
            .iter()
            .any(|part| body.contains(part));
        define.arguments.is_some() && only_adds
    }

    fn register(&mut self, define: &Define<'t>) -> Option<usize> {
        let name = define.name;
        let place = match define.arguments.as_ref().map(Vec::len) {
            None => self.evaluator.value(name, &[]).map(|at| (at, Vec::new())),
            Some(1) => self.array(name),
            Some(2) => self.nested_array(name),
            Some(_) => None,
        };
        // Nothing maps a register so far out; it is a constant of another kind.
        let place = place.filter(|(at, _)| *at <= 0x0fff_ffff);
        let Some((at, arrays)) = place else {
            self.not_known(define);
            return None;
        };
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

    /// A macro that others are made of is a way to write registers, not one.
    fn not_known(&mut self, define: &Define<'t>) {
        if !self.used.contains(define.name) {
            self.left_out.unknown.push(define.name);
        }
    }

    /// The start, and the stride with the length as far as it is the same. A stride of one byte is
    /// none: the argument is an offset.
    fn array(&mut self, name: &str) -> Option<(u64, Vec<(u64, u64)>)> {
        let first = self.evaluator.value(name, &[0])?;
        let stride = self
            .evaluator
            .value(name, &[1])?
            .checked_sub(first)
            .filter(|stride| *stride > 1)?;
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
                .filter(|stride| *stride > 1)
        };
        let outer = stride([1, 0])?;
        let inner = stride([0, 1])?;
        Some((first, vec![(outer, 0), (inner, 0)]))
    }

    /// A mask, shift or bit: whose is it?
    fn part(&mut self, define: &Define<'t>, role: Role, last: Option<usize>) {
        let Some(value) = self.evaluator.value(define.name, &[]) else {
            return;
        };
        let indented = define.indent > self.base_indent;
        let by_name = self.owner(define.name);
        let Some(owner) = by_name.or(if indented { last } else { None }) else {
            if !self.used.contains(define.name) {
                self.left_out.ownerless.push(define.name);
            }
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
            if let Some((first, rest)) = head.split_once('_')
                && let Some(found) = self.by_name.get(&format!("{first}_REG_{rest}"))
            {
                return Some(*found);
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

/// The macro that a body calls, where it is nothing else.
fn called(body: &str) -> Option<&str> {
    let body = body.trim();
    let len = super::source::name_len(body)?;
    let (name, rest) = body.split_at(len);
    let inner = rest.trim_start().strip_prefix('(')?.strip_suffix(')')?;
    let mut depth = 0i32;
    for byte in inner.bytes() {
        depth += match byte {
            b'(' => 1,
            b')' => -1,
            _ => 0,
        };
        if depth < 0 {
            return None;
        }
    }
    Some(name)
}

/// Whether a body is a call of a macro that does nothing to its argument.
fn is_typed(source: &Source<'_>, body: &str) -> bool {
    let Some(call) = called(body) else {
        return false;
    };
    let Some(define) = source.get(call) else {
        return TYPES.contains(&call) || call.ends_with("_REG");
    };
    let argument = define
        .arguments
        .as_deref()
        .and_then(|arguments| arguments.first());
    let body = define.body.text().trim_matches(['(', ')', ' ']);
    argument.is_some_and(|argument| body == *argument)
}

/// The names that the bodies of other definitions have in them.
fn used<'t>(source: &Source<'t>) -> HashSet<&'t str> {
    let mut used = HashSet::new();
    for define in &source.defines {
        let mut rest = define.body.text();
        while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
            rest = &rest[start..];
            let len = super::source::name_len(rest).unwrap_or(1);
            if let Some(known) = source.get(&rest[..len]) {
                used.insert(known.name);
            }
            rest = &rest[len..];
        }
    }
    used
}

fn digits(source: &Source<'_>, base_indent: usize) -> Digits {
    let numbers = source.defines.iter().filter(|define| {
        define.arguments.is_none() && (define.kind == Kind::Enum || define.indent <= base_indent)
    });
    let mut counts = [0usize; 17];
    for digits in numbers.filter_map(|define| hex_digits(define.body.text())) {
        counts[digits.min(16)] += 1;
    }
    let short: usize = counts[..8].iter().sum();
    if counts[8] > short {
        return Digits::Full;
    }
    // `A0` and `FF` are opcodes and values where registers are at `0x8010`.
    let long: usize = counts[4..8].iter().sum();
    Digits::Short {
        long: long * 2 > short,
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

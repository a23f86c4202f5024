//! The values of C expressions, as far as registers need them: unsigned 64-bit arithmetic.

use super::expression::{Token, next};
use super::source::{Body, Source};

/// How deep names and brackets may lead.
const MAX_DEPTH: u32 = 48;
/// How many steps one expression may take.
const MAX_STEPS: u32 = 20_000;
/// How many steps all expressions may take together: enough to ask every macro for 256 elements, and
/// a few that lead nowhere. Macros that call each other twice at every level would take hours otherwise; what is
/// left when the steps are used up has no value.
const STEPS_FOR_EACH: u32 = 3_000;

/// Evaluates expressions of one header.
pub(super) struct Evaluator<'s, 't> {
    source: &'s Source<'t>,
    steps: u32,
    /// What is left for the whole header.
    all_steps: u32,
}

/// The names that are bound to numbers: the arguments of the macro.
type Bound<'b> = &'b [(&'b str, u64)];

impl<'s, 't> Evaluator<'s, 't> {
    pub(super) fn new(source: &'s Source<'t>) -> Self {
        let constants = u32::try_from(source.defines.len()).unwrap_or(u32::MAX);
        Self {
            source,
            steps: 0,
            all_steps: constants
                .saturating_mul(STEPS_FOR_EACH)
                .saturating_add(2 * MAX_STEPS),
        }
    }

    /// The value of a constant, or of a macro for these arguments.
    pub(super) fn value(&mut self, name: &str, arguments: &[u64]) -> Option<u64> {
        let allowed = MAX_STEPS.min(self.all_steps);
        self.steps = allowed;
        let value = self.name(name, arguments, 0);
        self.all_steps -= allowed - self.steps;
        value
    }

    fn name(&mut self, name: &str, arguments: &[u64], depth: u32) -> Option<u64> {
        self.steps = self.steps.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let Some(define) = self.source.get(name) else {
            return builtin(name, arguments);
        };
        if let Body::After(before, steps) = &define.body {
            let start = match before {
                Some(before) => self.name(before, &[], depth + 1)?,
                None => 0,
            };
            return start.checked_add(*steps);
        }
        let names = define.arguments.as_deref().unwrap_or(&[]);
        if names.len() != arguments.len() {
            return None;
        }
        let bound: Vec<_> = names
            .iter()
            .copied()
            .zip(arguments.iter().copied())
            .collect();
        let body = define.body.text();
        if body.is_empty() {
            return None;
        }
        let mut parse = Parse {
            text: body,
            bound: &bound,
            depth: depth + 1,
        };
        let value = parse.conditional(self)?;
        parse.text.trim().is_empty().then_some(value)
    }
}

/// What the kernel's headers define for all.
fn builtin(name: &str, arguments: &[u64]) -> Option<u64> {
    match (name, arguments) {
        ("BIT" | "BIT_ULL" | "_BITUL" | "_BITULL" | "REG_BIT" | "BIT_MASK", [bit @ 0..=63]) => {
            Some(1 << bit)
        }
        ("GENMASK" | "GENMASK_ULL" | "REG_GENMASK", [high @ 0..=63, low]) if low <= high => {
            Some(crate::model::low_mask((high - low + 1) as u32) << low)
        }
        (
            "_MMIO" | "cpu_to_le32" | "__constant_cpu_to_le32" | "_AC" | "_UL" | "_ULL",
            [value, ..],
        ) => Some(*value),
        // The registers of two instances, from which the others follow.
        ("_PICK_EVEN", [index, a, b]) => {
            Some(a.wrapping_add(index.wrapping_mul(b.wrapping_sub(*a))))
        }
        _ => None,
    }
}

/// An expression that is being read, by recursive descent.
struct Parse<'p> {
    text: &'p str,
    bound: Bound<'p>,
    depth: u32,
}

impl<'p> Parse<'p> {
    fn peek(&self) -> Option<Token<'p>> {
        next(self.text).map(|(token, _)| token)
    }

    fn take(&mut self) -> Option<Token<'p>> {
        let (token, rest) = next(self.text)?;
        self.text = rest;
        Some(token)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.peek() == Some(Token::Sign(sign));
        if found {
            self.take();
        }
        found
    }

    fn conditional(&mut self, evaluator: &mut Evaluator<'_, '_>) -> Option<u64> {
        let condition = self.binary(evaluator, 0)?;
        if !self.accept("?") {
            return Some(condition);
        }
        let yes = self.conditional(evaluator);
        if !self.accept(":") {
            return None;
        }
        let no = self.conditional(evaluator);
        if condition != 0 { yes } else { no }
    }

    fn binary(&mut self, evaluator: &mut Evaluator<'_, '_>, level: usize) -> Option<u64> {
        const LEVELS: [&[&str]; 10] = [
            &["||"],
            &["&&"],
            &["|"],
            &["^"],
            &["&"],
            &["==", "!="],
            &["<=", ">=", "<", ">"],
            &["<<", ">>"],
            &["+", "-"],
            &["*", "/", "%"],
        ];
        let Some(signs) = LEVELS.get(level) else {
            return self.unary(evaluator);
        };
        let mut left = self.binary(evaluator, level + 1)?;
        while let Some(Token::Sign(sign)) = self.peek() {
            if !signs.contains(&sign) {
                break;
            }
            evaluator.steps = evaluator.steps.checked_sub(1)?;
            self.take();
            let right = self.binary(evaluator, level + 1)?;
            left = apply(sign, left, right)?;
        }
        Some(left)
    }

    fn unary(&mut self, evaluator: &mut Evaluator<'_, '_>) -> Option<u64> {
        evaluator.steps = evaluator.steps.checked_sub(1)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = match self.take()? {
            Token::Number(number) => Some(number),
            Token::Name(name) => self.named(name, evaluator),
            Token::Sign("(") => self.bracket(evaluator),
            Token::Sign("-") => self.unary(evaluator).map(u64::wrapping_neg),
            Token::Sign("+") => self.unary(evaluator),
            Token::Sign("~") => self.unary(evaluator).map(|value| !value),
            Token::Sign("!") => self.unary(evaluator).map(|value| u64::from(value == 0)),
            Token::Sign(_) => None,
        };
        self.depth -= 1;
        value
    }

    /// A bracket, or a cast: `(u32)`, `(unsigned long)`, `(__force __le32)`.
    fn bracket(&mut self, evaluator: &mut Evaluator<'_, '_>) -> Option<u64> {
        let inside = self
            .text
            .split_once(')')
            .map(|(inside, after)| (inside.trim(), after));
        if let Some((inside, after)) = inside
            && !inside.is_empty()
            && inside.split_whitespace().all(is_type)
        {
            self.text = after;
            return self.unary(evaluator);
        }
        let value = self.conditional(evaluator)?;
        self.accept(")").then_some(value)
    }

    fn named(&mut self, name: &str, evaluator: &mut Evaluator<'_, '_>) -> Option<u64> {
        if let Some((_, value)) = self.bound.iter().find(|(bound, _)| *bound == name) {
            return Some(*value);
        }
        let mut arguments = Vec::new();
        if self.accept("(") {
            loop {
                arguments.push(self.conditional(evaluator)?);
                if self.accept(")") {
                    break;
                }
                if !self.accept(",") || arguments.len() >= 8 {
                    return None;
                }
            }
        }
        evaluator.name(name, &arguments, self.depth)
    }
}

fn is_type(word: &str) -> bool {
    matches!(
        word,
        "u8" | "u16"
            | "u32"
            | "u64"
            | "__u8"
            | "__u16"
            | "__u32"
            | "__u64"
            | "__le16"
            | "__le32"
            | "__le64"
            | "__force"
            | "unsigned"
            | "int"
            | "long"
            | "uint8_t"
            | "uint16_t"
            | "uint32_t"
            | "uint64_t"
            | "char"
    )
}

fn apply(sign: &str, left: u64, right: u64) -> Option<u64> {
    Some(match sign {
        "||" => u64::from(left != 0 || right != 0),
        "&&" => u64::from(left != 0 && right != 0),
        "|" => left | right,
        "^" => left ^ right,
        "&" => left & right,
        "==" => u64::from(left == right),
        "!=" => u64::from(left != right),
        "<=" => u64::from(left <= right),
        ">=" => u64::from(left >= right),
        "<" => u64::from(left < right),
        ">" => u64::from(left > right),
        "<<" => left.checked_shl(u32::try_from(right).ok()?)?,
        ">>" => left.checked_shr(u32::try_from(right).ok()?)?,
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        "/" => left.checked_div(right)?,
        "%" => left.checked_rem(right)?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, name: &str, arguments: &[u64]) -> Option<u64> {
        Evaluator::new(&Source::read(text).unwrap()).value(name, arguments)
    }

    #[test]
    fn expressions_of_drivers() {
        let text = "#define A 0x10UL\n#define B (A + 4 * 2)\n#define C(n) ((n) < 4 ? (0x2800 + ((n) * 0x100)) : 0xC000)\n\
                    #define D (1 << 31)\n#define E ((u32) ~0xff & 0xffff)\n#define F C(1)\n#define G GENMASK(7, 4)\n#define H 010\n\
                    #define I(a, b) \\\n  (0x100 /* x */ + (a) * 0x20 \\\n + (b) * 4)\n#if 0\n#define Z 1\n#endif\n";
        assert_eq!(value(text, "A", &[]), Some(0x10));
        assert_eq!(value(text, "B", &[]), Some(0x18));
        assert_eq!(value(text, "C", &[3]), Some(0x2b00));
        assert_eq!(value(text, "C", &[4]), Some(0xc000));
        assert_eq!(value(text, "D", &[]), Some(0x8000_0000));
        assert_eq!(value(text, "E", &[]), Some(0xff00));
        assert_eq!(value(text, "F", &[]), Some(0x2900));
        assert_eq!(value(text, "G", &[]), Some(0xf0));
        assert_eq!(value(text, "H", &[]), Some(8));
        assert_eq!(value(text, "I", &[2, 3]), Some(0x14c));
        assert_eq!(value(text, "Z", &[]), None);
    }

    #[test]
    fn what_cannot_be_evaluated_ends() {
        let mut text = String::from(
            "#define A A\n#define B C\n#define C B\n#define D(x) D(D(x))\n#define P 1/0\n",
        );
        for level in 0..64 {
            text.push_str(&format!(
                "#define L{level} (L{} + L{})\n",
                level + 1,
                level + 1
            ));
        }
        text.push_str("#define L64 1\n#define N ");
        text.push_str(&"(".repeat(100_000));
        text.push('\n');
        for name in ["A", "B", "P", "L0", "N"] {
            assert_eq!(value(&text, name, &[]), None, "{name}");
        }
        assert_eq!(value(&text, "D", &[1]), None);
    }

    #[test]
    fn enums_count_on() {
        let text = "enum {\n A, /* first */\n B,\n C = 0x10, D,\n /* note */ E = BIT(3),\n F = (1 << 2) | 1,\n};\nenum x { G = C + 4 };\n";
        for (name, expected) in [
            ("A", 0),
            ("B", 1),
            ("C", 0x10),
            ("D", 0x11),
            ("E", 8),
            ("F", 5),
            ("G", 0x14),
        ] {
            assert_eq!(value(text, name, &[]), Some(expected), "{name}");
        }
    }
}

//! Structures whose members are registers.

/// A structure: its members with their offsets in bytes.
#[derive(Clone, Debug)]
pub(super) struct Struct<'t> {
    pub(super) name: &'t str,
    pub(super) members: Vec<Member<'t>>,
    /// The first member that could not be understood: behind it no offset is known.
    pub(super) stopped_at: Option<&'t str>,
}

#[derive(Clone, Debug)]
pub(super) struct Member<'t> {
    /// Empty: an array of structures or a union without a name.
    pub(super) name: &'t str,
    /// The offset in bytes.
    pub(super) at: u64,
    pub(super) what: What<'t>,
    pub(super) count: u64,
}

#[derive(Clone, Debug)]
pub(super) enum What<'t> {
    /// A number of so many bytes.
    Number(u8),
    /// A structure in it: members with offsets from its start, and its size.
    Inner(Vec<Member<'t>>, u64),
}

/// How deep structures may lie in structures.
const MAX_DEPTH: usize = 8;

/// The structure with these members, as C lays it out, up to the first that is no number: behind
/// that no offset is known. `None` where the first is none.
pub(super) fn parse<'t>(name: &'t str, body: &'t str, union: bool) -> Option<Struct<'t>> {
    let laid = lay_out(body, union, 0);
    (!laid.members.is_empty() && !name.is_empty()).then_some(Struct {
        name,
        members: laid.members,
        stopped_at: laid.stopped_at,
    })
}

struct Laid<'t> {
    members: Vec<Member<'t>>,
    size: u64,
    align: u64,
    stopped_at: Option<&'t str>,
}

fn lay_out(body: &str, union: bool, depth: usize) -> Laid<'_> {
    let mut laid = Laid {
        members: Vec::new(),
        size: 0,
        align: 1,
        stopped_at: None,
    };
    let mut at = 0;
    for declaration in Declarations(body) {
        if declaration.trim().is_empty() {
            continue;
        }
        if depth >= MAX_DEPTH || add(&mut laid, declaration, &mut at, union, depth).is_none() {
            laid.stopped_at = Some(declaration.trim());
            break;
        }
    }
    laid.size = laid.size.max(at).next_multiple_of(laid.align);
    laid
}

/// Adds what a declaration declares; `None` where it is no number and no structure of numbers.
fn add<'t>(
    laid: &mut Laid<'t>,
    declaration: &'t str,
    at: &mut u64,
    union: bool,
    depth: usize,
) -> Option<()> {
    let (size, align, inner, declarators) = declared(declaration, depth)?;
    for declarator in declarators.split(',') {
        let declarator = declarator.trim();
        let len = super::source::name_len(declarator).unwrap_or(0);
        let (name, rest) = declarator.split_at(len);
        let rest = rest.trim_start();
        // A field of bits takes a number of its own, which only its first bits say something of.
        let count = if rest.starts_with(':') {
            1
        } else {
            count_of(rest)?
        };
        if name.is_empty() && inner.is_none() {
            return None;
        }
        let start = if union {
            0
        } else {
            at.checked_next_multiple_of(align)?
        };
        let end = start.checked_add(size.checked_mul(count)?)?;
        let what = match &inner {
            Some(members) => What::Inner(members.clone(), size),
            None => What::Number(u8::try_from(size).ok()?),
        };
        laid.members.push(Member {
            name,
            at: start,
            what,
            count,
        });
        laid.align = laid.align.max(align);
        laid.size = laid.size.max(end);
        if !union {
            *at = end;
        }
    }
    Some(())
}

/// Size and alignment of the declared type, the members of a structure, and the declarators.
fn declared(declaration: &str, depth: usize) -> Option<(u64, u64, Option<Vec<Member<'_>>>, &str)> {
    let mut rest = declaration.trim_start();
    let mut unsigned = false;
    loop {
        let len = super::source::name_len(rest)?;
        let (word, after) = rest.split_at(len);
        let after = after.trim_start();
        match word {
            "volatile" | "const" | "__iomem" | "__packed" => rest = after,
            "unsigned" => {
                unsigned = true;
                rest = after;
            }
            "struct" | "union" => {
                let open = declaration.find('{')?;
                let close = declaration.rfind('}')?;
                let inner = lay_out(
                    declaration.get(open + 1..close)?,
                    word == "union",
                    depth + 1,
                );
                if inner.stopped_at.is_some() || inner.members.is_empty() {
                    return None;
                }
                let declarators = declaration.get(close + 1..)?;
                return Some((inner.size, inner.align, Some(inner.members), declarators));
            }
            _ => {
                let size = match width_of(word) {
                    Some(size) => size,
                    None if unsigned => match word {
                        "char" => 1,
                        "short" => 2,
                        "int" => 4,
                        // `unsigned x`: an int; `unsigned long` has no one size.
                        "long" => return None,
                        _ => return Some((4, 4, None, rest)),
                    },
                    None => return None,
                };
                return Some((size.into(), size.into(), None, after));
            }
        }
    }
}

fn width_of(word: &str) -> Option<u8> {
    Some(match word {
        "u8" | "__u8" | "uint8_t" | "vu_char" => 1,
        "u16" | "__u16" | "__le16" | "__be16" | "__hc16" | "uint16_t" | "vu_short" => 2,
        "u32" | "__u32" | "__le32" | "__be32" | "__hc32" | "uint32_t" | "uint" | "vu_long" => 4,
        "u64" | "__u64" | "__le64" | "__be64" | "uint64_t" => 8,
        _ => return None,
    })
}

/// How many elements: 1 without brackets, the product of the numbers in them.
fn count_of(text: &str) -> Option<u64> {
    let mut count = 1u64;
    let mut text = text.trim();
    while !text.is_empty() {
        let (inside, after) = text.strip_prefix('[')?.split_once(']')?;
        count = count.checked_mul(sum(inside)?)?;
        text = after.trim_start();
    }
    Some(count)
}

/// `0x10`, `0x40 - 0x3c`, `(0x100-0x14) / 4`: what headers have between brackets, left to right.
fn sum(text: &str) -> Option<u64> {
    let mut total: Option<u64> = None;
    let mut sign = "+";
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (value, after) = if let Some(inner) = rest.strip_prefix('(') {
            let (inner, after) = inner.split_once(')')?;
            (sum(inner)?, after)
        } else {
            let end = rest
                .find(['+', '-', '*', '/', '(', ')', ' '])
                .unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            (crate::number::parse(number)?, after)
        };
        total = Some(match (total, sign) {
            (None, _) => value,
            (Some(left), "+") => left.checked_add(value)?,
            (Some(left), "-") => left.checked_sub(value)?,
            (Some(left), "*") => left.checked_mul(value)?,
            (Some(left), "/") => left.checked_div(value)?,
            _ => return None,
        });
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
        sign = rest.get(..1)?;
        rest = rest.get(1..)?.trim_start();
    }
    total
}

/// The declarations between semicolons that are not inside braces, without comments and directives.
struct Declarations<'t>(&'t str);

impl<'t> Iterator for Declarations<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        loop {
            self.0 = self.0.trim_start();
            if self.0.is_empty() {
                return None;
            }
            if let Some(comment) = self.0.strip_prefix("/*") {
                self.0 = comment.split_once("*/").map_or("", |(_, after)| after);
            } else if self.0.starts_with("//") || self.0.starts_with('#') {
                self.0 = after_directive(self.0);
            } else {
                let end = end_of(self.0);
                let (declaration, rest) = self.0.split_at(end);
                self.0 = rest.strip_prefix(';').unwrap_or(rest);
                return Some(declaration);
            }
        }
    }
}

/// Where the declaration ends: at a semicolon outside of braces and comments.
fn end_of(text: &str) -> usize {
    let mut depth = 0u32;
    let mut comment = false;
    let bytes = text.as_bytes();
    for (at, byte) in text.bytes().enumerate() {
        let next = bytes.get(at + 1);
        match (byte, next) {
            (b'/', Some(b'*')) => comment = true,
            (b'/', _) if comment && at > 0 && bytes[at - 1] == b'*' => comment = false,
            _ if comment => {}
            (b'{', _) => depth += 1,
            (b'}', _) => depth = depth.saturating_sub(1),
            (b';', _) if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// Behind a line and those that it goes on in.
fn after_directive(mut text: &str) -> &str {
    while let Some((line, after)) = text.split_once('\n') {
        text = after;
        if !line.trim_end().ends_with('\\') {
            return text;
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(members: &[Member<'_>], base: u64, out: &mut Vec<(String, u64, u8, u64)>) {
        for member in members {
            match &member.what {
                What::Number(width) => {
                    out.push((
                        member.name.to_owned(),
                        base + member.at,
                        *width,
                        member.count,
                    ));
                }
                What::Inner(inner, _) => flat(inner, base + member.at, out),
            }
        }
    }

    fn members(body: &str) -> Vec<(String, u64, u8, u64)> {
        let mut out = Vec::new();
        flat(
            &parse("s", body, false).expect("a structure").members,
            0,
            &mut out,
        );
        out
    }

    #[test]
    fn members_are_aligned_and_the_first_unknown_ends_it() {
        let body = "\n\t__le32 a; /* x; */\n#define A (1<<2)\n\tu8 b;\n\t__le64\tc[2];\n\tu32 d[3];\n\tstruct x e;\n\tu32 f;\n";
        let expected = [
            ("a", 0, 4, 1),
            ("b", 4, 1, 1),
            ("c", 8, 8, 2),
            ("d", 24, 4, 3),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, a, w, c)| ((*n).to_owned(), *a, *w, *c))
            .collect();
        assert_eq!(members(body), expected);
        assert_eq!(
            parse("s", body, false).expect("one").stopped_at,
            Some("struct x e")
        );
    }

    #[test]
    fn unions_and_inner_structures() {
        let body = "u8 a; union { u32 b; struct { u16 c, d; }; } u; struct { u32 e; u8 f; } g[2]; unsigned char h[0x10-4]; u32 i : 4;";
        let expected = [
            ("a", 0, 1, 1),
            ("b", 4, 4, 1),
            ("c", 4, 2, 1),
            ("d", 6, 2, 1),
            ("e", 8, 4, 1),
            ("f", 12, 1, 1),
            ("h", 24, 1, 12),
            ("i", 36, 4, 1),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, a, w, c)| ((*n).to_owned(), *a, *w, *c))
            .collect();
        assert_eq!(members(body), expected);
    }
}

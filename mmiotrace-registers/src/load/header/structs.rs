//! Structures whose members are registers.

/// A structure: its members with their offsets in bytes.
#[derive(Clone, Debug)]
pub(super) struct Struct<'t> {
    pub(super) name: &'t str,
    pub(super) members: Vec<Member<'t>>,
}

#[derive(Clone, Debug)]
pub(super) struct Member<'t> {
    pub(super) name: &'t str,
    /// The offset in bytes.
    pub(super) at: u64,
    pub(super) width: u8,
    pub(super) count: u64,
}

/// The structure with these members, up to the first that is no register: behind that no offset
/// is known. `None` where the first is none.
pub(super) fn parse<'t>(name: &'t str, body: &'t str) -> Option<Struct<'t>> {
    let mut members = Vec::new();
    let mut at = 0u64;
    for declaration in Declarations(body) {
        let mut words = declaration
            .split_whitespace()
            .filter(|word| !matches!(*word, "volatile" | "const" | "__iomem"));
        let Some(width) = words.next().and_then(width_of) else {
            break;
        };
        let rest = words.collect::<Vec<_>>().join(" ");
        let Some(len) = super::source::name_len(&rest) else {
            break;
        };
        // The text of the declaration outlives the joined words.
        let member = &rest[..len];
        let Some(start) = declaration.find(member) else {
            break;
        };
        let Some(count) = count_of(&rest[len..]) else {
            break;
        };
        at = at.next_multiple_of(u64::from(width));
        members.push(Member {
            name: &declaration[start..start + len],
            at,
            width,
            count,
        });
        let Some(next) = count
            .checked_mul(u64::from(width))
            .and_then(|bytes| at.checked_add(bytes))
        else {
            break;
        };
        at = next;
    }
    (!members.is_empty() && !name.is_empty()).then_some(Struct { name, members })
}

fn width_of(word: &str) -> Option<u8> {
    Some(match word {
        "u8" | "__u8" | "uint8_t" => 1,
        "u16" | "__u16" | "__le16" | "__hc16" | "uint16_t" => 2,
        "u32" | "__u32" | "__le32" | "__hc32" | "uint32_t" => 4,
        "u64" | "__u64" | "__le64" | "uint64_t" => 8,
        _ => return None,
    })
}

/// How many elements: 1 without brackets, the number in them, or what small arithmetic there gives.
fn count_of(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.is_empty() {
        return Some(1);
    }
    let inside = text.strip_prefix('[')?.split_once(']')?.0.trim();
    crate::number::parse(inside)
}

/// The declarations between semicolons, without comments and directives.
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
                let (declaration, rest) = self.0.split_once(';').unwrap_or((self.0, ""));
                self.0 = rest;
                return Some(declaration);
            }
        }
    }
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

    #[test]
    fn members_are_aligned_and_the_first_unknown_ends_it() {
        let body = "\n\t__le32 a; /* x; */\n#define A (1<<2)\n\tu8 b;\n\t__le64\tc[2];\n\tu32 d[3];\n\tstruct x e;\n\tu32 f;\n";
        let found = parse("s", body).unwrap();
        let members: Vec<_> = found
            .members
            .iter()
            .map(|m| (m.name, m.at, m.width, m.count))
            .collect();
        assert_eq!(
            members,
            [
                ("a", 0, 4, 1),
                ("b", 4, 1, 1),
                ("c", 8, 8, 2),
                ("d", 24, 4, 3)
            ]
        );
    }
}

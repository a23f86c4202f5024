//! Arrays: how many, how far apart, and what the elements are called.

use std::borrow::Cow;

/// The `dimElementGroup` of an element.
#[derive(Clone, Debug)]
pub(super) struct Dim<'d> {
    pub(super) count: u64,
    /// From one element to the next: address units, or bits of a field.
    pub(super) increment: u64,
    names: Names<'d>,
}

#[derive(Clone, Debug)]
enum Names<'d> {
    /// Numbers from this one on.
    From(u64),
    /// Letters from this one on.
    Letters(u8),
    List(Vec<&'d str>),
}

impl<'d> Dim<'d> {
    pub(super) fn new(count: u64, increment: u64, index: Option<&'d str>) -> (Self, bool) {
        let names = index.and_then(names);
        let understood = match (&names, index) {
            (None, Some(_)) => false,
            (Some(Names::List(list)), _) => list.len() as u64 == count,
            _ => true,
        };
        let names = names.unwrap_or(Names::From(0));
        let dim = Self {
            count,
            increment,
            names,
        };
        (dim, understood)
    }

    /// What element `number` is called.
    pub(super) fn name(&self, number: u64) -> Cow<'d, str> {
        match &self.names {
            Names::From(first) => Cow::Owned(first.saturating_add(number).to_string()),
            Names::Letters(first) => match u8::try_from(u64::from(*first) + number) {
                Ok(letter) if letter.is_ascii_alphabetic() => {
                    Cow::Owned(char::from(letter).to_string())
                }
                _ => Cow::Owned(number.to_string()),
            },
            Names::List(list) => match usize::try_from(number).ok().and_then(|at| list.get(at)) {
                Some(name) => Cow::Borrowed(name),
                None => Cow::Owned(number.to_string()),
            },
        }
    }

    /// Whether the elements are called 0, 1, 2 and so on.
    pub(super) fn is_numbered(&self) -> bool {
        match &self.names {
            Names::From(first) => *first == 0,
            Names::Letters(_) => false,
            Names::List(list) => {
                let mut numbers = list.iter().enumerate();
                numbers.all(|(number, name)| name.parse() == Ok(number))
            }
        }
    }
}

/// `0-3`, `A-D`, `A,B,C`, and a single name.
fn names(index: &str) -> Option<Names<'_>> {
    if !index.contains(',')
        && let Some((first, last)) = index.split_once('-')
    {
        let (first, last) = (first.trim(), last.trim());
        return match (first.parse::<u64>(), first.as_bytes(), last.as_bytes()) {
            (Ok(from), _, _) => last.parse::<u64>().is_ok().then_some(Names::From(from)),
            (_, [first], [last]) if first.is_ascii_alphabetic() && first <= last => {
                Some(Names::Letters(*first))
            }
            _ => None,
        };
    }
    Some(Names::List(index.split(',').map(str::trim).collect()))
}

/// The name without the place of the index.
pub(super) fn plain_name(name: &str) -> String {
    name.replace("[%s]", "").replace("%s", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(count: u64, index: &str) -> (Vec<String>, bool) {
        let (dim, understood) = Dim::new(count, 4, Some(index));
        let names = (0..count).map(|number| dim.name(number).into_owned());
        (names.collect(), understood)
    }

    #[test]
    fn names_of_elements() {
        let table: [(u64, &str, &[&str], bool); 6] = [
            (3, "3-5", &["3", "4", "5"], true),
            (2, "A-B", &["A", "B"], true),
            (2, "A, B", &["A", "B"], true),
            (3, "A,B", &["A", "B", "2"], false),
            (1, "X", &["X"], true),
            (2, "A0-B1", &["0", "1"], false),
        ];
        for (count, index, expected, understood) in table {
            assert_eq!(
                all(count, index),
                (
                    expected.iter().map(ToString::to_string).collect(),
                    understood
                ),
                "{index}"
            );
        }
    }
}

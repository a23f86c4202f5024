//! The small words inside strings: bits, conditions, device ids, references.

use super::table::{Result, Value};
use crate::error::LoadErrorKind;
use crate::model::{
    Condition, ConditionId, DeviceMatch, FieldRef, RegisterMap, RegisterRef, SpaceId, VariantSet,
};

/// `7` or `7:4` (high first) as the lowest and the highest bit.
pub(super) fn bits(value: &Value<'_>) -> Result<(u8, u8)> {
    if value.is_integer() {
        let bit = value.number_below(64)? as u8;
        return Ok((bit, bit));
    }
    let text = value.str()?;
    parse_bits(text)
        .ok_or_else(|| value.invalid(format!("`{text}` is no bit or `high:low` below 64")))
}

fn parse_bits(text: &str) -> Option<(u8, u8)> {
    let bit = |text: &str| {
        crate::number::parse(text)
            .filter(|bit| *bit < 64)
            .map(|bit| bit as u8)
    };
    match text.split_once(':') {
        Some((high, low)) => Some((bit(low)?, bit(high)?)).filter(|(low, high)| low <= high),
        None => bit(text).map(|bit| (bit, bit)),
    }
}

/// `8086:100e`, `8086:1000-10ff`, `8086:*`, `driver:e1000`, `class:0108`, `name:NVMe`, `file:NAME`.
pub(super) fn device_match(value: &Value<'_>) -> Result<DeviceMatch> {
    let text = value.str()?;
    parse_device(text).ok_or_else(|| {
        value.invalid(format!(
            "`{text}` is no device: expected `8086:100e`, `8086:1000-10ff`, `8086:*`, `driver:NAME`, `class:0108`, `name:TEXT` or `file:NAME`"
        ))
    })
}

fn parse_device(text: &str) -> Option<DeviceMatch> {
    let hex = |text: &str| {
        (text.len() == 4 && !text.starts_with('+'))
            .then(|| u16::from_str_radix(text, 16).ok())
            .flatten()
    };
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "driver" => (!rest.is_empty()).then(|| DeviceMatch::Driver(rest.to_owned())),
        "name" => (!rest.is_empty()).then(|| DeviceMatch::Name(rest.to_owned())),
        "file" => (!rest.is_empty()).then(|| DeviceMatch::File(rest.to_owned())),
        "class" => hex(rest).map(DeviceMatch::Class),
        vendor => {
            let vendor = hex(vendor)?;
            let (first, last) = match rest.split_once('-') {
                _ if rest == "*" => (0, u16::MAX),
                Some((first, last)) => (hex(first)?, hex(last)?),
                None => (hex(rest)?, hex(rest)?),
            };
            (first <= last).then_some(DeviceMatch::Pci {
                vendor,
                first,
                last,
            })
        }
    }
}

/// `chip: A0 C0-D0; bus: PCI`, where a map with one family may leave its name out.
pub(super) fn condition(map: &mut RegisterMap, value: &Value<'_>) -> Result<ConditionId> {
    let mut condition = Condition::default();
    for part in value.str()?.split(';') {
        let (family, list) = match part.split_once(':') {
            Some((family, list)) => (family.trim(), list),
            None if map.varsets.len() == 1 => (map.varsets[0].name.as_str(), part),
            None => return Err(value.invalid("expected `FAMILY: VARIANT…`")),
        };
        let Some(id) = map.varset_named(family) else {
            return Err(value.error(
                LoadErrorKind::Dangling,
                format!("there is no family `{family}` in [variants]"),
            ));
        };
        let variants = variants(map, id, list, value)?;
        condition.all_of.push((id, variants));
    }
    Ok(map.add_condition(condition))
}

fn variants(
    map: &RegisterMap,
    id: crate::model::VarsetId,
    list: &str,
    value: &Value<'_>,
) -> Result<VariantSet> {
    let Some(varset) = map.varset(id) else {
        return Ok(VariantSet::empty(0));
    };
    let find = |name: &str| {
        varset.position(name).ok_or_else(|| {
            let text = format!("`{}` has no variant `{name}`", varset.name);
            value.error(LoadErrorKind::Dangling, text)
        })
    };
    let len = varset.variants.len();
    let mut set = VariantSet::empty(len);
    for word in list.split_whitespace() {
        let (first, last) = match word.split_once('-') {
            None => (find(word)?, find(word)?),
            Some((first, last)) => (
                if first.is_empty() { 0 } else { find(first)? },
                if last.is_empty() {
                    (len as u32).saturating_sub(1)
                } else {
                    find(last)?
                },
            ),
        };
        (first..=last).for_each(|variant| set.insert(variant));
    }
    if set.is_empty() {
        return Err(value.invalid("no variant is left"));
    }
    Ok(set)
}

/// `SPACE/REGISTER:FIELD`; without `SPACE/` the register is in `default`.
pub(super) fn field_ref(
    map: &RegisterMap,
    default: Option<SpaceId>,
    value: &Value<'_>,
) -> Result<FieldRef> {
    let text = value.str()?;
    let (space, rest) = match text.split_once('/') {
        Some((name, rest)) => (Some(space(map, name, value)?), rest),
        None => (default, text),
    };
    let Some(space) = space else {
        return Err(value.invalid("expected `SPACE/REGISTER`"));
    };
    let (register, field) = match rest.split_once(':') {
        Some((register, field)) => (register, Some(field.to_owned())),
        None => (rest, None),
    };
    Ok(FieldRef::new(RegisterRef::new(space, register), field))
}

/// A space that is described before.
pub(super) fn space(map: &RegisterMap, name: &str, value: &Value<'_>) -> Result<SpaceId> {
    map.space_named(name).ok_or_else(|| {
        value.error(
            LoadErrorKind::Dangling,
            format!("there is no space `{name}` before this one"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_high_first() {
        assert_eq!(parse_bits("7:4"), Some((4, 7)));
        assert_eq!(parse_bits("7"), Some((7, 7)));
        assert_eq!(parse_bits("4:7"), None);
        assert_eq!(parse_bits("64"), None);
    }

    #[test]
    fn devices() {
        let pci = |vendor, first, last| {
            Some(DeviceMatch::Pci {
                vendor,
                first,
                last,
            })
        };
        assert_eq!(parse_device("8086:100e"), pci(0x8086, 0x100e, 0x100e));
        assert_eq!(parse_device("1af4:1040-107f"), pci(0x1af4, 0x1040, 0x107f));
        assert_eq!(parse_device("10de:*"), pci(0x10de, 0, 0xffff));
        assert_eq!(
            parse_device("driver:nvme"),
            Some(DeviceMatch::Driver("nvme".to_owned()))
        );
        assert_eq!(parse_device("class:0108"), Some(DeviceMatch::Class(0x108)));
        assert_eq!(
            parse_device("file:mmiotrace-demo"),
            Some(DeviceMatch::File("mmiotrace-demo".to_owned()))
        );
        assert_eq!(parse_device("8086"), None);
        assert_eq!(parse_device("8086:+00e"), None);
        assert_eq!(parse_device("8086:2-1"), None);
    }
}

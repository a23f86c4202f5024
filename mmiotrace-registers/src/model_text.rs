//! Parts of a map in words, as the TOML form has them.

use crate::model::{ConditionId, RegisterMap, VariantSet, Varset};

/// A condition: `chipset: NV10-NV20 NV40-`; several families are divided by `;`. Empty: always.
pub(crate) fn condition(map: &RegisterMap, id: ConditionId) -> String {
    let Some(condition) = map.condition(id) else {
        return String::new();
    };
    let mut text = String::new();
    for (varset, variants) in &condition.all_of {
        let Some(varset) = map.varset(*varset) else {
            continue;
        };
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&varset.name);
        text.push(':');
        ranges(varset, variants, &mut text);
    }
    text
}

/// The variants as single names and ranges, both ends included.
fn ranges(varset: &Varset, variants: &VariantSet, text: &mut String) {
    let len = varset.variants.len() as u32;
    let name = |at: u32| varset.variants.get(at as usize).map_or("", String::as_str);
    let mut at = 0;
    while at < len {
        if !variants.contains(at) {
            at += 1;
            continue;
        }
        let first = at;
        while at < len && variants.contains(at) {
            at += 1;
        }
        text.push(' ');
        text.push_str(name(first));
        if at - first > 1 {
            text.push('-');
            text.push_str(name(at - 1));
        }
    }
}

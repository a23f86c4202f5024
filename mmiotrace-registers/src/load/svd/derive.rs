//! Finding what something is derived from.

use crate::error::{LoadError, LoadErrorKind};
use std::collections::{HashMap, HashSet};
use svd_parser::svd::derive_from::DeriveFrom;
use svd_parser::svd::{
    Cluster, ClusterInfo, Device, EnumeratedValues, FieldInfo, MaybeArray, PeripheralInfo,
    Register, RegisterCluster, RegisterInfo,
};

/// How long a chain of `derivedFrom` may be.
const MAX_CHAIN: usize = 64;

/// Everything that can be derived from, by name and by dotted path.
pub(super) struct Sources<'d> {
    peripherals: HashMap<&'d str, &'d PeripheralInfo>,
    clusters: HashMap<String, &'d ClusterInfo>,
    registers: HashMap<String, &'d RegisterInfo>,
    fields: HashMap<String, &'d FieldInfo>,
    values: HashMap<String, &'d EnumeratedValues>,
}

impl<'d> Sources<'d> {
    pub(super) fn new(device: &'d Device) -> Self {
        let mut sources = Self {
            peripherals: HashMap::new(),
            clusters: HashMap::new(),
            registers: HashMap::new(),
            fields: HashMap::new(),
            values: HashMap::new(),
        };
        for peripheral in &device.peripherals {
            sources
                .peripherals
                .entry(&peripheral.name)
                .or_insert(peripheral);
            for child in peripheral.registers.iter().flatten() {
                sources.child(&peripheral.name, child);
            }
        }
        sources
    }

    fn child(&mut self, path: &str, child: &'d RegisterCluster) {
        match child {
            RegisterCluster::Cluster(cluster) => {
                let full = format!("{path}.{}", cluster.name);
                for inner in &cluster.children {
                    self.child(&full, inner);
                }
                self.clusters.entry(full).or_insert(cluster);
                self.clusters.entry(cluster.name.clone()).or_insert(cluster);
            }
            RegisterCluster::Register(register) => self.register(path, register),
        }
    }

    fn register(&mut self, path: &str, register: &'d RegisterInfo) {
        let full = format!("{path}.{}", register.name);
        for field in register.fields.iter().flatten() {
            let field_path = format!("{full}.{}", field.name);
            for values in &field.enumerated_values {
                if let Some(name) = &values.name {
                    self.values.entry(name.clone()).or_insert(values);
                    self.values
                        .entry(format!("{}.{name}", field.name))
                        .or_insert(values);
                    self.values
                        .entry(format!("{}.{}.{name}", register.name, field.name))
                        .or_insert(values);
                    self.values
                        .entry(format!("{field_path}.{name}"))
                        .or_insert(values);
                }
            }
            self.fields
                .entry(format!("{}.{}", register.name, field.name))
                .or_insert(field);
            self.fields.entry(field_path).or_insert(field);
        }
        self.registers.entry(full).or_insert(register);
        self.registers
            .entry(register.name.clone())
            .or_insert(register);
    }

    pub(super) fn peripheral(&self, of: &PeripheralInfo) -> Result<PeripheralInfo, LoadError> {
        let find = |name: &str| self.peripherals.get(name).copied();
        chain(of, &of.name, |info| info.derived_from.as_deref(), find)
    }

    /// `scope` is the path of what holds it, for names of neighbours.
    pub(super) fn cluster(&self, of: &Cluster, scope: &str) -> Result<ClusterInfo, LoadError> {
        let find = |name: &str| lookup(&self.clusters, scope, name);
        chain(
            info(of),
            &of.name,
            |info| info.derived_from.as_deref(),
            find,
        )
    }

    pub(super) fn of_register(
        &self,
        of: &Register,
        scope: &str,
    ) -> Result<RegisterInfo, LoadError> {
        let find = |name: &str| lookup(&self.registers, scope, name);
        chain(
            info(of),
            &of.name,
            |info| info.derived_from.as_deref(),
            find,
        )
    }

    pub(super) fn field(&self, of: &FieldInfo, scope: &str) -> Result<FieldInfo, LoadError> {
        let find = |name: &str| lookup(&self.fields, scope, name);
        chain(of, &of.name, |info| info.derived_from.as_deref(), find)
    }

    pub(super) fn enumerated(
        &self,
        of: &EnumeratedValues,
        scope: &str,
    ) -> Result<EnumeratedValues, LoadError> {
        let find = |name: &str| lookup(&self.values, scope, name);
        chain(
            of,
            "enumeratedValues",
            |info| info.derived_from.as_deref(),
            find,
        )
    }
}

const fn info<T>(of: &MaybeArray<T>) -> &T {
    match of {
        MaybeArray::Single(info) | MaybeArray::Array(info, _) => info,
    }
}

fn lookup<'d, T>(known: &HashMap<String, &'d T>, scope: &str, name: &str) -> Option<&'d T> {
    known
        .get(&format!("{scope}.{name}"))
        .or_else(|| known.get(name))
        .copied()
}

/// The element with everything that it takes from the one it is derived from, and so on.
fn chain<'d, T: DeriveFrom + Clone + 'd>(
    of: &T,
    name: &str,
    from: impl Fn(&T) -> Option<&str>,
    find: impl Fn(&str) -> Option<&'d T>,
) -> Result<T, LoadError> {
    let mut derived = of.clone();
    let mut next = from(of).map(str::to_owned);
    let mut seen = HashSet::new();
    while let Some(base) = next {
        if !seen.insert(base.clone()) || seen.len() > MAX_CHAIN {
            let text = format!("{name}: derivedFrom `{base}` leads in a circle");
            return Err(LoadError::new(LoadErrorKind::Cycle, text));
        }
        let Some(found) = find(&base) else {
            let text = format!("{name} is derived from `{base}`, which does not exist");
            return Err(LoadError::new(LoadErrorKind::Dangling, text));
        };
        derived = derived.derive_from(found);
        next = from(found).map(str::to_owned);
    }
    Ok(derived)
}

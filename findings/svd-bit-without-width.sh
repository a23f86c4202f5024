#!/usr/bin/env bash
# A field with a bitOffset and no bitWidth is valid by the schema. svd-parser refuses the whole file, and cmsis-svd
# returns a field without a width.
#
# Versions: svd-parser 0.14.10 (crates.io), cmsis-svd 0.6 (PyPI), Python 3, any stable Rust.
# Expected: the file is read; readers that need a width take one bit.
# Seen:     svd-parser: an error for the file. cmsis-svd: bit_width is None.
# Source:   CMSIS-SVD schema 1.3, type of `field`, style bitOffset/bitWidth: bitWidth has minOccurs 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
field='<field><name>READY</name><description>ready</description><bitOffset>3</bitOffset></field>'
cat > bit.svd <<SVD
<?xml version="1.0" encoding="utf-8"?>
<device schemaVersion="1.3" xmlns:xs="http://www.w3.org/2001/XMLSchema-instance">
  <name>BIT</name><version>1</version><description>one bit</description>
  <addressUnitBits>8</addressUnitBits><width>32</width><size>32</size>
  <peripherals><peripheral>
    <name>P</name><version>1</version><description>one</description><baseAddress>0x40000000</baseAddress>
    <addressBlock><offset>0</offset><size>0x1000</size><usage>registers</usage></addressBlock>
    <registers><register><name>R</name><description>register</description><addressOffset>0x4</addressOffset>
      <fields>$field</fields></register></registers>
  </peripheral></peripherals>
</device>
SVD
sed 's,</bitOffset>,</bitOffset><bitWidth>1</bitWidth>,' bit.svd > width.svd
mkdir -p probe/src
cat > probe/Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"
[dependencies]
svd-parser = "=0.14.10"
[workspace]
TOML
cat > probe/src/main.rs <<'RUST'
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    println!("{}", if svd_parser::parse(&text).is_ok() { "read" } else { "refused" });
}
RUST
probe() { cargo run --quiet --manifest-path probe/Cargo.toml -- "$1"; }
with=$(probe width.svd)
without=$(probe bit.svd)
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install 'cmsis-svd==0.6'
width=$(venv/bin/python - <<'PY'
from cmsis_svd.parser import SVDParser
device = SVDParser.for_xml_file("bit.svd").get_device()
print(*(f.bit_width for p in device.peripherals for r in p.get_registers() for f in r.get_fields()))
PY
)
echo "svd-parser: with bitWidth: $with; without: $without. cmsis-svd: width without bitWidth: $width"
[ "$with" = read ] && [ "$without" = refused ] && [ "$width" = None ]

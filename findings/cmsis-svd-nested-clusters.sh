#!/usr/bin/env bash
# A register inside a cluster inside a cluster: cmsis-svd adds the offset of the inner cluster only.
#
# Versions: cmsis-svd 0.6 (PyPI), Python 3.
# Input:    a peripheral at 0x40000000, a cluster at +0x100, in it a cluster at +0x20, in it a register at +0x4.
# Expected: the register's offset in its peripheral is 0x124: an addressOffset counts from the enclosing element.
# Seen:     0x24, and the outer cluster is missing from the name (INNER_R).
# Source:   CMSIS-SVD description format, element `cluster`: addressOffset is relative to the enclosing cluster or,
#           at the top, to the peripheral's baseAddress; clusters may be nested since schema 1.3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install 'cmsis-svd==0.6'
cat > nested.svd <<'SVD'
<?xml version="1.0" encoding="utf-8"?>
<device schemaVersion="1.3" xmlns:xs="http://www.w3.org/2001/XMLSchema-instance">
  <name>NEST</name><version>1</version><description>nested clusters</description>
  <addressUnitBits>8</addressUnitBits><width>32</width><size>32</size>
  <peripherals><peripheral>
    <name>P</name><version>1</version><description>one</description><baseAddress>0x40000000</baseAddress>
    <addressBlock><offset>0</offset><size>0x1000</size><usage>registers</usage></addressBlock>
    <registers>
      <cluster><name>OUTER</name><description>outer</description><addressOffset>0x100</addressOffset>
        <cluster><name>INNER</name><description>inner</description><addressOffset>0x20</addressOffset>
          <register><name>R</name><description>register</description><addressOffset>0x4</addressOffset></register>
        </cluster>
      </cluster>
    </registers>
  </peripheral></peripherals>
</device>
SVD
seen=$(venv/bin/python - <<'PY'
from cmsis_svd.parser import SVDParser
device = SVDParser.for_xml_file("nested.svd").get_device()
print(*(f"{r.name} {r.address_offset:#x}" for p in device.peripherals for r in p.get_registers()))
PY
)
echo "expected: offset 0x124; seen: $seen"
[ "$seen" = "INNER_R 0x24" ]

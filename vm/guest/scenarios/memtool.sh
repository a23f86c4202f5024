# A packaged program that maps registers, from the file of the device's BAR and from /dev/mem.
pci_ranges > /out/pci
card=/sys/bus/pci/devices/$(bdf 0x1234 0x11e8)
echo 1 > "$card/enable"
read -r address _ < "$card/resource"
use="memtool md -l -s $card/resource0 0+8
memtool mw -l -d $card/resource0 4 0x12345678
memtool md -l -s $card/resource0 4+4
memtool mw -l -d $card/resource0 8 6
memtool md -l -s $card/resource0 8+4
memtool md -l $address+8"
phase 1
record_program trace dash -c "$use"
phase 2
grep -q edcba987 /out/trace.log || fail "the device does not answer as it should"

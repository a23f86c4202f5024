# The module comes and goes while all CPUs access one page; each time it arms a mapping that exists.
pci_ranges > /out/pci
test_module
window=$(awk '$2 == "0x1234" { print substr($4, 3) "-" substr($5, 3) }' /out/pci)
phase 1
run_test hammer 90000 &
load=$!
wait_for 30 grep -q 'mmiotrace_test.*phys=' /proc/vmallocinfo || fail "no mapping"
for round in 1 2 3; do
    record_start "/out/trace$round" premapped "$window"
    sleep 0.5
    record_stop
    rmmod mmiotrace || fail "the module does not go"
done
run_test hammer-end
wait $load || fail "hammer"
phase 2

# The module comes and goes while all CPUs access one page; each time it arms a mapping that exists.
pci_ranges > /out/pci
test_module
phase 1
run_test hammer 90000 &
load=$!
wait_for 30 grep -q 'mmiotrace_test.*phys=' /proc/vmallocinfo || fail "no mapping"
for round in 1 2 3; do
    record_start "/out/trace$round" --device "$(bdf 0x1234 0x11e8)"
    sleep 0.5
    record_stop
    [ ! -e /sys/module/mmiotrace ] || fail "the module is still there"
done
# Without its recorder, in the middle of a capture.
record_start /out/killed --device "$(bdf 0x1234 0x11e8)"
sleep 0.3
kill -9 $recorder
wait $recorder
rmmod mmiotrace || fail "the module does not go while it captures"
run_test hammer-end
wait $load || fail "hammer"
phase 2

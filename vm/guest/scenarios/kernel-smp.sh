# Four threads on one page under the kernel's own tracer, whose CPUs are put on-line again by hand.
T=/sys/kernel/tracing
test_module
pci_ranges > /out/pci
echo 60000 > $T/buffer_size_kb
phase 1
record_start /out/trace --all
run_test edu 2000
record_stop
phase 2
echo mmiotrace > $T/current_tracer || fail "no mmiotrace"
for cpu in 1 2 3; do echo 1 > /sys/devices/system/cpu/cpu$cpu/online; done
cat $T/trace_pipe > /out/kernel &
reader=$!
phase 3
run_test edu 2000
phase 4
sleep 1
echo 0 > $T/tracing_on
sleep 1
kill $reader
wait $reader
echo nop > $T/current_tracer

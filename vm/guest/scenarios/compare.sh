# The same accesses with the kernel's own tracer and with ours, on one CPU.
T=/sys/kernel/tracing
test_module
pci_ranges > /out/pci
for cpu in 1 2 3; do echo 0 > /sys/devices/system/cpu/cpu$cpu/online; done
echo 60000 > $T/buffer_size_kb
echo mmiotrace > $T/current_tracer || fail "no mmiotrace"
cat $T/trace_pipe > /out/kernel &
reader=$!
phase 1
run_test edu 50
run_test unaligned
run_test twice
phase 2
sleep 1
echo 0 > $T/tracing_on
sleep 1
kill $reader
wait $reader
echo nop > $T/current_tracer
for cpu in 1 2 3; do echo 0 > /sys/devices/system/cpu/cpu$cpu/online 2>/dev/null; done
phase 3
record_start /out/trace --all
run_test edu 50
run_test unaligned
run_test twice
record_stop
phase 4

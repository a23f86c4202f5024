# What an access takes, in rounds one after the other: untraced, with our module, with the kernel's own
# tracer, each recorded to a file. Of several rounds the best counts: the machine is shared.
T=/sys/kernel/tracing
test_module
pci_ranges > /out/pci
echo 60000 > $T/buffer_size_kb
for round in 1 2 3; do
    run_test cost untraced
    record_start /out/trace --all
    run_test cost ours
    record_stop
    echo mmiotrace > $T/current_tracer || fail "no mmiotrace"
    cat $T/trace_pipe > /out/kernel &
    reader=$!
    run_test cost kernel
    sleep 1
    kill $reader
    wait $reader
    echo nop > $T/current_tracer
    for cpu in 1 2 3; do echo 1 > /sys/devices/system/cpu/cpu$cpu/online; done
done
dmesg | grep -o 'cost .*' | tee /out/cost

# What an access takes: untraced, with our module, with the kernel's own tracer.
test_module
run_test cost untraced
record_begin all
run_test cost ours
record_end
T=/sys/kernel/tracing
echo 60000 > $T/buffer_size_kb
echo mmiotrace > $T/current_tracer || fail "no mmiotrace"
run_test cost kernel
echo 0 > $T/tracing_on
echo nop > $T/current_tracer
dmesg | grep -o 'cost .*' | tee /out/cost

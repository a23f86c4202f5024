# Mappings and block functions at which the kernel's own tracer fails.
record_begin --all
test_module
run_test unaligned
run_test twice
run_test blocks
run_test huge
run_test maps 10000
record_end

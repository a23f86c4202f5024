# Memory of a graphics card: known accesses, known bytes, all read back.
record_begin --all
test_module
run_test framebuffer
record_end
dmesg | grep -o 'framebuffer: .*' > /out/counts
cat /out/counts

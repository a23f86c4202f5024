# Four kernel threads on one page: reads, writes, locked, string and SSE instructions, in any order.
record_begin --all
test_module
run_test mixed 400
record_end

# Four kernel threads on one page: reads, writes, locked, string and SSE instructions, in any order.
record_begin --all
test_module
run_test mixed 400
# The command's verdict: values of SSE accesses are not learnt.
record_end 1

record_begin --all
test_module
run_test nmi 2000
record_end

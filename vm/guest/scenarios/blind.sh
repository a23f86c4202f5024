# What cannot be seen exactly is named: an access to memory that has to be paged in, and mappings beyond
# those that are traced at a time. Everything else is seen, then and afterwards.
record_begin --all
test_module
run_test paged
sleep 0.2
run_test crowd 1100
run_test edu 50
record_end 1

# A ring of 128 records, and a recorder that is stopped while accesses are made. The trace says so.
record_begin --all --buffer 8K
test_module
kill -STOP $recorder
run_test edu 300
kill -CONT $recorder
sleep 0.5
run_test twice
record_end 1

# A ring of 128 records, and a recorder that is stopped while accesses are made.
record_begin all ring=8192
test_module
kill -STOP $recorder
run_test edu 300
kill -CONT $recorder
sleep 0.5
run_test twice
record_end

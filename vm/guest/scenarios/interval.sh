# As contention, without the lock that puts accesses in order: all are there, and the trace says of which
# the place is not exact.
record_begin --all --order interval
test_module
run_test mixed 400
record_end
grep -q 'mmiotrace1 unordered' /out/trace || fail "nothing ran at the same time, or it is not reported"
mmiotrace check /out/trace | grep unordered-access || fail "the verdict does not report it"

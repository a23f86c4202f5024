# The recorder is killed; what happens until another one comes is in the rings. Killed in the middle of
# its work, too: the trace is cut where the next one goes on.
record_begin --all
test_module
run_test twice
for round in 1 2 3; do
    run_test edu 300 &
    load=$!
    sleep 0.0$round
    kill -9 $recorder
    wait $recorder
    wait $load || fail "edu"
    wc -c /out/trace
    mmiotrace mark --to kmod "round $round" || fail "no marker without a recorder"
    record_start /out/trace --resume
    run_test twice
done
phase 2
record_stop
# It was loaded by the first recorder.
rmmod mmiotrace || fail "the module does not go"

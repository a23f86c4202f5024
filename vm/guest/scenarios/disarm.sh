# The recorder is killed and none comes back: the capture ends by itself, its pages are open again, and
# what it had recorded until then can still be had.
record_begin --all --disarm-after 2s
test_module
run_test edu 200
kill -9 $recorder
wait $recorder
run_test edu 100
phase 2
wait_for 30 grep -q 'no capture runs' /dev/mmiotrace || fail "the capture does not end"
dmesg | grep -q 'no recorder came back' || fail "the reason is not given"
# Not traced any more.
run_test edu 100
record_start /out/trace --resume
record_stop
rmmod mmiotrace || fail "the module does not go"

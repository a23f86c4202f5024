# CPUs go and come back while all access one page.
record_begin --all
test_module
run_test hammer 4000 &
load=$!
for round in 1 2 3; do
    sleep 0.5
    echo 0 > /sys/devices/system/cpu/cpu3/online || fail "cpu3 does not go"
    sleep 0.3
    echo 1 > /sys/devices/system/cpu/cpu3/online || fail "cpu3 does not come back"
done
wait $load || fail "hammer"
record_end

# The recorder is killed; what happens until another one comes is in the rings.
record_begin all
test_module
run_test twice
sleep 0.5
kill -9 $recorder
wait $recorder
run_test edu 300
mv /out/trace /out/first
record_resume
run_test twice
record_end

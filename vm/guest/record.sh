# Records with the kernel's own tracer; it takes all CPUs but one off-line.
T=/sys/kernel/tracing
mark() { echo "$1" > $T/trace_marker; }
quiet() { ! grep -hq '^entries: [1-9]' $T/per_cpu/cpu*/stats; }

echo 60000 > $T/buffer_size_kb
echo mmiotrace > $T/current_tracer || fail "no mmiotrace"
cat $T/trace_pipe > /out/trace &
reader=$!
mark attach && "${device}_attach"
mark work && "${device}_work"
mark detach && "${device}_detach"
echo 0 > $T/tracing_on
# Switching the tracer off empties the buffers: wait until the reader has got all.
wait_for 30 quiet || fail "the reader does not come to an end"
sleep 0.3
kill $reader
wait $reader
grep -h '^overrun: [1-9]' $T/per_cpu/cpu*/stats && fail "events were lost"
echo nop > $T/current_tracer
head -1 /out/trace | grep -qx 'VERSION 20070824' || fail "the trace has no beginning"

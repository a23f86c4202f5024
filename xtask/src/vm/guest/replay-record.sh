# Records the start-up of real drivers with the kernel's own tracer, and notes the state in which
# each leaves its device.
. /devices.sh
. /registers.sh
T=/sys/kernel/tracing
mark() { echo "$1" > $T/trace_marker; }
quiet() { ! grep -hq '^entries: [1-9]' $T/per_cpu/cpu*/stats; }

pci_ranges > /out/pci
echo 60000 > $T/buffer_size_kb
echo mmiotrace > $T/current_tracer || fail "no mmiotrace"
cat $T/trace_pipe > /out/trace &
reader=$!
mark "begin e1000"
# Loaded, and not brought up: up to here the card needs no memory of the machine's.
load e1000 || fail "e1000 does not load"
mark "end e1000"
registers e1000 > /out/e1000.state
mark "begin edu" && edu_attach && edu_work && mark "end edu"
registers edu > /out/edu.state
mark "begin nvme" && nvme_attach && mark "end nvme"
mark "begin xhci" && xhci_attach && mark "end xhci"
echo 0 > $T/tracing_on
wait_for 30 quiet || fail "the reader does not come to an end"
sleep 0.3
kill $reader
wait $reader
grep -h '^overrun: [1-9]' $T/per_cpu/cpu*/stats && fail "events were lost"
echo nop > $T/current_tracer

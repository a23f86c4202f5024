# The driver is loaded already.
e1000_attach
# Quiet, so that no access falls between the beginning of the recording and of the devices' log.
ip link set eth0 down
sleep 2
record_begin --device "$(bdf 0x8086 0x100e)"
ip link set eth0 up
wait_for 20 e1000_link || fail "no link"
e1000_work
e1000_detach
record_end

# What a person does: a driver by its module's file, with a command; then the same device, whose driver is
# loaded, from its beginning; then as it is.
pci_ranges > /out/pci
card=$(bdf 0x8086 0x100e)
use='. /lib.sh; . /devices.sh; e1000_attach; e1000_work; ip link set eth0 down; mmiotrace mark "it works"'
capture() {
    name=$1
    shift
    mmiotrace record --backend kmod --module /our/mmiotrace.ko -o "/out/$name" "$@" 2> "/out/$name.log"
    status=$?
    cat "/out/$name.log"
    [ $status = 0 ] || fail "$name ended with $status"
    [ ! -e /sys/module/mmiotrace ] || fail "the module is still there"
}
phase 1
capture trace --driver /m/e1000.ko --mark 'my mark' -- sh -c "$use"
[ ! -e /sys/module/e1000 ] || fail "the driver is still there"
phase 2
load e1000
phase 3
capture bind --device "$card" --reload -- sh -c "$use"
phase 4
[ -e "/sys/bus/pci/devices/$card/driver" ] || fail "the device is not bound again"
ip link set eth0 down
sleep 0.5
phase 5
capture bound --driver e1000 -- sh -c "$use"
phase 6
# The status of the command is returned.
mmiotrace record --backend kmod --module /our/mmiotrace.ko -o /out/status --device "$card" -- sh -c 'exit 7'
[ $? = 7 ] || fail "the command's status is not returned"

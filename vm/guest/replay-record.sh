# Records the start-up of real drivers, and notes the state in which each leaves its device.
pci_ranges > /out/pci
cat > /work.sh <<'END'
. /lib.sh
. /devices.sh
. /registers.sh
next=0
# section NAME COMMAND...: between two markers of the trace and two phases of the devices' log.
section() {
    name=$1
    shift
    mmiotrace mark "begin $name" || fail "no marker"
    next=$((next + 1)) && phase $next
    "$@" || fail "$*"
    next=$((next + 1)) && phase $next
    mmiotrace mark "end $name" || fail "no marker"
}
# Loaded, and not brought up: up to here the card needs no memory of the machine's.
section e1000 load e1000
registers e1000 > /out/e1000.state
edu_attach
# Several times, so that its wait is long and short.
edu_often() { for turn in 1 2 3 4 5 6 7 8 9 10 11 12; do run_test edu 10; done; }
section edu edu_often
registers edu > /out/edu.state
section nvme nvme_attach
section xhci xhci_attach
END
mmiotrace record --backend tracefs --buffer 60M -o /out/trace -- sh /work.sh > /out/record.log 2>&1 ||
    fail "record: $(cat /out/record.log)"
cat /out/record.log

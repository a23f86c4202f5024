# Functions for scenarios. busybox sh.

# load NAME: a module of the kernel with all it depends on. One that is loaded already, or built
# in, is no error; one that another process is just loading is waited for.
is_live() { grep -q live "/sys/module/$1/initstate" 2>/dev/null; }
load() {
    for module in $(cat "/m/$1.list"); do
        is_live "$module" || insmod "/m/$module.ko" 2>/dev/null || wait_for 20 is_live "$module" || return 1
    done
}

# fail TEXT: ends the scenario.
fail() {
    echo "FAILED: $*"
    exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    tries=$(($1 * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}

# phase N: a write to a port that only the log of the devices sees; it cuts that log.
phase() {
    printf "\\x$(printf %x "$1")" | dd of=/dev/port bs=1 count=1 seek=1520 2>/dev/null
}

# The memory ranges of all PCI devices: "BDF vendor device start end flags", one range a line.
pci_ranges() {
    for device in /sys/bus/pci/devices/*; do
        while read -r start end flags; do
            [ $((flags & 0x200)) -ne 0 ] &&
                echo "${device##*/} $(cat "$device/vendor") $(cat "$device/device") $start $end $flags"
        done < "$device/resource"
    done
}

# The file of the virtio-serial port that has this name.
port() {
    for port in /sys/class/virtio-ports/*; do
        [ "$(cat "$port/name")" = "$1" ] && echo "/dev/${port##*/}"
    done
}

hand_out() {
    if wait_for 5 test -e /sys/class/virtio-ports/vport0p1; then
        tar -c -C /out . > "$(port out)"
    else
        echo "FAILED: no port to hand out the results"
    fi
}

# disk_of WORD: the SCSI disk whose place among the devices has that word in its name.
disk_of() {
    for disk in /sys/block/sd*; do
        case $(readlink -f "$disk") in
            *"$1"*) [ -b "/dev/${disk##*/}" ] && echo "/dev/${disk##*/}" && return ;;
        esac
    done
    return 1
}

# disk_work FILE: reads and writes past the cache, and fails where a block comes back wrong.
disk_work() {
    copy=/tmp/${1##*/}
    dd if="$1" of="$copy.1" bs=64k count=4 iflag=direct 2>/dev/null || fail "cannot read $1"
    dd if="$copy.1" of="$1" bs=64k count=4 seek=8 oflag=direct 2>/dev/null || fail "cannot write $1"
    dd if="$1" of="$copy.2" bs=64k count=4 skip=8 iflag=direct 2>/dev/null || fail "cannot read $1 again"
    cmp "$copy.1" "$copy.2" || fail "$1 returns other bytes than were written"
}

# together NAME...: each device's driver from load to unload, all at the same time.
together() {
    processes=
    for name in "$@"; do
        ("${name}_attach" && "${name}_work" && "${name}_detach") &
        processes="$processes $!"
    done
    for process in $processes; do
        wait "$process" || fail "one of: $*"
    done
}

# prepare DEVICE: what a device needs before the recording begins.
prepare() {
    case $(type "$1_prepare" 2>&1) in
        *function*) "$1_prepare" ;;
    esac
}

# record_start FILE ARGUMENTS...: begins to record with our module.
record_start() {
    file=$1
    shift
    # What it says is waited for: not what another one has said.
    rm -f /out/recorder.log
    mmiotrace record --backend kmod --module /our/mmiotrace.ko -o "$file" "$@" \
        > /out/recorder.log 2>&1 < /dev/null &
    recorder=$!
    wait_for 20 grep -q 'recording to' /out/recorder.log ||
        fail "no recorder: $(cat /out/recorder.log; dmesg | grep mmiotrace: | tail -3)"
}

# record_stop [STATUS]: ends the recording; the verdict is the one expected.
record_stop() {
    kill -TERM $recorder
    wait $recorder
    status=$?
    cat /out/recorder.log
    [ $status = "${1:-0}" ] || fail "the recorder ended with $status"
}

# record_begin ARGUMENTS...: begins to record into /out/trace; phase 1 in the devices' log.
record_begin() {
    pci_ranges > /out/pci
    record_start /out/trace "$@"
    phase 1
}

# record_end [STATUS]: ends the recording, which removes the module; phase 2.
record_end() {
    phase 2
    cat /dev/mmiotrace
    record_stop "$@"
    [ ! -e /sys/module/mmiotrace ] || fail "the module is still there"
}

# bdf VENDOR DEVICE: the address of the first such PCI device.
bdf() { pci_ranges | awk -v vendor="$1" -v device="$2" '$2 == vendor && $3 == device { print $1; exit }'; }

# test_module: loads the module that makes accesses of all kinds; once.
test_module() { [ -d /sys/module/mmiotrace_test ] || insmod /our/mmiotrace_test.ko || fail "the test module does not load"; }

# run_test COMMAND...: has it do something.
run_test() {
    echo "$*" > /sys/kernel/debug/mmiotrace_test/run || fail "the test $* fails: $(dmesg | tail -5)"
}

# record_program NAME COMMAND...: records a program by the library that is preloaded into it.
record_program() {
    name=$1
    shift
    mmiotrace record -o "/out/$name" -- "$@" > "/out/$name.log" 2>&1
    status=$?
    cat "/out/$name.log"
    [ $status = 0 ] || fail "the recorder of $name ended with $status"
}

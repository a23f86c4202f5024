# What is refused, and what is said.
T=/sys/kernel/tracing
pci_ranges > /out/pci
refused() {
    words=$1
    shift
    mmiotrace record --backend kmod -o /out/none "$@" > /tmp/said 2>&1
    status=$?
    cat /tmp/said
    [ $status = 2 ] || fail "$*: status $status"
    grep -q "$words" /tmp/said || fail "$* does not say: $words"
}
refused 'neither loaded nor installed' --all
refused 'nothing to trace' --module /our/mmiotrace.ko
refused 'no PCI device' --module /our/mmiotrace.ko --device 00:1f.7
refused 'No such file' --module /nothing.ko --all
refused 'no capture by the module runs' --module /our/mmiotrace.ko --resume
echo mmiotrace > $T/current_tracer || fail "no mmiotrace"
refused "kernel's own tracer is active" --module /our/mmiotrace.ko --all
echo nop > $T/current_tracer
# Loaded, and then the kernel's tracer.
insmod /our/mmiotrace.ko || fail "the module does not load"
echo mmiotrace > $T/current_tracer || fail "no mmiotrace"
refused "kernel's own tracer is active" --all
echo nop > $T/current_tracer
rmmod mmiotrace
# One capture at a time; and the kernel's tracer keeps away.
record_start /out/trace --all
refused 'another capture' --all
refused 'another capture' --resume
echo 0 > /proc/sys/kernel/ftrace_enabled 2>/dev/null && fail "the hooks can be taken away"
[ "$(cat /proc/sys/kernel/ftrace_enabled)" = 1 ] || fail "ftrace is off"
echo mmiotrace > $T/current_tracer
dmesg | grep -q "own tracer cannot run" || fail "the kernel's tracer is let in"
echo nop > $T/current_tracer
record_stop 1

# A kernel that takes signed modules only. There is no way back.
mount -t securityfs securityfs /sys/kernel/security
echo integrity > /sys/kernel/security/lockdown || fail "no lockdown"
refused 'locked down' --module /our/mmiotrace.ko --all

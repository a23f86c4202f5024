# `mmiotrace record --backend tracefs` and its neighbours, each way in and out, in one boot.
T=/sys/kernel/tracing
CPU=/sys/devices/system/cpu

# Modules by name too, for modprobe.
R=/lib/modules/$(uname -r)
mkdir -p "$R" /run /root /etc
for list in /m/*.list; do
    last=$(tail -n 1 "$list")
    deps=
    for module in $(cat "$list"); do
        cp "/m/$module.ko" "$R/$module.ko"
        [ "$module" = "$last" ] || deps="$module.ko $deps"
    done
    echo "$last.ko: $deps" >> "$R/modules.dep"
done
echo 'root:x:0:0::/root:/bin/sh' > /etc/passwd
echo 'nobody:x:65534:65534::/:/bin/sh' >> /etc/passwd
chmod 755 /

# state NAME: everything that a capture must leave as it was.
state() {
    for file in current_tracer tracing_on trace_clock buffer_size_kb tracing_cpumask set_event options/markers; do
        echo "$file: $(cat $T/$file 2>&1)"
    done > "/out/$1.state"
    for cpu in 0 1 2 3; do
        echo "cpu$cpu: $(cat $CPU/cpu$cpu/online 2>/dev/null) $(cat $T/per_cpu/cpu$cpu/buffer_size_kb 2>&1)"
    done >> "/out/$1.state"
    echo "online: $(cat $CPU/online)" >> "/out/$1.state"
    grep -c tracing /proc/mounts >> "/out/$1.state"
    ls /run/mmiotrace 2>/dev/null | grep state >> "/out/$1.state"
}

# capture NAME ARGUMENTS...: one recording, with the phases of the devices' log around it.
number=0
capture() {
    name=$1
    shift
    state "$name.before"
    number=$((number + 1))
    phase $number
    mmiotrace record --backend tracefs -o "/out/$name.trace" "$@" > "/out/$name.log" 2>&1
    echo $? > "/out/$name.status"
    number=$((number + 1))
    phase $number
    state "$name.after"
    echo "$name: $(cat /out/$name.status)"
}

# A recording in the background, until its trace has some lines.
begin() {
    name=$1
    shift
    state "$name.before"
    mmiotrace record --backend tracefs -o "/out/$name.trace" "$@" > "/out/$name.log" 2>&1 &
    recorder=$!
    wait_for 60 has_lines "/out/$name.trace"
}
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -gt 1000 ]; }

use_e1000='. /lib.sh; . /devices.sh; e1000_attach; e1000_work'
use_nvme='. /lib.sh; . /devices.sh; nvme_attach; nvme_work'
use_xhci='. /lib.sh; . /devices.sh; xhci_attach; xhci_work'

pci_ranges > /out/pci
# The ring of a kernel that never traced has another form; and everything a little odd, so that a
# value put back is not the default by chance.
echo 2000 > $T/buffer_size_kb
echo 777 > $T/per_cpu/cpu2/buffer_size_kb
echo global > $T/trace_clock
echo 0 > $T/tracing_on
echo 0 > $CPU/cpu3/online

# Three drivers: by file, by name, by file with others loaded before.
capture e1000 --driver /m/e1000.ko --mark 'my own mark' -- sh -c "$use_e1000"
capture nvme --driver nvme -- sh -c "$use_nvme"
rmmod nvme_core 2>/dev/null
load usb_storage; load sd_mod
for module in $(cat /m/xhci_pci.list); do
    [ "$module" = xhci_pci ] || insmod "/m/$module.ko" 2>/dev/null
done
capture xhci --driver /m/xhci_pci.ko -- sh -c "$use_xhci"

# A device that is bound already.
load e1000
bdf=$(grep -l 0x100e /sys/bus/pci/devices/*/device | head -1)
bdf=${bdf%/device}
bdf=${bdf##*/}
mmiotrace record --backend tracefs --device $bdf -o /out/refused.trace > /out/refused.log 2>&1
echo $? > /out/refused.status
capture bind --device $bdf --reload -- sh -c "$use_e1000"
ls -l /sys/bus/pci/devices/$bdf/driver > /out/bind.bound 2>&1
ip link set eth0 down

# A capture that cannot begin loads again what it has unloaded for it.
state no-folder.before
mmiotrace record --backend tracefs --driver e1000 --reload -o /no/such/folder/trace > /out/no-folder.log 2>&1
echo $? > /out/no-folder.status
state no-folder.after
grep '^e1000 ' /proc/modules > /out/no-folder.modules
rmmod e1000

# A made-up root with everything real but trace_pipe: what the recorder gets goes through tee first,
# and the kernel's counters are copied before the recorder can switch the tracer off.
M=/tmp/machine
mkdir -p $M/run $M/sys/kernel/tracing $M/sys/devices/system
for file in proc dev; do ln -s /$file $M/$file; done
for file in bus class module firmware; do ln -s /sys/$file $M/sys/$file; done
ln -s $CPU $M/sys/devices/system/cpu
for file in $T/*; do ln -s $file $M/sys/kernel/tracing/${file##*/}; done
rm $M/sys/kernel/tracing/trace_pipe
mkfifo $M/sys/kernel/tracing/trace_pipe
mkfifo /tmp/tee
empty() { ! grep -hq '^entries: [1-9]' $T/per_cpu/cpu*/stats; }
# tee_capture NAME ARGUMENTS...: as capture, with a copy of the stream and of the counters.
tee_capture() {
    tee_name=$1
    shift
    (
        until grep -q mmiotrace $T/current_tracer; do usleep 1000; done
        exec 4> $M/sys/kernel/tracing/trace_pipe
        tee "/out/$tee_name.copy" < /tmp/tee >&4 &
        tee=$!
        # Not cat: busybox's splices, and a spliced trace_pipe has no PCIDEV lines.
        dd if=$T/trace_pipe of=/tmp/tee bs=64k 2>/dev/null 4>&- &
        dd=$!
        while grep -q 1 $T/tracing_on; do usleep 10000; done
        # A reader that waits is not woken by the end of tracing on 6.12.
        wait_for 60 empty
        sleep 0.3
        cat $T/per_cpu/cpu*/stats > "/out/$tee_name.stats"
        # On 6.1 it has ended by itself.
        kill $dd 2>/dev/null
        wait $tee
    ) &
    copier=$!
    capture "$tee_name" --root $M "$@"
    wait $copier
}
tee_capture tee-e1000 --driver /m/e1000.ko -- sh -c "$use_e1000"
tee_capture tee-nvme --driver nvme -- sh -c "$use_nvme"
tee_capture tee-xhci --driver /m/xhci_pci.ko -- sh -c "$use_xhci"

# A ring that is far too small, and then the size that was advised.
capture lossy --buffer 8K --driver /m/e1000.ko -- sh -c "$use_e1000"
cp /run/mmiotrace/tracefs.buffer /out/lossy.advice
capture advised --buffer "$(cat /run/mmiotrace/tracefs.buffer)" --driver /m/e1000.ko -- sh -c "$use_e1000"
capture stop-on-loss --buffer 8K --stop-on-loss --driver /m/e1000.ko
rm /run/mmiotrace/tracefs.buffer

# Out by a signal, with a marker from outside.
begin sigint --driver /m/e1000.ko
mmiotrace mark 'from outside'
mmiotrace mark 'mmiotrace1 lost n=1' 2> /out/mark.log
echo $? > /out/mark.status
mmiotrace record --backend tracefs -o /out/second.trace > /out/second.log 2>&1
echo $? > /out/second.status
kill -INT $recorder
wait $recorder
echo $? > /out/sigint.status
state sigint.after

# Out by a marker, and by the trace's size.
begin stop-on-mark --driver /m/e1000.ko --stop-on-mark 'the end'
mmiotrace mark 'this is the end'
wait $recorder
echo $? > /out/stop-on-mark.status
state stop-on-mark.after
state stop-at-size.before
mmiotrace record --backend tracefs -o /out/stop-at-size.trace --driver /m/e1000.ko --stop-at-size 40K > /out/stop-at-size.log 2>&1
echo $? > /out/stop-at-size.status
state stop-at-size.after

# Out by a signal that cannot be caught; doctor reports it; the next start restores.
begin sigkill --driver /m/e1000.ko --keep
kill -9 $recorder
wait $recorder
state sigkill.killed
mmiotrace doctor --backend tracefs > /out/sigkill.doctor
rmmod e1000
mmiotrace record --backend tracefs -o /out/sigkill-next.trace --stop-after 500ms > /out/sigkill-next.log 2>&1
state sigkill.after

# A driver that does not load.
head -c 5000 /m/e1000.ko > /tmp/bad.ko
capture bad-driver --driver /tmp/bad.ko -- true

# A disk that is full.
mkdir /small
mount -t tmpfs -o size=200k tmpfs /small
state full.before
mmiotrace record --backend tracefs -o /small/trace --driver /m/e1000.ko -- sh -c "$use_e1000" > /out/full.log 2>&1
echo $? > /out/full.status
cp /small/trace /out/full.trace
state full.after

# Another tracer and its events.
echo function > $T/current_tracer
echo sched:sched_switch > $T/set_event
mmiotrace doctor --backend tracefs > /out/busy.doctor
mmiotrace record --backend tracefs -o /out/busy.trace > /out/busy.log 2>&1
echo $? > /out/busy.status
capture take-over --take-over --clock mono --driver /m/e1000.ko -- sh -c "$use_e1000"
echo > $T/set_event
echo nop > $T/current_tracer

# What a driver project asks for.
mmiotrace bundle /out/e1000.trace --nick rig --redact -o /out/bundle.tar.xz > /out/bundle.log 2>&1
echo $? > /out/bundle.status

# Broken machines.
su nobody -s /bin/sh -c 'mmiotrace doctor --backend tracefs' > /out/user.doctor 2>&1
su nobody -s /bin/sh -c 'mmiotrace record --backend tracefs -o /tmp/x' > /out/user.log 2>&1
echo $? > /out/user.status
umount $T
umount /sys/kernel/debug/tracing 2>/dev/null
umount /sys/kernel/debug
mmiotrace doctor --backend tracefs > /out/unmounted.doctor
mmiotrace record --backend tracefs -o /out/unmounted.trace --driver /m/e1000.ko --stop-after 2s > /out/unmounted.log 2>&1
echo $? > /out/unmounted.status
grep tracing /proc/mounts > /out/unmounted.mounts
mount -t tracefs tracefs $T
mount -t securityfs securityfs /sys/kernel/security
echo confidentiality > /sys/kernel/security/lockdown
mmiotrace doctor --backend tracefs > /out/lockdown.doctor
mmiotrace record --backend tracefs -o /out/lockdown.trace > /out/lockdown.log 2>&1
echo $? > /out/lockdown.status
true

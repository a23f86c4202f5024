#!/bin/busybox sh
# The guest's first process: brings up what every scenario needs, runs the scenario, hands out
# what it left in /out, switches off.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
. /lib.sh

load virtio_pci
load virtio_console
# Up to here only the kernel's own code ran.
echo 'mmiotrace-rig: booted'
(. /scenario.sh)
echo $? > /out/status
dmesg > /out/dmesg
hand_out
poweroff -f

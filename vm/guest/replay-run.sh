# Replays plans on devices that have had no driver since the machine started.
. /devices.sh
. /registers.sh
pci_ranges > /out/pci
next=0

# replay NAME PLAN SLOT ARGUMENTS...: one run, with two phases around it. Its status is noted.
replay() {
    name=$1
    plan=$2
    target=pci:$3
    shift 3
    next=$((next + 1)) && phase $next
    mmiotrace replay run "/plans/$plan.toml" --target "$target" --yes --json \
        --record "/out/$name.trace" "$@" > "/out/$name.json" 2> "/out/$name.log"
    echo $? > "/out/$name.status"
    next=$((next + 1)) && phase $next
    echo "$name: $(cat "/out/$name.status") $(cat "/out/$name.log")"
}

e1000=$(slot 0x8086 0x100e)
edu=$(slot 0x1234 0x11e8)
nvme=$(slot 0x1b36 0x0010)
xhci=$(slot 0x1b36 0x000d)

registers e1000 > /out/e1000.before
registers edu > /out/edu.before
# What must not be touched: another device, a bridge, the display that the machine came up with.
replay other-device nvme "$e1000"
replay bridge bridge "$(slot 0x8086 0x1237)"
replay display display "$(slot 0x1234 0x1111)"
# What it is for.
replay e1000 e1000 "$e1000" --breadcrumbs /out/e1000.crumbs
registers e1000 > /out/e1000.state
replay edu edu "$edu" --pacing none
registers edu > /out/edu.state
replay nvme nvme "$nvme"
replay xhci xhci "$xhci"
# Initialised already, by the runs above.
replay e1000-again e1000 "$e1000"
replay nvme-again nvme "$nvme"
replay xhci-again xhci "$xhci"
# The plan as a kernel module, on the second card.
next=$((next + 1)) && phase $next
insmod /our/replay_e1000.ko
echo $? > /out/kernel-module.status
next=$((next + 1)) && phase $next
dmesg | grep replay: > /out/kernel-module.log
rmmod replay_e1000
# In a driver's hands.
load e1000 || fail "e1000 does not load after the replay"
replay bound e1000 "$e1000"
rmmod e1000
# Gone.
echo 1 > "/sys/bus/pci/devices/$nvme/remove"
replay removed nvme "$nvme"
true

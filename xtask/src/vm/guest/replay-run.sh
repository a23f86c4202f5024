# Replays plans on devices that have had no driver since the machine started.
. /devices.sh
. /registers.sh
pci_ranges > /out/pci
next=0

# replay NAME SLOT ARGUMENTS...: one run, with two phases around it. Its status is noted.
replay() {
    name=$1
    slot=$2
    shift 2
    next=$((next + 1))
    phase $((next * 2 - 1))
    mmiotrace replay run "/plans/$plan.toml" --target "pci:$slot" --yes --json \
        --record "/out/$name.trace" "$@" > "/out/$name.json" 2> "/out/$name.log"
    echo $? > "/out/$name.status"
    phase $((next * 2))
}

e1000=$(slot 0x8086 0x100e)
edu=$(slot 0x1234 0x11e8)
nvme=$(slot 0x1b36 0x0010)
xhci=$(slot 0x1b36 0x000d)

# Another device: refused.
plan=nvme replay other-device "$e1000"
# What it is for.
plan=e1000 replay e1000 "$e1000" --pacing delays --breadcrumbs /out/e1000.crumbs
registers e1000 > /out/e1000.state
plan=edu replay edu "$edu"
registers edu > /out/edu.state
plan=nvme replay nvme "$nvme"
plan=xhci replay xhci "$xhci"
# Initialised already: refused.
plan=e1000 replay initialised "$e1000"
# In a driver's hands: refused.
load e1000 || fail "e1000 does not load after the replay"
plan=e1000 replay bound "$e1000"
rmmod e1000
# Gone: refused.
echo 1 > "/sys/bus/pci/devices/$nvme/remove"
plan=nvme replay removed "$nvme"
# As fast as it goes, and the same accesses by a bare loop.
plan=speed replay speed "$edu" --ignore-preconditions
volatile_loop "/sys/bus/pci/devices/$edu/resource0" > /out/loop

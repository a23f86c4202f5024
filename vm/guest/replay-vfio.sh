# Replays plans through VFIO, with an IOMMU.
. /registers.sh
pci_ranges > /out/pci
load vfio_iommu_type1 || fail "vfio_iommu_type1 does not load"
load vfio_pci || fail "vfio_pci does not load"
next=0

# replay NAME PLAN SLOT: one run, with two phases around it.
replay() {
    echo vfio-pci > "/sys/bus/pci/devices/$3/driver_override"
    echo "$3" > /sys/bus/pci/drivers_probe
    next=$((next + 1)) && phase $next
    mmiotrace replay run "/plans/$2.toml" --target "vfio:$3" --yes --json \
        --record "/out/$1.trace" > "/out/$1.json" 2> "/out/$1.log"
    echo $? > "/out/$1.status"
    next=$((next + 1)) && phase $next
    echo "$1: $(cat "/out/$1.status") $(cat "/out/$1.log")"
}

ls /sys/kernel/iommu_groups > /out/groups
e1000=$(slot 0x8086 0x100e)
nvme=$(slot 0x1b36 0x0010)
xhci=$(slot 0x1b36 0x000d)
replay other-device edu "$e1000"
# It cannot be reset: the second run finds it as the first left it. The same holds for xhci.
replay e1000 e1000 "$e1000"
replay e1000-again e1000 "$e1000"
replay edu edu "$(slot 0x1234 0x11e8)"
# It is reset before a run, and so not as the firmware left it when the trace was made. The plan is
# edited for that, and can then be run again and again.
replay nvme-as-recorded nvme "$nvme"
replay nvme nvme-reset "$nvme"
replay nvme-again nvme-reset "$nvme"
replay xhci xhci "$xhci"
replay xhci-again xhci "$xhci"
true

# The PCI driver of virtio is loaded already, for the results' way out: only this device is bound.
virtio_blk_attach() {
    load virtio_blk || fail "virtio_blk does not load"
    for device in /sys/bus/pci/devices/*; do
        [ "$(cat "$device/device")" = 0x1042 ] || continue
        echo "${device##*/}" > /sys/bus/pci/drivers/virtio-pci/unbind
        echo "${device##*/}" > /sys/bus/pci/drivers/virtio-pci/bind
    done
    wait_for 20 test -b /dev/vda || fail "no disk"
}
virtio_blk_work() { disk_work /dev/vda; }
virtio_blk_detach() {
    for device in /sys/bus/pci/drivers/virtio-pci/0*; do
        [ "$(cat "$device/device")" = 0x1042 ] && echo "${device##*/}" > /sys/bus/pci/drivers/virtio-pci/unbind
    done
}

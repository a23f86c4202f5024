# The PCI driver of virtio is loaded already, for the results' way out: only this device is unbound
# from it before the recording, and bound while it runs.
virtio_blk_find() {
    for device in /sys/bus/pci/devices/*; do
        [ "$(cat "$device/device")" = 0x1042 ] && echo "${device##*/}"
    done
}
virtio_blk_prepare() { virtio_blk_find > /sys/bus/pci/drivers/virtio-pci/unbind; }
virtio_blk_attach() {
    load virtio_blk || fail "virtio_blk does not load"
    virtio_blk_find > /sys/bus/pci/drivers/virtio-pci/bind
    wait_for 20 test -b /dev/vda || fail "no disk"
}
virtio_blk_work() { disk_work /dev/vda; }
virtio_blk_detach() { virtio_blk_find > /sys/bus/pci/drivers/virtio-pci/unbind; }

xhci_disk() { disk_of /usb; }
xhci_attach() {
    load sd_mod
    load usb_storage
    load xhci_pci || fail "xhci does not load"
    wait_for 20 xhci_disk > /dev/null || fail "no disk"
}
xhci_work() { disk_work "$(xhci_disk)"; }
xhci_detach() { rmmod xhci_pci; }

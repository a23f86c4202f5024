xhci_attach() {
    load sd_mod
    load usb_storage
    load xhci_pci || fail "xhci does not load"
    wait_for 20 test -b /dev/sda || fail "no disk"
}
xhci_work() { disk_work /dev/sda; }
xhci_detach() { rmmod xhci_pci; }

ahci_attach() {
    load sd_mod
    load ahci || fail "ahci does not load"
    wait_for 20 test -b /dev/sda || fail "no disk"
}
ahci_work() { disk_work /dev/sda; }
ahci_detach() { rmmod ahci; }

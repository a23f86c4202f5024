ahci_disk() { disk_of /ata; }
ahci_attach() {
    load sd_mod
    load ahci || fail "ahci does not load"
    wait_for 20 ahci_disk > /dev/null || fail "no disk"
}
ahci_work() { disk_work "$(ahci_disk)"; }
ahci_detach() { rmmod ahci; }

nvme_attach() {
    load nvme || fail "nvme does not load"
    wait_for 20 test -b /dev/nvme0n1 || fail "no disk"
}
nvme_work() { disk_work /dev/nvme0n1; }
nvme_detach() { rmmod nvme; }

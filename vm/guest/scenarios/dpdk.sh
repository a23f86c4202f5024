# DPDK's driver for the e1000 on two cards that are wired to one another: $way is how they are handed to it.
pci_ranges > /out/pci
# It loads no plug-in from below a folder that everybody may write to.
chmod 755 / /plugins
# It loads nothing from folders that everybody may write to.
chmod 755 /
mkdir -p /dev/hugepages /var/run
mount -t hugetlbfs hugetlbfs /dev/hugepages
echo 48 > /proc/sys/vm/nr_hugepages
cards=$(pci_ranges | awk '$2 == "0x8086" && $3 == "0x100e" { print $1 }' | sort -u)
for card in $cards; do
    echo "$driver" > "/sys/bus/pci/devices/$card/driver_override"
    echo "$card" > /sys/bus/pci/drivers_probe
    [ -e "/sys/bus/pci/drivers/$driver/$card" ] || fail "$driver does not take $card"
done
# What a person types. Each port sends 32 packets once, and the other one counts them.
typed() {
    wait_for 60 grep -q -e 'testpmd>' -e 'exiting with' /out/trace.log
    echo 'set fwd rxonly'
    echo 'start tx_first 1'
    sleep 2
    echo 'stop'
    echo 'show port stats all'
    echo 'quit'
}
phase 1
typed | record_program trace dpdk-testpmd -l 0,1 --no-telemetry -d /plugins/librte_mempool_ring.so \
    -d /plugins/librte_net_e1000.so -- -i --total-num-mbufs=1280 --rxd=64 --txd=64
phase 2
[ "$(grep -c 'RX-packets: 32 ' /out/trace.log)" -ge 2 ] || fail "the packets did not arrive"

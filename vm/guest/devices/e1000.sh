# A network card: brought up, some pings (QEMU's own gateway answers), taken down.
e1000_link() { [ "$(cat /sys/class/net/eth0/carrier 2>/dev/null)" = 1 ]; }

e1000_attach() {
    load e1000 || fail "e1000 does not load"
    ip addr add 10.0.2.15/24 dev eth0
    ip link set eth0 up
    wait_for 20 e1000_link || fail "no link"
}

e1000_work() {
    ping -c 3 -i 0.3 10.0.2.2 | tail -2
    ping -c 1 -W 2 -s 1400 10.0.2.2 > /dev/null || fail "no answer to a long ping"
}

e1000_detach() {
    ip link set eth0 down
    rmmod e1000
}

# The registers of a device, by offset: `OFFSET VALUE` a line.
#
# Left out of the e1000, because they are volatile or reading them does something to the card: ICR
# (0xc0; reading clears it) and ICS and IMC (0xc8, 0xd8; they can only be written), the statistics
# (0x4000 to 0x40ff; reading clears them), EERD and MDIC (0x14, 0x20; they hold the answer of the last
# wait, which the log of the run shows access by access), the packet buffer (0x10000 on; memory of the
# card's own engine). Of edu: 0x60 and 0x64 can only be written.

# slot VENDOR DEVICE: the address of the first such PCI device.
slot() {
    for device in /sys/bus/pci/devices/*; do
        if [ "$(cat "$device/vendor") $(cat "$device/device")" = "$1 $2" ]; then
            echo "${device##*/}"
            return
        fi
    done
    fail "no device $1 $2"
}

# base SLOT: where its first memory range begins.
base() {
    while read -r start end flags; do
        [ $((flags & 0x200)) -ne 0 ] && echo "$start" && return
    done < "/sys/bus/pci/devices/$1/resource"
}

range() { seq $(($1)) $(($2)) $(($3)); }

# offsets DEVICE
offsets() {
    case $1 in
        e1000)
            # General, flow control, interrupt mask, receive and transmit control.
            echo 0x0000 0x0008 0x0010 0x0018 0x0028 0x002c 0x0030 0x0038 0x00c4 0x00d0 0x0100 \
                0x0170 0x0178 0x0180 0x0400 0x0410 0x0458 0x0e00 0x1000 0x2160 0x2168
            # Rings.
            echo 0x2800 0x2804 0x2808 0x2810 0x2818 0x2820 0x2828 0x282c \
                0x3800 0x3804 0x3808 0x3810 0x3818 0x3820 0x3828 0x382c 0x5000
            # Multicast table, addresses, VLAN table, wake-up, management.
            range 0x5200 4 0x53fc
            range 0x5400 4 0x547c
            range 0x5600 4 0x57fc
            echo 0x5800 0x5808 0x5820
            ;;
        edu) echo 0x00 0x04 0x08 0x20 0x24 0x80 0x88 0x90 0x98 ;;
    esac
}

# registers DEVICE
registers() {
    case $1 in
        e1000) at=$(base "$(slot 0x8086 0x100e)") ;;
        edu) at=$(base "$(slot 0x1234 0x11e8)") ;;
    esac
    for offset in $(offsets "$1"); do
        echo "$((offset)) $(devmem $((at + offset)) 32)"
    done
}

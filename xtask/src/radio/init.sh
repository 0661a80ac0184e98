#!/bin/sh
# The first and only script of the machine: starts a bus, an adapter and bluetoothd, then does what the host says,
# line by line, until the host is gone.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t debugfs debug /sys/kernel/debug
while read -r module; do insmod "/modules/$module"; done </modules/order
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up

# Waits until the rest of the line is true, at most 20 seconds.
until_true() {
    left=1000
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        usleep 20000
    done
}
running() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }
gone() { ! running "$1"; }

bus_start() {
    rm -f /run/dbus/system_bus_socket
    dbus-daemon --config-file=/etc/dbus-1/system.conf --nofork --nopidfile >/tmp/bus.log 2>&1 &
    bus=$!
    until_true test -S /run/dbus/system_bus_socket
}
bus_stop() { kill -9 "$bus"; wait "$bus" 2>/dev/null; }
adapter_plug() {
    stty -F /dev/hvc0 raw -echo
    btattach -B /dev/hvc0 -P h4 >/tmp/btattach.log 2>&1 &
    attach=$!
    until_true test -d /sys/class/bluetooth/hci0
}
adapter_unplug() {
    kill "$attach"
    wait "$attach" 2>/dev/null
    until_true test ! -d /sys/class/bluetooth/hci0
}
bluez_start() {
    bluetoothd -n >>/tmp/bluetoothd.log 2>&1 &
    bluez=$!
}
# Lets it switch the adapter off and go.
bluez_end() { kill "$bluez"; wait "$bluez" 2>/dev/null; true; }
bluez_stop() { kill -9 "$bluez"; wait "$bluez" 2>/dev/null; }
# Connection interval, smallest and largest, in units of 1.25 ms, for links made from now on.
interval() {
    echo 6 >/sys/kernel/debug/bluetooth/hci0/conn_min_interval
    echo "$2" >/sys/kernel/debug/bluetooth/hci0/conn_max_interval
    echo "$1" >/sys/kernel/debug/bluetooth/hci0/conn_min_interval
}
forget() { rm -rf /var/lib/bluetooth/*; }

control=/dev/$(grep -l bandstand /sys/class/virtio-ports/*/name | sed 's,/name$,,; s,.*/,,')
if [ "$control" = /dev/ ]; then
    echo "the machine runs"
    poweroff -f
fi
bus_start && adapter_plug && bluez_start
exec 3<>"$control"
echo "ready $?" >&3
while read -r line <&3; do
    eval "$line" >/tmp/out 2>&1 3<&-
    status=$?
    cat /tmp/out >&3
    echo "= $status" >&3
done
poweroff -f

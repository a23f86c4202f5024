# QEMU's device for teaching: no driver of the kernel's knows it, our test module drives it.
edu_attach() { insmod /our/mmiotrace_test.ko || fail "the test module does not load"; }
edu_work() { echo "edu" > /sys/kernel/debug/mmiotrace_test/run || fail "edu"; }
edu_detach() { rmmod mmiotrace_test; }

# QEMU's device for teaching: no driver of the kernel's knows it, our test module drives it.
edu_attach() { test_module; }
edu_work() { run_test edu; }
edu_detach() { rmmod mmiotrace_test; }

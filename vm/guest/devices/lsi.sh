# Memory that logs every access: instructions of all kinds, by our test module.
lsi_attach() { test_module; }
lsi_work() { run_test lsi-insns; }
lsi_detach() { rmmod mmiotrace_test; }

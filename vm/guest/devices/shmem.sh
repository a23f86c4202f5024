# Memory that takes every access and logs none: its judge is the test module.
shmem_attach() { test_module; }
shmem_work() { run_test shmem-insns; }
shmem_detach() { rmmod mmiotrace_test; }

# A graphics card whose memory logs nothing: its judge is the test module.
bochs_attach() { test_module; }
bochs_work() { run_test framebuffer; }
bochs_detach() { rmmod mmiotrace_test; }

// SPDX-License-Identifier: GPL-2.0
/*
 * mmiotrace: every access of a driver to its device's memory, on all CPUs.
 *
 * Loading the module changes nothing yet; a capture begins when a recorder says so.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "engine.h"
#include "shim.h"

/* What src/frame.rs takes for granted. */
static_assert(offsetof(struct pt_regs, r15) == 0);
static_assert(offsetof(struct pt_regs, bp) == 4 * 8);
static_assert(offsetof(struct pt_regs, ax) == 10 * 8);
static_assert(offsetof(struct pt_regs, di) == 14 * 8);
static_assert(offsetof(struct pt_regs, ip) == 16 * 8);
static_assert(offsetof(struct pt_regs, flags) == 18 * 8);
static_assert(offsetof(struct pt_regs, sp) == 19 * 8);

static bool file_says(const char *path, const char *word)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	char text[32] = "";
	loff_t at = 0;
	ssize_t len;

	if (IS_ERR(file))
		return false;
	len = kernel_read(file, text, sizeof(text) - 1, &at);
	filp_close(file, NULL);
	return len > 0 && !strcmp(strim(text), word);
}

/* Its state is in no variable that a module can see. */
static bool own_tracer_is_active(void)
{
	return file_says("/sys/kernel/tracing/current_tracer", "mmiotrace")
	    || file_says("/sys/kernel/debug/tracing/current_tracer", "mmiotrace");
}

static int __init mmiotrace_start(void)
{
	int error;

	if (own_tracer_is_active()) {
		pr_err("the kernel's own tracer is active: echo nop > /sys/kernel/tracing/current_tracer\n");
		return -EBUSY;
	}
	if (cpu_feature_enabled(X86_FEATURE_XENPV)) {
		pr_err("a paravirtual Xen guest does not own its page tables\n");
		return -EOPNOTSUPP;
	}
	error = mmiotrace_services_init();
	if (error)
		return error;
	error = mmiotrace_engine_init(nr_cpu_ids);
	if (error)
		goto no_engine;
	error = mmiotrace_device_register();
	if (error)
		goto no_device;
	return 0;

no_device:
	mmiotrace_engine_exit();
no_engine:
	mmiotrace_services_exit();
	return error;
}

static void __exit mmiotrace_stop(void)
{
	mmiotrace_device_unregister();
	mmiotrace_engine_exit();
	mmiotrace_services_exit();
}

module_init(mmiotrace_start);
module_exit(mmiotrace_stop);

MODULE_DESCRIPTION("Captures all memory-mapped I/O of drivers, on all CPUs");
MODULE_AUTHOR("The mmiotrace authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");

// SPDX-License-Identifier: GPL-2.0
/*
 * mmiotrace: every access of a driver to its device's memory, on all CPUs.
 *
 * Loading the module changes nothing yet; a capture begins when a recorder says so. Whether the kernel's
 * own tracer is active, the recorder has to look: that state is in no variable and no file that a module
 * can read. While a capture runs, that tracer is kept from starting (hooks.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/stddef.h>

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

static int __init mmiotrace_start(void)
{
	int error;

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

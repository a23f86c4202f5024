// SPDX-License-Identifier: GPL-2.0
/*
 * The places in the kernel at which the module takes part:
 *
 * - kmmio_handler: exc_page_fault() calls it first for every fault, if kmmio_count is not 0. It is
 *   replaced as a whole, because the kernel's own must not run before its tracer was started once
 *   (its list heads would be NULL).
 * - mmiotrace_ioremap and mmiotrace_iounmap: called at the end of every ioremap and at the
 *   beginning of every iounmap, tracer or not.
 * - enable_mmiotrace: the kernel's own tracer must not start while its fault handler is replaced.
 * - the die notifier, for debug traps after a single step.
 *
 * The functions are replaced, not watched: the callback only changes where execution goes on. So
 * what replaces them runs outside of ftrace and its protection against recursion, and may fault and
 * sleep as the original may.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/io.h>
#include <linux/kdebug.h>
#include <linux/mmiotrace.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/objtool.h>
#include <linux/version.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/delay.h>
#include <asm/debugreg.h>
#include <asm/ibt.h>
#include <asm/ptrace.h>

#include "engine.h"
#include "shim.h"

int mmiotrace_fault(struct pt_regs *regs, unsigned long addr);

struct hook {
	struct ftrace_ops ops;
	char *function;
	void *replacement;
	bool installed;
};

/*
 * How many tasks are in a replaced function that may sleep. They are in this module's code, which
 * ftrace does not know.
 */
static atomic_t inside = ATOMIC_INIT(0);

/* What kmmio_handler() is replaced by. */
__visible int mmiotrace_fault(struct pt_regs *regs, unsigned long addr)
{
	/* Every fault of every program comes along here. */
	if (likely(user_mode(regs)) || (long)addr >= 0)
		return 0;
	return mmiotrace_engine_fault(regs, addr, raw_smp_processor_id(), current->pid);
}

static void replaced_mmiotrace_ioremap(resource_size_t offset, unsigned long size, void __iomem *addr)
{
	if (!mmiotrace_pages_is_own_mapping())
		mmiotrace_engine_map(offset, size, (unsigned long)addr);
	atomic_dec(&inside);
}

static void replaced_mmiotrace_iounmap(volatile void __iomem *addr)
{
	if (!mmiotrace_pages_is_own_mapping())
		mmiotrace_engine_unmap((unsigned long)addr);
	atomic_dec(&inside);
}

static void replaced_enable_mmiotrace(void)
{
	pr_warn("the kernel's own tracer cannot run while this module is loaded (rmmod mmiotrace)\n");
	atomic_dec(&inside);
}

/* Where execution goes on. Only the arguments of the function are saved: that is all it takes. */
#ifdef ftrace_regs_set_instruction_pointer
#define go_on_at(fregs, ip) ftrace_regs_set_instruction_pointer(fregs, ip)
#else
#define go_on_at(fregs, ip) ftrace_instruction_pointer_set(fregs, ip)
#endif

/* To a function that may sleep. */
static void notrace redirect(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	struct hook *hook = container_of(ops, struct hook, ops);

	atomic_inc(&inside);
	go_on_at(fregs, (unsigned long)hook->replacement);
}

/*
 * PERMANENT: the sysctl ftrace_enabled must not take the hooks away under armed pages. It is refused for
 * all while one such hook is there, the direct call of the fault handler among them.
 */
#define HOOK(name)								\
	{									\
		.ops = {							\
			.func = redirect,					\
			.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT, \
		},								\
		.function = #name,						\
		.replacement = replaced_##name,					\
	}

static struct hook map_hook = HOOK(mmiotrace_ioremap);
static struct hook unmap_hook = HOOK(mmiotrace_iounmap);
static struct hook tracer_hook = HOOK(enable_mmiotrace);

/*
 * Of the fault handler the call at its beginning is made to lead here, which takes no time. The return
 * address of that call is dropped, and with it all of the kernel's own handler.
 */
extern void mmiotrace_fault_entry(void);
asm(".pushsection .text, \"ax\"\n"
    ".type mmiotrace_fault_entry, @function\n"
    ".globl mmiotrace_fault_entry\n"
    "mmiotrace_fault_entry:\n"
    ASM_ENDBR
    "	addq $8, %rsp\n"
    "	jmp mmiotrace_fault\n"
    ".size mmiotrace_fault_entry, . - mmiotrace_fault_entry\n"
    ".popsection\n");
STACK_FRAME_NON_STANDARD(mmiotrace_fault_entry);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define direct_register(ops, to) register_ftrace_direct(ops, to)
#define direct_unregister(ops, to) unregister_ftrace_direct(ops, to, true)
#else
#define direct_register(ops, to) register_ftrace_direct_multi(ops, to)
#define direct_unregister(ops, to) unregister_ftrace_direct_multi(ops, to)
#endif

static struct ftrace_ops fault_ops;
static bool fault_installed;

static void tell_why(const char *function, int error)
{
	pr_err("cannot hook %s (%d): is another user of the function loaded (livepatch), or is this kernel built without CONFIG_MMIOTRACE?\n",
	       function, error);
}

static int fault_install(void)
{
	static char function[] = "kmmio_handler";
	int error = ftrace_set_filter(&fault_ops, function, strlen(function), 1);

	if (!error)
		error = direct_register(&fault_ops, (unsigned long)mmiotrace_fault_entry);
	if (error)
		tell_why(function, error);
	fault_installed = !error;
	return error;
}

static void fault_remove(void)
{
	if (fault_installed)
		direct_unregister(&fault_ops, (unsigned long)mmiotrace_fault_entry);
	fault_installed = false;
}

static int hook_install(struct hook *hook)
{
	int error;

	error = ftrace_set_filter(&hook->ops, hook->function, strlen(hook->function), 1);
	if (!error)
		error = register_ftrace_function(&hook->ops);
	if (error)
		tell_why(hook->function, error);
	hook->installed = !error;
	return error;
}

static void hook_remove(struct hook *hook)
{
	if (hook->installed)
		unregister_ftrace_function(&hook->ops);
	hook->installed = false;
}

/*
 * A probe of no length: it watches nothing, but raises kmmio_count, which makes exc_page_fault()
 * ask kmmio_handler. It has to be given an address that is mapped.
 */
static struct kmmio_probe gate;
static bool gate_open;

static int gate_raise(void)
{
	int error;

	gate.addr = (unsigned long)__va(0) + PAGE_SIZE * 256;
	gate.len = 0;
	error = register_kmmio_probe(&gate);
	if (error)
		pr_err("cannot have page faults shown to the handler (%d)\n", error);
	gate_open = !error;
	return error;
}

static int on_die(struct notifier_block *block, unsigned long event, void *data)
{
	struct die_args *args = data;
	unsigned long *dr6 = (unsigned long *)ERR_PTR(args->err);

	if (event != DIE_DEBUG || !(*dr6 & DR_STEP))
		return NOTIFY_DONE;
	if (user_mode(args->regs) ||
	    !mmiotrace_engine_debug_trap(args->regs, raw_smp_processor_id(), current->pid))
		return NOTIFY_DONE;
	*dr6 &= ~DR_STEP;
	return NOTIFY_STOP;
}

/* First of all: it must see the trap before a debugger takes it for its own. */
static struct notifier_block die_notifier = {
	.notifier_call = on_die,
	.priority = INT_MAX,
};
static bool die_registered;

int mmiotrace_shim_hooks_install(void)
{
	int error = register_die_notifier(&die_notifier);

	die_registered = !error;
	/* The gate after the handler: the kernel's own would find no lists. */
	if (!error)
		error = fault_install();
	if (!error)
		error = gate_raise();
	if (!error)
		error = hook_install(&tracer_hook);
	/* Ends of mappings before beginnings: no mapping may end unnoticed. */
	if (!error)
		error = hook_install(&unmap_hook);
	if (!error)
		error = hook_install(&map_hook);
	if (error)
		mmiotrace_shim_hooks_remove();
	return error;
}

/* Waits until nobody is in a replaced function of a removed hook. */
static void drain(void)
{
	/* Everybody who was on the way from ftrace into a replacement is in it, and counted. */
	synchronize_rcu_tasks();
	while (atomic_read(&inside))
		msleep(1);
	/* The last instructions, after the count. */
	synchronize_rcu_tasks();
}

void mmiotrace_shim_hooks_stop_maps(void)
{
	if (!map_hook.installed)
		return;
	hook_remove(&map_hook);
	drain();
}

void mmiotrace_shim_hooks_remove(void)
{
	hook_remove(&map_hook);
	hook_remove(&unmap_hook);
	hook_remove(&tracer_hook);
	if (gate_open)
		unregister_kmmio_probe(&gate);
	gate_open = false;
	/* Who has seen the gate open is in the handler with interrupts off. */
	synchronize_rcu();
	fault_remove();
	synchronize_rcu();
	if (die_registered)
		unregister_die_notifier(&die_notifier);
	die_registered = false;
	drain();
}

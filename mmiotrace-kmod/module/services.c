// SPDX-License-Identifier: GPL-2.0
/*
 * Small things that the engine asks of the kernel.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/workqueue.h>
#include <asm/processor.h>

#include "engine.h"
#include "shim.h"

u32 mmiotrace_shim_cpu(void)
{
	return raw_smp_processor_id();
}

s32 mmiotrace_shim_thread(void)
{
	return current->pid;
}

void mmiotrace_shim_relax(void)
{
	cpu_relax();
}

void mmiotrace_shim_yield(void)
{
	cond_resched();
}

/* What gs: means in the kernel, on this CPU. */
u64 mmiotrace_shim_gs_base(void)
{
	return per_cpu_offset(raw_smp_processor_id());
}

/* Everything that changes regions happens under this. */
static DEFINE_MUTEX(engine_mutex);

void mmiotrace_shim_lock(void)
{
	mutex_lock(&engine_mutex);
}

void mmiotrace_shim_unlock(void)
{
	mutex_unlock(&engine_mutex);
}

/* Beginning and end of a capture; the outer of the two. */
static DEFINE_MUTEX(control_mutex);

void mmiotrace_shim_control_lock(void)
{
	mutex_lock(&control_mutex);
}

void mmiotrace_shim_control_unlock(void)
{
	mutex_unlock(&control_mutex);
}

void mmiotrace_shim_log(const char *text, size_t len)
{
	pr_info("%.*s\n", (int)len, text);
}

void mmiotrace_shim_panic(const char *text, size_t len)
{
	pr_emerg("%.*s\n", (int)len, text);
	BUG();
}

static void work(struct work_struct *unused)
{
	mmiotrace_engine_work();
}

static DECLARE_DELAYED_WORK(delayed, work);
static atomic_t delay = ATOMIC_INIT(0);

/* Work cannot be queued in an NMI, nor by code that may have interrupted the queueing of work. */
static void queue(struct irq_work *unused)
{
	schedule_delayed_work(&delayed, msecs_to_jiffies(atomic_read(&delay)));
}

static struct irq_work relay;

void mmiotrace_shim_schedule(u32 milliseconds)
{
	atomic_set(&delay, milliseconds);
	irq_work_queue(&relay);
}

int mmiotrace_services_init(void)
{
	init_irq_work(&relay, queue);
	return 0;
}

void mmiotrace_services_exit(void)
{
	irq_work_sync(&relay);
	cancel_delayed_work_sync(&delayed);
}

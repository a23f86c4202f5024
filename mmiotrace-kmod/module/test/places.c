// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings and functions at which the kernel's own tracer is known to fail: mappings that begin in
 * the middle of a page, that are larger than 2 MiB and then some, of one page twice, ten thousand of
 * them; block copies; accesses from NMIs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/nmi.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/apic.h>
#include <asm/nmi.h>

#include "test.h"

static struct pci_dev *lsi(void)
{
	return test_device(0x1000, 0x0012);
}

static struct pci_dev *shmem(void)
{
	return test_device(0x1af4, 0x1110);
}

static struct pci_dev *edu_device(void)
{
	return test_device(0x1234, 0x11e8);
}

/* The first page of a mapping that begins in its middle, and the page behind it. */
static int unaligned(const char *argument)
{
	struct pci_dev *device = lsi();
	void __iomem *memory;
	unsigned int at;
	int error = 0;

	if (IS_ERR(device))
		return PTR_ERR(device);
	memory = ioremap(pci_resource_start(device, 2) + 0x104, 0x1000);
	if (!memory)
		return -ENOMEM;
	for (at = 0; at < 0x1000; at += 0x7c)
		writel(at ^ 0x5a5a5a5a, memory + at);
	for (at = 0; at < 0x1000; at += 0x7c)
		if (readl(memory + at) != (at ^ 0x5a5a5a5a))
			error = -EIO;
	iounmap(memory);
	pci_dev_put(device);
	return error;
}

/* One page through two mappings. */
static int twice(const char *argument)
{
	struct pci_dev *device = lsi();
	void __iomem *one, *other;
	unsigned int i;
	int error = 0;

	if (IS_ERR(device))
		return PTR_ERR(device);
	one = ioremap(pci_resource_start(device, 2), 0x1000);
	other = ioremap(pci_resource_start(device, 2), 0x2000);
	if (!one || !other)
		return -ENOMEM;
	for (i = 0; i < 64; i++) {
		writel(i * 7, one + i * 4);
		if (readl(other + i * 4) != i * 7)
			error = -EIO;
	}
	iounmap(one);
	for (i = 0; i < 64; i++)
		if (readl(other + i * 4) != i * 7)
			error = -EIO;
	iounmap(other);
	pci_dev_put(device);
	return error;
}

/* The kernel's functions for blocks. */
static int copy_blocks(void __iomem *memory, size_t len)
{
	u8 *from = kmalloc(len, GFP_KERNEL), *to = kmalloc(len, GFP_KERNEL);
	int error;

	if (!from || !to)
		return -ENOMEM;
	get_random_bytes(from, len);
	memcpy_toio(memory, from, len);
	memcpy_fromio(to, memory, len);
	error = memcmp(from, to, len) ? -EIO : 0;
	memset_io(memory, 0xa5, len);
	memset(from, 0xa5, len);
	memcpy_fromio(to, memory, len);
	if (memcmp(from, to, len))
		error = -EIO;
	kfree(from);
	kfree(to);
	return error;
}

static int lsi_blocks(const char *argument)
{
	struct pci_dev *device = lsi();
	void __iomem *memory;
	int error;

	if (IS_ERR(device))
		return PTR_ERR(device);
	memory = ioremap_wc(pci_resource_start(device, 2), 0x2000);
	error = memory ? copy_blocks(memory, 0x1ff0) : -ENOMEM;
	if (memory)
		iounmap(memory);
	pci_dev_put(device);
	return error;
}

/* 2 MiB that are mapped as one large page, and some small ones behind: every page once each way. */
static int huge(const char *argument)
{
	size_t len = SZ_2M + SZ_16K, at;
	struct pci_dev *device = shmem();
	void __iomem *memory;
	int error = 0;

	if (IS_ERR(device))
		return PTR_ERR(device);
	memory = ioremap_wc(pci_resource_start(device, 2), len);
	if (!memory)
		return -ENOMEM;
	for (at = 0; at < len; at += SZ_4K)
		writel(at + 1, memory + at + 0x40);
	for (at = 0; at < len; at += SZ_4K)
		if (readl(memory + at + 0x40) != at + 1)
			error = -EIO;
	iounmap(memory);
	pci_dev_put(device);
	return error;
}

/* Mappings that come and go, each with one access. */
static int maps(const char *argument)
{
	struct pci_dev *device = edu_device();
	unsigned int count = 100, i;
	int error = 0;

	if (IS_ERR(device))
		return PTR_ERR(device);
	if (*argument && kstrtouint(argument, 0, &count))
		return -EINVAL;
	for (i = 0; i < count && !error; i++) {
		void __iomem *memory = ioremap(pci_resource_start(device, 0), 0x1000);

		if (!memory)
			error = -ENOMEM;
		else if ((readl(memory) & 0xffff) != 0xed)
			error = -EIO;
		if (memory)
			iounmap(memory);
		cond_resched();
	}
	pci_dev_put(device);
	return error;
}

static void __iomem *hammered;

static bool hammer_ends;

struct span {
	u64 end;
	unsigned int pause;
};

static long hammer_until(unsigned int cpu, void *data)
{
	struct span *span = data;
	u32 value = cpu << 24;
	long made = 0;

	while (ktime_get_ns() < span->end && !READ_ONCE(hammer_ends)) {
		writel(++value, hammered + 4);
		readl(hammered + 4);
		made += 2;
		/*
		 * It sleeps: the removal of a hook waits until every task has given up its CPU once
		 * by itself, as ftrace always does.
		 */
		if (made % 32)
			cond_resched();
		else
			usleep_range(span->pause, 2 * span->pause);
	}
	return made;
}

/* All CPUs for some milliseconds, on a mapping that stays: what happens to the tracer meanwhile? */
static int hammer(const char *argument)
{
	struct pci_dev *device = edu_device();
	unsigned int milliseconds = 1000;
	struct span span;
	long made;

	if (IS_ERR(device))
		return PTR_ERR(device);
	if (*argument && kstrtouint(argument, 0, &milliseconds))
		return -EINVAL;
	hammered = ioremap(pci_resource_start(device, 0), 0x1000);
	if (!hammered)
		return -ENOMEM;
	WRITE_ONCE(hammer_ends, false);
	span.end = ktime_get_ns() + (u64)milliseconds * NSEC_PER_MSEC;
	span.pause = 50;
	made = test_on_all_cpus(hammer_until, &span);
	pr_info("hammered %ld accesses\n", made);
	iounmap(hammered);
	pci_dev_put(device);
	return 0;
}

/* Ends it before its time. */
static int hammer_end(const char *argument)
{
	WRITE_ONCE(hammer_ends, true);
	return 0;
}

static atomic_t nmis;

static int on_nmi(unsigned int type, struct pt_regs *regs)
{
	if (!READ_ONCE(hammered))
		return NMI_DONE;
	readl(hammered);
	atomic_inc(&nmis);
	return NMI_HANDLED;
}

/* An NMI to every other CPU, by the local interrupt controller. */
static void send_nmis(void)
{
	unsigned long flags;

	local_irq_save(flags);
	native_apic_mem_write(APIC_ICR, APIC_DEST_ALLBUT | APIC_DM_NMI);
	local_irq_restore(flags);
}

static long nmi_work(unsigned int cpu, void *data)
{
	unsigned int count = *(unsigned int *)data, i;

	for (i = 0; i < count; i++) {
		writel(cpu << 24 | i, hammered + 4);
		readl(hammered + 4);
		if (cpu == cpumask_first(cpu_online_mask) && i % 4 == 0)
			send_nmis();
	}
	return 0;
}

/* NMIs whose handler reads the page that is being accessed. */
static int nmi(const char *argument)
{
	struct pci_dev *device = edu_device();
	unsigned int count = 2000;
	int error;

	if (IS_ERR(device))
		return PTR_ERR(device);
	if (*argument && kstrtouint(argument, 0, &count))
		return -EINVAL;
	hammered = ioremap(pci_resource_start(device, 0), 0x1000);
	if (!hammered)
		return -ENOMEM;
	atomic_set(&nmis, 0);
	error = register_nmi_handler(NMI_LOCAL, on_nmi, 0, "mmiotrace_test");
	if (!error) {
		test_on_all_cpus(nmi_work, &count);
		msleep(50);
		unregister_nmi_handler(NMI_LOCAL, "mmiotrace_test");
	}
	pr_info("%d NMIs\n", atomic_read(&nmis));
	iounmap(hammered);
	WRITE_ONCE(hammered, NULL);
	pci_dev_put(device);
	return error ? error : atomic_read(&nmis) ? 0 : -EIO;
}

/*
 * What an access takes: one thread, many short rounds. The smallest mean of a round is that of a stretch
 * in which nobody else had the CPU; the mean of all has in it what a capture does beside.
 */
#define COST_ROUND 50
#define COST_ROUNDS 200

static int cost(const char *argument)
{
	struct pci_dev *device = edu_device();
	u64 best[2] = { ~0ULL, ~0ULL }, all[2] = { 0, 0 };
	unsigned int round, i;
	void __iomem *memory;

	if (IS_ERR(device))
		return PTR_ERR(device);
	memory = ioremap(pci_resource_start(device, 0), 0x1000);
	if (!memory)
		return -ENOMEM;
	for (round = 0; round < COST_ROUNDS; round++) {
		u64 began = ktime_get_ns(), middle, ended;

		for (i = 0; i < COST_ROUND; i++)
			writel(i, memory + 4);
		middle = ktime_get_ns();
		for (i = 0; i < COST_ROUND; i++)
			readl(memory + 4);
		ended = ktime_get_ns();
		best[0] = min(best[0], (middle - began) / COST_ROUND);
		best[1] = min(best[1], (ended - middle) / COST_ROUND);
		all[0] += middle - began;
		all[1] += ended - middle;
		cond_resched();
	}
	pr_info("cost %s least: write %llu ns read %llu ns mean: write %llu ns read %llu ns\n", argument,
		best[0], best[1], all[0] / (COST_ROUND * COST_ROUNDS), all[1] / (COST_ROUND * COST_ROUNDS));
	iounmap(memory);
	pci_dev_put(device);
	return 0;
}

const struct test place_tests[] = {
	{ "unaligned", unaligned },
	{ "twice", twice },
	{ "blocks", lsi_blocks },
	{ "huge", huge },
	{ "maps", maps },
	{ "hammer", hammer },
	{ "hammer-end", hammer_end },
	{ "nmi", nmi },
	{ "cost", cost },
	{ }
};

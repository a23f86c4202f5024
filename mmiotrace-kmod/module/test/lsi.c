// SPDX-License-Identifier: GPL-2.0
/*
 * A SCSI controller of which only its memory for scripts is of interest: 8 KiB that keep what is
 * written, take aligned accesses of every width, and show in QEMU's log.
 */
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <asm/fpu/api.h>

#include "test.h"

static int insns(const char *argument)
{
	struct pci_dev *device = test_device(0x1000, 0x0012);
	void __iomem *memory;
	int error;

	if (IS_ERR(device))
		return PTR_ERR(device);
	memory = pci_iomap(device, 2, 0);
	error = memory ? test_insns(memory, false) : -ENOMEM;
	if (memory)
		pci_iounmap(device, memory);
	pci_dev_put(device);
	return error;
}

struct mixed {
	void __iomem *memory;
	unsigned int rounds;
};

#define SHARE 0x200	/* of the page, for each CPU; behind them all, what all CPUs count in */
#define COUNTERS 0xff0

/* One of each kind on this CPU's share of the page; what was written is read back. */
static long mixed_round(u8 *share, u32 *counter, u32 value)
{
	u8 from[64] __aligned(16), to[64] __aligned(16);
	long wrong = 0;
	u32 old = value;
	void *si, *di;
	u64 count;
	int i;

	for (i = 0; i < 16; i++)
		((u32 *)from)[i] = value + i;
	/* Plain ones of every width. */
	writeb(value, (void __iomem *)share);
	writew(value, (void __iomem *)share + 2);
	writel(value, (void __iomem *)share + 4);
	writeq(value, (void __iomem *)share + 8);
	wrong += readb((void __iomem *)share) != (u8)value;
	wrong += readw((void __iomem *)share + 2) != (u16)value;
	wrong += readl((void __iomem *)share + 4) != value;
	wrong += readq((void __iomem *)share + 8) != value;
	/* Locked ones: on its own share, and where all CPUs count. */
	asm volatile("lock xaddl %0, %1" : "+r"(old), "+m"(*(u32 *)(share + 4)) : : "memory", "cc");
	wrong += old != value;
	asm volatile("lock incl %0" : "+m"(*counter) : : "memory", "cc");
	/* Strings, there and back. */
	si = from, di = share + 0x40, count = 16;
	asm volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(count) : : "memory");
	si = share + 0x40, di = to, count = 16;
	asm volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(count) : : "memory");
	wrong += memcmp(from, to, sizeof(to)) != 0;
	di = share + 0x80, count = 8;
	asm volatile("rep stosl" : "+D"(di), "+c"(count) : "a"(value) : "memory");
	wrong += readl((void __iomem *)share + 0x9c) != value;
	/* SSE, there and back. */
	kernel_fpu_begin();
	asm volatile("movdqu (%0), %%xmm0\n\tmovdqu %%xmm0, (%1)\n\t"
		     "movdqu (%1), %%xmm1\n\tmovdqu %%xmm1, (%2)"
		     : : "r"(from), "r"(share + 0xc0), "r"(to) : "memory");
	kernel_fpu_end();
	wrong += memcmp(from, to, 16) != 0;
	return wrong;
}

static long mixed_work(unsigned int cpu, void *data)
{
	struct mixed *mixed = data;
	u8 *page = (u8 *)(unsigned long)mixed->memory;
	long wrong = 0;
	u32 round;

	for (round = 0; round < mixed->rounds; round++) {
		wrong += mixed_round(page + cpu % 4 * SHARE, (u32 *)(page + COUNTERS), cpu << 24 | round << 8);
		cond_resched();
	}
	return wrong;
}

/* All CPUs on one page, with accesses of all kinds. */
static int mixed(const char *argument)
{
	struct pci_dev *device = test_device(0x1000, 0x0012);
	struct mixed mixed = { .rounds = 100 };
	u32 counted;
	long wrong;

	if (IS_ERR(device))
		return PTR_ERR(device);
	if (*argument && kstrtouint(argument, 0, &mixed.rounds))
		return -EINVAL;
	mixed.memory = pci_iomap(device, 2, 0);
	if (!mixed.memory)
		return -ENOMEM;
	writel(0, mixed.memory + COUNTERS);
	wrong = test_on_all_cpus(mixed_work, &mixed);
	counted = readl(mixed.memory + COUNTERS);
	pr_info("mixed: %ld wrong, counted %u\n", wrong, counted);
	if (counted != mixed.rounds * num_online_cpus())
		wrong++;
	pci_iounmap(device, mixed.memory);
	pci_dev_put(device);
	return wrong ? -EIO : 0;
}

const struct test lsi_tests[] = {
	{ "mixed", mixed },
	{ "lsi-insns", insns },
	{ }
};

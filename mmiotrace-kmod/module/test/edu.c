// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's device for teaching (docs/specs/edu.rst of QEMU): registers of 4 bytes below 0x80, of 4 or
 * 8 above. Accesses of other widths never reach it, nor its log.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kernel.h>

#include "test.h"

#define EDU_ID		0x00
#define EDU_LIVENESS	0x04	/* gives back the complement of what was written */
#define EDU_FACTORIAL	0x08
#define EDU_STATUS	0x20	/* bit 0: computing */
#define EDU_DMA_SOURCE	0x80

static void __iomem *edu;

/* What a driver does: identify, write and read back, start and poll. */
static int walk(void)
{
	int patience = 1000;

	if ((readl(edu + EDU_ID) & 0xffff) != 0x00ed)
		return -ENODEV;
	writel(0x12345678, edu + EDU_LIVENESS);
	if (readl(edu + EDU_LIVENESS) != ~0x12345678U)
		return -EIO;
	writel(10, edu + EDU_FACTORIAL);
	while (readl(edu + EDU_STATUS) & 1) {
		if (!patience--)
			return -ETIMEDOUT;
		udelay(100);
	}
	if (readl(edu + EDU_FACTORIAL) != 3628800)
		return -EIO;
	writeq(0x1122334455667788ULL, edu + EDU_DMA_SOURCE);
	return readq(edu + EDU_DMA_SOURCE) == 0x1122334455667788ULL ? 0 : -EIO;
}

enum mode { WRITES, READS, MIXED };

struct hammer {
	enum mode mode;
	unsigned int count;
};

/* Every value is written once, so that no access can stand for another. */
static long hammer_work(unsigned int cpu, void *data)
{
	struct hammer *hammer = data;
	u32 value = cpu << 24;
	unsigned int i;

	for (i = 0; i < hammer->count; i++, value++) {
		if (hammer->mode == WRITES || (hammer->mode == MIXED && i % 2))
			writel(value, edu + EDU_LIVENESS);
		else
			readl(edu + EDU_LIVENESS);
	}
	return 0;
}

static int hammer(enum mode mode, unsigned int count)
{
	struct hammer hammer = { .mode = mode, .count = count };

	test_on_all_cpus(hammer_work, &hammer);
	return 0;
}

/* Everything: from the mapping to its end. */
static int run(const char *argument)
{
	struct pci_dev *device = test_device(0x1234, 0x11e8);
	unsigned int count = 500;
	int error;

	if (IS_ERR(device))
		return PTR_ERR(device);
	if (*argument && kstrtouint(argument, 0, &count))
		return -EINVAL;
	edu = pci_iomap(device, 0, 0);
	error = edu ? walk() : -ENOMEM;
	if (!error)
		error = hammer(WRITES, count);
	if (!error)
		error = hammer(READS, count);
	if (!error)
		error = hammer(MIXED, count);
	if (edu)
		pci_iounmap(device, edu);
	pci_dev_put(device);
	return error;
}

const struct test edu_tests[] = {
	{ "edu", run },
	{ }
};

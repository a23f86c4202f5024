// SPDX-License-Identifier: GPL-2.0
/*
 * A SCSI controller of which only its memory for scripts is of interest: 8 KiB that keep what is
 * written, take aligned accesses of every width, and show in QEMU's log.
 */
#include <linux/io.h>

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

const struct test lsi_tests[] = {
	{ "lsi-insns", insns },
	{ }
};

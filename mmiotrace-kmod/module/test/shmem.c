// SPDX-License-Identifier: GPL-2.0
/*
 * Shared memory of QEMU (ivshmem-plain): a BAR that is RAM and takes any access, but does not show
 * in QEMU's log.
 */
#include <linux/io.h>

#include "test.h"

#define SHMEM_VENDOR 0x1af4
#define SHMEM_DEVICE 0x1110
#define SHMEM_BAR 2

static int insns(const char *argument)
{
	struct pci_dev *device = test_device(SHMEM_VENDOR, SHMEM_DEVICE);
	void __iomem *memory;
	int error;

	if (IS_ERR(device))
		return PTR_ERR(device);
	memory = ioremap(pci_resource_start(device, SHMEM_BAR), 0x2000);
	error = memory ? test_insns(memory, true) : -ENOMEM;
	if (memory)
		iounmap(memory);
	pci_dev_put(device);
	return error;
}

const struct test shmem_tests[] = {
	{ "shmem-insns", insns },
	{ }
};

// SPDX-License-Identifier: MIT
/*
 * Exported code as a kernel module runs it: on the last e1000 of the machine, which has no driver.
 * Loading the module is the run; it fails with the run's error.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include "replay.h"

static int __init replay_init(void)
{
	static struct replay replay;
	struct pci_dev *device = NULL, *next = NULL;
	int error;

	/* Each call releases its last argument and holds what it returns. */
	while ((next = pci_get_device(0x8086, 0x100e, next))) {
		pci_dev_put(device);
		device = pci_dev_get(next);
	}
	if (!device)
		return -ENODEV;
	error = pci_enable_device_mem(device);
	if (error)
		goto put;
	replay.base[0] = pci_iomap(device, 0, 0);
	error = replay.base[0] ? replay_all(&replay) : -ENOMEM;
	pr_info("replay: %d at line %lu, %lu mismatches, %lu waits too long\n", error, replay.line,
		replay.mismatches, replay.timeouts);
	if (replay.base[0])
		pci_iounmap(device, replay.base[0]);
	pci_disable_device(device);
put:
	pci_dev_put(device);
	return error;
}

static void __exit replay_exit(void)
{
}

module_init(replay_init);
module_exit(replay_exit);
MODULE_DESCRIPTION("Runs exported code of a replay");
MODULE_LICENSE("Dual MIT/GPL");

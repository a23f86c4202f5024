// SPDX-License-Identifier: GPL-2.0
/*
 * What a tracer cannot see exactly: an access whose other side has to be paged in, and more mappings at a
 * time than it has room for.
 */
#include <linux/err.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <asm/smap.h>

#include "test.h"

#define EDU_ID 0x00edu

static struct pci_dev *edu_device(void)
{
	return test_device(0x1234, 0x11e8);
}

/* From the device to memory of the process that is not there yet, by one instruction. */
static int paged(const char *argument)
{
	struct pci_dev *device = edu_device();
	unsigned long user, to;
	void __iomem *memory;
	const void *from;
	u32 value = 0;
	int error = 0;

	if (IS_ERR(device))
		return PTR_ERR(device);
	memory = ioremap(pci_resource_start(device, 0), 0x1000);
	user = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (!memory || IS_ERR_VALUE(user))
		return -ENOMEM;
	to = user;
	from = (const void __force *)memory;
	stac();
	asm volatile("movsl" : "+D"(to), "+S"(from) : : "memory");
	clac();
	if (copy_from_user(&value, (const void __user *)user, sizeof(value)) || (value & 0xffff) != EDU_ID)
		error = -EIO;
	vm_munmap(user, PAGE_SIZE);
	iounmap(memory);
	pci_dev_put(device);
	return error;
}

/* So many mappings of one page, all at the same time, each with one access. */
static int crowd(const char *argument)
{
	struct pci_dev *device = edu_device();
	unsigned int count = 100, i;
	void __iomem **all;
	int error = 0;

	if (IS_ERR(device))
		return PTR_ERR(device);
	if (*argument && kstrtouint(argument, 0, &count))
		return -EINVAL;
	all = kcalloc(count, sizeof(*all), GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		all[i] = ioremap(pci_resource_start(device, 0), 0x1000);
		if (!all[i])
			error = -ENOMEM;
	}
	for (i = 0; i < count; i++)
		if (all[i] && (readl(all[i]) & 0xffff) != EDU_ID)
			error = -EIO;
	for (i = 0; i < count; i++)
		if (all[i])
			iounmap(all[i]);
	kfree(all);
	pci_dev_put(device);
	return error;
}

const struct test blind_tests[] = {
	{ "paged", paged },
	{ "crowd", crowd },
	{ }
};

// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a graphics card (QEMU's bochs-display): a BAR that is RAM and shows in no log. What is
 * done to it is counted here, and all of it is read back.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/io.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "test.h"

#define LEN 0x4000

static u64 bytes_written, bytes_read, words_written, words_read;

static int draw(void __iomem *memory, u8 *picture, u8 *back)
{
	unsigned int at;

	get_random_bytes(picture, LEN);
	/* By blocks, from an odd place to an odd place. */
	memcpy_toio(memory + 3, picture + 3, LEN - 8);
	bytes_written += LEN - 8;
	memcpy_fromio(back + 3, memory + 3, LEN - 8);
	bytes_read += LEN - 8;
	if (memcmp(back + 3, picture + 3, LEN - 8))
		return -EIO;
	/* A rectangle. */
	memset_io(memory + 0x1000, 0x5a, 0x1234);
	memset(picture + 0x1000, 0x5a, 0x1234);
	bytes_written += 0x1234;
	/* Words, which can be counted too. */
	for (at = 0; at < 0x1000; at += 8) {
		writeq(at * 0x123456789ULL, memory + 0x2800 + at);
		memcpy(picture + 0x2800 + at, &(u64){ at * 0x123456789ULL }, 8);
		words_written++;
	}
	for (at = 0; at < 0x1000; at += 4) {
		if (readl(memory + 0x2800 + at) != *(u32 *)(picture + 0x2800 + at))
			return -EIO;
		words_read++;
	}
	memcpy_fromio(back + 3, memory + 3, LEN - 8);
	bytes_read += LEN - 8;
	return memcmp(back + 3, picture + 3, LEN - 8) ? -EIO : 0;
}

static int framebuffer(const char *argument)
{
	struct pci_dev *device = test_device(0x1234, 0x1111);
	u8 *picture = kmalloc(LEN, GFP_KERNEL), *back = kmalloc(LEN, GFP_KERNEL);
	void __iomem *memory;
	int error;

	if (IS_ERR(device))
		return PTR_ERR(device);
	memory = ioremap_wc(pci_resource_start(device, 0), LEN);
	error = memory && picture && back ? draw(memory, picture, back) : -ENOMEM;
	pr_info("framebuffer: blocks of %llu bytes written %llu read; words written %llu read %llu\n",
		bytes_written, bytes_read, words_written, words_read);
	if (memory)
		iounmap(memory);
	kfree(picture);
	kfree(back);
	pci_dev_put(device);
	return error;
}

const struct test framebuffer_tests[] = {
	{ "framebuffer", framebuffer },
	{ }
};

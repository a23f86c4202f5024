// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses to device memory that no driver of the kernel makes, for the tests of mmiotrace. A
 * command written to /sys/kernel/debug/mmiotrace_test/run runs in the task that writes; the write
 * fails if the test does.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "test.h"

static const struct test *const suites[] = { edu_tests, lsi_tests, shmem_tests, place_tests,
					    framebuffer_tests, blind_tests };

static struct dentry *directory;

struct crew {
	long (*work)(unsigned int cpu, void *data);
	void *data;
	atomic_t absent;	/* who has not come to the start yet */
	atomic_t busy;
	atomic_long_t sum;
	struct completion done;
};

struct member {
	struct crew *crew;
	unsigned int cpu;
};

static int member_main(void *argument)
{
	struct member member = *(struct member *)argument;
	struct crew *crew = member.crew;

	kfree(argument);
	/* All begin together. */
	atomic_dec(&crew->absent);
	while (atomic_read(&crew->absent))
		cond_resched();
	atomic_long_add(crew->work(member.cpu, crew->data), &crew->sum);
	if (atomic_dec_and_test(&crew->busy))
		complete(&crew->done);
	return 0;
}

long test_on_all_cpus(long (*work)(unsigned int cpu, void *data), void *data)
{
	struct crew crew = { .work = work, .data = data };
	unsigned int cpu;

	init_completion(&crew.done);
	atomic_set(&crew.absent, num_online_cpus());
	atomic_set(&crew.busy, num_online_cpus());
	for_each_online_cpu(cpu) {
		struct member *member = kmalloc(sizeof(*member), GFP_KERNEL | __GFP_NOFAIL);
		struct task_struct *task;

		*member = (struct member){ .crew = &crew, .cpu = cpu };
		task = kthread_create(member_main, member, "mmio/%u", cpu);
		BUG_ON(IS_ERR(task));
		kthread_bind(task, cpu);
		wake_up_process(task);
	}
	wait_for_completion(&crew.done);
	return atomic_long_read(&crew.sum);
}

struct pci_dev *test_device(unsigned int vendor, unsigned int device)
{
	struct pci_dev *found = pci_get_device(vendor, device, NULL);

	if (!found)
		return ERR_PTR(-ENODEV);
	if (pci_enable_device(found)) {
		pci_dev_put(found);
		return ERR_PTR(-EIO);
	}
	pci_set_master(found);
	return found;
}

static ssize_t run_write(struct file *file, const char __user *from, size_t len, loff_t *at)
{
	char line[128];
	char *argument = line;
	const char *name;
	const struct test *test;
	size_t i;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, len))
		return -EFAULT;
	line[len] = 0;
	strim(line);
	name = strsep(&argument, " ");
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		for (test = suites[i]; test->name; test++) {
			int error;

			if (strcmp(test->name, name))
				continue;
			error = test->run(argument ? argument : "");
			pr_info("%s %s: %d\n", name, argument ? argument : "", error);
			return error ? error : len;
		}
	}
	return -ENOENT;
}

static const struct file_operations run_operations = {
	.owner = THIS_MODULE,
	.write = run_write,
};

static int __init test_start(void)
{
	directory = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("run", 0200, directory, NULL, &run_operations);
	return 0;
}

static void __exit test_stop(void)
{
	debugfs_remove(directory);
}

module_init(test_start);
module_exit(test_stop);

MODULE_DESCRIPTION("Accesses to device memory for the tests of mmiotrace");
MODULE_AUTHOR("The mmiotrace authors");
MODULE_LICENSE("GPL");

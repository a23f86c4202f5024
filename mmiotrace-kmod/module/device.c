// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/mmiotrace, for root only:
 *
 *   ioctl   commands (abi.h)
 *   mmap    the channel: rings that the recorder empties
 *   poll    readable when records wait
 *   read    the state, as text for people
 *   write   a marker
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "abi.h"
#include "engine.h"
#include "shim.h"

static DECLARE_WAIT_QUEUE_HEAD(waiters);

/*
 * Waiting recorders are woken by a look at the rings every 10 ms, so that a fault costs no wake-up.
 */
static void look(struct work_struct *unused);
static DECLARE_DELAYED_WORK(looking, look);
#define LOOK_AFTER msecs_to_jiffies(10)

static void look(struct work_struct *unused)
{
	if (mmiotrace_engine_pending())
		wake_up_interruptible(&waiters);
	else if (wq_has_sleeper(&waiters))
		schedule_delayed_work(&looking, LOOK_AFTER);
}

static __poll_t device_poll(struct file *file, poll_table *table)
{
	poll_wait(file, &waiters, table);
	if (mmiotrace_engine_pending())
		return EPOLLIN | EPOLLRDNORM;
	schedule_delayed_work(&looking, LOOK_AFTER);
	return 0;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	u64 parameters[MMIOTRACE_MAX_PARAMETERS / sizeof(u64)];
	void __user *from = (void __user *)argument;
	size_t len = _IOC_SIZE(command);
	long outcome;

	if (_IOC_TYPE(command) != MMIOTRACE_IOC || len > sizeof(parameters))
		return -ENOTTY;
	memset(parameters, 0, sizeof(parameters));
	if (copy_from_user(parameters, from, len))
		return -EFAULT;
	outcome = mmiotrace_engine_control(_IOC_NR(command), parameters, len, (unsigned long)file);
	if (outcome >= 0 && copy_to_user(from, parameters, len))
		return -EFAULT;
	return outcome;
}

static int device_mmap(struct file *file, struct vm_area_struct *area)
{
	/* Only the file that began the capture, or resumed it, empties its rings. */
	return mmiotrace_engine_mmap((unsigned long)file, area);
}

static ssize_t device_write(struct file *file, const char __user *from, size_t len, loff_t *at)
{
	size_t taken = min_t(size_t, len, MMIOTRACE_MAX_MARKER);
	char *text = memdup_user(from, taken);
	int error;

	if (IS_ERR(text))
		return PTR_ERR(text);
	error = mmiotrace_engine_marker(text, taken);
	kfree(text);
	return error ? error : len;
}

static ssize_t device_read(struct file *file, char __user *to, size_t len, loff_t *at)
{
	char *text = (char *)get_zeroed_page(GFP_KERNEL);
	ssize_t outcome;

	if (!text)
		return -ENOMEM;
	outcome = mmiotrace_engine_describe(text, PAGE_SIZE);
	outcome = simple_read_from_buffer(to, len, at, text, outcome);
	free_page((unsigned long)text);
	return outcome;
}

static int device_release(struct inode *inode, struct file *file)
{
	mmiotrace_engine_release((unsigned long)file);
	return 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.mmap = device_mmap,
	.poll = device_poll,
	.read = device_read,
	.write = device_write,
	.release = device_release,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "mmiotrace",
	.mode = 0600,
	.fops = &operations,
};

int mmiotrace_device_register(void)
{
	return misc_register(&device);
}

void mmiotrace_device_unregister(void)
{
	misc_deregister(&device);
	cancel_delayed_work_sync(&looking);
}

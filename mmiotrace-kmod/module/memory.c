// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for the engine, and memory of others that may not be there.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "shim.h"

/* The engine allocates when it is set up and when mappings come, never in a fault. */
void *mmiotrace_shim_alloc(size_t size, size_t align)
{
	if (WARN_ON_ONCE(irqs_disabled() || in_nmi()))
		return NULL;
	/* Sizes that are powers of two are aligned to themselves. */
	if (align > __alignof__(unsigned long long))
		size = roundup_pow_of_two(max(size, align));
	return kvmalloc(size, GFP_KERNEL);
}

void mmiotrace_shim_free(void *at)
{
	kvfree(at);
}

/* Memory that is zero and that user space may map. */
void *mmiotrace_shim_alloc_shared(size_t size)
{
	return vmalloc_user(size);
}

void mmiotrace_shim_free_shared(void *at)
{
	vfree(at);
}

/* Maps it into a process, which then has a reference to each page. */
int mmiotrace_shim_map_shared(void *area, void *at)
{
	struct vm_area_struct *to = area;

	return remap_vmalloc_range(to, at, to->vm_pgoff);
}

/* Reads ordinary memory, of the kernel or of the current process. Any context. 0 if all is read. */
int mmiotrace_shim_read(u64 from, void *to, size_t len)
{
	if (from < TASK_SIZE_MAX)
		return copy_from_user_nofault(to, (void __user *)(unsigned long)from, len) ? -EFAULT : 0;
	return copy_from_kernel_nofault(to, (void *)(unsigned long)from, len) ? -EFAULT : 0;
}

#define WRITE_LOOP(type)							\
	while (len >= sizeof(type)) {						\
		__put_kernel_nofault(at, from, type, failed);			\
		at += sizeof(type);						\
		from += sizeof(type);						\
		len -= sizeof(type);						\
	}

/* Writes ordinary memory. Any context. 0 if all is written. */
int mmiotrace_shim_write(u64 to, const void *from, size_t len)
{
	void *at = (void *)(unsigned long)to;

	if (to < TASK_SIZE_MAX)
		return copy_to_user_nofault((void __user *)at, from, len) ? -EFAULT : 0;
	pagefault_disable();
	WRITE_LOOP(u64);
	WRITE_LOOP(u32);
	WRITE_LOOP(u16);
	WRITE_LOOP(u8);
	pagefault_enable();
	return 0;
failed:
	pagefault_enable();
	return -EFAULT;
}

/*
 * Whether a write would succeed. Of the current process nothing is promised: another thread may
 * take the memory away at any time.
 */
bool mmiotrace_shim_can_write(u64 to, size_t len)
{
	unsigned int level;
	pte_t *entry;
	u64 at;

	if (to < TASK_SIZE_MAX)
		return false;
	for (at = to & PAGE_MASK; at < to + len; at += PAGE_SIZE) {
		entry = lookup_address(at, &level);
		if (!entry || (pte_flags(READ_ONCE(*entry)) & (_PAGE_PRESENT | _PAGE_RW)) != (_PAGE_PRESENT | _PAGE_RW))
			return false;
	}
	return true;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables of traced mappings, and the second mappings through which the engine reaches the
 * device.
 *
 * A page is armed by clearing the present bit of its entry; all else stays in the entry, so that
 * disarming needs nothing but the entry. Mappings by 2 MiB and 1 GiB are split into 4 KiB ones
 * while they are traced: so each page can be opened alone, and the end of a mapping that is no
 * whole large page is armed like its beginning.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <asm/pgtable.h>
#include <asm/tlbflush.h>

#include "shim.h"

/* One entry of a large mapping that points to a table of ours now. */
struct split {
	struct list_head list;
	unsigned long virt;
	unsigned long size;
	u64 *entry;
	u64 original;
	u64 *table;
};

/* Under the engine's mutex, as all that calls what changes it. */
static LIST_HEAD(splits);

#define ENTRIES 512

static void set_entry(u64 *entry, u64 value)
{
	set_pte((pte_t *)entry, __pte(value));
}

static u64 *lookup(unsigned long virt, unsigned int *level)
{
	return (u64 *)lookup_address(virt, level);
}

/* The flags of the small pages that a large page consists of. */
static u64 small_flags(u64 large)
{
	u64 flags = large & ~(PTE_PFN_MASK | _PAGE_PSE);

	flags &= ~(u64)_PAGE_PAT_LARGE;
	if (large & _PAGE_PAT_LARGE)
		flags |= _PAGE_PAT;
	return flags;
}

static u64 large_phys(u64 large, unsigned long size)
{
	return large & PTE_PFN_MASK & ~((u64)size - 1);
}

/* Replaces one entry of a large mapping by a table that says the same in smaller pages. */
static int split_entry(unsigned long virt, u64 *entry, unsigned int level)
{
	unsigned long size = level == PG_LEVEL_1G ? PUD_SIZE : PMD_SIZE;
	unsigned long step = size / ENTRIES;
	struct split *split = kzalloc(sizeof(*split), GFP_KERNEL);
	u64 *table = (u64 *)get_zeroed_page(GFP_KERNEL);
	u64 original = READ_ONCE(*entry);
	u64 flags = level == PG_LEVEL_1G ? original & ~PTE_PFN_MASK : small_flags(original);
	u64 phys = large_phys(original, size);
	int i;

	if (!split || !table) {
		kfree(split);
		free_page((unsigned long)table);
		return -ENOMEM;
	}
	if (level == PG_LEVEL_1G)
		flags |= original & _PAGE_PAT_LARGE;
	for (i = 0; i < ENTRIES; i++)
		table[i] = (phys + i * step) | flags;
	*split = (struct split){ .virt = virt & ~(size - 1), .size = size, .entry = entry,
				 .original = original, .table = table };
	/* In front of the larger page that this one is a part of: joined first. */
	list_add(&split->list, &splits);
	set_entry(entry, __pa(table) | _KERNPG_TABLE);
	return 0;
}

/* Makes sure that every page of a range has an entry of its own. */
int mmiotrace_shim_split(u64 virt, u64 len)
{
	u64 at = virt;

	while (at < virt + len) {
		unsigned int level;
		u64 *entry = lookup(at, &level);
		int error;

		if (!entry)
			return -EFAULT;
		if (level == PG_LEVEL_4K) {
			at += PAGE_SIZE;
			continue;
		}
		if (level != PG_LEVEL_2M && level != PG_LEVEL_1G)
			return -EINVAL;
		error = split_entry(at, entry, level);
		if (error)
			return error;
	}
	return 0;
}

/* Takes back what split did in a range; its pages are present. */
void mmiotrace_shim_join(u64 virt, u64 len)
{
	struct split *split, *next;
	LIST_HEAD(joined);

	list_for_each_entry_safe(split, next, &splits, list) {
		if (split->virt >= virt + len || split->virt + split->size <= virt)
			continue;
		set_entry(split->entry, split->original);
		list_move_tail(&split->list, &joined);
	}
	if (list_empty(&joined))
		return;
	/* No CPU may still walk through the tables. */
	mmiotrace_shim_flush();
	list_for_each_entry_safe(split, next, &joined, list) {
		free_page((unsigned long)split->table);
		kfree(split);
	}
}

/* Whether all of a range is mapped and begins at this physical address. */
bool mmiotrace_shim_is_mapped(u64 virt, u64 len, u64 phys)
{
	u64 at;

	for (at = 0; at < len; at += PAGE_SIZE) {
		unsigned int level;
		u64 *entry = lookup(virt + at, &level);
		unsigned long size;
		u64 value;

		if (!entry)
			return false;
		value = READ_ONCE(*entry);
		size = level == PG_LEVEL_4K ? PAGE_SIZE : level == PG_LEVEL_2M ? PMD_SIZE : PUD_SIZE;
		if (!(value & _PAGE_PRESENT))
			return false;
		if (large_phys(value, size) + ((virt + at) & (size - 1)) != phys + at)
			return false;
	}
	return true;
}

/* Whether an access to this address now finds its page. Any context. */
bool mmiotrace_shim_is_present(u64 virt)
{
	unsigned int level;
	u64 *entry = lookup(virt, &level);

	return entry && READ_ONCE(*entry) & _PAGE_PRESENT;
}

static void set_present(u64 virt, u64 len, bool present)
{
	u64 at;

	for (at = virt; at < virt + len; at += PAGE_SIZE) {
		unsigned int level;
		u64 *entry = lookup(at, &level);
		u64 value;

		if (!entry || level != PG_LEVEL_4K)
			continue;
		value = READ_ONCE(*entry);
		set_entry(entry, present ? value | _PAGE_PRESENT : value & ~(u64)_PAGE_PRESENT);
	}
}

/* A flush has to follow before the pages are closed to all CPUs. */
void mmiotrace_shim_arm(u64 virt, u64 len)
{
	set_present(virt, len, false);
}

/* No flush: x86 remembers no entry that is not present. Any context. */
void mmiotrace_shim_disarm(u64 virt, u64 len)
{
	set_present(virt, len, true);
}

static void flush_here(void *unused)
{
	__flush_tlb_all();
}

/* Has all CPUs forget what they know of page tables. May sleep. */
void mmiotrace_shim_flush(void)
{
	on_each_cpu(flush_here, NULL, 1);
}

static void nothing(void *unused)
{
}

/*
 * Waits until every CPU was outside of fault context once: faults and steps run with interrupts
 * off. May sleep.
 */
void mmiotrace_shim_quiesce(void)
{
	on_each_cpu(nothing, NULL, 1);
}

/* The task that makes or removes a mapping for the engine: it is not to be traced itself. */
static struct task_struct *own_mapper;
static DEFINE_MUTEX(own_mutex);

bool mmiotrace_pages_is_own_mapping(void)
{
	return READ_ONCE(own_mapper) == current;
}

static void own_begin(void)
{
	mutex_lock(&own_mutex);
	WRITE_ONCE(own_mapper, current);
}

static void own_end(void)
{
	WRITE_ONCE(own_mapper, NULL);
	mutex_unlock(&own_mutex);
}

/* The bits of an entry that say how the memory is cached, as in an entry of a small page. */
static u64 cache_bits(unsigned long virt)
{
	unsigned int level;
	u64 *entry = lookup(virt, &level);
	u64 value;

	if (!entry)
		return ~0ULL;
	value = READ_ONCE(*entry);
	if (level != PG_LEVEL_4K)
		value = small_flags(value);
	return value & _PAGE_CACHE_MASK;
}

/* A second mapping with the same cache type as the first, or 0. May sleep. */
u64 mmiotrace_shim_alias(u64 virt, u64 phys, u64 len)
{
	u64 bits = cache_bits(virt);
	void __iomem *alias;

	if (bits == ~0ULL)
		return 0;
	own_begin();
	alias = ioremap_prot(phys, len, bits);
	own_end();
	if (alias && cache_bits((unsigned long)alias) != bits) {
		pr_warn("a second mapping of %#llx gets another cache type\n", phys);
		mmiotrace_shim_unalias((unsigned long)alias);
		return 0;
	}
	return (unsigned long)alias;
}

void mmiotrace_shim_unalias(u64 alias)
{
	own_begin();
	iounmap((void __iomem *)(unsigned long)alias);
	own_end();
}

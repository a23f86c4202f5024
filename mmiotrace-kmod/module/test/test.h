/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MMIOTRACE_TEST_H
#define MMIOTRACE_TEST_H

#include <linux/pci.h>
#include <linux/types.h>

/* A command that is written to the file "run", with its argument; 0 or a negative error number. */
struct test {
	const char *name;
	int (*run)(const char *argument);
};

extern const struct test edu_tests[];
extern const struct test lsi_tests[];
extern const struct test shmem_tests[];
extern const struct test place_tests[];
extern const struct test framebuffer_tests[];
extern const struct test blind_tests[];

/* Every instruction of insn.c on 8 KiB of device memory; 0 if all do what they do elsewhere. */
int test_insns(void __iomem *memory, bool any_alignment);

/* The first device of that kind, enabled; the caller puts it back. */
struct pci_dev *test_device(unsigned int vendor, unsigned int device);

/*
 * Runs work(cpu, data) on all CPUs at the same time, each bound to its own; waits for the end. The
 * sum of what they return.
 */
long test_on_all_cpus(long (*work)(unsigned int cpu, void *data), void *data);

#endif

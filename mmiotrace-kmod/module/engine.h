/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C side calls in the engine. The Makefile takes the entry points of the object from here.
 */
#ifndef MMIOTRACE_ENGINE_H
#define MMIOTRACE_ENGINE_H

#include <linux/types.h>

struct pt_regs;

/* 0, or a negative error number. */
int mmiotrace_engine_init(u32 cpus);
/* Ends the capture if one runs, frees everything. */
void mmiotrace_engine_exit(void);

/* A page fault at addr of this CPU's current thread, interrupts off. 1 where it was a traced access and is done, else 0. */
int mmiotrace_engine_fault(struct pt_regs *regs, u64 addr, u32 cpu, s32 thread);
/* A debug trap after one instruction, NMI-like. 1 where the engine asked for it. */
int mmiotrace_engine_debug_trap(struct pt_regs *regs, u32 cpu, s32 thread);

/* A mapping was made, or is about to end. May sleep. */
void mmiotrace_engine_map(u64 phys, u64 len, u64 virt);
void mmiotrace_engine_unmap(u64 virt);

/* A command of abi.h. May sleep. */
int mmiotrace_engine_control(u32 command, void *parameters, size_t len, u64 file);
int mmiotrace_engine_marker(const char *text, size_t len);
size_t mmiotrace_engine_describe(char *text, size_t len);
/*
 * Maps the memory of the channel, if this file is the recorder's; else -ENXIO. Under the mutex, so
 * that the mapping has its references to the pages before anybody can free them.
 */
int mmiotrace_engine_mmap(u64 file, void *area);
void mmiotrace_engine_release(u64 file);
/* Whether records wait for the recorder. */
int mmiotrace_engine_pending(void);

/* What mmiotrace_shim_schedule() asked for. May sleep. */
void mmiotrace_engine_work(void);

#endif

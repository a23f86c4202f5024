/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two sides of the module. What the kernel offers is C and lies in the files beside this one;
 * what is done with it is Rust and lies in src/. All differences between versions of the kernel,
 * and all functions that the kernel calls by pointer, are on this side.
 *
 * Functions named mmiotrace_shim_* are called from Rust (src/shim.rs declares them again).
 */
#ifndef MMIOTRACE_SHIM_H
#define MMIOTRACE_SHIM_H

#include <linux/types.h>

/* hooks.c: where the module meets the kernel's paths. */
int mmiotrace_shim_hooks_install(void);
/* From here on no new mapping is noticed; ends of known mappings still are. */
void mmiotrace_shim_hooks_stop_maps(void);
/* To be called when nothing is armed any more. */
void mmiotrace_shim_hooks_remove(void);

/* pages.c: page tables, and the second mappings. */
bool mmiotrace_pages_is_own_mapping(void);
int mmiotrace_shim_split(u64 virt, u64 len);
void mmiotrace_shim_join(u64 virt, u64 len);
bool mmiotrace_shim_is_mapped(u64 virt, u64 len, u64 phys);
bool mmiotrace_shim_is_present(u64 virt);
void mmiotrace_shim_arm(u64 virt, u64 len);
void mmiotrace_shim_disarm(u64 virt, u64 len);
void mmiotrace_shim_flush(void);
void mmiotrace_shim_quiesce(void);
u64 mmiotrace_shim_alias(u64 virt, u64 phys, u64 len);
void mmiotrace_shim_unalias(u64 alias);

/* memory.c: memory that may not be there, and memory for the engine. */
void *mmiotrace_shim_alloc(size_t size, size_t align);
void mmiotrace_shim_free(void *at);
void *mmiotrace_shim_alloc_shared(size_t size);
void mmiotrace_shim_free_shared(void *at);
int mmiotrace_shim_map_shared(void *area, void *at);
int mmiotrace_shim_read(u64 from, void *to, size_t len);
int mmiotrace_shim_write(u64 to, const void *from, size_t len);
bool mmiotrace_shim_can_write(u64 to, size_t len);

/* vector.c: what code that uses vector registers has in them. In a fault of such code only. */
bool mmiotrace_shim_move_wide(void *to, const void *from, size_t width);
bool mmiotrace_shim_vector(u32 number, void *at);

/* services.c: small things. */
u32 mmiotrace_shim_cpu(void);
s32 mmiotrace_shim_thread(void);
void mmiotrace_shim_relax(void);
void mmiotrace_shim_yield(void);
u64 mmiotrace_shim_gs_base(void);
void mmiotrace_shim_lock(void);
void mmiotrace_shim_unlock(void);
void mmiotrace_shim_control_lock(void);
void mmiotrace_shim_control_unlock(void);
void mmiotrace_shim_log(const char *text, size_t len);
void mmiotrace_shim_panic(const char *text, size_t len) __noreturn;
/* Has mmiotrace_engine_work() called after a while; from any context. */
void mmiotrace_shim_schedule(u32 milliseconds);
int mmiotrace_services_init(void);
void mmiotrace_services_exit(void);

/* device.c: the way to user space. */
int mmiotrace_device_register(void);
void mmiotrace_device_unregister(void);

#endif

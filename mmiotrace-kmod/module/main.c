// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <linux/slab.h>
void mmiotrace_die(void); void *mmiotrace_alloc(size_t); void mmiotrace_free(void *);
u32 mmiotrace_engine_hello(u32);
void mmiotrace_die(void) { BUG(); }
void *mmiotrace_alloc(size_t n) { return kmalloc(n, GFP_KERNEL); }
void mmiotrace_free(void *p) { kfree(p); }
static int __init start(void) { pr_info("mmiotrace: hello %u\n", mmiotrace_engine_hello(101)); return 0; }
static void __exit stop(void) { pr_info("mmiotrace: bye\n"); }
module_init(start); module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("x");

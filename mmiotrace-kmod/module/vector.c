// SPDX-License-Identifier: GPL-2.0
/*
 * Vector registers, in a fault of code that uses them (between kernel_fpu_begin() and
 * kernel_fpu_end()): they are that code's, and live. What is used here for an access is put back.
 */
#include <linux/types.h>
#include <asm/cpufeature.h>

#include "shim.h"

struct vector {
	u8 bytes[64];
};

/* The widths that one instruction moves, each by its own instruction and register. */
#define MOVE(insn, reg)									\
	asm volatile(insn " %%" reg ", %[saved]\n\t"					\
		     insn " %[from], %%" reg "\n\t"					\
		     insn " %%" reg ", %[to]\n\t"					\
		     insn " %[saved], %%" reg						\
		     : [saved] "=m"(saved), [to] "=m"(*(struct vector *)to)		\
		     : [from] "m"(*(const struct vector *)from))

static bool has(size_t width)
{
	switch (width) {
	case 16:
		return true;
	case 32:
		return boot_cpu_has(X86_FEATURE_AVX);
	case 64:
		return boot_cpu_has(X86_FEATURE_AVX512F);
	}
	return false;
}

/* One access of 16, 32 or 64 bytes; false for another width, or one that this CPU does not have. */
bool mmiotrace_shim_move_wide(void *to, const void *from, size_t width)
{
	struct vector saved;

	if (!has(width))
		return false;
	if (width == 16)
		MOVE("movdqu", "xmm0");
	else if (width == 32)
		MOVE("vmovdqu", "ymm0");
	else
		MOVE("vmovdqu64", "zmm0");
	return true;
}

#define STORE(n)									\
	case n:										\
		if (wide)								\
			asm volatile("vmovdqu %%ymm" #n ", %0" : "=m"(*to));		\
		else									\
			asm volatile("movdqu %%xmm" #n ", %0" : "=m"(*to));		\
		return true;

/* The low 32 bytes of a vector register (16 where the CPU has no more); the rest of `to` stays. */
bool mmiotrace_shim_vector(u32 number, void *at)
{
	bool wide = boot_cpu_has(X86_FEATURE_AVX);
	struct vector *to = at;

	switch (number) {
	STORE(0) STORE(1) STORE(2) STORE(3) STORE(4) STORE(5) STORE(6) STORE(7)
	STORE(8) STORE(9) STORE(10) STORE(11) STORE(12) STORE(13) STORE(14) STORE(15)
	}
	return false;
}

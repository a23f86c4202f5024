// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions, each once on ordinary memory and once on device memory: registers, flags and what
 * memory holds afterwards must be the same.
 *
 * In every case rdi or rsi or both point into the memory under test; rbx, rcx, rdx, r8, r9 and the
 * flags have values of their own.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

#include "test.h"

#define ARITHMETIC 0x8d5		/* CF, PF, AF, ZF, SF, OF */
#define NO_FLAGS 0
#define CARRY 0x1
#define ZERO 0x40

struct state {
	u64 a, b, c, d, si, di, r8, r9, flags;
	u8 vector[32] __aligned(32);
};

#define RUN(before, code, after)						\
	register u64 r8 asm("r8") = s->r8;					\
	register u64 r9 asm("r9") = s->r9;					\
	u64 flags = s->flags;							\
										\
	asm volatile(before							\
		     "pushq %[flags]\n\tpopfq\n\t" code "\n\t"			\
		     "pushfq\n\tpopq %[flags]\n\t"			\
		     after							\
		     : "+a"(s->a), "+b"(s->b), "+c"(s->c), "+d"(s->d),		\
		       "+S"(s->si), "+D"(s->di), "+r"(r8), "+r"(r9),		\
		       [flags] "+&r"(flags)					\
		     : [vector] "r"(s->vector)					\
		     : "memory", "cc");						\
	s->r8 = r8;								\
	s->r9 = r9;								\
	s->flags = flags;

enum where {
	DI = 1,			/* rdi points into the memory under test */
	SI = 2,
	BOTH = DI | SI,
};

struct insn {
	const char *code;
	void (*run)(struct state *state);
	enum where where;
	unsigned int offset;
	u64 defined;		/* flags that are */
	u64 count;		/* in rcx, where not 0 */
	bool vector;
	int feature;		/* -1: every CPU has it */
};

#define F(n) static noinline void insn_##n(struct state *s)

/* The functions. */
#define INSNS(X)								\
	X(1, "movb (%%rdi), %%al", DI, 0x10, ARITHMETIC)				\
	X(2, "movb (%%rdi), %%ah", DI, 0x11, ARITHMETIC)				\
	X(3, "movw (%%rdi), %%dx", DI, 0x12, ARITHMETIC)				\
	X(4, "movl (%%rdi), %%ebx", DI, 0x14, ARITHMETIC)			\
	X(5, "movq (%%rdi), %%r8", DI, 0x18, ARITHMETIC)			\
	X(6, "movb %%bh, (%%rdi)", DI, 0x20, ARITHMETIC)			\
	X(7, "movw %%ax, (%%rdi)", DI, 0x22, ARITHMETIC)			\
	X(8, "movl %%edx, (%%rdi)", DI, 0x24, ARITHMETIC)			\
	X(9, "movq %%r9, (%%rdi)", DI, 0x28, ARITHMETIC)			\
	X(10, "movb $0x5a, (%%rdi)", DI, 0x30, ARITHMETIC)			\
	X(11, "movw $0x1234, (%%rdi)", DI, 0x32, ARITHMETIC)			\
	X(12, "movl $0xdeadbeef, (%%rdi)", DI, 0x34, ARITHMETIC)			\
	X(13, "movq $-2, (%%rdi)", DI, 0x38, ARITHMETIC)			\
	X(14, "xorl %%ecx, %%ecx\n\tmovl $0x11223344, (%%rdi,%%rcx,4)", DI, 0x40, ARITHMETIC) \
	X(15, "movl 0x40(%%rdi), %%eax", DI, 0x04, ARITHMETIC)			\
	X(16, "movl -0x1000(%%rdi), %%eax", DI, 0x1048, ARITHMETIC)		\
	X(17, "movzbl (%%rdi), %%eax", DI, 0x51, ARITHMETIC)			\
	X(18, "movzwl (%%rdi), %%ebx", DI, 0x52, ARITHMETIC)			\
	X(19, "movsbl (%%rdi), %%ecx", DI, 0x53, ARITHMETIC)			\
	X(20, "movsbq (%%rdi), %%rdx", DI, 0x54, ARITHMETIC)			\
	X(21, "movswl (%%rdi), %%eax", DI, 0x56, ARITHMETIC)			\
	X(22, "movslq (%%rdi), %%rax", DI, 0x58, ARITHMETIC)			\
	X(23, "movl (%%rdi), %%edi", DI, 0x5c, ARITHMETIC)			\
	X(24, "movq (%%rdi), %%rdi", DI, 0x60, ARITHMETIC)			\
	X(25, "orl %%eax, (%%rdi)", DI, 0x68, ARITHMETIC & ~0x10)			\
	X(26, "andl $0xff00ff, (%%rdi)", DI, 0x6c, ARITHMETIC & ~0x10)		\
	X(27, "xorw %%cx, (%%rdi)", DI, 0x70, ARITHMETIC & ~0x10)		\
	X(28, "addl %%ebx, (%%rdi)", DI, 0x74, ARITHMETIC)			\
	X(29, "adcq $-1, (%%rdi)", DI, 0x78, ARITHMETIC)			\
	X(30, "subb $7, (%%rdi)", DI, 0x80, ARITHMETIC)				\
	X(31, "sbbl %%edx, (%%rdi)", DI, 0x84, ARITHMETIC)			\
	X(32, "incl (%%rdi)", DI, 0x88, ARITHMETIC)				\
	X(33, "decb (%%rdi)", DI, 0x8c, ARITHMETIC)				\
	X(34, "notl (%%rdi)", DI, 0x90, ARITHMETIC)				\
	X(35, "negw (%%rdi)", DI, 0x94, ARITHMETIC)				\
	X(36, "cmpl %%eax, (%%rdi)", DI, 0x98, ARITHMETIC)			\
	X(37, "cmpb $0x80, (%%rdi)", DI, 0x9c, ARITHMETIC)			\
	X(38, "cmpq (%%rdi), %%rdx", DI, 0xa0, ARITHMETIC)			\
	X(39, "testl $0x10000, (%%rdi)", DI, 0xa8, ARITHMETIC & ~0x10)		\
	X(40, "testb %%bl, (%%rdi)", DI, 0xac, ARITHMETIC & ~0x10)		\
	X(41, "addl (%%rdi), %%eax", DI, 0xb0, ARITHMETIC)			\
	X(42, "addq (%%rdi), %%rdi", DI, 0xb8, ARITHMETIC)			\
	X(43, "subw (%%rdi), %%cx", DI, 0xc0, ARITHMETIC)			\
	X(44, "xorq (%%rdi), %%r9", DI, 0xc8, ARITHMETIC & ~0x10)		\
	X(45, "imull (%%rdi), %%eax", DI, 0xd0, 0x801)				\
	X(46, "imull $100, (%%rdi), %%ecx", DI, 0xd4, 0x801)			\
	X(47, "mull (%%rdi)", DI, 0xd8, 0x801)					\
	X(48, "xorl %%edx, %%edx\n\tdivl (%%rdi)", DI, 0xdc, NO_FLAGS)		\
	X(49, "btl $5, (%%rdi)", DI, 0xe0, CARRY)				\
	X(50, "btsl $31, (%%rdi)", DI, 0xe4, CARRY)				\
	X(51, "btrl $3, (%%rdi)", DI, 0xe8, CARRY)				\
	X(52, "movl $0x105, %%ecx\n\tbtsl %%ecx, (%%rdi)", DI, 0xec, CARRY)	\
	X(53, "movq $-33, %%rcx\n\tbtcq %%rcx, (%%rdi)", DI, 0x120, CARRY)	\
	X(54, "xchgl %%eax, (%%rdi)", DI, 0xf0, ARITHMETIC)			\
	X(55, "xchgb %%ah, (%%rdi)", DI, 0xf4, ARITHMETIC)			\
	X(56, "xaddl %%ebx, (%%rdi)", DI, 0xf8, ARITHMETIC)			\
	X(57, "lock xaddq %%rdx, (%%rdi)", DI, 0x100, ARITHMETIC)		\
	X(58, "cmpxchgl %%ecx, (%%rdi)", DI, 0x108, ARITHMETIC)			\
	X(59, "movl (%%rdi), %%eax\n\tlock cmpxchgl %%ecx, (%%rdi)", DI, 0x10c, ARITHMETIC) \
	X(60, "lock cmpxchg8b (%%rdi)", DI, 0x110, ZERO)			\
	X(61, "lock incl (%%rdi)", DI, 0x118, ARITHMETIC)			\
	X(62, "lock decw (%%rdi)", DI, 0x11c, ARITHMETIC)			\
	X(63, "lock orl %%edx, (%%rdi)", DI, 0x128, ARITHMETIC & ~0x10)		\
	X(64, "lock addq $1, (%%rdi)", DI, 0x130, ARITHMETIC)			\
	X(65, "lock btsl $7, (%%rdi)", DI, 0x138, CARRY)			\
	X(66, "lock notl (%%rdi)", DI, 0x13c, ARITHMETIC)			\
	X(67, "setc (%%rdi)", DI, 0x140, ARITHMETIC)				\
	X(68, "cmovcl (%%rdi), %%eax", DI, 0x144, ARITHMETIC)			\
	X(69, "cmovncl (%%rdi), %%ecx", DI, 0x148, ARITHMETIC)			\
	X(70, "bsfl (%%rdi), %%eax", DI, 0x14c, ZERO)				\
	X(71, "bsrq (%%rdi), %%rcx", DI, 0x150, ZERO)				\
	X(72, "popcntl (%%rdi), %%edx", DI, 0x158, ARITHMETIC)			\
	X(73, "crc32l (%%rdi), %%eax", DI, 0x15c, ARITHMETIC)			\
	X(74, "shll $4, (%%rdi)", DI, 0x160, 0xc5)				\
	X(75, "movb $3, %%cl\n\trorl %%cl, (%%rdi)", DI, 0x164, CARRY)		\
	X(76, "pushq (%%rdi)\n\tpopq %%rax", DI, 0x168, ARITHMETIC)		\
	X(77, "pushq %%rbx\n\tpopq (%%rdi)", DI, 0x170, ARITHMETIC)		\
	X(78, "movntil %%eax, (%%rdi)", DI, 0x178, ARITHMETIC)			\
	X(79, "movbel (%%rdi), %%eax", DI, 0x17c, ARITHMETIC)			\
	X(80, "movbel %%edx, (%%rdi)", DI, 0x180, ARITHMETIC)			\
	X(81, "prefetcht0 (%%rdi)", DI, 0x184, ARITHMETIC)			\
	X(82, "leaq 8(%%rdi), %%rdi", DI, 0x188, ARITHMETIC)			\
	X(83, "movsl", SI, 0x18c, ARITHMETIC)					\
	X(84, "movsl", DI, 0x190, ARITHMETIC)					\
	X(85, "movsl", BOTH, 0x194, ARITHMETIC)					\
	X(86, "stosl", DI, 0x198, ARITHMETIC)					\
	X(87, "lodsl", SI, 0x19c, ARITHMETIC)					\
	X(88, "scasl", DI, 0x1a0, ARITHMETIC)					\
	X(89, "cmpsl", SI, 0x1a4, ARITHMETIC)					\
	X(90, "std\n\tlodsb\n\tcld", SI, 0x1a8, ARITHMETIC)				\
	X(91, "negq (%%rdi)\n\torq %%rdi, (%%rdi)\n\tmovq %%rcx, (%%rdi)", DI, 0x1b0, ARITHMETIC & ~0x10)

#define STRINGS(X)								\
	X(101, "rep movsl", SI, 0x200, ARITHMETIC, 100)				\
	X(102, "rep movsl", DI, 0x400, ARITHMETIC, 100)				\
	X(103, "rep movsb", SI, 0x600, ARITHMETIC, 77)				\
	X(104, "rep stosl", DI, 0x700, ARITHMETIC, 70)				\
	X(105, "rep stosb", DI, 0x900, ARITHMETIC, 130)				\
	X(106, "rep movsq", BOTH, 0xa00, ARITHMETIC, 20)			\
	X(107, "repne scasl", DI, 0xc00, ARITHMETIC, 30)			\
	X(108, "repe cmpsb", SI, 0xd00, ARITHMETIC, 30)				\
	X(109, "std\n\trep movsw\n\tcld", SI, 0xf80, ARITHMETIC, 20)			\
	X(110, "rep movsl", SI, 0xfe0, ARITHMETIC, 100)				\
	X(111, "rep lodsl", SI, 0xe00, ARITHMETIC, 5)

#define LOAD "movdqu (%[vector]), %%xmm0\n\t"
#define STORE "movdqu %%xmm0, (%[vector])\n\t"
#define LOAD_Y "vmovdqu (%[vector]), %%ymm0\n\t"
#define STORE_Y "vmovdqu %%ymm0, (%[vector])\n\tvzeroupper\n\t"

#define VECTORS(X)								\
	X(121, "movdqu (%%rdi), %%xmm0", 0x1200, LOAD, STORE, X86_FEATURE_XMM2)	\
	X(122, "movdqu %%xmm0, (%%rdi)", 0x1210, LOAD, STORE, X86_FEATURE_XMM2)	\
	X(123, "movaps (%%rdi), %%xmm0", 0x1220, LOAD, STORE, X86_FEATURE_XMM2)	\
	X(124, "movntdq %%xmm0, (%%rdi)", 0x1230, LOAD, STORE, X86_FEATURE_XMM2) \
	X(125, "movd (%%rdi), %%xmm0", 0x1240, LOAD, STORE, X86_FEATURE_XMM2)	\
	X(126, "movq %%xmm0, (%%rdi)", 0x1248, LOAD, STORE, X86_FEATURE_XMM2)	\
	X(127, "paddd (%%rdi), %%xmm0", 0x1250, LOAD, STORE, X86_FEATURE_XMM2)	\
	X(128, "movntdqa (%%rdi), %%xmm0", 0x1260, LOAD, STORE, X86_FEATURE_XMM4_1) \
	X(129, "vmovdqu (%%rdi), %%ymm0", 0x1280, LOAD_Y, STORE_Y, X86_FEATURE_AVX) \
	X(130, "vmovdqu %%ymm0, (%%rdi)", 0x12a0, LOAD_Y, STORE_Y, X86_FEATURE_AVX)

/* What needs no alignment, for memory that takes any access. */
#define CROSSING(X)								\
	X(141, "movl (%%rdi), %%eax", DI, 0xffe, ARITHMETIC)			\
	X(142, "movl %%eax, (%%rdi)", DI, 0xffd, ARITHMETIC)			\
	X(143, "addq %%rdx, (%%rdi)", DI, 0xffb, ARITHMETIC)			\
	X(144, "movw (%%rdi), %%cx", DI, 0xfff, ARITHMETIC)			\
	X(145, "movl (%%rdi), %%eax", DI, 0x333, ARITHMETIC)			\
	X(146, "lock incl (%%rdi)", DI, 0x1f00, ARITHMETIC)

#define DEFINE_INSN(n, code, ...) F(n) { RUN("", code, "") }
#define DEFINE_VECTOR(n, code, offset, load, store, feature) F(n) { RUN(load, code, store) }
INSNS(DEFINE_INSN)
STRINGS(DEFINE_INSN)
VECTORS(DEFINE_VECTOR)
CROSSING(DEFINE_INSN)

#define ENTRY(n, text, where, offset, defined)	{ text, insn_##n, where, offset, defined, 0, false, -1 },
#define STRING_ENTRY(n, text, where, offset, defined, count) { text, insn_##n, where, offset, defined, count, false, -1 },
#define VECTOR_ENTRY(n, text, offset, load, store, feature) { text, insn_##n, DI, offset, ARITHMETIC, 0, true, feature },

static const struct insn aligned[] = { INSNS(ENTRY) STRINGS(STRING_ENTRY) VECTORS(VECTOR_ENTRY) { } };
static const struct insn crossing[] = { CROSSING(ENTRY) { } };

#define AREA 0x2000

/* The memory under test, its double, and for each the memory that the other pointer points to. */
static u8 __iomem *device;
static u8 *plain, *other_device, *other_plain;

static u8 pattern(unsigned int at)
{
	return at * 167 + (at >> 8) * 13 + 1;
}

static void fill(unsigned int from, unsigned int to)
{
	unsigned int at;

	for (at = from & ~3; at < to && at < AREA; at += 4) {
		u32 word = pattern(at) | pattern(at + 1) << 8 | pattern(at + 2) << 16 | (u32)pattern(at + 3) << 24;

		writel(word, device + at);
		*(u32 *)(plain + at) = word;
	}
	for (at = 0; at < PAGE_SIZE; at++)
		other_device[at] = other_plain[at] = pattern(at * 3);
}

static bool same_memory(unsigned int from, unsigned int to)
{
	unsigned int at;

	for (at = from & ~3; at < to && at < AREA; at += 4)
		if (readl(device + at) != *(u32 *)(plain + at)) {
			pr_err("at %#x: device %08x, memory %08x\n", at, readl(device + at), *(u32 *)(plain + at));
			return false;
		}
	return !memcmp(other_device, other_plain, PAGE_SIZE);
}

static struct state prepare(const struct insn *insn, u64 memory, u64 other)
{
	struct state state = {
		.a = 0x8877665544332211, .b = 0x0f1e2d3c4b5a6978, .c = 0x123456789abcdef0, .d = 0xfedcba9876543210,
		.r8 = 0x0102030405060708, .r9 = 0x1112131415161718, .flags = CARRY | 0x10 | 0x202,
	};
	unsigned int i;

	for (i = 0; i < sizeof(state.vector); i++)
		state.vector[i] = i * 29 + 3;
	state.di = insn->where & DI ? memory + insn->offset : other + 0x800;
	state.si = insn->where & SI ? memory + insn->offset : other + 0x800;
	if (insn->where == BOTH)
		state.di += 0x100;
	if (insn->count)
		state.c = insn->count;
	return state;
}

static void run_one(const struct insn *insn, struct state *state)
{
	if (insn->vector) {
		kernel_fpu_begin();
		insn->run(state);
		kernel_fpu_end();
	} else {
		insn->run(state);
	}
}

/* Registers that hold an address are as far from their memory as the other's from its. */
static bool same_value(u64 of_device, u64 of_plain, u64 device_base, u64 plain_base)
{
	return of_device == of_plain || of_device - device_base == of_plain - plain_base;
}

static bool same_state(const struct insn *insn, const struct state *a, const struct state *b)
{
	const u64 *left = &a->a, *right = &b->a;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		bool same = same_value(left[i], right[i], (u64)device, (u64)plain)
			 || same_value(left[i], right[i], (u64)other_device, (u64)other_plain);

		if (!same) {
			pr_err("register %u: device %llx, memory %llx\n", i, left[i], right[i]);
			return false;
		}
	}
	if ((a->flags ^ b->flags) & (insn->defined | 0x600)) {
		pr_err("flags: device %llx, memory %llx\n", a->flags, b->flags);
		return false;
	}
	return !insn->vector || !memcmp(a->vector, b->vector, sizeof(a->vector));
}

static bool try(const struct insn *insn)
{
	unsigned int span = insn->count ? insn->count * 8 + 0x40 : 0x40;
	unsigned int from = insn->offset > 0x40 ? insn->offset - 0x40 : 0;
	unsigned int to = insn->offset + span + (insn->where == BOTH ? 0x100 : 0);
	struct state on_device, on_plain;

	if (!insn->where || (insn->feature >= 0 && !boot_cpu_has(insn->feature)))
		return true;
	fill(from, to);
	on_plain = prepare(insn, (u64)plain, (u64)other_plain);
	run_one(insn, &on_plain);
	on_device = prepare(insn, (u64)device, (u64)other_device);
	run_one(insn, &on_device);
	return same_state(insn, &on_device, &on_plain) && same_memory(from, to);
}

static int try_all(const struct insn *insn, unsigned int *tried)
{
	int wrong = 0;

	for (; insn->code; insn++) {
		if (!try(insn)) {
			pr_err("wrong: %s\n", insn->code);
			wrong++;
		}
		++*tried;
		/* A page that had to be opened is armed again. */
		msleep(25);
	}
	return wrong;
}

int test_insns(void __iomem *memory, bool any_alignment)
{
	unsigned int tried = 0;
	int wrong;

	device = memory;
	plain = (u8 *)__get_free_pages(GFP_KERNEL, 1);
	other_device = (u8 *)__get_free_page(GFP_KERNEL);
	other_plain = (u8 *)__get_free_page(GFP_KERNEL);
	if (!plain || !other_device || !other_plain)
		return -ENOMEM;
	wrong = try_all(aligned, &tried);
	if (any_alignment)
		wrong += try_all(crossing, &tried);
	pr_info("instructions: %u tried, %d wrong\n", tried, wrong);
	free_pages((unsigned long)plain, 1);
	free_page((unsigned long)other_device);
	free_page((unsigned long)other_plain);
	return wrong ? -EIO : 0;
}

/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT OR Apache-2.0 */
/*
 * The commands of /dev/mmiotrace. The recorder compares MMIOTRACE_ABI before anything else; the
 * layout of the channel has a version of its own.
 */
#ifndef MMIOTRACE_ABI_H
#define MMIOTRACE_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Changes with every change below. */
#define MMIOTRACE_ABI 1

#define MMIOTRACE_IOC 0xAC
#define MMIOTRACE_MAX_PARAMETERS 128
#define MMIOTRACE_MAX_MARKER 4096
#define MMIOTRACE_MAX_FILTERS 1024

struct mmiotrace_version {
	__u32 abi;		/* out: MMIOTRACE_ABI */
	__u32 channel;		/* out: version of the channel's layout */
};

#define MMIOTRACE_ORDER_INTERVAL	(1 << 0)	/* no lock: number before and after */
#define MMIOTRACE_NO_PC			(1 << 1)	/* addresses of instructions are 0 */
#define MMIOTRACE_DISARM_ON_DEATH	(1 << 2)	/* else the module goes on into its rings */

struct mmiotrace_start {
	__u32 flags;		/* MMIOTRACE_ORDER_INTERVAL and so on */
	__u32 slots;		/* of 64 bytes in the ring of each CPU: a power of two */
	__u32 death_timeout_ms;	/* with MMIOTRACE_DISARM_ON_DEATH: after this time */
	__u32 reserved;
	__u64 channel_bytes;	/* out: how much to mmap */
};

/*
 * Which mappings are traced: those that lie in one of these ranges, in part or as a whole. Beyond
 * MMIOTRACE_MAX_FILTERS: ENOSPC.
 */
struct mmiotrace_filter {
	__u64 phys_start;
	__u64 phys_end;		/* exclusive */
};

/* A mapping that was made before: as /proc/vmallocinfo has it, without the guard page. */
struct mmiotrace_range {
	__u64 virt;
	__u64 len;
	__u64 phys;
};

struct mmiotrace_state {
	__u32 running;		/* out: 1 between start and stop */
	__u32 regions;		/* out: mappings that are traced now */
	__u32 refused;		/* out: mappings that could not be traced */
	__u32 recorder;		/* out: 1 while a recorder has the device open */
	__u64 sequence;		/* out: numbers given out */
	__u64 lost;		/* out: records that found no room */
};

#define MMIOTRACE_VERSION	_IOWR(MMIOTRACE_IOC, 0, struct mmiotrace_version)
#define MMIOTRACE_START		_IOWR(MMIOTRACE_IOC, 1, struct mmiotrace_start)
#define MMIOTRACE_FILTER	_IOWR(MMIOTRACE_IOC, 2, struct mmiotrace_filter)
#define MMIOTRACE_ARM		_IOWR(MMIOTRACE_IOC, 3, struct mmiotrace_range)
#define MMIOTRACE_STOP		_IO(MMIOTRACE_IOC, 4)
#define MMIOTRACE_STATE		_IOWR(MMIOTRACE_IOC, 5, struct mmiotrace_state)
/* Continues a capture whose recorder is gone. */
#define MMIOTRACE_RESUME	_IOWR(MMIOTRACE_IOC, 6, struct mmiotrace_start)

#endif

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef DRIVER_H
#define DRIVER_H

#define BIT(n) (1UL << (n))

/* Registers */
#define DEV_CTRL		0x0000	/* control */
#define DEV_STATUS		0x0004
#define DEV_RING_BASE		0x1000
#define DEV_RING(n)		(DEV_RING_BASE + (n) * 0x40)
#define DEV_RING_HEAD(n)	(DEV_RING(n) + 0x10)

/* Bits of DEV_CTRL */
#define DEV_CTRL_ENABLE		BIT(0)
#define DEV_CTRL_SPEED_SHIFT	4
#define DEV_CTRL_SPEED_MASK	(0x3 << DEV_CTRL_SPEED_SHIFT)

/* Never ends */
#define LOOP_A			LOOP_B
#define LOOP_B			(LOOP_A + 1)
#endif

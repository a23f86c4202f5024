#ifdef __KERNEL__
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/types.h>
typedef void __iomem *replay_base;
typedef u64 replay_u64;
#else
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
typedef volatile void *replay_base;
typedef uint64_t replay_u64;
#endif

/* Called from thousands of places: not in line. */
#define REPLAY_FN static __attribute__((__noinline__, __unused__))

struct replay;

/* Where accesses go instead of into mapped memory. All of them, or none. */
struct replay_ops {
	replay_u64 (*read)(struct replay *r, int region, unsigned long offset, int width);
	void (*write)(struct replay *r, int region, unsigned long offset, int width, replay_u64 value);
	void (*delay_us)(struct replay *r, unsigned long us);
	replay_u64 (*now_us)(struct replay *r);
	void (*mark)(struct replay *r, const char *text);
};

/* A replay: fill in `base` (the mapped regions) or `ops`, the rest is 0 for a careful run. */
struct replay {
	replay_base base[REPLAY_REGIONS];
	const struct replay_ops *ops;
	int keep_going;     /* count mismatches and waits that took too long, and go on */
	int through_stops;  /* go on where the device gets what the trace does not have */
	unsigned long mismatches;
	unsigned long timeouts;
	unsigned long line; /* of the trace: where it ended */
	replay_u64 expected, actual;
	const char *why;
};

#define REPLAY_TRY(call)                   \
	do {                               \
		int replay_err = (call);   \
		if (replay_err)            \
			return replay_err; \
	} while (0)

REPLAY_FN replay_u64 replay_read(struct replay *r, int region, unsigned long offset, int width)
{
	if (r->ops)
		return r->ops->read(r, region, offset, width);
#ifdef __KERNEL__
	switch (width) {
	case 1: return readb(r->base[region] + offset);
	case 2: return readw(r->base[region] + offset);
	case 4: return readl(r->base[region] + offset);
	default: return readq(r->base[region] + offset);
	}
#else
	{
		volatile unsigned char *at = (volatile unsigned char *)r->base[region] + offset;

		switch (width) {
		case 1: return *at;
		case 2: return *(volatile uint16_t *)at;
		case 4: return *(volatile uint32_t *)at;
		default: return *(volatile uint64_t *)at;
		}
	}
#endif
}

REPLAY_FN void replay_write(struct replay *r, int region, unsigned long offset, int width, replay_u64 value)
{
	if (r->ops) {
		r->ops->write(r, region, offset, width, value);
		return;
	}
#ifdef __KERNEL__
	switch (width) {
	case 1: writeb(value, r->base[region] + offset); break;
	case 2: writew(value, r->base[region] + offset); break;
	case 4: writel(value, r->base[region] + offset); break;
	default: writeq(value, r->base[region] + offset); break;
	}
#else
	{
		volatile unsigned char *at = (volatile unsigned char *)r->base[region] + offset;

		switch (width) {
		case 1: *at = (unsigned char)value; break;
		case 2: *(volatile uint16_t *)at = (uint16_t)value; break;
		case 4: *(volatile uint32_t *)at = (uint32_t)value; break;
		default: *(volatile uint64_t *)at = value; break;
		}
	}
#endif
}

REPLAY_FN void replay_delay(struct replay *r, unsigned long us)
{
	if (r->ops) {
		r->ops->delay_us(r, us);
		return;
	}
#ifdef __KERNEL__
	if (us < 20)
		udelay(us);
	else if (us < 20000)
		usleep_range(us, us + us / 8 + 1);
	else
		msleep(us / 1000 + 1);
#else
	{
		struct timespec time = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };

		nanosleep(&time, NULL);
	}
#endif
}

REPLAY_FN replay_u64 replay_now(struct replay *r)
{
	if (r->ops)
		return r->ops->now_us(r);
#ifdef __KERNEL__
	return ktime_to_us(ktime_get());
#else
	{
		struct timespec time;

		clock_gettime(CLOCK_MONOTONIC, &time);
		return (replay_u64)time.tv_sec * 1000000 + (replay_u64)time.tv_nsec / 1000;
	}
#endif
}

REPLAY_FN void replay_mark(struct replay *r, const char *text)
{
	if (r->ops)
		r->ops->mark(r, text);
#ifdef __KERNEL__
	else
		pr_debug("replay: %s\n", text);
#endif
}

/* The device does otherwise than recorded. */
REPLAY_FN int replay_mismatch(struct replay *r, unsigned long line, replay_u64 expected, replay_u64 actual)
{
	r->mismatches++;
	if (r->keep_going)
		return 0;
	r->line = line;
	r->expected = expected;
	r->actual = actual;
	return -EIO;
}

/* One read; the bits of `mask` must be those of `expected`. */
REPLAY_FN int replay_expect(struct replay *r, unsigned long line, int region, unsigned long offset, int width,
			replay_u64 expected, replay_u64 mask)
{
	replay_u64 actual = replay_read(r, region, offset, width);

	if ((actual ^ expected) & mask)
		return replay_mismatch(r, line, expected, actual);
	return 0;
}

/*
 * Reads until (register & mask) == value, as readl_poll_timeout does. With `tries` the recorded
 * driver waited in vain, for so many reads; then that is no fault here.
 */
REPLAY_FN int replay_poll(struct replay *r, unsigned long line, int region, unsigned long offset, int width,
			replay_u64 mask, replay_u64 value, unsigned long interval_us, unsigned long timeout_us,
			unsigned long tries, replay_u64 expected, replay_u64 expected_mask)
{
	replay_u64 begun = replay_now(r);
	unsigned long reads = 0;

	for (;;) {
		replay_u64 actual = replay_read(r, region, offset, width);

		reads++;
		if ((actual & mask) == value) {
			if (!tries && ((actual ^ expected) & expected_mask))
				return replay_mismatch(r, line, expected, actual);
			return 0;
		}
		if (tries ? reads >= tries : replay_now(r) - begun >= timeout_us) {
			if (tries)
				return (actual ^ expected) & expected_mask ? replay_mismatch(r, line, expected, actual) : 0;
			r->timeouts++;
			if (r->keep_going)
				return 0;
			r->line = line;
			r->expected = value;
			r->actual = actual;
			return -ETIMEDOUT;
		}
		replay_delay(r, interval_us);
	}
}

REPLAY_FN replay_u64 replay_datum(const unsigned char *data, unsigned long index, int width)
{
	replay_u64 value = 0;
	int i;

	for (i = width - 1; i >= 0; i--)
		value = value << 8 | data[index * width + i];
	return value;
}

REPLAY_FN void replay_upload(struct replay *r, unsigned long line, int region, unsigned long offset, int width,
			long stride, const unsigned char *data, unsigned long count)
{
	unsigned long i;

	(void)line;
	for (i = 0; i < count; i++, offset += stride)
		replay_write(r, region, offset, width, replay_datum(data, i, width));
}

REPLAY_FN int replay_download(struct replay *r, unsigned long line, int region, unsigned long offset, int width,
			long stride, const unsigned char *data, unsigned long count)
{
	unsigned long i;

	for (i = 0; i < count; i++, offset += stride)
		REPLAY_TRY(replay_expect(r, line, region, offset, width, replay_datum(data, i, width), ~(replay_u64)0));
	return 0;
}

REPLAY_FN void replay_fill(struct replay *r, unsigned long line, int region, unsigned long offset, int width,
			long stride, replay_u64 value, unsigned long count)
{
	unsigned long i;

	(void)line;
	for (i = 0; i < count; i++, offset += stride)
		replay_write(r, region, offset, width, value);
}

/* From here on the device needs what the trace does not have. */
REPLAY_FN int replay_stop(struct replay *r, unsigned long line, const char *why)
{
	if (r->through_stops)
		return 0;
	r->line = line;
	r->why = why;
	return -ECANCELED;
}


/* Speaks the lines of harness.rs. replay.c is the exported file. */
#include <stdio.h>
#include <stdlib.h>
#include "replay.c"

static replay_u64 answer(void)
{
	unsigned long long number = 0;

	fflush(stdout);
	if (scanf("%llx", &number) != 1)
		exit(3);
	return number;
}

static replay_u64 do_read(struct replay *r, int region, unsigned long offset, int width)
{
	(void)r;
	printf("R %x %lx %x\n", region, offset, width);
	return answer();
}

static void do_write(struct replay *r, int region, unsigned long offset, int width, replay_u64 value)
{
	(void)r;
	printf("W %x %lx %x %llx\n", region, offset, width, (unsigned long long)value);
}

static void do_delay(struct replay *r, unsigned long us)
{
	(void)r;
	printf("D %lx\n", us);
}

static replay_u64 do_now(struct replay *r)
{
	(void)r;
	printf("N\n");
	return answer();
}

static void do_mark(struct replay *r, const char *text)
{
	(void)r;
	printf("M %s\n", text);
}

int main(int argc, char **argv)
{
	static const struct replay_ops ops = { do_read, do_write, do_delay, do_now, do_mark };
	struct replay r = { .ops = &ops, .through_stops = argc > 1 };

	int err = replay_all(&r);

	(void)argv;
	printf("E %x %lx\n", -err, r.line);
	return 0;
}

int _printk(const char *fmt, ...);
#define pr_debug(...) do { if (0) _printk(__VA_ARGS__); } while (0)

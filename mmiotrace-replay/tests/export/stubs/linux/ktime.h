#include <linux/types.h>
ktime_t ktime_get(void);
s64 ktime_to_us(const ktime_t kt);

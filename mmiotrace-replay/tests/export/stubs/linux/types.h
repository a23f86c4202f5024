#ifndef STUB_TYPES_H
#define STUB_TYPES_H
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;
typedef s64 ktime_t;
#define __iomem
#endif

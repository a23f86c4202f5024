#define DEV_CTRL 0x10
#define DEV_FAR(n) (0x20 + (0 - (n)) * 0x40)
#define DEV_FAR_HEAD(n) (DEV_FAR(n) + 0x10)

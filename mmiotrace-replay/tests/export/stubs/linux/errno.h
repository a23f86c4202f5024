#define EIO 5
#define ETIMEDOUT 110
#define ECANCELED 125

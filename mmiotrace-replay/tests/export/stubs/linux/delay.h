void udelay(unsigned long usecs);
void usleep_range(unsigned long min, unsigned long max);
void msleep(unsigned int msecs);

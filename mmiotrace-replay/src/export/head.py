"""Run `all(m)` or single sections. `m` is where accesses go: an object with

read(region, offset, width) -> int, write(region, offset, width, value), delay_us(us),
now_us() -> int, mark(text), goes_on(fault) -> bool (True to go on after a fault).
"""


class Fault(Exception):
    """The device does otherwise than recorded."""

    def __init__(self, line, what):
        super().__init__(f"line {line}: {what}")
        self.line = line


class Mismatch(Fault):
    """A read gave something else than recorded."""


class TimedOut(Fault):
    """A wait took too long."""


class Stopped(Fault):
    """From here on the device needs what the trace does not have."""


def judge(m, fault):
    if not m.goes_on(fault):
        raise fault


def compare(m, line, actual, expected, mask):
    if (actual ^ expected) & mask:
        judge(m, Mismatch(line, f"read {actual:#x}, recorded {expected:#x} (bits {mask:#x})"))


def expect(m, line, region, offset, width, expected, mask):
    compare(m, line, m.read(region, offset, width), expected, mask)


def poll(m, line, region, offset, width, mask, value, interval_us, timeout_us, tries, expected, expected_mask):
    """Reads until register & mask == value. With `tries` the recorded driver waited in vain, for
    so many reads; then that is no fault here."""
    begun, reads = m.now_us(), 0
    while True:
        actual = m.read(region, offset, width)
        reads += 1
        if actual & mask == value:
            if not tries:
                compare(m, line, actual, expected, expected_mask)
            return
        if tries and reads >= tries:
            return compare(m, line, actual, expected, expected_mask)
        if not tries and m.now_us() - begun >= timeout_us:
            return judge(m, TimedOut(line, f"read {actual:#x}, waited for {value:#x} (bits {mask:#x})"))
        m.delay_us(interval_us)


def datum(data, index, width):
    return int.from_bytes(data[index * width:(index + 1) * width], "little")


def upload(m, line, region, offset, width, stride, data, count):
    for index in range(count):
        m.write(region, offset + index * stride, width, datum(data, index, width))


def download(m, line, region, offset, width, stride, data, count):
    for index in range(count):
        expect(m, line, region, offset + index * stride, width, datum(data, index, width), (1 << 64) - 1)


def fill(m, line, region, offset, width, stride, value, count):
    for index in range(count):
        m.write(region, offset + index * stride, width, value)


def stop(m, line, why):
    judge(m, Stopped(line, why))



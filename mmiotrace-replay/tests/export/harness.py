# Speaks the lines of harness.rs. replay.py is the exported file.
import sys

import replay


class Lines:
    def answer(self):
        sys.stdout.flush()
        return int(sys.stdin.readline(), 16)

    def read(self, region, offset, width):
        print(f"R {region:x} {offset:x} {width:x}")
        return self.answer()

    def write(self, region, offset, width, value):
        print(f"W {region:x} {offset:x} {width:x} {value:x}")

    def delay_us(self, us):
        print(f"D {us:x}")

    def now_us(self):
        print("N")
        return self.answer()

    def mark(self, text):
        print(f"M {text}")

    def goes_on(self, fault):
        return len(sys.argv) > 1 and isinstance(fault, replay.Stopped)


try:
    replay.all(Lines())
    print("E 0 0")
except replay.Mismatch as fault:
    print(f"E 5 {fault.line:x}")
except replay.TimedOut as fault:
    print(f"E 6e {fault.line:x}")
except replay.Stopped as fault:
    print(f"E 7d {fault.line:x}")

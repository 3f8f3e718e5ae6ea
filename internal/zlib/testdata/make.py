"""Sizes of zlib's own streams at level 9, for zlib_test.go: python3 make.py > sizes.json

Each case is data that the test makes anew: SIZE bytes, every one the high bits of a linear congruential generator below SPREAD, on a
ramp of SLOPE a byte that starts again every PERIOD bytes. Small spreads give long matches, large ones literals and stored blocks.
"""
import json
import zlib


def data(seed, size, spread, slope, period):
    state, out = seed, bytearray()
    for i in range(size):
        state = (state * 1103515245 + 12345) % (1 << 31)
        out.append((i % period * slope + (state >> 8) % spread) % 256)
    return bytes(out)


cases = []
for size in (0, 1, 2, 3, 4, 10, 257, 258, 259, 1000, 3104, 12000, 32767, 32768):
    for spread, slope, period in ((1, 0, 1), (1, 1, 97), (2, 0, 1), (2, 3, 32), (4, 1, 1000), (17, 0, 1), (60, 2, 96), (256, 0, 1)):
        seed = 12345 + len(cases)
        n = len(zlib.compress(data(seed, size, spread, slope, period), 9))
        cases.append({"seed": seed, "size": size, "spread": spread, "slope": slope, "period": period, "bytes": n})
print("[" + ",\n ".join(json.dumps(case) for case in cases) + "]")

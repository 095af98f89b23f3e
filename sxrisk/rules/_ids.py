"""Many finding ids at once: what :func:`sxrisk.findings.finding_id` gives, compiled."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

from functools import reduce

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["id_letters", "id_numbers", "id_order"]

_SEPARATOR = 0x1F
_ID_LENGTH, _DIGITS = 14, 12
# Messages hashed side by side.
_LANES = 8
# Ids of one bucket when they are sorted.
_PER_BUCKET = 4
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def _root_bits(root: float, count: int) -> "np.ndarray":
    """First 32 bits of the fractional parts of the roots of the first primes, in exact integers."""
    primes = [n for n in range(2, 312) if all(n % m for m in range(2, n))][:count]
    bits = []
    for prime in primes:
        scaled, low, high = prime << round(32 * root), 0, 1 << 40
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if middle ** round(root) <= scaled else (low, middle)
        bits.append(low & 0xFFFFFFFF)
    return np.array(bits, dtype=np.uint64)


_START, _ROUND = _root_bits(2.0, 8).astype(np.uint32), _root_bits(3.0, 64)


def _rotated(builder, x, bits):
    word = x.type
    return builder.or_(builder.lshr(x, word([bits] * _LANES)), builder.shl(x, word([32 - bits] * _LANES)))


@intrinsic
def _digest_blocks(typingctx, state, words):
    """One block of SHA-256 (FIPS 180-4) for each of eight messages, side by side in vector registers.

    `state` (8, 8) and `words` (16, 8) are uint32 arrays of [word, message]; `state` is brought up to date.
    """

    def codegen(context, builder, signature, args):
        word = ir.VectorType(ir.IntType(32), _LANES)

        def rows(k):
            held = context.make_array(signature.args[k])(context, builder, args[k])
            return builder.bitcast(held.data, word.as_pointer())

        def row(pointer, k):
            return builder.gep(pointer, [ir.IntType(32)(k)])

        def sum_of(*terms):
            return reduce(builder.add, terms)

        def mixed(x, *bits):
            return reduce(builder.xor, [_rotated(builder, x, n) for n in bits])

        states, blocks = rows(0), rows(1)
        w = [builder.load(row(blocks, k), align=4) for k in range(16)]
        before = [builder.load(row(states, k), align=4) for k in range(8)]
        for t in range(16, 64):
            x, y = w[t - 15], w[t - 2]
            s0 = builder.xor(mixed(x, 7, 18), builder.lshr(x, word([3] * _LANES)))
            s1 = builder.xor(mixed(y, 17, 19), builder.lshr(y, word([10] * _LANES)))
            w.append(sum_of(w[t - 16], s0, w[t - 7], s1))
        a, b, c, d, e, f, g, h = before
        for t in range(64):
            chosen = builder.xor(g, builder.and_(e, builder.xor(f, g)))
            most = builder.or_(builder.and_(a, b), builder.and_(c, builder.or_(a, b)))
            first = sum_of(h, mixed(e, 6, 11, 25), chosen, word([int(_ROUND[t])] * _LANES), w[t])
            second = builder.add(mixed(a, 2, 13, 22), most)
            h, g, f, e, d, c, b, a = g, f, e, builder.add(d, first), c, b, a, builder.add(first, second)
        for k, (old, new) in enumerate(zip(before, (a, b, c, d, e, f, g, h), strict=True)):
            builder.store(builder.add(old, new), row(states, k), align=4)
        return context.get_dummy_value()

    return types.void(state, words), codegen


@njit(cache=True, error_model="numpy", inline="always")
def _copied(text, size, source, first, end):
    """Append bytes to a text, after a separator unless it is the first; returns the new size."""
    if size > 0:
        text[size] = _SEPARATOR
        size += 1
    for k in range(first, end):
        text[size] = source[k]
        size += 1
    return size


@njit(cache=True, error_model="numpy")
def _longest(start):
    longest = 0
    for k in range(len(start) - 1):
        longest = max(longest, start[k + 1] - start[k])
    return longest


@njit(cache=True, nogil=True, error_model="numpy")
def id_numbers(rule, subject, subject_start, i, object_, object_start, j, part, part_start, low, high, numbers):
    """Digits of the ids of the rows `low` to `high`, as numbers.

    Parameters
    ----------
    rule : (r,) uint8
        Bytes of the rule's id (UTF-8).
    subject, object_, part : (...) uint8
        Bytes of all keys, one after the other; key `k` is ``[start[k], start[k + 1])``.
    subject_start, object_start, part_start : (...) int64
        `part_start` is empty where there are no parts; a row's own part stands at the row's place.
    i, j : (n,) int32
        Key of each row.
    numbers : (n,) int64
        Receives the numbers; they are of the same order as the ids.
    """
    longest = _longest(subject_start) + _longest(object_start)
    if len(part_start) > 0:
        longest += _longest(part_start)
    most_blocks = (len(rule) + longest + 3 + 9 + 63) // 64
    text, words = np.zeros((_LANES, most_blocks * 64), np.uint8), np.zeros((16, _LANES), np.uint32)
    state, blocks = np.empty((8, _LANES), np.uint32), np.zeros(_LANES, np.int64)
    first, end = np.empty(_LANES, np.int64), np.empty(_LANES, np.int64)
    for group in range(low, high, _LANES):
        lanes = min(_LANES, high - group)
        most = 0
        # All at once: each of these reads waits for memory, and the next need not wait for it.
        for lane in range(lanes):
            first[lane], end[lane] = object_start[j[group + lane]], object_start[j[group + lane] + 1]
        for lane in range(lanes):
            n, told = group + lane, text[lane]
            size = _copied(told, 0, rule, 0, len(rule))
            size = _copied(told, size, subject, subject_start[i[n]], subject_start[i[n] + 1])
            size = _copied(told, size, object_, first[lane], end[lane])
            if len(part_start) > 0 and part_start[n + 1] > part_start[n]:
                size = _copied(told, size, part, part_start[n], part_start[n + 1])
            blocks[lane] = (size + 9 + 63) // 64
            full = 64 * blocks[lane]
            told[size] = 0x80
            told[size + 1 : full - 4] = 0
            for k in range(4):
                told[full - 1 - k] = (size * 8 >> (8 * k)) & 0xFF
            most = max(most, blocks[lane])
        for k in range(8):
            state[k, :] = _START[k]
        for block in range(most):
            for lane in range(lanes):
                for k in range(16):
                    p = 64 * block + 4 * k
                    a, b, c, d = text[lane, p], text[lane, p + 1], text[lane, p + 2], text[lane, p + 3]
                    words[k, lane] = (np.uint32(a) << 24) | (np.uint32(b) << 16) | (np.uint32(c) << 8) | np.uint32(d)
            _digest_blocks(state, words)  # type: ignore[call-arg]
            for lane in range(lanes):
                if blocks[lane] == block + 1:
                    numbers[group + lane] = (np.int64(state[0, lane]) << 16) | (np.int64(state[1, lane]) >> 16)


@njit(cache=True, nogil=True, error_model="numpy")
def id_letters(numbers):
    """Letters (n, 14) of the ids with some numbers."""
    ids = np.empty((len(numbers), _ID_LENGTH), np.uint8)
    for n in range(len(numbers)):
        ids[n, 0], ids[n, 1] = 70, 45
        for k in range(_DIGITS):
            ids[n, _ID_LENGTH - 1 - k] = _HEX[(numbers[n] >> (4 * k)) & 15]
    return ids


@njit(cache=True, nogil=True, error_model="numpy")
def id_order(rank, ranks, numbers):
    """Order of rows by a rank below `ranks` and then by their id's number, and the numbers in it.

    The digits of a hash spread evenly over buckets.
    """
    bits = 0
    while (_PER_BUCKET << bits) < len(numbers):
        bits += 1
    shift = 4 * _DIGITS - bits
    start = np.zeros((ranks << bits) + 1, np.int32)
    for n in range(len(numbers)):
        start[((np.int64(rank[n]) << bits) | (numbers[n] >> shift)) + 1] += 1
    for k in range(len(start) - 1):
        start[k + 1] += start[k]
    end = start[:-1].copy()
    order, number = np.empty(len(numbers), np.int32), np.empty(len(numbers), np.int64)
    for n in range(len(numbers)):
        key = (np.int64(rank[n]) << bits) | (numbers[n] >> shift)
        place = end[key]
        end[key] = place + 1
        # Those before it in the bucket, and with a greater number, move on by one.
        while place > start[key] and number[place - 1] > numbers[n]:
            order[place], number[place] = order[place - 1], number[place - 1]
            place -= 1
        order[place], number[place] = n, numbers[n]
    return order, number

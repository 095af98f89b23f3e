"""Many finding ids at once: what :func:`sxrisk.findings.finding_id` gives, compiled."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

from functools import reduce

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = ["id_letters", "id_numbers", "id_order"]

Numbers = NDArray[np.int64]

_SEPARATOR = 0x1F
_ID_LENGTH, _DIGITS = 14, 12
# Messages hashed side by side.
_LANES = 8
# Keys looked up before they are needed; a multiple of the former.
_AHEAD = 64
# Ids of one bucket when they are sorted, and bits of the buckets that they are put in first.
_PER_BUCKET, _COARSE_BITS = 4, 8
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

    `state` (8, 8) is a uint32 array of [word, message], which is brought up to date; `words` (8, 8) is one of uint64
    with two words in each, the first in the upper half.
    """

    def codegen(context, builder, signature, args):
        word, two = ir.VectorType(ir.IntType(32), _LANES), ir.VectorType(ir.IntType(64), _LANES)

        def rows(k, kind):
            held = context.make_array(signature.args[k])(context, builder, args[k])
            return builder.bitcast(held.data, kind.as_pointer())

        def row(pointer, k):
            return builder.gep(pointer, [ir.IntType(32)(k)])

        def sum_of(*terms):
            return reduce(builder.add, terms)

        def mixed(x, *bits):
            return reduce(builder.xor, [_rotated(builder, x, n) for n in bits])

        states, blocks = rows(0, word), rows(1, two)
        w = []
        for k in range(8):
            both = builder.load(row(blocks, k), align=8)
            w += [builder.trunc(builder.lshr(both, two([32] * _LANES)), word), builder.trunc(both, word)]
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
def _added(text, lane, size, value):
    """Put up to eight bytes (the first in the uppermost bits, zeros behind the last) at the end of a text."""
    word, shift = size >> 3, np.uint64(8 * (size & 7))
    text[word, lane] |= value >> shift
    text[word + 1, lane] |= (value << np.uint64(1)) << (np.uint64(63) - shift)


@njit(cache=True, error_model="numpy", inline="always")
def _eight(source, at):
    """Eight bytes as a number, the first in its uppermost bits."""
    value = np.uint64(0)
    for k in range(8):
        value = (value << np.uint64(8)) | np.uint64(source[at + k])
    return value


@njit(cache=True, error_model="numpy", inline="always")
def _appended(text, lane, size, source, first, end, opening):
    """Append bytes to a text, of which the first eight are known as `opening`; returns the new size."""
    value = opening
    for at in range(first, end, 8):
        if at > first:
            value = _eight(source, at)
        if end - at < 8:
            beyond = np.uint64(8 * (8 - (end - at)))
            value = (value >> beyond) << beyond
        _added(text, lane, size + at - first, value)
    return size + end - first


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
    rule : (r + 8,) uint8
        Bytes of the rule's id (UTF-8), and eight more of any value.
    subject, object_, part : (...) uint8
        Bytes of all keys, one after the other; key `k` is ``[start[k], start[k + 1])``; eight more at the end.
    subject_start, object_start, part_start : (...) int64
        `part_start` is empty where there are no parts; a row's own part stands at the row's place.
    i, j : (n,) int32
        Key of each row; fastest where rows of one subject follow each other.
    numbers : (n,) int64
        Receives the numbers; they are of the same order as the ids.
    """
    longest = _longest(subject_start) + _longest(object_start)
    if len(part_start) > 0:
        longest += _longest(part_start)
    # Texts as words of eight bytes, the first byte uppermost: what is written byte by byte and read word by word waits.
    most = 8 * ((len(rule) - 8 + longest + 3 + 9 + 63) // 64)
    head, text = np.zeros((most + 1, 1), np.uint64), np.zeros((most + 1, _LANES), np.uint64)
    separator = np.uint64(_SEPARATOR) << np.uint64(56)
    state = np.empty((8, _LANES), np.uint32)
    blocks = np.zeros(_LANES, np.int64)
    first, end, opening = np.empty(_AHEAD, np.int64), np.empty(_AHEAD, np.int64), np.empty(_AHEAD, np.uint64)
    known, head_size = np.int64(-1), np.int64(0)
    for group in range(low, high, _LANES):
        lanes = min(_LANES, high - group)
        ahead = (group - low) % _AHEAD
        if ahead == 0:
            # Each of these reads waits for memory; without a branch between them they wait together.
            for k in range(min(_AHEAD, high - group)):
                first[k], end[k] = object_start[j[group + k]], object_start[j[group + k] + 1]
            for k in range(min(_AHEAD, high - group)):
                opening[k] = _eight(object_, first[k])
        deepest = np.int64(0)
        for lane in range(lanes):
            n, k = group + lane, ahead + lane
            if i[n] != known:
                known = np.int64(i[n])
                head[:] = 0
                head_size = _appended(head, 0, 0, rule, 0, len(rule) - 8, _eight(rule, 0))
                _added(head, 0, head_size, separator)
                begin = subject_start[known]
                head_size = _appended(
                    head, 0, head_size + 1, subject, begin, subject_start[known + 1], _eight(subject, begin)
                )
                _added(head, 0, head_size, separator)
                head_size += 1
            for word in range(most):
                text[word, lane] = head[word, 0]
            size = _appended(text, lane, head_size, object_, first[k], end[k], opening[k])
            if len(part_start) > 0 and part_start[n + 1] > part_start[n]:
                _added(text, lane, size, separator)
                begin = part_start[n]
                size = _appended(text, lane, size + 1, part, begin, part_start[n + 1], _eight(part, begin))
            _added(text, lane, size, np.uint64(0x80) << np.uint64(56))
            blocks[lane] = (size + 9 + 63) // 64
            deepest = max(deepest, blocks[lane])
            text[8 * blocks[lane] - 1, lane] = np.uint64(8 * size)
        for k in range(8):
            for lane in range(_LANES):
                state[k, lane] = _START[k]
        for block in range(deepest):
            _digest_blocks(state, text[8 * block : 8 * block + 8])  # type: ignore[call-arg]
            for lane in range(lanes):
                if blocks[lane] == block + 1:
                    numbers[group + lane] = (np.int64(state[0, lane]) << 16) | (np.int64(state[1, lane]) >> 16)


def id_letters(numbers: Numbers) -> NDArray[np.uint8]:
    """Letters (n, 14) of the ids with some numbers."""
    # Numpy's memory comes in larger pages than a compiled function's own.
    ids = np.empty((len(numbers), _ID_LENGTH), np.uint8)
    _write_letters(numbers, ids)
    return ids


@njit(cache=True, nogil=True, error_model="numpy")
def _write_letters(numbers, ids):
    for n in range(len(numbers)):
        ids[n, 0], ids[n, 1] = 70, 45
        for k in range(_DIGITS):
            ids[n, _ID_LENGTH - 1 - k] = _HEX[(numbers[n] >> (4 * k)) & 15]


def id_order(rank: NDArray[np.int8], ranks: int, numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Order of rows by a rank below `ranks` and then by their id's number, and the numbers in it.

    The digits of a hash spread evenly over buckets: coarse ones first, so that the fine ones of each lie near together.
    """
    count = len(numbers)
    order, number = np.empty(count, np.int64), np.empty(count, np.int64)
    _sort(rank, ranks, numbers, np.empty(count, np.int32), np.empty(count, np.int64), order, number)
    return order, number


@njit(cache=True, nogil=True, error_model="numpy")
def _sort(rank, ranks, numbers, row, digits, order, number):
    """`row` and `digits` are scratch; `order` and `number` receive the result."""
    bits = 0
    while (_PER_BUCKET << bits) < len(numbers):
        bits += 1
    coarse = min(bits, _COARSE_BITS)
    fine = bits - coarse
    shift, finer = 4 * _DIGITS - coarse, 4 * _DIGITS - bits
    start = np.zeros((ranks << coarse) + 1, np.int64)
    for n in range(len(numbers)):
        start[((np.int64(rank[n]) << coarse) | (numbers[n] >> shift)) + 1] += 1
    for k in range(len(start) - 1):
        start[k + 1] += start[k]
    end = start[:-1].copy()
    for n in range(len(numbers)):
        key = (np.int64(rank[n]) << coarse) | (numbers[n] >> shift)
        row[end[key]], digits[end[key]] = n, numbers[n]
        end[key] += 1
    mask = (1 << fine) - 1
    first, last = np.empty(mask + 2, np.int64), np.empty(mask + 1, np.int64)
    for k in range(len(start) - 1):
        if start[k] == start[k + 1]:
            continue
        first[:] = 0
        for n in range(start[k], start[k + 1]):
            first[((digits[n] >> finer) & mask) + 1] += 1
        first[0] = start[k]
        for key in range(mask + 1):
            last[key] = first[key]
            first[key + 1] += first[key]
        for n in range(start[k], start[k + 1]):
            key = (digits[n] >> finer) & mask
            place = last[key]
            last[key] = place + 1
            # Those before it in the bucket, and with a greater number, move on by one.
            while place > first[key] and number[place - 1] > digits[n]:
                order[place], number[place] = order[place - 1], number[place - 1]
                place -= 1
            order[place], number[place] = row[n], digits[n]

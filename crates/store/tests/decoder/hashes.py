"""CRC-32C, XXH3-64 (of the lengths that the format needs) and BLAKE3, in plain Python."""

M32, M64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = _crc_table()


def crc32c(*parts):
    crc = M32
    for part in parts:
        for byte in part:
            crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ M32


# The default secret of XXH3, from its specification.
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
)


def _read(data, at, size):
    return int.from_bytes(data[at : at + size], "little")


def _rotated(value, bits):
    return ((value << bits) | (value >> (64 - bits))) & M64


def _mixed(data, at, secret_at, seed):
    low = _read(data, at, 8) ^ ((_read(SECRET, secret_at, 8) + seed) & M64)
    high = _read(data, at + 8, 8) ^ ((_read(SECRET, secret_at + 8, 8) - seed) & M64)
    product = low * high
    return (product & M64) ^ (product >> 64)


def xxh3_64(data, seed):
    length = len(data)
    if 4 <= length <= 8:
        seed ^= int.from_bytes((seed & M32).to_bytes(4, "little"), "big") << 32
        flip = ((_read(SECRET, 8, 8) ^ _read(SECRET, 16, 8)) - seed) & M64
        keyed = (_read(data, length - 4, 4) + (_read(data, 0, 4) << 32)) ^ flip
        keyed ^= _rotated(keyed, 49) ^ _rotated(keyed, 24)
        keyed = (keyed * 0x9FB21C651E98DF25) & M64
        keyed ^= (keyed >> 35) + length
        keyed = (keyed * 0x9FB21C651E98DF25) & M64
        return keyed ^ (keyed >> 28)
    if 9 <= length <= 16:
        low = ((_read(SECRET, 24, 8) ^ _read(SECRET, 32, 8)) + seed) & M64
        high = ((_read(SECRET, 40, 8) ^ _read(SECRET, 48, 8)) - seed) & M64
        low, high = low ^ _read(data, 0, 8), high ^ _read(data, length - 8, 8)
        product = low * high
        total = length + int.from_bytes(low.to_bytes(8, "little"), "big") + high
        total += (product & M64) ^ (product >> 64)
    else:
        assert 16 < length <= 64, "no other length is hashed"
        total = length * 0x9E3779B185EBCA87
        if length > 32:
            total += _mixed(data, 16, 32, seed) + _mixed(data, length - 32, 48, seed)
        total += _mixed(data, 0, 0, seed) + _mixed(data, length - 16, 16, seed)
    total &= M64
    total ^= total >> 37
    total = (total * 0x165667919E3779F9) & M64
    return total ^ (total >> 32)


IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
START, END, PARENT, ROOT = 1, 2, 4, 8


def _quarter(state, a, b, c, d, one, two):
    for word, right, left in ((one, 16, 12), (two, 8, 7)):
        state[a] = (state[a] + state[b] + word) & M32
        turned = state[d] ^ state[a]
        state[d] = (turned >> right | turned << (32 - right)) & M32
        state[c] = (state[c] + state[d]) & M32
        turned = state[b] ^ state[c]
        state[b] = (turned >> left | turned << (32 - left)) & M32


def _compress(chaining, block, counter, flags, length):
    words = [_read(block, at, 4) for at in range(0, 64, 4)]
    state = [*chaining, *IV[:4], counter & M32, counter >> 32, length, flags]
    for _ in range(7):
        for index, places in enumerate(COLUMNS + DIAGONALS):
            _quarter(state, *places, words[2 * index], words[2 * index + 1])
        words = [words[place] for place in ORDER]
    return tuple(state[i] ^ state[i + 8] for i in range(8))


def _chunk(data, counter, is_root):
    chaining = IV
    blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    for index, block in enumerate(blocks):
        is_last = index == len(blocks) - 1
        flags = (START if index == 0 else 0) | (END if is_last else 0)
        flags |= ROOT if is_last and is_root else 0
        chaining = _compress(chaining, block.ljust(64, b"\0"), counter, flags, len(block))
    return chaining


def _words(data, counter, is_root):
    if len(data) <= 1024:
        return _chunk(data, counter, is_root)
    chunks = (len(data) - 1) // 1024
    left = 1 << (chunks.bit_length() - 1)
    both = _words(data[: left * 1024], counter, False) + _words(data[left * 1024 :], counter + left, False)
    block = b"".join(word.to_bytes(4, "little") for word in both)
    return _compress(IV, block, 0, PARENT | (ROOT if is_root else 0), 64)


def blake3(data):
    return b"".join(word.to_bytes(4, "little") for word in _words(data, 0, True))

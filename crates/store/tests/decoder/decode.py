"""Reads a store as docs/file-format.md says, and knows nothing else of it.

    decode.py DIRECTORY

Prints a line for each event and the digest of history. Ends with 1 if something is damaged, and
with 3 if a file is compressed and this Python has no zstd.
"""

import pathlib
import struct
import sys

from hashes import blake3, crc32c, xxh3_64

PAGE, CONTENT = 4096, 4092
COMMITS, MARKS = (b"HCom", b"HRem"), (b"HMrk", b"HCls", b"HRol")
HAS_ROOM, IS_STUB = 4, 8
CONTENT_TYPES = ("binary", "json", "text")


class Damage(Exception):
    pass


def check(holds, what):
    if not holds:
        raise Damage(what)


def u16(data, at):
    return struct.unpack_from("<H", data, at)[0]


def u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]


def i64(data, at):
    return struct.unpack_from("<q", data, at)[0]


def read_format(directory):
    data = (directory / "format").read_bytes()
    for copy in (data[:512], data[512:1024]):
        if copy[:8] == b"hitherto" and u32(copy, 508) == crc32c(copy[:508]):
            check(u32(copy, 8) == 1 and u32(copy, 12) == 0, "another format")
            return copy[16:32]
    raise Damage("both copies of `format` are damaged")


def page_content(data, nonce, number):
    page = data[number * PAGE : (number + 1) * PAGE]
    checksum = crc32c(struct.pack("<QI", nonce, number), page[:CONTENT])
    check(len(page) == PAGE and u32(page, CONTENT) == checksum, f"page {number}")
    return page[:CONTENT]


def decompressed(data, number, store):
    try:
        import zstandard
    except ImportError:
        print("this Python has no zstandard", file=sys.stderr)
        sys.exit(3)
    nonce = u64(data, 32)
    head = page_content(data, nonce, 0)
    check(head[:8] == b"hithzlg1" and head[8:24] == store and u64(head, 24) == number, "header")
    raw_bytes = u64(head, 40)
    block_bytes, dictionary_bytes, table, end = struct.unpack_from("<4I", head, 48)
    pages = -(-dictionary_bytes // CONTENT)
    dictionary = b"".join(page_content(data, nonce, 1 + page) for page in range(pages))
    dictionary = zstandard.ZstdCompressionDict(dictionary[:dictionary_bytes])
    decoder = zstandard.ZstdDecompressor(dict_data=dictionary)
    check(len(data) == end * PAGE, "length")
    raw, block = b"", 0
    while len(raw) < raw_bytes:
        content = page_content(data, nonce, table + block // 2042)
        start = u64(content, 0) + sum(u16(content, 8 + 2 * n) for n in range(block % 2042))
        packed = data[start : start + u16(content, 8 + 2 * (block % 2042))]
        length = min(block_bytes, raw_bytes - len(raw))
        is_packed = len(packed) != length
        raw += decoder.decompress(packed, max_output_size=length) if is_packed else packed
        block += 1
    return raw, gathered(data, head, decoder)


def gathered(data, head, decoder):
    """The records of the events that stand in the file a second time, by their positions."""
    nonce, first, before = u64(data, 32), u64(head, 84), (0, -1)
    table, blocks = struct.unpack_from("<2I", head, 76)
    records = {}
    for block in range(blocks):
        if block % 340 == 0:
            content = page_content(data, nonce, table + block // 340)
            start = u64(content, 0)
        place = struct.unpack_from("<2I2H", content, 8 + block % 340 * 12)
        packed, length = data[start : start + place[2]], place[3]
        start += place[2]
        is_packed = len(packed) != length
        events = decoder.decompress(packed, max_output_size=length) if is_packed else packed
        check(len(events) == length, "a gathered block of another length")
        while events:
            number, record = u32(events, 0), events[4 : 4 + u32(events, 4)]
            stream = xxh3_64(record[56 : 56 + u16(record, 48)], nonce) >> 32
            is_first = len(events) == length
            check(not is_first or place[:2] == (stream, number), "a gathered block begins elsewhere")
            check(before < (stream, number), "gathered events have no order")
            before, records[first + number] = (stream, number), record
            events = events[4 + len(record) :]
    return records


class Log:
    """A log file and its header."""

    def __init__(self, number, data, store):
        self.number, self.data = number, data
        header = data[:4096]
        check(header[:8] == b"hithlog1" and u32(header, 508) == crc32c(header[:508]), "header")
        check(header[8:24] == store and u64(header, 24) == number, "a header of another file")
        self.nonce, self.first_position, self.first_batch = (u64(header, at) for at in (32, 40, 48))
        self.previous_end, self.previous_chain = u64(header, 56), u64(header, 64)
        self.previous_time, self.bytes = i64(header, 72), u64(header, 80)
        self.lost, self.is_open_ended = u64(header, 88), u32(header, 96) != 0


def read_logs(directory, store):
    logs, twice = [], {}
    numbers = {path.stem for path in directory.iterdir() if path.suffix in (".log", ".zlog")}
    for name in sorted(numbers):
        compressed = directory / f"{name}.zlog"
        if compressed.exists():
            data, records = decompressed(compressed.read_bytes(), int(name), store)
            twice.update(records)
        else:
            data = (directory / f"{name}.log").read_bytes()
        logs.append(Log(int(name), data, store))
    check([log.number for log in logs] == list(range(1, len(logs) + 1)), "a log file is missing")
    return logs, twice


class Walk:
    """A walk over all frames, in order."""

    def __init__(self, twice):
        self.twice = twice
        self.end = self.batch = self.left = self.chain = 0
        self.position, self.time = 1, 0
        self.versions, self.leaves, self.lines = {}, [], []

    def begin(self, log):
        check(log.previous_end == self.end, "the file before ends elsewhere")
        check(log.previous_chain == self.chain and log.previous_time == self.time, "the chain")
        check(log.first_position == self.position + log.lost, "positions are missing")
        check(log.first_batch == self.batch + 1, "batches are missing")
        self.leaves += [bytes(32)] * log.lost
        self.has_gap = log.lost > 0 or log.is_open_ended
        self.position, self.end = log.first_position, 4096
        self.chain = xxh3_64(struct.pack("<Q", log.previous_chain), log.nonce)

    def header(self, log, at):
        """The frame header there, if it is one of this file."""
        header = log.data[at : at + 56]
        if header[:4] not in COMMITS + MARKS or len(header) < 56:
            return None
        checksum = crc32c(struct.pack("<Q", log.nonce), header[:52])
        return header if u32(header, 52) == checksum else None

    def frame(self, log, limit):
        """Takes in the frame at the end; false if there is none."""
        header = self.header(log, self.end)
        if header is None or self.end >= limit:
            return False
        length, batch = u32(header, 4), u64(header, 8)
        body = log.data[self.end + 56 : self.end + 56 + length]
        is_whole = header[:4] != b"HRem"
        magic = header[:4] if is_whole else b"HCom"
        chain = xxh3_64(magic + header[4:40] + header[48:52], self.chain)
        follows = batch == self.batch + (self.left == 0) and u64(header, 16) == self.position
        follows &= u64(header, 40) == chain and i64(header, 32) >= self.time
        if not follows or len(body) < length or is_whole and u32(header, 48) != crc32c(body):
            return False
        self.chain, self.batch, self.left = chain, batch, u32(header, 28)
        self.time, self.end = i64(header, 32), self.end + 56 + length
        check((header[:4] in COMMITS) == (u32(header, 24) > 0), "only commits have events")
        for _ in range(u32(header, 24)):
            body = body[self.event(body) :]
        check(not body, "a body with more than its events")
        return True

    def event(self, body):
        length = u32(body, 0)
        record = body[:length]
        checksum = crc32c(struct.pack("<Q", self.position), record[8:])
        check(length >= 56 and u32(record, 4) == checksum, f"event {self.position}")
        is_same = self.twice.get(self.position, record) == record
        check(is_same, f"event {self.position} is another one where it stands a second time")
        if record[55] & IS_STUB:
            self.stub(record)
        else:
            self.leaves.append(blake3(b"\0" + struct.pack("<Q", self.position) + record))
            self.lines.append(self.line(record))
        self.position += 1
        room = 88 + u16(record, 48) if record[55] & HAS_ROOM else 0
        return -(-max(length, room) // 8) * 8

    def stub(self, record):
        """What is left of an event that was removed."""
        end = 56 + u16(record, 48)
        check(len(record) >= end + 32 and not any(record[end + 32 :]), "a stub of other lengths")
        self.count(record[56:end], u64(record, 8))
        self.leaves.append(record[end : end + 32])

    def line(self, record):
        at = 56

        def take(length):
            nonlocal at
            at += length
            return record[at - length : at]

        stream, kind, tags = take(u16(record, 48)), take(record[54]), take(u16(record, 50))
        flags = record[55]
        correlation = take(16) if flags & 1 else b""
        causation = take(16) if flags & 2 else b""
        metadata, payload = take(u32(record, 44)), take(u32(record, 40))
        check(at == len(record), f"event {self.position} has other lengths")
        version = u64(record, 8)
        self.count(stream, version)
        words = []
        while tags:
            words.append(tags[1 : 1 + tags[0]].hex())
            tags = tags[1 + tags[0] :]
        fields = (
            self.position, stream.hex(), version, kind.hex(), u16(record, 52), i64(record, 16),
            record[24:40].hex(), ",".join(words), CONTENT_TYPES[flags >> 4], correlation.hex(),
            causation.hex(), metadata.hex(), payload.hex(),
        )
        return "|".join(str(field) for field in fields)

    def count(self, stream, version):
        if not stream:
            return check(version == 0, f"event {self.position} has a version without a stream")
        before = self.versions.get(stream, 0)
        follows = version > before if self.has_gap else version == before + 1
        check(follows, f"event {self.position}: versions have a gap")
        self.versions[stream] = version

    def over(self, log, following):
        limit = following.previous_end if following else len(log.data)
        while self.frame(log, limit):
            pass
        if following:
            return check(self.end == limit, f"file {log.number} ends too early, at {self.end}")
        for at in range(self.end + 8, len(log.data) - 55, 8):
            header = self.header(log, at)
            is_end = header is None or not self.proves_more(header)
            check(is_end, f"file {log.number} at {self.end}, before {at}")

    def proves_more(self, header):
        """What should stand at the end was synced once if a later batch stands behind it, or if
        it stands there itself: the end is then within a damage."""
        expected, batch = self.batch + (self.left == 0), u64(header, 8)
        return batch > expected or batch == expected and u64(header, 16) == self.position


def tree(leaves):
    """RFC 6962, section 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else blake3(b"")
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return blake3(b"\1" + tree(leaves[:split]) + tree(leaves[split:]))


def main(directory):
    logs, twice = read_logs(directory, read_format(directory))
    walk = Walk(twice)
    for index, log in enumerate(logs):
        walk.begin(log)
        walk.over(log, logs[index + 1] if index + 1 < len(logs) else None)
    print("\n".join([*walk.lines, f"digest {tree(walk.leaves).hex()}"]))


try:
    main(pathlib.Path(sys.argv[1]))
except Damage as damage:
    sys.exit(f"damaged: {damage}")

"""A small UFS2 file system, as BSD systems have it: no tool of Linux makes one.

In: a table of files. Out: the bytes of the file system, as far as a kernel that only reads looks at them
(fs(5) and dir(5) of FreeBSD)."""
import struct

BLOCK, FRAGMENT, INODES = 8192, 1024, 128
FRAGMENTS = BLOCK // FRAGMENT
INODE = 256
# Where things are, in fragments: the superblock, the group's head, the table of inodes, the data.
SUPER, GROUP, TABLE = 64, 72, 80
DATA = TABLE + INODES * INODE // FRAGMENT
DIRECTORY, FILE = 4, 8


class Maker:
    def __init__(self, size):
        self.image = bytearray(size)
        self.inode, self.data = 3, DATA

    def write_inode(self, number, mode, links, content):
        blocks = [self.data + n * FRAGMENTS for n in range(-(-len(content) // BLOCK))]
        assert len(blocks) <= 12, "too large for direct blocks"
        at = self.data * FRAGMENT
        self.image[at:at + len(content)] = content
        self.data += len(blocks) * FRAGMENTS
        sectors = len(blocks) * BLOCK // 512
        head = struct.pack("<HHIIIQQqqqq", mode, links, 0, 0, BLOCK, len(content), sectors, *[1700000000] * 4)
        at = TABLE * FRAGMENT + number * INODE
        self.image[at:at + len(head)] = head
        struct.pack_into(f"<{len(blocks)}q", self.image, at + 112, *blocks)

    def new_inode(self):
        self.inode += 1
        return self.inode - 1

    def directory(self, number, above, entries):
        """`entries` has bytes for files and tables for directories."""
        listed = [(b".", number, DIRECTORY), (b"..", above, DIRECTORY)]
        for name, what in entries.items():
            inode = self.new_inode()
            listed.append((name.encode(), inode, DIRECTORY if isinstance(what, dict) else FILE))
            if isinstance(what, dict):
                self.directory(inode, number, what)
            else:
                self.write_inode(inode, 0o100755, 1, what)
        content = b""
        for n, (name, inode, kind) in enumerate(listed):
            # The last entry has the rest of the sector.
            length = 512 - len(content) if n == len(listed) - 1 else 8 + len(name) + 4 & ~3
            content += struct.pack("<IHBB", inode, length, kind, len(name)) + name.ljust(length - 8, b"\0")
        assert len(content) == 512, "too many names"
        links = 2 + sum(kind == DIRECTORY for _, _, kind in listed[2:])
        self.write_inode(number, 0o40755, links, content)


def ufs2(files, size=2 << 20):
    """The file system with these files: path and content."""
    tree = {}
    for path, content in files.items():
        *above, name = path.split("/")
        here = tree
        for part in above:
            here = here.setdefault(part, {})
        here[name] = content.encode() if isinstance(content, str) else content
    maker = Maker(size)
    maker.directory(2, 2, tree)
    fragments = size // FRAGMENT
    for offset, form, *values in [
        (8, "4I", SUPER, GROUP, TABLE, DATA),
        (44, "4I", 1, BLOCK, FRAGMENT, FRAGMENTS),
        (72, "4i", -BLOCK, -FRAGMENT, 13, 10),
        (96, "3i", 3, 1, 2048),
        (116, "2i", BLOCK // 8, BLOCK // INODE),
        (156, "2i", FRAGMENT, BLOCK),
        (184, "2i", INODES, fragments),
        (209, "B", 1),
        (860, "i", BLOCK),
        (1000, "q", SUPER * FRAGMENT),
        (1080, "3q", fragments, fragments - DATA, fragments - FRAGMENTS),
        (1320, "2iQ", 120, 2, 1 << 40),
        (1372, "I", 0x19540119),
    ]:
        struct.pack_into("<" + form, maker.image, SUPER * FRAGMENT + offset, *values)
    return bytes(maker.image)


def disk_label(partitions, sectors):
    """A BSD disk label (disklabel(5)): letter to first sector, sectors and type."""
    label = bytearray(404)
    struct.pack_into("<I", label, 0, 0x82564557)
    struct.pack_into("<7I", label, 40, 512, 63, 255, 1, 63 * 255, sectors, 0)
    struct.pack_into("<IHHII", label, 132, 0x82564557, 0, 8, 8192, 65536)
    for letter, (start, count, kind) in partitions.items():
        struct.pack_into("<IIIBBH", label, 148 + 16 * (ord(letter) - ord("a")), count, start, 0, kind, 0, 0)
    words = struct.unpack("<202H", label)
    checksum = 0
    for word in words:
        checksum ^= word
    struct.pack_into("<H", label, 136, checksum)
    return bytes(label)

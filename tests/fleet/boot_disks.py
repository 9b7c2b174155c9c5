"""Disks that boot, from nothing: a BIOS boot sector and a UEFI application, each a few dozen bytes."""

import struct

SECTOR = 512
UNIT, FILE_ALIGNMENT = 0x1000, 0x200


def bios_disk(words):
    """Writes `words` to the serial port, again and again."""
    begin = 0x7C00 + 31
    code = (b"\x31\xc0\x8e\xd8\xfc"                           # xor ax, ax; mov ds, ax; cld
            b"\xbe" + struct.pack("<H", begin) +              # again: mov si, words
            b"\xac\x84\xc0\x74\xf8"                           # next: lodsb; test al, al; jz again
            b"\x88\xc4\xba\xfd\x03"                           # mov ah, al; mov dx, 0x3fd
            b"\xec\xa8\x20\x74\xfb"                           # busy: in al, dx; test al, 0x20; jz busy
            b"\x88\xe0\xba\xf8\x03\xee\xeb\xe9")              # mov al, ah; mov dx, 0x3f8; out dx, al; jmp next
    sector = (code + words.encode() + b"\0").ljust(SECTOR - 2, b"\0") + b"\x55\xaa"
    return sector.ljust(1 << 20, b"\0")


def uefi_application(words):
    """Prints `words` on the console once, and stays."""
    code = (b"\x48\x83\xec\x28\x48\x8b\x4a\x40"               # sub rsp, 40; mov rcx, [rdx + ConOut]
            b"\x48\x8d\x15\x05\0\0\0\xff\x51\x08\xeb\xfe")    # lea rdx, words; call OutputString; jmp $
    code += words.encode("utf-16-le") + b"\0\0"
    text = code.ljust(-(-len(code) // FILE_ALIGNMENT) * FILE_ALIGNMENT, b"\0")
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 112 + 16 * 8, 0x22E)
    optional = struct.pack("<HBBIIIII", 0x20B, 0, 0, len(text), 0, 0, UNIT, UNIT)
    optional += struct.pack("<QIIHHHHHHIIIIHH", 0, UNIT, FILE_ALIGNMENT, 0, 0, 0, 0, 0, 0, 0, 2 * UNIT, FILE_ALIGNMENT,
                            0, 10, 0)
    optional += struct.pack("<QQQQII", 0, 0, 0, 0, 0, 16) + bytes(16 * 8)
    section = b".text".ljust(8, b"\0") + struct.pack("<IIIIIIHHI", len(code), UNIT, len(text), FILE_ALIGNMENT, 0, 0, 0, 0,
                                                     0x60000020)
    return (dos + coff + optional + section).ljust(FILE_ALIGNMENT, b"\0") + text


def uefi_disk(words):
    """A FAT12 file system of 1 MiB with \\EFI\\BOOT\\BOOTX64.EFI, no partitions."""
    def entry(name, attributes, cluster, size=0):
        return name.ljust(11) + struct.pack("<B14xHI", attributes, cluster, size)

    def chain(*links):
        packed = b"".join(struct.pack("<I", a | b << 12)[:3] for a, b in zip(links[::2], links[1::2]))
        return packed.ljust(6 * SECTOR, b"\0")

    program = uefi_application(words)
    sectors = 2048
    boot = b"\xeb\x3c\x90" + b"PADDOCK ".ljust(8) + struct.pack("<HBHBHHBHHHII", SECTOR, 1, 1, 2, 16, sectors, 0xF8, 6,
                                                                32, 2, 0, 0)
    boot += struct.pack("<BBBI", 0x80, 0, 0x29, 1) + b"BOOT".ljust(11) + b"FAT12".ljust(8)
    boot = boot.ljust(SECTOR - 2, b"\0") + b"\x55\xaa"
    # Clusters: 2 is \EFI, 3 is \EFI\BOOT, 4 and on the program.
    used = -(-len(program) // SECTOR)
    links = [0xFF8, 0xFFF, 0xFFF, 0xFFF, *range(5, 4 + used), 0xFFF]
    fat = chain(*links, *[0] * (len(links) % 2))
    folder = 0x10
    root = entry(b"EFI", folder, 2).ljust(SECTOR, b"\0")
    efi = (entry(b".", folder, 2) + entry(b"..", folder, 0) + entry(b"BOOT", folder, 3)).ljust(SECTOR, b"\0")
    inner = (entry(b".", folder, 3) + entry(b"..", folder, 2) +
             entry(b"BOOTX64 EFI", 0x20, 4, len(program))).ljust(SECTOR, b"\0")
    return (boot + fat + fat + root + efi + inner + program).ljust(sectors * SECTOR, b"\0")

#!/usr/bin/env python3
"""Finishes a program for the RP2040: uf2.py PROGRAM.elf PROGRAM.uf2

Writes the checksum of the second stage, the first 256 octets of the flash, into the elf (RP2040 datasheet, "Flash Second Stage":
CRC-32 of the first 252 octets, polynomial 04c11db7h, initial value of ones, nothing reflected or inverted), and what is in the
flash as UF2, which a Pico takes when it is plugged in with BOOTSEL held: blocks of 512 octets, 256 of them the program's.
"""
import struct
import sys

FLASH, FLASH_END, PAGE = 0x10000000, 0x11000000, 256
FAMILY = 0xe48bff56                         # of the RP2040, in the list of UF2's families


def checksum(octets):
    crc = 0xffffffff
    for octet in octets:
        crc ^= octet << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04c11db7 if crc >> 31 else crc << 1) & 0xffffffff
    return crc


def loaded(elf):
    """Of the segments with octets for the flash: where they go, where in the file they are, how many octets."""
    at, size, count = struct.unpack_from("<I10xHH", elf, 28)[0], *struct.unpack_from("<HH", elf, 42)
    for k in range(count):
        kind, offset, _, physical, octets = struct.unpack_from("<5I", elf, at + k * size)
        if kind == 1 and octets and FLASH <= physical < FLASH_END:
            yield physical, offset, octets


def finish(elf):
    """Writes the checksum into the elf, in place.  The octets of the flash, from its beginning on."""
    segments = sorted(loaded(elf))
    if not segments or segments[0][0] != FLASH or segments[0][2] < PAGE:
        raise ValueError("it has no second stage at the beginning of the flash: link it with memory-rp2040.ld")
    begin = segments[0][1]
    struct.pack_into("<I", elf, begin + 252, checksum(elf[begin:begin + 252]))
    image = bytearray()
    for physical, offset, octets in segments:
        image += b"\xff" * (physical - FLASH - len(image)) + elf[offset:offset + octets]
    return image + b"\xff" * (-len(image) % PAGE)


def uf2(image):
    count = len(image) // PAGE
    for k in range(count):
        head = struct.pack("<8I", 0x0a324655, 0x9e5d5157, 0x2000, FLASH + k * PAGE, PAGE, k, count, FAMILY)
        yield head + image[k * PAGE:(k + 1) * PAGE] + bytes(476 - PAGE) + struct.pack("<I", 0x0ab16f30)


def main(path, to):
    with open(path, "rb") as f:
        elf = bytearray(f.read())
    if elf[:4] != b"\x7fELF":
        sys.exit("uf2.py: %s is no elf file: give the program that the linker has made" % path)
    try:
        image = finish(elf)
    except ValueError as e:
        sys.exit("uf2.py: %s: %s" % (path, e))
    with open(path, "wb") as f:
        f.write(elf)
    with open(to, "wb") as f:
        f.write(b"".join(uf2(image)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip().split("\n")[0])
    main(*sys.argv[1:])

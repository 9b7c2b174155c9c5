#!/usr/bin/env python3
"""Makes font_data.cpp of a console font of 8x16 (PSF version 1, with its table of Unicode).

usage: make_font.py FONT.psf.gz OUT.cpp
"""

import gzip
import struct
import sys
import unicodedata
from pathlib import Path

HEIGHT = 16
WITH_512, WITH_TABLE, WITH_SEQUENCES = 1, 2, 4
END, SEQUENCE = 0xFFFF, 0xFFFE


def read(data):
    """Its glyphs, and which of them each character has."""
    magic, mode, height = struct.unpack_from("<HBB", data)
    if magic != 0x0436 or height != HEIGHT or not mode & (WITH_TABLE | WITH_SEQUENCES):
        raise ValueError(f"no font of 8x{HEIGHT} with a table of Unicode (PSF 1)")
    count = 512 if mode & WITH_512 else 256
    glyphs = [data[4 + n * HEIGHT:4 + (n + 1) * HEIGHT] for n in range(count)]
    characters, glyph, alone = {}, 0, True
    for (value,) in struct.iter_unpack("<H", data[4 + count * HEIGHT:]):
        if value == END:
            glyph, alone = glyph + 1, True
        elif value == SEQUENCE:
            alone = False
        elif alone:
            characters.setdefault(value, glyph)
    if glyph != count:
        raise ValueError("its table is not that of its glyphs")
    return glyphs, characters


def compositions(characters):
    """(base, mark, what both are in one) of what the font has."""
    for character in characters:
        parts = unicodedata.decomposition(chr(character)).split()
        if len(parts) == 2 and not parts[0].startswith("<") and unicodedata.combining(chr(int(parts[1], 16))):
            yield (*(int(part, 16) for part in parts), character)


def array(kind, name, rows):
    lines = "".join(f"    {{{row}}},\n" for row in rows)
    return f"constexpr std::array<{kind}, {len(rows)}> {name}{{{{\n{lines}}}}};\n"


def main(source, target):
    glyphs, characters = read(gzip.decompress(Path(source).read_bytes()))
    Path(target).write_text(
        f"// Made from {Path(source).name} by vt/picture/make_font.py; not to be edited.\n"
        '#include "vt/picture/font_data.hpp"\n\nnamespace vt::picture {\n\nnamespace {\n\n'
        + array("Glyph", "all_glyphs", ["{" + ", ".join(f"0x{line:02x}" for line in glyph) + "}" for glyph in glyphs])
        + array("FontCharacter", "all_characters", [f"0x{c:x}, {g}" for c, g in sorted(characters.items())])
        + array("FontComposition", "all_compositions", [", ".join(f"0x{part:x}" for part in c) for c in sorted(compositions(characters))])
        + "\n} // namespace\n\nconst std::span<const Glyph> font_glyphs{all_glyphs};\n"
        "const std::span<const FontCharacter> font_characters{all_characters};\n"
        "const std::span<const FontComposition> font_compositions{all_compositions};\n\n} // namespace vt::picture\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

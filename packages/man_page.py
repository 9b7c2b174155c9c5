#!/usr/bin/env python3
"""A manual page of what a program's own --help says, its subcommands' too.

usage: man_page.py PROGRAM SECTION OUTPUT
"""

import gzip
import os
import re
import subprocess
import sys


def help_of(program, words):
    name = os.path.basename(program)
    done = subprocess.run([name, *words, "--help"], executable=program, capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n").split("\n")


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    return "\\&" + text if text[:1] in ".'\\" else text


def subcommands(program, words, lines):
    """Those that a help lists, each with its own help. What is no subcommand is answered with the help above."""
    for line in lines:
        found = re.match(r"  ([a-z][a-z-]*)(  |$)", line)
        if found:
            path = [*words, found[1]]
            below = help_of(program, path)
            if any(line.startswith(f"Usage: {os.path.basename(program)} {' '.join(path)} ") for line in below):
                yield path, below


def entries(lines):
    """A help's indented lines as (term, text); a term may have its text below it."""
    starts = [found.end() for line in lines if (found := re.match(r"  \S.*? {2,}(?=\S)", line))]
    column = max(starts, key=starts.count, default=0)
    found = []
    for line in lines:
        if line.startswith("   ") and found:
            found[-1][1] = (found[-1][1] + " " + line.strip()).strip()
        elif column and line[column - 1:column] == " ":
            found.append([line[:column].strip(), line[column:].strip()])
        else:
            found.append([line.strip(), ""])
    return found


def body(lines, heading_macro):
    """Everything but the first sentence and the usage."""
    block, heading = [], None
    out = []

    def flush():
        if heading and block:
            out.append(f"{heading_macro} {escape(heading.upper() if heading_macro == '.SH' else heading)}")
        if heading in ("Examples", "Begin with"):
            out.extend([".nf", *(escape(line[2:]) for line in block), ".fi"])
        elif block and block[0].startswith("  "):
            for term, text in entries(block):
                out.extend([".TP", f".B {escape(term)}", escape(text)])
        elif block:
            out.extend([".PP", *(escape(line) for line in block)])

    for line in [*lines, ""]:
        if line.startswith("  ") or (line and not line.endswith(":")):
            block.append(line)
            continue
        if block or heading:
            if not line and not block:
                continue
            flush()
        block, heading = [], line.rstrip(":") if line else None
    return out


def split(lines):
    """(sentences, usage, rest) of a help."""
    usage = next(i for i, line in enumerate(lines) if line.lower().startswith("usage: "))
    return lines[:usage], lines[usage][len("usage: "):], lines[usage + 1:]


def commands(program, words, lines):
    """A section for each subcommand that does something itself."""
    for path, below in subcommands(program, words, lines):
        nested = list(commands(program, path, below))
        if nested:
            yield from nested
            continue
        sentences, usage, rest = split(below)
        yield f".SS {escape(' '.join(path))}"
        yield from (escape(sentence) for sentence in sentences)
        yield from [".PP", f".B {escape(usage)}"]
        # -h is everywhere, and said once.
        yield from body([line for line in rest if not line.startswith("  -h,--help")], ".PP\n.I")


def page(program, section):
    name = os.path.basename(program)
    lines = help_of(program, [])
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    sentences, usage, rest = split(lines)
    if not sentences:  # They come after the usage.
        rest = rest[1:]
        sentences, rest = rest[:rest.index("")], rest[rest.index("") + 1:]
    summary = re.sub(rf"^{name} ", "", " ".join(sentences)).split(". ")[0].rstrip(".")
    out = [f'.TH {name.upper()} {section} "" "Paddock {version}" "Paddock"',
           ".SH NAME", f"{escape(name)} \\- {escape(summary)}",
           ".SH SYNOPSIS", f".B {escape(usage)}",
           ".SH DESCRIPTION", *(escape(sentence) for sentence in sentences),
           *body(rest, ".SH")]
    below = list(commands(program, [], lines))
    if below:
        out += [".SH COMMANDS", *below]
    return "\n".join(out) + "\n"


def main(argv):
    text = page(os.path.abspath(argv[1]), argv[2])
    with open(argv[3], "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())


main(sys.argv)

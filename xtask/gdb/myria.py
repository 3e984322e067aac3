"""GDB commands for the Myria kernels: `cargo xtask gdb` loads this file.

    trap-frame [ADDRESS]   an m0_boot::trap_frame::TrapFrame, decoded
    walk ADDRESS           the page-table entries on the way to an address
    regions                mapped memory with its permissions
    threads                m2-usermode's threads

Page tables are read by physical address, through QEMU's monitor, so all of this
works whatever tables are loaded, and wherever the machine was stopped.
"""

import re

import gdb

PAGE = 4096
ENTRIES = 512
WORD = 8

# Intel SDM Vol. 3A, 5.5.4: bits of a paging-structure entry.
PRESENT, WRITABLE, USER, LARGE, GLOBAL = 1 << 0, 1 << 1, 1 << 2, 1 << 7, 1 << 8
NO_EXECUTE = 1 << 63
ADDRESS_MASK = 0x000F_FFFF_FFFF_F000
BITS = [
    (0, "P"), (1, "W"), (2, "U"), (3, "PWT"), (4, "PCD"), (5, "A"), (6, "D"), (8, "G"), (63, "NX"),
]

# (name, log2 of the bytes that one entry covers, size of a page there)
LEVELS = [("PML4", 39, ""), ("PDPT", 30, "1 GiB"), ("PD", 21, "2 MiB"), ("PT", 12, "4 KiB")]

# The layout of m1-memory/src/layout.rs: first address, name.
LAYOUT = [
    (0x0000_0000_0000_0000, "user half"),
    (0x0000_8000_0000_0000, "not canonical"),
    (0xFFFF_8000_0000_0000, "direct map"),
    (0xFFFF_C000_0000_0000, "unused"),
    (0xFFFF_FFFF_8000_0000, "kernel image"),
    (0xFFFF_FFFF_A000_0000, "kernel heap"),
    (0xFFFF_FFFF_C000_0000, "kernel stacks"),
    (0xFFFF_FFFF_E000_0000, "unused"),
]
# The parts of the image, by the linker script's symbols.
SECTIONS = [("text", "__text"), ("constants", "__rodata"), ("data", "__data")]


def monitor(command):
    """The answer of QEMU's own monitor."""
    return gdb.execute("monitor " + command, to_string=True)


def physical_words(address, count):
    """`count` words of 64 bits at a physical address."""
    words = []
    for line in monitor(f"xp/{count}gx {address:#x}").splitlines():
        _, _, values = line.partition(":")
        words += [int(value, 16) for value in values.split()]
    if len(words) != count:
        raise gdb.GdbError(f"QEMU does not show physical memory at {address:#x}")
    return words


def root():
    """The table that CR3 points to; refuses where there is no paging yet."""
    registers = monitor("info registers")
    value = {}
    for name in ("CR0", "CR3", "CR4"):
        found = re.search(rf"\b{name}=([0-9a-f]+)", registers)
        if not found:
            raise gdb.GdbError("QEMU does not tell the control registers")
        value[name] = int(found[1], 16)
    if not value["CR0"] & 1 << 31 or not value["CR4"] & 1 << 5:
        raise gdb.GdbError("the CPU is not in 4-level paging yet: CR0.PG or CR4.PAE is 0")
    return value["CR3"] & ADDRESS_MASK


def letters(entry, name):
    shown = [letter for bit, letter in BITS if entry >> bit & 1]
    if entry & LARGE:
        shown.append("PAT" if name == "PT" else "PS")
    return " ".join(shown)


def rights_of(entries):
    """What a chain of entries permits, as the kernel prints it."""
    write = all(entry & WRITABLE for entry in entries)
    execute = not any(entry & NO_EXECUTE for entry in entries)
    user = all(entry & USER for entry in entries)
    flag = lambda condition, letter: letter if condition else "-"
    return "r" + flag(write, "w") + flag(execute, "x") + flag(user, "u") + flag(
        entries[-1] & GLOBAL, "g"
    )


def number(text):
    """A GDB expression's value as an address."""
    return int(gdb.parse_and_eval(text)) & (1 << 64) - 1


def symbol_address(name):
    """The address of one of the linker script's symbols."""
    try:
        found = re.search(r"0x[0-9a-f]+", gdb.execute(f"info address {name}", to_string=True))
    except gdb.error:
        return None
    return int(found[0], 16) if found else None


def place_of(address):
    """The part of the layout that holds an address."""
    name = [name for first, name in LAYOUT if first <= address][-1]
    if name == "kernel image":
        for section, symbol in SECTIONS:
            start, end = symbol_address(symbol + "_start"), symbol_address(symbol + "_end")
            if start is not None and end is not None and start <= address < end:
                return f"kernel {section}"
    return name


def words_of(arguments, least, most, usage):
    words = gdb.string_to_argv(arguments)
    if not least <= len(words) <= most:
        raise gdb.GdbError(f"usage: {usage}")
    return words


class Walk(gdb.Command):
    """walk ADDRESS: each page-table entry on the way to an address."""

    def __init__(self):
        super().__init__("walk", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, arguments, from_tty):
        if not arguments.strip():
            raise gdb.GdbError("usage: walk ADDRESS")
        address = number(arguments)
        if address >> 47 not in (0, (1 << 17) - 1):
            raise gdb.GdbError(f"{address:#x} is not canonical: bits 63 to 47 differ")
        table, passed = root(), []
        print(f"CR3   {table:#014x}")
        for name, shift, size in LEVELS:
            index = address >> shift & ENTRIES - 1
            slot = table + index * WORD
            (entry,) = physical_words(slot, 1)
            head = f"{name:<5} entry {index:3} at {slot:#014x}:"
            if not entry & PRESENT:
                print(f"{head} {entry:#018x} not present")
                print(f"{address:#x} is not mapped ({place_of(address)})")
                return
            passed.append(entry)
            leaf = name == "PT" or (name != "PML4" and entry & LARGE)
            covers = 1 << shift
            table = entry & ADDRESS_MASK & (~(covers - 1) if leaf else ~0)
            print(f"{head} {entry:#018x} -> {table:#x} {letters(entry, name)}")
            if leaf:
                physical = table + address % covers
                print(f"{address:#x} is physical {physical:#x}, in a page of {size}")
                print(f"{rights_of(passed)} {place_of(address)}")
                return


class Regions(gdb.Command):
    """regions: mapped memory with its permissions, neighbours with the same joined."""

    def __init__(self):
        super().__init__("regions", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, arguments, from_tty):
        words_of(arguments, 0, 0, "regions")
        region = None
        for start, length, rights in pages(root(), 0, 0, []):
            if region and region[0] + region[1] == start and region[2] == rights:
                region[1] += length
                continue
            if region:
                self.show(*region)
            region = [start, length, rights]
        if region:
            self.show(*region)

    @staticmethod
    def show(start, length, rights):
        last = start + length - 1
        print(f"{start:#018x}-{last:#018x} {rights} {length // 1024:>9} KiB  {place_of(start)}")


def pages(table, level, base, above):
    """All pages below a table: first address, bytes, rights."""
    name, shift, _ = LEVELS[level]
    for index, entry in enumerate(physical_words(table, ENTRIES)):
        if not entry & PRESENT:
            continue
        start = base | index << shift
        if start >> 47 & 1:
            start |= 0xFFFF_0000_0000_0000
        if name == "PT" or (name != "PML4" and entry & LARGE):
            yield start, 1 << shift, rights_of(above + [entry])
        else:
            yield from pages(entry & ADDRESS_MASK, level + 1, start, above + [entry])


class TrapFrame(gdb.Command):
    """trap-frame [ADDRESS]: the registers that a trap saved.

    Without an address: those of the innermost trap that the kernel is handling."""

    TYPE = "m0_boot::trap_frame::TrapFrame"

    def __init__(self):
        super().__init__("trap-frame", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, arguments, from_tty):
        address = number(arguments) if arguments.strip() else self.innermost()
        try:
            layout = gdb.lookup_type(self.TYPE)
        except gdb.error:
            raise gdb.GdbError(f"the program has no type {self.TYPE}")
        frame = gdb.Value(address).cast(layout.pointer()).dereference()
        value = {field.name: int(frame[field.name]) for field in layout.fields()}
        print(f"trap frame at {address:#x}: vector {value['vector']}, "
              f"error code {value['error_code']:#x}, from ring {value['cs'] & 3}")
        general = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"]
        general += [f"r{number}" for number in range(8, 16)]
        for row in range(0, len(general), 4):
            print("   ", " ".join(f"{name:>3} {value[name]:016x}" for name in general[row:row + 4]))
        print(f"     cs {value['cs']:#x}  ss {value['ss']:#x}  rflags {value['rflags']:#x}")
        symbol = gdb.execute(f"info symbol {value['rip']:#x}", to_string=True).strip()
        print(f"    rip {value['rip']:#x}  {symbol}")

    @staticmethod
    def innermost():
        """trap_entry calls Rust with the frame on top of its stack."""
        frame = gdb.newest_frame()
        while frame is not None:
            if frame.name() == "trap_entry":
                return int(frame.read_register("rsp")) & (1 << 64) - 1
            frame = frame.older()
        raise gdb.GdbError("no trap is being handled here; give the frame's address")


class Threads(gdb.Command):
    """threads: m2-usermode's threads and what they are doing."""

    SCHEDULER = "m2_usermode::thread::SCHEDULER"

    def __init__(self):
        super().__init__("threads", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, arguments, from_tty):
        words_of(arguments, 0, 0, "threads")
        # GDB reads debug information when it must; by name alone it finds nothing of
        # a unit that it has not read.
        gdb.execute("info variables -q ^" + self.SCHEDULER, to_string=True)
        scheduler = gdb.lookup_global_symbol(self.SCHEDULER)
        scheduler = scheduler or gdb.lookup_static_symbol(self.SCHEDULER)
        if scheduler is None:
            raise gdb.GdbError("this kernel has no threads: they come with m2")
        table = descend(scheduler.value(), "table")
        entries = table[table.type.fields()[0]]
        low, high = entries.type.range()
        running = first_number(descend(scheduler.value(), "running"))
        print("thread  switches   ticks  name             state")
        for place in range(low, high + 1):
            entry = entries[place]
            bits = first_number(entry["id"])
            if bits == 0:
                continue
            name = entry["name"].format_string(max_elements=64)
            name = re.search(r'"([^"]*)"', name)
            state = entry["state"].format_string().rpartition("::")[2]
            state = "Running" if place == running else state
            print(f"{bits >> 16:6}  {int(entry['switches']):8}  {int(entry['ticks']):6}  "
                  f"{name[1] if name else '':<16} {state}")


def first_number(value):
    """What a type of one number holds."""
    return int(value[value.type.fields()[0]])


def descend(value, wanted):
    """The field `wanted` in a nest of structures."""
    fields = value.type.fields() if value.type.code == gdb.TYPE_CODE_STRUCT else []
    for field in fields:
        if field.name == wanted:
            return value[field]
    for field in fields:
        found = descend(value[field], wanted)
        if found is not None:
            return found
    return None


for command in (Walk, Regions, TrapFrame, Threads):
    command()

// An entry of a paging structure, at any of the four levels (Intel SDM Vol. 3A, 5.5.4
// "Linear-Address Translation with 4-Level Paging and 5-Level Paging", Tables 5-15 to
// 5-20); as m1-memory/src/paging/entry.rs has it.
"use strict";

Myria.widget("pte", (kit) => {
    const { element, numbers } = kit;
    const { bit, field, withField, mask, grouped } = numbers;

    /** By level: what its entries cover, and the table that they point to. */
    const LEVELS = {
        PML4: { shift: 39n, below: "PDPT", size: "512 GiB" },
        PDPT: { shift: 30n, below: "PD", size: "1 GiB" },
        PD: { shift: 21n, below: "PT", size: "2 MiB" },
        PT: { shift: 12n, below: null, size: "4 KiB" },
    };
    const BITS = { P: 0, W: 1, U: 2, PWT: 3, PCD: 4, A: 5, D: 6, PS: 7, G: 8, NX: 63 };
    const PAT_LARGE = 12;
    const ADDRESS = mask(52) & ~mask(12);

    const STRIP = [
        { high: 63, name: "NX", title: "no execute" },
        { high: 62, low: 52, name: "free", title: "for software; our kernel counts here" },
        { high: 51, low: 12, name: "address 51:12", title: "physical address without its lowest 12 bits" },
        { high: 11, low: 9, name: "free", title: "for software" },
        { high: 8, name: "G", title: "global" },
        { high: 7, name: "PS/PAT", title: "large page; in a PT, PAT" },
        { high: 6, name: "D", title: "dirty: written through" },
        { high: 5, name: "A", title: "accessed: used" },
        { high: 4, name: "PCD", title: "cache disable" },
        { high: 3, name: "PWT", title: "write-through" },
        { high: 2, name: "U/S", title: "user: ring 3 is allowed" },
        { high: 1, name: "R/W", title: "writes are allowed" },
        { high: 0, name: "P", title: "present" },
    ];

    /** Whether the walk ends here, if the entry is present. */
    function isLeaf(word, level) {
        return level === "PT" || (level !== "PML4" && bit(word, BITS.PS));
    }

    /** The rights that an entry alone leaves, as our kernel writes them. */
    function rights(word, leaf = true) {
        const letters = [[bit(word, BITS.W), "w"], [!bit(word, BITS.NX), "x"], [bit(word, BITS.U), "u"], [leaf && bit(word, BITS.G), "g"]];
        return `r${letters.map(([given, letter]) => (given ? letter : "-")).join("")}`;
    }

    /** What the CPU finds in an entry of a table of `level`. */
    function decode(word, level) {
        if (!bit(word, BITS.P)) return { present: false, kind: "none", problems: [], sentence: absent(word) };
        const leaf = isLeaf(word, level);
        const { shift, below, size } = LEVELS[level];
        const address = leaf ? word & ADDRESS & ~mask(Number(shift)) : word & ADDRESS;
        const found = { present: true, kind: leaf ? "page" : "table", size, address, rights: rights(word, leaf), problems: problems(word, level) };
        if (leaf) {
            const pat = bit(word, level === "PT" ? BITS.PS : PAT_LARGE);
            found.memoryType = (bit(word, BITS.PWT) ? 1 : 0) + (bit(word, BITS.PCD) ? 2 : 0) + (pat ? 4 : 0);
            found.sentence = `Maps ${size} at physical ${grouped(address)}: ${inWords(found.rights)}.`;
        } else {
            found.count = field(word, 61, 52);
            found.sentence = `Points to a ${below} at physical ${grouped(address)}. Below it at most ${inWords(found.rights)}.`;
        }
        return found;
    }

    function absent(word) {
        const rest = word === 0n ? "" : " The CPU looks at none of its other bits.";
        return `Not present: each access below it is a page fault with P = 0.${rest}`;
    }

    /** `r-x-g` as words. */
    function inWords(given) {
        const words = ["read"];
        if (given[1] === "w") words.push("write");
        if (given[2] === "x") words.push("execute");
        return `${given}, that is ${words.join(", ")}, by ${given[3] === "u" ? "ring 0 and ring 3" : "ring 0 alone"}${given[4] === "g" ? "; global" : ""}`;
    }

    /** What is wrong with an entry that is present; each with the field it is in. */
    function problems(word, level) {
        const found = [];
        const add = (code, where, text) => found.push({ code, where, text });
        const leaf = isLeaf(word, level);
        const { shift, size } = LEVELS[level];
        if (level === "PML4" && bit(word, BITS.PS)) {
            add("ps-in-pml4", "PS/PAT", "Bit 7 is reserved in a PML4: there are no pages of 512 GiB. Each access is a page fault with RSVD = 1.");
        }
        if (leaf && level !== "PT" && (word & mask(Number(shift)) & ~mask(13)) !== 0n) {
            add("unaligned", "address 51:12", `A page of ${size} begins at a multiple of ${size}: bits ${shift - 1n} to 13 are reserved and must be 0. Each access is a page fault with RSVD = 1.`);
        }
        if (leaf && bit(word, BITS.W) && !bit(word, BITS.NX)) {
            add("w-and-x", "NX", "Writable and executable: who can write there can run what they wrote. Our kernel has no such page (W^X).");
        }
        if (leaf && bit(word, BITS.U) && bit(word, BITS.G)) {
            add("global-user", "G", "A user page that is global stays in the TLB when CR3 changes: the next program can still use it.");
        }
        return found;
    }

    /** The word of a leaf, as our kernel makes it: P, the rights, and PS where it is large. */
    function leaf(level, address, given) {
        const flags = [[BITS.P, true], [BITS.W, given[1] === "w"], [BITS.NX, given[2] !== "x"], [BITS.U, given[3] === "u"], [BITS.G, given[4] === "g"], [BITS.PS, level !== "PT"]];
        return flags.reduce((word, [at, on]) => withField(word, at, at, on ? 1n : 0n), address & ADDRESS);
    }

    /** The word of an entry that points to a table, from the letters of `walk`: P W U A …. */
    function fromLetters(address, letters) {
        const at = { ...BITS, PAT: BITS.PS };
        return letters.reduce((word, letter) => withField(word, at[letter], at[letter], 1n), address & ADDRESS);
    }

    /** The word with another address, and what is wrong with that. */
    function withAddress(word, level, address) {
        const shift = isLeaf(word, level) ? Number(LEVELS[level].shift) : 12;
        if ((address & mask(shift)) !== 0n) {
            return { error: `Not a multiple of ${numbers.size(1n << BigInt(shift))}: the lowest ${shift} bits must be 0.` };
        }
        return { word: (word & ~(ADDRESS & ~mask(shift))) | address };
    }

    /** Fields that mean nothing in this entry. */
    function ignored(word, level) {
        if (!bit(word, BITS.P)) return STRIP.map(({ name }) => name).filter((name) => name !== "P");
        return isLeaf(word, level) ? ["free"] : ["free", "G", "D"];
    }

    function mount(root) {
        const state = { level: "PD", word: leaf("PD", 0x40_0000n, "rw--g") };
        const says = kit.verdict();
        const wrong = kit.problems();
        const more = element("p", { class: "widget-hint", "aria-live": "polite" });
        const levels = kit.choice({
            label: "Entry of a", value: state.level, onChange: (level) => show({ level }),
            options: Object.entries(LEVELS).map(([name, { size }]) => [name, `${name} (an entry covers ${size})`]),
        });
        const number = kit.numberField({ label: "Entry", onChange: (word) => word !== null && show({ word }) });
        const address = kit.numberField({
            label: "Physical address", bits: 52,
            onChange: (value) => {
                if (value === null) return;
                const { word, error } = withAddress(state.word, state.level, value);
                if (error) address.complain(error);
                else show({ word });
            },
        });
        const strip = kit.bitStrip({ label: "Bits", fields: STRIP, onChange: (word) => show({ word }) });

        function show(change) {
            Object.assign(state, change);
            const { level, word } = state;
            const entry = decode(word, level);
            levels.set(level);
            number.set(word);
            address.set(entry.address ?? word & ADDRESS);
            const marks = Object.fromEntries(ignored(word, level).map((name) => [name, "ignored"]));
            for (const { where } of entry.problems) marks[where] = "bad";
            strip.set(word, marks);
            wrong.show(entry.problems.map(({ text }) => text));
            const reserved = entry.problems.some(({ code }) => code === "ps-in-pml4" || code === "unaligned");
            says.say(reserved ? "The CPU refuses this entry: a reserved bit is set." : entry.sentence, reserved ? "bad" : entry.present ? "good" : "");
            more.textContent = details(entry);
            more.hidden = more.textContent === "";
        }

        const preset = (level, word) => () => show({ level, word });
        root.append(
            kit.presets("Try", [
                ["kernel text", preset("PT", leaf("PT", 0x13_c000n, "r-x-g"))],
                ["kernel data", preset("PT", leaf("PT", 0x17_9000n, "rw--g"))],
                ["user stack", preset("PT", leaf("PT", 0xfe9_3000n, "rw-u-"))],
                ["2 MiB of the direct map", preset("PD", leaf("PD", 0x40_0000n, "rw--g"))],
                ["a page table", preset("PD", fromLetters(0xfe0_1000n, ["P", "W", "A"]))],
                ["not present", preset("PT", 0n)],
                ["W+X", preset("PT", leaf("PT", 0x20_0000n, "rwx--"))],
                ["large, unaligned", preset("PD", leaf("PD", 0x40_8000n, "rw--g"))],
                ["PS in the PML4", preset("PML4", leaf("PD", 0x40_0000n, "rw--g"))],
            ]),
            kit.row(levels.node, number.node, address.node), strip.node, says.node, wrong.node, more,
        );
        show({});
    }

    /** What else an entry says. */
    function details({ kind, memoryType, count }) {
        if (kind === "page") return `Memory type: entry ${memoryType} of the PAT${memoryType === 0 ? ", write-back" : ""}.`;
        if (kind === "table" && count > 0n) return `By our kernel’s count, ${count} entries of that table are in use.`;
        return "";
    }

    return { pure: { decode, rights, leaf, fromLetters, withAddress, isLeaf, LEVELS }, mount };
});

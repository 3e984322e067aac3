// What a kernel printed of its page tables, read back: the console's `regions` and `walk`
// (m2-usermode/src/console/memory.rs), and the regions of a milestone's boot.
"use strict";

(() => {
    const { kit } = Myria;
    const REGION = /^(0x[0-9a-f]+)-(0x[0-9a-f]+) (r[w-][x-][u-][g-]?) (.+)$/;
    const ROOT = /^CR3 +(0x[0-9a-f]+)$/;
    const ENTRY = /^(PML4|PDPT|PD|PT) +entry +(\d+) at (0x[0-9a-f]+): (?:not present|(0x[0-9a-f]+)((?: (?:P|W|U|PWT|PCD|A|D|G|NX|PS|PAT))+))$/;
    const ASKED = /^(?:m2> )?walk (\S+)$/;
    const PAGE = /^0x[0-9a-f]+ is physical 0x[0-9a-f]+, in a page of (4 KiB|2 MiB|1 GiB)$/;
    const NAME = /^(r[w-][x-][u-][g-]) (.+)$/;
    /** What begins like something that is known, and so should be understood. */
    const ALIKE = /^(CR3|PML4|PDPT|PD|PT)\b|^0x[0-9a-f]+-|^(m2> )?walk\b/;

    /**
     * Reads a dump. Gives the `root` (CR3), `entries` by their physical address, `regions`,
     * the `walks` (address, and what is there), and `complaints` about lines that look like a dump's
     * but are not; all other lines are left out.
     */
    function parseDump(text) {
        const dump = { root: null, entries: new Map(), regions: [], walks: [], complaints: [] };
        text.split(/\r?\n/).forEach((raw, at) => {
            const line = raw.trim();
            const complain = (why) => dump.complaints.push(`Line ${at + 1}, “${line.slice(0, 60)}”: ${why}`);
            if (!takeLine(dump, line, complain) && ALIKE.test(line)) {
                complain("this is not how our kernel prints it. Is it cut off?");
            }
        });
        return dump;
    }

    /** Whether the line said something. */
    function takeLine(dump, line, complain) {
        const readers = [[REGION, takeRegion], [ROOT, takeRoot], [ENTRY, takeEntry], [ASKED, takeWalk], [PAGE, takePage], [NAME, takeName]];
        for (const [form, take] of readers) {
            const match = form.exec(line);
            if (match) {
                take(dump, match, complain);
                return true;
            }
        }
        return false;
    }

    function takeRegion({ regions }, [, first, last, rights, name], complain) {
        const region = { first: BigInt(first), last: BigInt(last), rights: rights.padEnd(5, "-"), name };
        if (region.last < region.first) complain("it ends before it begins.");
        else if (!regions.some((one) => one.first === region.first && one.last === region.last)) regions.push(region);
    }

    function takeRoot(dump, [, root], complain) {
        if (dump.root !== null && dump.root !== BigInt(root)) {
            complain("these are other tables (another CR3) than before; the explorer shows the last ones.");
            dump.entries.clear();
            dump.walks = dump.walks.slice(-1);
        }
        dump.root = BigInt(root);
    }

    function takeEntry({ entries }, [, level, index, slot, address, letters], complain) {
        const at = BigInt(slot);
        if (((at >> 3n) & 511n) !== BigInt(index)) {
            complain(`entry ${index} of a table cannot be at ${slot}.`);
            return;
        }
        const word = address === undefined ? 0n
            : Myria.widgets.pte.pure.fromLetters(BigInt(address), letters.trim().split(" "));
        entries.set(at, { level, word });
    }

    function takeWalk({ walks }, [, asked], complain) {
        const { value, error } = kit.numbers.parse(asked);
        if (error) complain(error);
        else if (!walks.some(({ address }) => address === value)) walks.push({ address: value, name: "", rights: "", size: "4 KiB" });
    }

    function takePage({ walks }, [, size]) {
        if (walks.length > 0 && walks.at(-1).name === "") walks.at(-1).size = size;
    }

    function takeName({ walks }, [, rights, name]) {
        const last = walks.at(-1);
        if (last && last.name === "") Object.assign(last, { rights, name });
    }

    kit.parseDump = parseDump;
})();

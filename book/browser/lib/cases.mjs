// Cases from the Rust code against the widgets' pure functions.

/**
 * Runs in the page: what is not as it should be, one line each. In cases, words are
 * strings `0x…`; the functions take and give BigInt. An object that is given may have more
 * members than the answer.
 */
export function differences({ name, cases }) {
    const isWord = (value) => typeof value === "string" && /^0x[0-9a-f]+$/.test(value);
    const toWords = (value) => {
        if (isWord(value)) return BigInt(value);
        if (Array.isArray(value)) return value.map(toWords);
        if (value && typeof value === "object") {
            return Object.fromEntries(Object.entries(value).map(([key, own]) => [key, toWords(own)]));
        }
        return value;
    };
    const shown = (value) => (typeof value === "bigint" ? `0x${value.toString(16)}`
        : JSON.stringify(value, (_, own) => (typeof own === "bigint" ? `0x${own.toString(16)}` : own)));
    const differ = (given, wanted, path) => {
        if (Array.isArray(wanted)) {
            if (!Array.isArray(given) || given.length !== wanted.length) return `${path} is ${shown(given)}, not ${shown(wanted)}`;
            return wanted.map((own, at) => differ(given[at], own, `${path}[${at}]`)).find(Boolean);
        }
        if (wanted && typeof wanted === "object") {
            return Object.keys(wanted).map((key) => differ(given?.[key], wanted[key], `${path}.${key}`)).find(Boolean);
        }
        const same = isWord(wanted) ? given === BigInt(wanted) : given === wanted;
        return same ? undefined : `${path} is ${shown(given)}, not ${shown(wanted)}`;
    };
    const pure = Myria.widgets[name]?.pure;
    return cases.flatMap(({ call, arguments: given, answer }) => {
        const where = `${call}(${given.map(shown).join(", ").slice(0, 160)})`;
        try {
            const found = differ(pure[call](...given.map(toWords)), answer, where);
            return found ? [found] : [];
        } catch (error) {
            return [`${where}: ${error.message}`];
        }
    });
}

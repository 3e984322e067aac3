//! Page-table entries: what `m1_memory::paging::entry` makes and reads.

use super::{case, random::Random, word};
use m1_memory::paging::access::{Access, Owner, Rights, Use};
use m1_memory::paging::entry::{Entry, Flags, Level};
use serde_json::{Value, json};
use x86_64::PhysAddr;

const LEVELS: [(Level, &str); 4] =
    [(Level::Pml4, "PML4"), (Level::Pdpt, "PDPT"), (Level::Pd, "PD"), (Level::Pt, "PT")];

/// Where an entry has its address.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// All cases.
pub fn cases() -> Vec<Value> {
    let mut random = Random(3);
    let mut cases = leaves(&mut random);
    for (level, name) in LEVELS {
        cases.push(decoded(0, level, name));
        cases.extend((0..8).map(|_| {
            let large = Flags::LARGE.bits();
            let bits = random.word() | Flags::PRESENT.bits();
            decoded(if level == Level::Pml4 { bits & !large } else { bits }, level, name)
        }));
    }
    cases.extend(wrong());
    cases
}

/// Leaves of each level with each access, both ways.
fn leaves(random: &mut Random) -> Vec<Value> {
    let mut cases = Vec::new();
    for (level, name) in LEVELS.into_iter().filter(|(level, _)| *level != Level::Pml4) {
        for usage in [Use::Read, Use::ReadWrite, Use::ReadExecute] {
            for owner in [Owner::Kernel, Owner::User] {
                let access = Access { usage, owner };
                let page = random.word() & ADDRESS & !(level.entry_bytes() - 1);
                let entry = Entry::leaf(PhysAddr::new(page), level, access);
                let bits = page | entry.flags().bits();
                let rights = access.rights().to_string();
                let arguments = [json!(name), word(page), json!(rights)];
                cases.push(case("leaf", &arguments, word(bits)));
                cases.push(decoded(bits, level, name));
            }
        }
    }
    cases
}

/// What the kernel's code finds in `bits`.
fn decoded(bits: u64, level: Level, name: &str) -> Value {
    let flags = Flags::from_bits_retain(bits & !ADDRESS);
    let entry = Entry::new(PhysAddr::new(bits & ADDRESS), flags);
    let answer = if !entry.is_present() {
        json!({ "present": false, "kind": "none" })
    } else if entry.is_leaf(level) {
        json!({
            "present": true, "kind": "page", "size": level.page_name(),
            "address": word(entry.page(level).as_u64()),
            "rights": Rights::ALL.through(entry.flags()).to_string(),
        })
    } else {
        // G means something in a leaf alone.
        let rights = Rights::ALL.through(entry.flags() - Flags::GLOBAL);
        json!({
            "present": true, "kind": "table", "address": word(entry.address().as_u64()),
            "rights": rights.to_string(), "count": word(entry.count().into()),
        })
    };
    case("decode", &[word(bits), json!(name)], answer)
}

/// Entries that the CPU or our audit refuses, each with what is the matter.
fn wrong() -> Vec<Value> {
    let large = |page| {
        let flags = Access::KERNEL_DATA.leaf_flags() | Flags::LARGE;
        page | flags.bits()
    };
    let writable_code = (Flags::PRESENT | Flags::WRITABLE).bits();
    let global_user = (Access::USER_DATA.leaf_flags() | Flags::GLOBAL).bits();
    let problems = |bits: u64, level: &str, codes: &[&str]| {
        let wanted: Vec<Value> = codes.iter().map(|code| json!({ "code": code })).collect();
        case("decode", &[word(bits), json!(level)], json!({ "problems": wanted }))
    };
    vec![
        problems(large(0x40_0000), "PD", &[]),
        problems(large(0x40_0000 | 1 << 12), "PD", &[]), // PAT
        problems(large(0x40_2000), "PD", &["unaligned"]),
        problems(large(0x40_0000), "PDPT", &["unaligned"]),
        problems(large(0x4000_0000), "PML4", &["ps-in-pml4"]),
        problems(writable_code, "PT", &["w-and-x"]),
        problems(writable_code, "PD", &[]), // a table
        problems(writable_code | Flags::LARGE.bits(), "PD", &["w-and-x"]),
        problems(global_user, "PT", &["global-user"]),
    ]
}

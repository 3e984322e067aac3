//! Gates: what `m0_boot::idt` makes, taken apart by the widget and put together again.

use super::{case, random::Random, word};
use m0_boot::idt::{Gate, StackIndex};
use serde_json::{Value, json};
use x86_64::structures::gdt::SegmentSelector;
use x86_64::{PrivilegeLevel, VirtAddr};

/// The fields of an interrupt gate.
#[derive(Clone, Copy)]
struct Fields {
    handler: VirtAddr,
    selector: u16,
    ist: u8,
    ring: PrivilegeLevel,
}

/// All cases.
pub fn cases() -> Vec<Value> {
    let mut random = Random(1);
    let mut fields = vec![
        of(0xffff_ffff_8123_4567, 0x08, 3, PrivilegeLevel::Ring3),
        of(0xffff_ffff_8000_0010, 0x28, 0, PrivilegeLevel::Ring0),
    ];
    fields.extend((0..10).map(|_| Fields {
        handler: random.address(),
        selector: (random.below(8191) as u16 + 1) << 3,
        ist: random.below(8) as u8,
        ring: PrivilegeLevel::from_u16(random.below(4) as u16),
    }));
    let mut cases: Vec<Value> = fields.iter().flat_map(|fields| both_ways(*fields)).collect();
    cases.extend(wrong());
    cases
}

fn of(handler: u64, selector: u16, ist: u8, ring: PrivilegeLevel) -> Fields {
    Fields { handler: VirtAddr::new(handler), selector, ist, ring }
}

fn both_ways(fields: Fields) -> [Value; 2] {
    let Fields { handler, selector, ist, ring } = fields;
    let [low, high] = interrupt(handler, selector, ist, ring);
    let shown = json!({
        "handler": word(handler.as_u64()), "selector": word(selector.into()), "ist": word(ist.into()),
        "type": "0xe", "dpl": word(ring as u64), "present": true,
    });
    let words = json!({ "low": word(low), "high": word(high) });
    let encoded = case("encode", std::slice::from_ref(&shown), words);
    [encoded, case("decode", &[word(low), word(high)], shown)]
}

/// The words that M0 writes for an interrupt gate.
pub fn interrupt(handler: VirtAddr, selector: u16, ist: u8, ring: PrivilegeLevel) -> [u64; 2] {
    let gate = Gate::interrupt(handler, SegmentSelector(selector), StackIndex::new(ist), ring);
    words(gate)
}

fn words(gate: Gate) -> [u64; 2] {
    // SAFETY: a `Gate` is `repr(C)` and has 16 bytes, all of them in two u64.
    unsafe { std::mem::transmute(gate) }
}

/// Gates that the CPU refuses, each with what is the matter.
fn wrong() -> Vec<Value> {
    const PRESENT: u64 = 1 << 47;
    const SYSTEM: u64 = 1 << 44;
    const TYPE_SHIFT: u32 = 40;
    const CANONICAL_BIT: u64 = 1 << 15;
    let [low, high] = interrupt(VirtAddr::new(0xffff_ffff_8000_1230), 8, 0, PrivilegeLevel::Ring0);
    let [missing, _] = words(Gate::MISSING);
    let decode = |low, high, codes: &[&str]| {
        let problems: Vec<Value> = codes.iter().map(|code| json!({ "code": code })).collect();
        case("decode", &[word(low), word(high)], json!({ "problems": problems }))
    };
    vec![
        decode(low, high, &[]),
        decode(low | 1 << TYPE_SHIFT, high, &[]), // a trap gate
        decode(missing, missing, &["type", "absent", "selector", "user-half"]),
        decode(low & !PRESENT, high, &["absent"]),
        decode(low ^ 2 << TYPE_SHIFT, high, &["type"]), // a call gate
        decode(low | SYSTEM, high, &["type"]),
        decode(low, high & u64::from(u32::MAX >> 1), &["canonical"]),
        decode(low, high ^ CANONICAL_BIT, &["canonical"]),
        decode(low, 0, &["user-half"]),
        decode(low | 1 << 35, high, &["reserved"]),
        decode(low, high | 1 << 32, &["reserved"]),
        decode(low & !0xffff_0000, high, &["selector"]),
    ]
}

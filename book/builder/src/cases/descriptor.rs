//! Segment descriptors and selectors: those of the `x86_64` crate, which our kernel takes
//! its types from, and our kernel's own selectors.

use super::{case, random::Random, word};
use m2_usermode::gdt;
use serde_json::{Value, json};
use x86_64::PrivilegeLevel;
use x86_64::structures::gdt::{DescriptorFlags, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

/// All cases.
pub fn cases() -> Vec<Value> {
    let mut random = Random(4);
    let mut cases = segments();
    cases.extend((0..8).flat_map(|_| task_state(random.address().as_u64() & !3)));
    let ours =
        [gdt::KERNEL_CODE, gdt::KERNEL_DATA, gdt::USER_DATA, gdt::USER_CODE, gdt::TASK_STATE];
    let any = (0..8).map(|_| SegmentSelector(random.below(1 << 16) as u16));
    cases.extend(ours.into_iter().chain(any).map(selector));
    cases.extend(wrong());
    cases
}

/// Code and data of both rings, both ways. The crate fills in base, limit and granularity,
/// as for 32-bit systems; 64-bit mode ignores them, and our kernel leaves them 0.
fn segments() -> Vec<Value> {
    let ignored = DescriptorFlags::LIMIT_0_15
        | DescriptorFlags::LIMIT_16_19
        | DescriptorFlags::GRANULARITY
        | DescriptorFlags::DEFAULT_SIZE;
    let all = [
        (DescriptorFlags::KERNEL_CODE64, true, PrivilegeLevel::Ring0),
        (DescriptorFlags::KERNEL_DATA, false, PrivilegeLevel::Ring0),
        (DescriptorFlags::USER_CODE64, true, PrivilegeLevel::Ring3),
        (DescriptorFlags::USER_DATA, false, PrivilegeLevel::Ring3),
    ];
    let both = |(flags, code, ring): (DescriptorFlags, bool, PrivilegeLevel)| {
        let ring = word(ring as u64);
        let shown =
            json!({ "kind": if code { "code" } else { "data" }, "ring": ring, "present": true });
        [
            case(
                "encode",
                &[json!({ "code": code, "ring": ring })],
                word((flags - ignored).bits()),
            ),
            case("decode", &[word(flags.bits()), word(0)], shown),
        ]
    };
    all.into_iter().flat_map(both).collect()
}

/// The descriptor of a TSS at `base`, both ways.
fn task_state(base: u64) -> [Value; 2] {
    let [low, high] = task_state_words(base);
    let words = json!({ "low": word(low), "high": word(high) });
    let shown = json!({ "kind": "tss", "base": word(base), "limit": "0x67", "busy": false, "present": true });
    [
        case("encodeTss", &[json!({ "base": word(base) })], words),
        case("decode", &[word(low), word(high)], shown),
    ]
}

/// The crate makes it from a TSS that exists, which never lies at the address of a kernel's;
/// the test below holds this against it.
fn task_state_words(base: u64) -> [u64; 2] {
    const AVAILABLE: u64 = 0b1001 << 40;
    let limit = size_of::<TaskStateSegment>() as u64 - 1;
    let present = DescriptorFlags::PRESENT.bits();
    let low = limit | (base & 0x00ff_ffff) << 16 | AVAILABLE | present | (base >> 24 & 0xff) << 56;
    [low, base >> 32]
}

fn selector(selector: SegmentSelector) -> Value {
    const LDT: u16 = 1 << 2;
    let parts = json!({
        "index": word(selector.index().into()), "ldt": selector.0 & LDT != 0,
        "rpl": word(selector.rpl() as u64),
    });
    case("selector", &[word(selector.0.into())], parts)
}

/// Descriptors that are refused or surprise, each with what is the matter.
fn wrong() -> Vec<Value> {
    let [low, high] = task_state_words(0xffff_ffff_8004_9430);
    let code = DescriptorFlags::KERNEL_CODE64;
    let data = DescriptorFlags::KERNEL_DATA;
    let problems = |low: u64, high: u64, codes: &[&str]| {
        let wanted: Vec<Value> = codes.iter().map(|code| json!({ "code": code })).collect();
        case("decode", &[word(low), word(high)], json!({ "problems": wanted }))
    };
    vec![
        problems(code.bits(), 0, &[]),
        problems(code.bits() & !DescriptorFlags::PRESENT.bits(), 0, &["absent"]),
        problems((code | DescriptorFlags::DEFAULT_SIZE).bits(), 0, &["l-and-d"]),
        problems(DescriptorFlags::KERNEL_CODE32.bits(), 0, &["not-long"]),
        problems((code | DescriptorFlags::CONFORMING).bits(), 0, &["conforming"]),
        problems((data - DescriptorFlags::WRITABLE).bits(), 0, &["read-only"]),
        problems(low, high, &[]),
        problems(low, 0, &["user-half"]),
        problems(low, high ^ 1 << 31, &["canonical"]),
        problems(low - 1, high, &["limit"]),
        problems(low ^ 0b11 << 40, high, &["type"]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use x86_64::structures::gdt::Descriptor;

    #[test]
    fn a_task_state_is_described_as_the_crate_does() {
        static TSS: TaskStateSegment = TaskStateSegment::new();
        let Descriptor::SystemSegment(low, high) = Descriptor::tss_segment(&TSS) else {
            panic!("a TSS has two words");
        };
        assert_eq!(task_state_words(&raw const TSS as u64), [low, high]);
    }
}

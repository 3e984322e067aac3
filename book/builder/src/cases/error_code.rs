//! Error codes: the sentences of `m0_boot::fault`, and of M1 and M2 about addresses.

use super::{case, random::Random, word};
use crate::widgets::error_code::ranges;
use m0_boot::fault::{Fault, PageFaultCode, SelectorCode};
use m1_memory::policy;
use serde_json::{Value, json};

/// All cases.
pub fn cases() -> Vec<Value> {
    let mut random = Random(2);
    let mut cases: Vec<Value> = (0..32).chain([0x41, 0x8005, 0x7f]).map(page).collect();
    for _ in 0..5 {
        let (code, address) = (random.below(32), random.address().as_u64());
        let text = Fault::Page { code: PageFaultCode::from_bits_retain(code), address };
        cases.push(case("page", &[word(code), word(address)], json!(text.to_string())));
    }
    let selectors = [0, 1, 0x1a2, 0x18, 0x0c, 0x103, 0xfff8, 0xffff];
    let any: Vec<u64> = (0..8).map(|_| random.below(1 << 16)).collect();
    cases.extend(selectors.into_iter().chain(any).map(selector));
    cases.extend(kernel_addresses().into_iter().map(|address| {
        let text = policy::diagnose(address).to_string();
        case("place", &[word(address), ranges()], json!(text))
    }));
    cases
}

fn page(code: u64) -> Value {
    let text = PageFaultCode::from_bits_retain(code).to_string();
    case("page", &[word(code)], json!(text))
}

fn selector(code: u64) -> Value {
    case("selector", &[word(code)], json!(SelectorCode(code).to_string()))
}

/// Addresses of which M1 alone says what they are.
fn kernel_addresses() -> [u64; 8] {
    use m1_memory::layout::{DIRECT_MAP, DIRECT_MAP_END, HEAP, IMAGE, STACKS};
    [
        8,
        1 << 63,
        DIRECT_MAP.as_u64() + 0x1234,
        DIRECT_MAP_END.as_u64(),
        IMAGE.start.as_u64(),
        HEAP.start.as_u64(),
        STACKS.end.as_u64() - 1,
        u64::MAX,
    ]
}

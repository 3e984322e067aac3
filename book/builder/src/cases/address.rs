//! Addresses and walks: indices by `m1_memory::paging::entry::Level`, tables made by the
//! mapper, and what it says that is at an address.

use super::{case, random::Random, word};
use crate::widgets::address::Tables;
use anyhow::Result;
use m0_boot::fault::PageFaultCode;
use m1_memory::paging::access::{Access, Owner, Rights, Use};
use m1_memory::paging::entry::Level;
use m1_memory::paging::mapper::Translation;
use serde_json::{Value, json};
use x86_64::{PhysAddr, VirtAddr};

/// All cases.
///
/// # Errors
/// If the mapper refuses a page.
pub fn cases() -> Result<Vec<Value>> {
    let mut random = Random(5);
    let telling = [0, 0x1_0000, 0x7fff_ffff_ffff, u64::MAX, 0xffff_8000_0000_0000];
    let any: Vec<u64> = (0..12).map(|_| random.address().as_u64()).collect();
    let mut cases: Vec<Value> = telling.into_iter().chain(any).map(parts).collect();
    for wrong in [1 << 47, 1 << 63, 0xffff_7fff_ffff_ffff] {
        cases.push(case("split", &[word(wrong)], json!({ "canonical": false })));
    }
    for _ in 0..12 {
        cases.extend(walks(&mut random)?);
    }
    Ok(cases)
}

fn parts(address: u64) -> Value {
    let at = VirtAddr::new(address);
    let index = |level: Level| word(level.index(at).into());
    let answer = json!({
        "canonical": true, "sign": word(address >> 48), "offset": word(address % Level::Pt.entry_bytes()),
        "PML4": index(Level::Pml4), "PDPT": index(Level::Pdpt), "PD": index(Level::Pd), "PT": index(Level::Pt),
    });
    case("split", &[word(address)], answer)
}

/// A page somewhere, and every kind of access to it and to its neighbour.
fn walks(random: &mut Random) -> Result<Vec<Value>> {
    let level = [Level::Pt, Level::Pd, Level::Pdpt][random.below(3) as usize];
    let usage = [Use::Read, Use::ReadWrite, Use::ReadExecute][random.below(3) as usize];
    let owner = [Owner::Kernel, Owner::User][random.below(2) as usize];
    let bytes = level.entry_bytes();
    let page = random.address().align_down(bytes);
    let physical = PhysAddr::new(random.below(1 << 40) & !(bytes - 1));
    let mut tables = Tables::new()?;
    tables.map(page, physical, level, Access { usage, owner })?;

    let inside = page + random.below(bytes);
    let neighbour = VirtAddr::new_truncate(page.as_u64() ^ bytes);
    let mut cases = Vec::new();
    for at in [inside, neighbour] {
        let dump = json!(tables.walk(at, "page"));
        let found = tables.translate(at);
        for (name, access) in ACCESSES {
            let arguments = [dump.clone(), word(at.as_u64()), name.shown()];
            cases.push(case("walk", &arguments, json!({ "outcome": outcome(found, access) })));
        }
    }
    Ok(cases)
}

/// An access as the widget names it.
struct Named(&'static str, u8);

impl Named {
    fn shown(&self) -> Value {
        let Self(usage, ring) = self;
        json!({ "use": usage, "ring": ring })
    }
}

const FETCH: PageFaultCode = PageFaultCode::FETCH;
const USER: PageFaultCode = PageFaultCode::USER;
const WRITE: PageFaultCode = PageFaultCode::WRITE;

/// All accesses, with the bits that they have in an error code.
const ACCESSES: [(Named, PageFaultCode); 6] = [
    (Named("read", 0), PageFaultCode::empty()),
    (Named("write", 0), WRITE),
    (Named("fetch", 0), FETCH),
    (Named("read", 3), USER),
    (Named("write", 3), USER.union(WRITE)),
    (Named("fetch", 3), USER.union(FETCH)),
];

/// The physical address, or the error code of the page fault.
fn outcome(found: Option<Translation>, access: PageFaultCode) -> Value {
    let fault = |code: PageFaultCode| json!({ "kind": "fault", "code": word(code.bits()) });
    match found {
        None => fault(access),
        Some(found) if permits(found.rights(), access) => json!({
            "kind": "physical", "physical": word(found.physical.as_u64()),
            "size": found.level().page_name(), "rights": found.rights().to_string(),
        }),
        Some(_) => fault(access | PageFaultCode::PRESENT),
    }
}

/// With WP, NX, SMEP and SMAP, as our kernel has them.
fn permits(rights: Rights, access: PageFaultCode) -> bool {
    rights.user == access.contains(USER)
        && (rights.write || !access.contains(WRITE))
        && (rights.execute || !access.contains(FETCH))
}

//! The CPU's exceptions by vector (Intel SDM volume 3A, table 6-1 "Protected-Mode
//! Exceptions and Interrupts"; vectors 28 to 30 are AMD's, APM volume 2,
//! table 8-1 "Interrupt Vector Source and Cause").

/// What an error code says, where the exception has one that says something (Intel
/// SDM volume 3A, 5.7 "Page-Fault Exceptions" and 7.13 "Error Code").
pub fn error_code(vector: u8, code: u64) -> Option<String> {
    let set = |bit: u32| code & (1 << bit) != 0;
    match vector {
        14 => {
            let access = match (set(4), set(1)) {
                (true, _) => "instruction fetch from",
                (false, true) => "write to",
                (false, false) => "read from",
            };
            let page = match (set(3), set(0)) {
                (true, _) => "a page whose entries have a reserved bit set",
                (false, true) => "a page that does not permit it",
                (false, false) => "a page that is not present",
            };
            let ring = if set(2) { "ring 3" } else { "ring 0" };
            Some(format!("{access} {page}, by {ring}"))
        }
        10..=13 if code != 0 => {
            let index = (code & 0xffff) >> 3;
            let table = match (set(1), set(2)) {
                (true, _) => format!("the IDT's gate of vector {index}"),
                (false, true) => format!("LDT entry {index}"),
                (false, false) => format!("GDT entry {index} (selector {:#x})", index << 3),
            };
            let when = if set(0) { ", while an earlier event was delivered" } else { "" };
            Some(format!("{table}{when}"))
        }
        _ => None,
    }
}

/// What the manuals call the exception with this vector.
pub fn name(vector: u8) -> &'static str {
    match vector {
        0 => "divide error (#DE)",
        1 => "debug (#DB)",
        2 => "non-maskable interrupt (NMI)",
        3 => "breakpoint (#BP)",
        4 => "overflow (#OF)",
        5 => "BOUND range exceeded (#BR)",
        6 => "invalid opcode (#UD)",
        7 => "device not available (#NM)",
        8 => "double fault (#DF)",
        10 => "invalid TSS (#TS)",
        11 => "segment not present (#NP)",
        12 => "stack-segment fault (#SS)",
        13 => "general protection (#GP)",
        14 => "page fault (#PF)",
        16 => "x87 floating-point error (#MF)",
        17 => "alignment check (#AC)",
        18 => "machine check (#MC)",
        19 => "SIMD floating-point exception (#XM)",
        20 => "virtualization exception (#VE)",
        21 => "control protection exception (#CP)",
        28 => "hypervisor injection exception (#HV)",
        29 => "VMM communication exception (#VC)",
        30 => "security exception (#SX)",
        9 | 15 | 22..=27 | 31 => "reserved vector",
        32.. => "interrupt",
    }
}

#[cfg(test)]
mod tests {
    use super::error_code;

    #[test]
    fn error_codes_become_words() {
        let words = |vector, code| error_code(vector, code).unwrap_or_default();
        assert_eq!(words(14, 0x2), "write to a page that is not present, by ring 0");
        assert_eq!(
            words(14, 0x15),
            "instruction fetch from a page that does not permit it, by ring 3"
        );
        assert!(words(14, 0x9).contains("reserved bit"));
        assert_eq!(words(13, 0x1230), "GDT entry 582 (selector 0x1230)");
        assert_eq!(words(13, 0x72), "the IDT's gate of vector 14");
        assert!(words(11, 0x63).ends_with(", while an earlier event was delivered"));
        assert_eq!((error_code(13, 0), error_code(8, 0)), (None, None));
    }
}

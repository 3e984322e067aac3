//! Interrupt vectors: the numbers 0 to 255 by which the CPU finds a handler.
//!
//! 0 to 31 belong to the CPU's own exceptions (Intel SDM Vol. 3A, 7.3.1 "External
//! Interrupts" and Table 7-1 "Protected-Mode Exceptions and Interrupts",
//! order number 325384, rev. 084), the rest is ours to assign.

use core::fmt;

/// An index into the IDT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vector(pub u8);

/// Defines the exceptions' constants and their names from one table.
macro_rules! exceptions {
    ($($number:literal $constant:ident $mnemonic:literal $name:literal;)+) => {
        impl Vector {
            $(
                #[doc = concat!($name, " (", $mnemonic, ")")]
                pub const $constant: Self = Self($number);
            )+

            /// The exception's mnemonic and name, if the CPU defines one here.
            pub const fn exception(self) -> Option<(&'static str, &'static str)> {
                match self.0 {
                    $($number => Some(($mnemonic, $name)),)+
                    _ => None,
                }
            }
        }
    };
}

exceptions! {
    0 DIVIDE_ERROR "#DE" "divide error";
    1 DEBUG "#DB" "debug exception";
    2 NMI "NMI" "non-maskable interrupt";
    3 BREAKPOINT "#BP" "breakpoint";
    4 OVERFLOW "#OF" "overflow";
    5 BOUND_RANGE "#BR" "BOUND range exceeded";
    6 INVALID_OPCODE "#UD" "invalid opcode";
    7 DEVICE_NOT_AVAILABLE "#NM" "device not available";
    8 DOUBLE_FAULT "#DF" "double fault";
    10 INVALID_TSS "#TS" "invalid TSS";
    11 SEGMENT_NOT_PRESENT "#NP" "segment not present";
    12 STACK_SEGMENT "#SS" "stack-segment fault";
    13 GENERAL_PROTECTION "#GP" "general protection fault";
    14 PAGE_FAULT "#PF" "page fault";
    16 X87_FLOATING_POINT "#MF" "x87 floating-point error";
    17 ALIGNMENT_CHECK "#AC" "alignment check";
    18 MACHINE_CHECK "#MC" "machine check";
    19 SIMD_FLOATING_POINT "#XM" "SIMD floating-point exception";
    20 VIRTUALIZATION "#VE" "virtualization exception";
    21 CONTROL_PROTECTION "#CP" "control-protection exception";
    28 HYPERVISOR_INJECTION "#HV" "hypervisor injection exception";
    29 VMM_COMMUNICATION "#VC" "VMM communication exception";
    30 SECURITY "#SX" "security exception";
}

/// The vectors for which the CPU pushes an error code, one bit each: #DF, #TS,
/// #NP, #SS, #GP, #PF, #AC, #CP (Intel SDM Vol. 3A, Table 7-1) and AMD's #VC,
/// #SX (AMD APM Vol. 2, 8.2 "Vectors").
pub const ERROR_CODE_VECTORS: u32 = {
    let with_code = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];
    let mut bits = 0;
    let mut index = 0;
    while index < with_code.len() {
        bits |= 1 << with_code[index];
        index += 1;
    }
    bits
};

impl Vector {
    /// How many vectors the CPU reserves for exceptions.
    pub const EXCEPTIONS: u8 = 32;

    /// Whether the CPU pushes an error code on this vector.
    pub const fn has_error_code(self) -> bool {
        self.0 < Self::EXCEPTIONS && ERROR_CODE_VECTORS & (1 << self.0) != 0
    }
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exception() {
            Some((mnemonic, name)) => write!(f, "{name} ({mnemonic}, vector {})", self.0),
            None => write!(f, "unexpected interrupt (vector {})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_come_with_the_manual_s_vectors() {
        let with_code: Vec<u8> = (0..=255).filter(|&n| Vector(n).has_error_code()).collect();
        assert_eq!(with_code, [8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);
    }

    #[test]
    fn vectors_speak_by_name() {
        assert_eq!(Vector::PAGE_FAULT.to_string(), "page fault (#PF, vector 14)");
        assert_eq!(Vector(9).to_string(), "unexpected interrupt (vector 9)");
        assert_eq!(Vector(200).to_string(), "unexpected interrupt (vector 200)");
    }
}

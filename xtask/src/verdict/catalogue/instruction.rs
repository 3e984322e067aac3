//! Machine code by class: just enough decoding to tell the instructions that
//! kernels trip over (Intel SDM volume 2, appendix A "Opcode Map").

use serde::Deserialize;

/// What an instruction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instruction {
    /// `ud2`, with which compilers end what cannot go on.
    Ud2,
    Int3,
    /// `int n`
    Int,
    Iretq,
    /// `mov` to a segment register, or a far return.
    SegmentLoad,
    Ltr,
    Lgdt,
    Lidt,
    /// `mov cr3, …`
    MovCr3,
    /// `mov` to another control register, `wrmsr`, `xsetbv`.
    SystemRegister,
    Hlt,
    Pause,
    /// Reading or writing an I/O port.
    Port,
    Div,
    X87,
    /// Anything that uses XMM registers.
    Sse,
    Sysret,
    Syscall,
}

/// The class of the instruction that begins `code`.
pub fn classify(code: &[u8]) -> Option<Instruction> {
    use Instruction::*;
    let prefix = |byte: &&u8| matches!(**byte, 0x66 | 0xf2 | 0xf3 | 0x40..=0x4f);
    let prefixes = code.iter().take_while(prefix).count();
    let modrm = |index: usize| code.get(prefixes + index).copied();
    // Bits 5 to 3 of ModR/M continue some opcodes.
    let extension = |index: usize| modrm(index).map(|byte| byte >> 3 & 7);
    Some(match (modrm(0)?, modrm(1)) {
        (0xcc, _) => Int3,
        (0xcd, _) => Int,
        (0xcf, _) => Iretq,
        (0x8e, _) | (0xca | 0xcb, _) => SegmentLoad,
        (0xf4, _) => Hlt,
        (0x90, _) if code[..prefixes].contains(&0xf3) => Pause,
        (0xe4..=0xe7 | 0xec..=0xef | 0x6c..=0x6f, _) => Port,
        (0xf6 | 0xf7, Some(_)) if matches!(extension(1), Some(6 | 7)) => Div,
        (0x9b | 0xd8..=0xdf, _) => X87,
        (0x0f, Some(0x0b)) => Ud2,
        (0x0f, Some(0x00)) if extension(2) == Some(3) => Ltr,
        (0x0f, Some(0x01)) if modrm(2) == Some(0xd1) => SystemRegister,
        (0x0f, Some(0x01)) if extension(2) == Some(2) => Lgdt,
        (0x0f, Some(0x01)) if extension(2) == Some(3) => Lidt,
        (0x0f, Some(0x05)) => Syscall,
        (0x0f, Some(0x07)) => Sysret,
        (0x0f, Some(0x22)) if extension(2) == Some(3) => MovCr3,
        (0x0f, Some(0x22 | 0x30)) => SystemRegister,
        (0x0f, Some(0x10..=0x17 | 0x28..=0x2f | 0x50..=0x7f | 0xc2 | 0xc4..=0xc6)) => Sse,
        (0x0f, Some(0xd0..=0xfe)) => Sse,
        _ => return None,
    })
}

/// What may have come before: of the instructions that end `code`, those that
/// change what the CPU stands on. There is no reading backwards for sure, so their
/// whole encodings must be there.
pub fn classify_before(code: &[u8]) -> Vec<Instruction> {
    let mut found = Vec::new();
    for length in 3..=8.min(code.len()) {
        let bytes = &code[code.len() - length..];
        let class = classify(bytes);
        let whole = match class {
            // Opcode and a ModR/M of two registers.
            Some(Instruction::MovCr3) => length == 3 + usize::from(bytes[0] & 0xf0 == 0x40),
            // Opcode, ModR/M of memory, SIB and displacement by its bits.
            Some(Instruction::Lidt | Instruction::Lgdt) => memory_length(bytes) == Some(length),
            _ => false,
        };
        found.extend(class.filter(|_| whole));
    }
    found
}

/// The length of `[rex] 0f 01 /r` with a memory operand.
fn memory_length(bytes: &[u8]) -> Option<usize> {
    let rex = usize::from(bytes[0] & 0xf0 == 0x40);
    let modrm = bytes.get(rex + 2)?;
    let (mode, base) = (modrm >> 6, modrm & 7);
    let sib = usize::from(base == 4);
    let displacement = match (mode, base) {
        (0, 5) | (2, _) => 4,
        (1, _) => 1,
        (0, _) => 0,
        _ => return None,
    };
    Some(rex + 3 + sib + displacement)
}

#[cfg(test)]
mod tests {
    use super::{Instruction::*, *};

    #[test]
    fn instructions_are_recognised() {
        let cases: [(&[u8], Option<Instruction>); 22] = [
            (&[0x0f, 0x0b], Some(Ud2)),
            (&[0xcc], Some(Int3)),
            (&[0xcd, 0x80], Some(Int)),
            (&[0x48, 0xcf], Some(Iretq)),
            (&[0x8e, 0xe0], Some(SegmentLoad)),
            (&[0x48, 0xcb], Some(SegmentLoad)),
            (&[0x0f, 0x00, 0xd8], Some(Ltr)),
            (&[0x0f, 0x01, 0x1c, 0x24], Some(Lidt)),
            (&[0x0f, 0x01, 0x14, 0x24], Some(Lgdt)),
            (&[0x0f, 0x22, 0xd8], Some(MovCr3)),
            (&[0x41, 0x0f, 0x22, 0xd8], Some(MovCr3)),
            (&[0x0f, 0x22, 0xe0], Some(SystemRegister)),
            (&[0x0f, 0x01, 0xd1], Some(SystemRegister)),
            (&[0xf4], Some(Hlt)),
            (&[0xf3, 0x90], Some(Pause)),
            (&[0xf7, 0xf1], Some(Div)),
            (&[0xf7, 0xd1], None),
            (&[0xd9, 0xe8], Some(X87)),
            (&[0x0f, 0x28, 0xc0], Some(Sse)),
            (&[0xf2, 0x0f, 0x10, 0x00], Some(Sse)),
            (&[0x48, 0x8b, 0x00], None),
            (&[], None),
        ];
        for (code, class) in cases {
            assert_eq!(classify(code), class, "{code:x?}");
        }
    }

    #[test]
    fn what_came_before_is_recognised_by_its_whole_encoding() {
        assert_eq!(classify_before(&[0x90, 0x90, 0x0f, 0x22, 0xd8]), [MovCr3]);
        assert_eq!(classify_before(&[0x90, 0x0f, 0x01, 0x1c, 0x24]), [Lidt]);
        assert_eq!(classify_before(&[0x0f, 0x01, 0x5c, 0x24, 0x08]), [Lidt]);
        assert_eq!(classify_before(&[0x0f, 0x01, 0x1d, 1, 2, 3, 4]), [Lidt]);
        assert_eq!(classify_before(&[0x0f, 0x22, 0xd8, 0x90]), []);
        assert_eq!(classify_before(&[]), []);
    }
}

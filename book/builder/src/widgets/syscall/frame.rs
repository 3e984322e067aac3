//! The frame that the entry builds, by the layout that Rust gives it.

use super::cpu::Cpu;
use anyhow::{Result, ensure};
use m2_usermode::syscall::entry::SyscallFrame;
use serde_json::Value;
use std::mem::offset_of;

/// The frame's fields, by the offsets that the compiler gives them.
pub const FIELDS: [(&str, usize); 10] = [
    ("r9", offset_of!(SyscallFrame, r9)),
    ("r8", offset_of!(SyscallFrame, r8)),
    ("r10", offset_of!(SyscallFrame, r10)),
    ("rdx", offset_of!(SyscallFrame, rdx)),
    ("rsi", offset_of!(SyscallFrame, rsi)),
    ("rdi", offset_of!(SyscallFrame, rdi)),
    ("rax", offset_of!(SyscallFrame, rax)),
    ("rip", offset_of!(SyscallFrame, rip)),
    ("rflags", offset_of!(SyscallFrame, rflags)),
    ("rsp", offset_of!(SyscallFrame, rsp)),
];

/// At the call the stack is a frame with what the program had in its registers.
///
/// # Errors
/// The first difference.
pub fn check(cpu: &Cpu, top: u64, program: &Value) -> Result<()> {
    let frame = cpu.number("rdi")?;
    ensure!(frame == cpu.number("rsp")?, "RDI is not the frame's address");
    ensure!(frame + size_of::<SyscallFrame>() as u64 == top, "the frame's size is another");
    for (name, offset) in FIELDS {
        let held = cpu.memory.get(&(frame + offset as u64)).map(ToString::to_string);
        let wanted = match name {
            "rip" => Some(cpu.get("rcx")?.to_string()),
            "rflags" => Some(cpu.get("r11")?.to_string()),
            other => program[other].as_str().map(str::to_owned),
        };
        ensure!(held == wanted, "the frame's {name} is {held:?}, not {wanted:?}");
    }
    Ok(())
}

/// What a cell of a stack with this top is: a field of the frame, or what lies below it.
pub fn name_of(top: u64, address: u64) -> &'static str {
    let frame = top - size_of::<SyscallFrame>() as u64;
    let field = FIELDS.iter().find(|(_, offset)| frame + *offset as u64 == address);
    field.map_or("return address", |(name, _)| name)
}

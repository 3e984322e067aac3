//! Exercise: what SYSCALL and SYSRET find in the model-specific registers.
//!
//! SYSCALL reads no table: where it leads, with which segments and which flags, stands in
//! registers that the kernel writes once. You compute their values. README.md beside this
//! folder has the pictures.

#![no_std]

/// IA32_EFER: switches for extensions, and for 64-bit mode itself.
pub const IA32_EFER: u32 = 0xc000_0080;
/// IA32_STAR: what the segments are computed from.
pub const IA32_STAR: u32 = 0xc000_0081;
/// IA32_LSTAR: where SYSCALL leads in 64-bit mode.
pub const IA32_LSTAR: u32 = 0xc000_0082;
/// IA32_CSTAR: where SYSCALL leads from 32-bit code, on AMD's CPUs. We have no such code.
pub const IA32_CSTAR: u32 = 0xc000_0083;
/// IA32_FMASK: the flags that SYSCALL clears.
pub const IA32_FMASK: u32 = 0xc000_0084;

/// The value of IA32_STAR.
///
/// - `kernel_code`: selector of the kernel's code; its data comes next in the table
/// - `user_data`: selector of the user's data, with ring 3 in its low bits; the user's
///   code comes next in the table
pub fn star(kernel_code: u16, user_data: u16) -> u64 {
    todo!("put SYSCALL's base into bits 47 to 32, then think what SYSRET adds to its own")
}

/// The value of IA32_FMASK, such that at the entry, while RSP is still the program's:
///
/// - no interrupt arrives
/// - a debugger that single-steps the program does not step into the kernel
/// - string instructions go upwards, as the compiler takes for granted
/// - SMAP is in force: the program has not left open the kernel's access to its pages
/// - a later IRETQ is not taken for a return from a nested task
pub fn flag_mask() -> u64 {
    todo!("find the five flags in the picture in README.md")
}

/// The value of IA32_EFER in which SYSCALL is a valid instruction, and all else is as in
/// `current`.
pub fn efer(current: u64) -> u64 {
    todo!("set SCE, and keep the rest")
}

/// The four registers to write, first to last, each by its number and with its value.
/// SYSCALL becomes valid only when it is known where it leads.
///
/// - `entry`: address of the first instruction that SYSCALL shall lead to
/// - `current_efer`: what IA32_EFER holds now
pub fn setup(kernel_code: u16, user_data: u16, entry: u64, current_efer: u64) -> [(u32, u64); 4] {
    todo!("pair each register's number with its value, IA32_EFER last")
}

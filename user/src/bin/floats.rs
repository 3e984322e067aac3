//! Keeps numbers in the floating-point registers while others run.
//!
//! Without an argument it is the parent: it starts itself three times and waits for
//! all. A child fills the x87 stack, the SSE registers and both control words with
//! values made from its argument, gives way several times to the others, who do the
//! same, and checks that all are as it left them.
//!
//! The compiler uses none of these registers for this target, so assembly is the
//! only thing that touches them.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::arch::asm;
use user::{Status, println, syscall};

user::entry!(start);

const CHILDREN: u64 = 3;
const TURNS: usize = 8;

/// Registers of each kind.
const COUNT: usize = 8;

/// What FXSAVE writes, as far as it is needed here (Intel SDM Vol. 1, 10.5.1
/// "FXSAVE Area").
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Area([u8; 512]);

impl Area {
    const CONTROL_WORD: usize = 0;
    const MXCSR: usize = 24;
    const X87: usize = 32;
    const SSE: usize = 160;
    const REGISTER_BYTES: usize = 16;

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn get(&self, at: usize, bytes: usize) -> &[u8] {
        &self.0[at..at + bytes]
    }

    /// What is kept: registers and control words. The rest are addresses of the
    /// last instruction, which the CPU may leave out.
    fn kept(&self) -> [&[u8]; 4] {
        [
            self.get(Self::CONTROL_WORD, 2),
            self.get(Self::MXCSR, 4),
            self.get(Self::X87, COUNT * Self::REGISTER_BYTES),
            self.get(Self::SSE, 2 * COUNT * Self::REGISTER_BYTES),
        ]
    }
}

fn start(argument: u64) -> i32 {
    if argument == 0 { parent() } else { child(argument) }
}

fn parent() -> i32 {
    for number in 1..=CHILDREN {
        if let Err(error) = syscall::spawn("floats", number) {
            println!("child {number} cannot be started: {error}");
            return 1;
        }
    }
    for _ in 0..CHILDREN {
        match syscall::wait(None) {
            Ok((_, Status::Exited(0))) => {}
            other => {
                println!("a child lost its numbers: {other:?}");
                return 2;
            }
        }
    }
    println!("{CHILDREN} processes kept their x87 and SSE registers");
    0
}

/// Exits with 0, with 1 for registers that were not clean at first, or with 2 for
/// registers that changed.
fn child(number: u64) -> i32 {
    let found = saved();
    let clean =
        found.get(Area::SSE, 2 * COUNT * Area::REGISTER_BYTES).iter().all(|&byte| byte == 0);
    if !clean {
        return 1;
    }
    let own = own_values(number, found);
    // SAFETY: the area is as FXSAVE wrote it, but for numbers and rounding modes,
    // and nothing else of this program is in these registers.
    unsafe { asm!("fxrstor64 [{}]", in(reg) &raw const own, options(nostack)) };
    for _ in 0..TURNS {
        if syscall::yield_now().is_err() || saved().kept() != own.kept() {
            return 2;
        }
    }
    0
}

/// The registers as they are.
fn saved() -> Area {
    let mut area = Area([0; 512]);
    // SAFETY: writes the area's 512 bytes, which are aligned as it needs them.
    unsafe { asm!("fxsave64 [{}]", in(reg) &raw mut area, options(nostack)) };
    area
}

/// `area` with values that only the child `number` has.
fn own_values(number: u64, mut area: Area) -> Area {
    /// Rounding in bits 10 and 11, all exceptions masked, 64-bit precision.
    const CONTROL_WORD: u16 = 0x037f;
    /// Rounding in bits 13 and 14, all exceptions masked.
    const MXCSR: u32 = 0x1f80;
    /// All eight x87 registers are in use: one bit each.
    const TAGS: (usize, u8) = (4, 0xff);
    /// Sign and exponent of a number between 1 and 2 in the x87 format.
    const ONE_AND_A_BIT: [u8; 2] = [0xff, 0x3f];
    let rounding = (number % 4) as u8;
    area.put(Area::CONTROL_WORD, &(CONTROL_WORD | u16::from(rounding) << 10).to_le_bytes());
    area.put(Area::MXCSR, &(MXCSR | u32::from(rounding) << 13).to_le_bytes());
    area.put(TAGS.0, &[TAGS.1]);
    for register in 0..COUNT {
        let at = Area::X87 + register * Area::REGISTER_BYTES;
        // The leading 1 is written out in this format.
        area.put(at, &(1 << 63 | number << 8 | register as u64).to_le_bytes());
        area.put(at + 8, &ONE_AND_A_BIT);
    }
    for register in 0..2 * COUNT {
        let value = u128::from(number) << 100 | 0x5e_u128 << 64 | register as u128;
        area.put(Area::SSE + register * Area::REGISTER_BYTES, &value.to_le_bytes());
    }
    area
}

//! What a program leaves in the CPU besides the general registers.
//!
//! A kernel entry saves the general registers on the thread's kernel stack, and
//! the kernel itself uses neither x87 nor SSE; so those registers, and the data
//! segment selectors, stay a program's own until another program's thread runs.
//! Only then are they changed over (Intel SDM Vol. 3A, 14.1 "Providing Operating
//! System Support for SSE Extensions"; Vol. 1, 10.5 "FXSAVE and FXRSTOR
//! Instructions").

use core::arch::asm;
use core::mem::offset_of;

/// Bytes of the FXSAVE area.
const FX_BYTES: usize = 512;

/// x87 and SSE registers, and the data segment selectors.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct UserState {
    /// As FXSAVE64 lays it out (Intel SDM Vol. 1, Table 10-2).
    fx: [u8; FX_BYTES],
    ds: u16,
    es: u16,
    fs: u16,
    gs: u16,
}

const _: () = assert!(offset_of!(UserState, fx) == 0 && align_of::<UserState>() == 16);

/// x87 control word after FNINIT: all exceptions masked, 64-bit precision.
const CLEAN_FCW: u16 = 0x037f;
/// MXCSR after reset: all exceptions masked, nearest rounding.
const CLEAN_MXCSR: u32 = 0x1f80;
/// Where they are in the FXSAVE area.
const FCW_OFFSET: usize = 0;
const MXCSR_OFFSET: usize = 24;

impl UserState {
    /// The state a program starts with: registers empty, exceptions masked, null
    /// selectors.
    pub const fn clean() -> Self {
        let mut fx = [0; FX_BYTES];
        let [low, high] = CLEAN_FCW.to_le_bytes();
        fx[FCW_OFFSET] = low;
        fx[FCW_OFFSET + 1] = high;
        let mxcsr = CLEAN_MXCSR.to_le_bytes();
        let mut index = 0;
        while index < mxcsr.len() {
            fx[MXCSR_OFFSET + index] = mxcsr[index];
            index += 1;
        }
        Self { fx, ds: 0, es: 0, fs: 0, gs: 0 }
    }

    /// Keeps what the CPU holds now.
    #[inline]
    pub fn save(&mut self) {
        // SAFETY: the area is 512 bytes, 16-byte aligned and ours.
        unsafe {
            asm!(
                "fxsave64 [{state}]",
                "mov word ptr [{state} + {ds}], ds",
                "mov word ptr [{state} + {es}], es",
                "mov word ptr [{state} + {fs}], fs",
                "mov word ptr [{state} + {gs}], gs",
                state = in(reg) self,
                ds = const offset_of!(Self, ds),
                es = const offset_of!(Self, es),
                fs = const offset_of!(Self, fs),
                gs = const offset_of!(Self, gs),
                options(nostack, preserves_flags),
            );
        }
    }

    /// Gives the CPU what was kept.
    ///
    /// Loading a selector into FS or GS also loads the segment's base, which is 0
    /// in all of the program's descriptors. With a null selector it becomes 0, or
    /// on some AMD CPUs stays what it was (AMD APM Vol. 3, Appendix E, CPUID
    /// Fn8000_0021_EAX, "NullSelectClearsBase"), which is 0 as well: programs have
    /// no other way to set it. The base that SWAPGS would bring is not touched.
    #[inline]
    pub fn restore(&self) {
        // SAFETY: the area holds what `clean` or FXSAVE wrote, so no reserved bit
        // of MXCSR is set. The selectors are null or were loaded before, from the
        // same GDT, so loading them again does not fault; the kernel uses none.
        unsafe {
            asm!(
                "fxrstor64 [{state}]",
                "mov ds, word ptr [{state} + {ds}]",
                "mov es, word ptr [{state} + {es}]",
                "mov fs, word ptr [{state} + {fs}]",
                "mov gs, word ptr [{state} + {gs}]",
                state = in(reg) self,
                ds = const offset_of!(Self, ds),
                es = const offset_of!(Self, es),
                fs = const offset_of!(Self, fs),
                gs = const offset_of!(Self, gs),
                options(nostack, preserves_flags, readonly),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_state_masks_all_exceptions() {
        let UserState { fx, ds, es, fs, gs } = UserState::clean();
        assert_eq!(fx[..2], [0x7f, 0x03], "FCW as FNINIT leaves it");
        assert_eq!(fx[24..28], [0x80, 0x1f, 0, 0], "MXCSR as reset leaves it");
        assert_eq!(fx.iter().filter(|&&byte| byte != 0).count(), 4);
        assert_eq!([ds, es, fs, gs], [0; 4]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "assembly")]
    fn saved_state_has_the_cpu_s_selectors() {
        let mut state = UserState::clean();
        state.save();
        let fs: u16;
        // SAFETY: reads a selector.
        unsafe { asm!("mov {0:x}, fs", out(reg) fs, options(nomem, nostack)) };
        assert_eq!(state.fs, fs);
        assert_ne!(state.fx[MXCSR_OFFSET..MXCSR_OFFSET + 4], [0; 4], "MXCSR");
    }
}

//! User programs: those in the kernel's own image, and those the loader brought.
//!
//! A program is flat or an ELF file. A flat one is a piece of position-independent
//! machine code: it is copied to [`crate::address_space::CODE`] and entered at its
//! first byte. Either starts with the stack pointer at the end of its stack, its
//! argument in RDI, and zero in all other registers.

use crate::address_space::STACK;
use crate::modules;
use core::fmt;
use x86_64::VirtAddr;

/// A user program. Copies are cheap: they share its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    name: &'static str,
    bytes: Bytes,
}

/// Where a program's bytes are.
#[derive(Clone, Copy, Debug)]
enum Bytes {
    /// Between two labels: their distance is no constant for the compiler.
    Between(*const u8, *const u8),
    /// A flat program in a slice.
    Flat(&'static [u8]),
    /// An ELF file.
    Elf(&'static [u8]),
}

// SAFETY: the pointers lead to constants.
unsafe impl Sync for Program {}
// SAFETY: as for `Sync`.
unsafe impl Send for Program {}

/// What kind of file a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Machine code, entered at its first byte.
    Flat,
    /// An ELF file.
    Elf,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flat => "flat",
            Self::Elf => "ELF",
        })
    }
}

/// A program's bytes, by its kind.
#[derive(Clone, Copy, Debug)]
pub enum Image {
    /// Machine code.
    Flat(&'static [u8]),
    /// An ELF file, which has yet to be examined.
    Elf(&'static [u8]),
}

impl Program {
    /// For [`user_program!`](crate::user_program) only, which makes the labels.
    #[doc(hidden)]
    pub const fn new(name: &'static str, labels: (*const u8, *const u8)) -> Self {
        Self { name, bytes: Bytes::Between(labels.0, labels.1) }
    }

    /// A flat program that is not in the kernel's image.
    pub const fn flat(name: &'static str, code: &'static [u8]) -> Self {
        Self { name, bytes: Bytes::Flat(code) }
    }

    /// A program in an ELF file.
    pub const fn elf(name: &'static str, file: &'static [u8]) -> Self {
        Self { name, bytes: Bytes::Elf(file) }
    }

    /// What it is called on the command line.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What kind of file it is.
    pub fn kind(&self) -> Kind {
        match self.bytes {
            Bytes::Between(..) | Bytes::Flat(_) => Kind::Flat,
            Bytes::Elf(_) => Kind::Elf,
        }
    }

    /// Its bytes, by kind.
    pub fn image(&self) -> Image {
        match self.kind() {
            Kind::Flat => Image::Flat(self.code()),
            Kind::Elf => Image::Elf(self.code()),
        }
    }

    /// All its bytes, of whatever kind.
    pub fn code(&self) -> &'static [u8] {
        match self.bytes {
            Bytes::Flat(bytes) | Bytes::Elf(bytes) => bytes,
            // SAFETY: `user_program!` put constant bytes of this image between them.
            Bytes::Between(start, end) => unsafe {
                core::slice::from_raw_parts(start, end as usize - start as usize)
            },
        }
    }
}

/// Assembles a user program from lines of Intel-syntax assembly, between two
/// labels that are unique in the kernel:
/// `user_program!(SYMBOL, "name", first_label..last_label, "instruction", …)`.
#[macro_export]
macro_rules! user_program {
    (
        $(#[$attribute:meta])*
        $symbol:ident, $name:literal, $start:ident..$end:ident, $($line:literal),+ $(,)?
    ) => {
        core::arch::global_asm!(
            ".pushsection .rodata.user_programs, \"a\"",
            concat!(".globl ", stringify!($start)),
            concat!(stringify!($start), ":"),
            $($line,)+
            concat!(".globl ", stringify!($end)),
            concat!(stringify!($end), ":"),
            ".popsection",
        );
        unsafe extern "C" {
            static $start: u8;
            static $end: u8;
        }
        $(#[$attribute])*
        pub static $symbol: $crate::program::Program =
            $crate::program::Program::new($name, (&raw const $start, &raw const $end));
    };
}

static BUNDLED: [&Program; 3] = [&HELLO, &TRESPASSER, &TWIN];

/// The programs in the kernel's own image.
pub fn bundled() -> impl Iterator<Item = Program> {
    BUNDLED.into_iter().copied()
}

/// Every program there is.
pub fn all() -> impl Iterator<Item = Program> {
    bundled().chain(modules::programs())
}

/// No program has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchProgram<'a>(pub &'a str);

impl fmt::Display for NoSuchProgram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no program `{}`; there are", self.0)?;
        all().try_for_each(|program| write!(f, " `{}`", program.name))
    }
}

/// The program called `name`.
///
/// # Errors
/// [`NoSuchProgram`], which names those there are.
pub fn find(name: &str) -> Result<Program, NoSuchProgram<'_>> {
    all().find(|program| program.name == name).ok_or(NoSuchProgram(name))
}

/// What [`HELLO`] exits with if its greeting was written.
pub const HELLO_EXIT_CODE: i32 = 99;

user_program!(
    /// The reference program: writes a greeting, checks the result, exits with 99
    /// (or with 1 if not all of the greeting was written).
    HELLO, "hello", user_hello..user_hello_end,
    "    mov eax, 1",         // write(
    "    mov edi, 1",         //     console,
    "    lea rsi, [rip + 3f]", //     greeting,
    "    lea rdx, [rip + 4f]",
    "    sub rdx, rsi",       //     its length)
    "    syscall",
    "    cmp rax, rdx",       // the kernel gives RDX back as it was
    "    mov edi, 99",
    "    je 2f",
    "    mov edi, 1",
    "2:  xor eax, eax",           // exit(edi)
    "    syscall",
    "    ud2",                    // exit does not return
    "3:  .ascii \"Hello from ring 3!\\n\"",
    "4:",
);

user_program!(
    /// Tries to read the kernel's first byte, which must kill it.
    TRESPASSER, "trespasser", user_trespasser..user_trespasser_end,
    "    mov rax, 0xffffffff80000000",
    "    mov al, [rax]",
    "    mov edi, 1",             // exit(1): the wall has a hole
    "    xor eax, eax",
    "    syscall",
    "    ud2",
);

/// Where [`TWIN`] keeps its number: the first word of its stack.
pub const TWIN_WORD: VirtAddr = VirtAddr::new_truncate(STACK.end.as_u64() - 8);

user_program!(
    /// Keeps its argument in memory while others run, three times, and exits with
    /// what it finds there in the end (or with -1 as soon as it finds another).
    TWIN, "twin", user_twin..user_twin_end,
    "    push rdi",
    "    mov r12, rdi",
    "    mov r13d, 3",
    "2:  mov eax, 2",             // yield()
    "    syscall",
    "    mov rdi, [rsp]",
    "    cmp rdi, r12",
    "    jne 3f",
    "    dec r13d",
    "    jnz 2b",
    "    jmp 4f",
    "3:  mov rdi, -1",
    "4:  xor eax, eax",           // exit(rdi)
    "    syscall",
    "    ud2",
);

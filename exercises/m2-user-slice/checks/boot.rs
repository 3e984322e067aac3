//! The check in use: a program in ring 3 passes good and bad pointers.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial, boot::user};
use m0_boot::fault::Fault;
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::Resolution;
use m1_memory::layout::{DIRECT_MAP, IMAGE, PAGE_BYTES};
use m1_memory::paging::access::Use;
use m2_user_slice::{USER_END, UserMemory, read_user};
use m2_usermode::policy;
use m2_usermode::process::{self, ExitStatus};
use m2_usermode::syscall::entry::SyscallFrame;
use m2_usermode::user_program;
use x86_64::registers::control::{Cr4, Cr4Flags};
use x86_64::{PrivilegeLevel, VirtAddr};

shared::host_main!("cargo xtask check m2-user-slice");

const CHECKS: &[Check] =
    &[Check { name: "missing-page", body: missing_page }, Check { name: "secret", body: secret }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2_with(survive_the_copy, CHECKS)
}

/// The program's page of requests.
const TABLE: VirtAddr = VirtAddr::new_truncate(0x20_0000);
/// The program's page of data; the next one is not mapped.
const DATA: VirtAddr = VirtAddr::new_truncate(0x30_0000);
const DATA_END: u64 = DATA.as_u64() + PAGE_BYTES;

/// Bytes that the kernel reads at once.
const BUFFER_BYTES: usize = 64;

/// EFAULT in RAX.
const BAD_ADDRESS: u64 = (-14_i64) as u64;

/// What the program asks for, and what it must get.
#[derive(Clone, Copy)]
struct Request {
    start: u64,
    bytes: u64,
    expected: u64,
    what: &'static str,
}

/// What the kernel's half was read at, or 0.
static LEAKED: AtomicU64 = AtomicU64::new(0);
/// Which byte of the data was not what the program has there, or 0.
static GARBLED: AtomicU64 = AtomicU64::new(0);
/// What the program got for its last request.
static LAST: AtomicU64 = AtomicU64::new(0);
/// How many faults in the copying routine were survived.
static FAULTS: AtomicU64 = AtomicU64::new(0);

fn byte_at(address: u64) -> u8 {
    (address ^ address >> 8) as u8
}

/// The program's memory, as the CPU sees it.
struct Hardware;

impl UserMemory for Hardware {
    fn copy(&self, from: u64, into: &mut [u8]) -> usize {
        let end = from.saturating_add(into.len() as u64);
        if end > USER_END && !into.is_empty() {
            LEAKED.store(from.max(USER_END), SeqCst);
        }
        let smap = Cr4::read().contains(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION);
        // SAFETY: the destination is `into`; a fault at the source is survived. STAC and
        // CLAC exist where SMAP does.
        unsafe {
            if smap {
                asm!("stac", options(nostack));
            }
            let left = copy_bytes(into.as_mut_ptr(), from, into.len());
            if smap {
                asm!("clac", options(nostack));
            }
            left
        }
    }
}

/// Copies; returns how many bytes are left if it faulted.
///
/// # Safety
/// `to` is valid for `bytes` bytes.
#[unsafe(naked)]
unsafe extern "C" fn copy_bytes(to: *mut u8, from: u64, bytes: usize) -> usize {
    naked_asm!(
        "mov rcx, rdx",
        ".globl exercise_copy_access",
        "exercise_copy_access:",
        "rep movsb",
        ".globl exercise_copy_landing",
        "exercise_copy_landing:",
        "mov rax, rcx",
        "ret",
    )
}

/// The labels are there even if nothing calls the function, as in a starter.
#[used]
static KEPT: unsafe extern "C" fn(*mut u8, u64, usize) -> usize = copy_bytes;

unsafe extern "C" {
    // Labels in `copy_bytes`; only their addresses mean something.
    static exercise_copy_access: u8;
    static exercise_copy_landing: u8;
}

/// The fault policy: the copy survives whatever it meets; the rest is the course's.
fn survive_the_copy(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    let at_copy = frame.rip == (&raw const exercise_copy_access) as u64;
    if at_copy && frame.ring() == PrivilegeLevel::Ring0 {
        FAULTS.fetch_add(1, SeqCst);
        frame.rip = (&raw const exercise_copy_landing) as u64;
        return Resolution::Resume;
    }
    policy::contain(frame, fault)
}

user_program!(
    /// Makes the requests of its table, RDI of them; exits with the number of the first
    /// whose answer is not as expected, counted from 1, or with 0.
    CALLER, "caller", exercise_caller..exercise_caller_end,
    "    mov r12d, 0x200000",     // TABLE
    "    mov r13, rdi",
    "    xor r14d, r14d",
    "2:  inc r14",
    "    mov rdi, [r12]",         // read(start, bytes)
    "    mov rsi, [r12 + 8]",
    "    mov eax, 1",
    "    syscall",
    "    cmp rax, [r12 + 16]",
    "    jne 3f",
    "    add r12, 24",
    "    dec r13",
    "    jnz 2b",
    "    xor r14d, r14d",
    "3:  mov rdi, r14",
    "    xor eax, eax",           // exit
    "    syscall",
    "    ud2",
);

/// The kernel's side: 0 is `exit`, anything else reads.
fn serve(frame: &mut SyscallFrame) {
    if frame.rax == 0 {
        process::end_current(ExitStatus::Exited(frame.rdi as i32));
    }
    let mut buffer = [0; BUFFER_BYTES];
    frame.rax = match read_user(&Hardware, frame.rdi, frame.rsi, &mut buffer) {
        Ok(part) => {
            for (address, &byte) in (frame.rdi..).zip(part) {
                if (DATA.as_u64()..DATA_END).contains(&address) && byte != byte_at(address) {
                    GARBLED.store(address, SeqCst);
                }
            }
            part.len() as u64
        }
        Err(_) => BAD_ADDRESS,
    };
    LAST.store(frame.rax, SeqCst);
}

/// Runs the program with these requests.
fn make(trial: &mut Trial, requests: &[Request]) -> Checked {
    let mut process = user::process(&CALLER);
    let space = process.space_mut();
    let table = space.map_user_page(TABLE, Use::Read, |page| {
        let words = requests.iter().flat_map(|one| [one.start, one.bytes, one.expected]);
        for (place, word) in page.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
    });
    table.unwrap_or_else(|error| panic!("{error}"));
    let data = space.map_user_page(DATA, Use::Read, |page| {
        for (address, byte) in (DATA.as_u64()..).zip(page) {
            *byte = byte_at(address);
        }
    });
    data.unwrap_or_else(|error| panic!("{error}"));
    LEAKED.store(0, SeqCst);
    GARBLED.store(0, SeqCst);
    let outcome = user::with_calls(serve, || user::run(process, requests.len() as u64));
    let number = match outcome.status {
        ExitStatus::Exited(number) => number as usize,
        other => return trial.fail(format_args!("the program did not end well: it {other}")),
    };
    if let Some(request) = number.checked_sub(1).and_then(|index| requests.get(index)) {
        trial.given("start", format_args!("{:#x}", request.start));
        trial.given("bytes", format_args!("{:#x}", request.bytes));
        trial.compared(Answer(request.expected), Answer(LAST.load(SeqCst)));
        return match LEAKED.load(SeqCst) {
            0 => trial.fail(format_args!("the program asked for {}", request.what)),
            at => trial.fail(format_args!(
                "the program asked for {}, and the kernel read {at:#x} for it",
                request.what
            )),
        };
    }
    trial.equal("the program must end by itself", number, 0)?;
    let leaked = LEAKED.load(SeqCst);
    trial.holds(leaked == 0, format_args!("the kernel read {leaked:#x} for a program"))?;
    trial.equal_hex("a byte is not the program's, at", GARBLED.load(SeqCst), 0)
}

/// A result in RAX, for people.
struct Answer(u64);

impl core::fmt::Display for Answer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            BAD_ADDRESS => write!(f, "EFAULT, -14"),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

fn missing_page(trial: &mut Trial) -> Checked {
    let length = trial.random.within(1..=BUFFER_BYTES as u64);
    let start = DATA.as_u64() + trial.random.below(PAGE_BYTES - length);
    let there = trial.random.within(1..=BUFFER_BYTES as u64 - 1);
    let missing = trial.random.within(1..=64);
    let refused = |start, bytes, what| Request { start, bytes, expected: BAD_ADDRESS, what };
    let requests = [
        Request { start, bytes: length, expected: length, what: "bytes that it has" },
        Request {
            start: DATA_END - length,
            bytes: length,
            expected: length,
            what: "the last bytes before a page that is not mapped",
        },
        refused(DATA_END - there, there + missing, "bytes whose last page is not mapped"),
        refused(DATA_END, length, "bytes of a page that is not mapped"),
        refused(USER_END - 8, 8, "the last bytes of the user half, where nothing is mapped"),
        Request { start, bytes: 0, expected: 0, what: "no bytes at all" },
        Request {
            start: DATA.as_u64(),
            bytes: PAGE_BYTES,
            expected: BUFFER_BYTES as u64,
            what: "more than the buffer takes",
        },
    ];
    FAULTS.store(0, SeqCst);
    make(trial, &requests)?;
    let faults = FAULTS.load(SeqCst);
    trial.holds(faults >= 2, "the missing pages must be met by copying, not guessed")
}

fn secret(trial: &mut Trial) -> Checked {
    let image = IMAGE.start.as_u64() + trial.random.below(PAGE_BYTES);
    let direct = DIRECT_MAP.as_u64() + trial.random.below(PAGE_BYTES);
    let length = trial.random.within(1..=BUFFER_BYTES as u64);
    let refused = |start: u64, bytes, what| Request { start, bytes, expected: BAD_ADDRESS, what };
    let data = DATA.as_u64();
    let requests = [
        refused(image, length, "bytes of the kernel's image"),
        refused(direct, length, "bytes of the direct map"),
        refused(data, DIRECT_MAP.as_u64() - data + 8, "a range from its data into the kernel"),
        refused(image, data.wrapping_sub(image), "a range that wraps around to its data"),
        refused(data + 8, data.wrapping_sub(data + 8), "a range that wraps around to its start"),
        refused(1 << 47, 8, "bytes at an address that is not canonical"),
        refused(0, 8, "bytes at a null pointer"),
    ];
    make(trial, &requests)
}

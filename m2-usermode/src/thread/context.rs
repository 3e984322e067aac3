//! What a thread runs on: stack, page tables, and for a program's thread the
//! registers that only programs use. Here threads are switched.
//!
//! The running thread's page tables are always the loaded ones, so CR3 is never
//! read, and written only where two threads differ.

use super::id::ThreadId;
use super::{Body, SLICE_START};
use crate::fallible::{OutOfMemory, try_box};
use crate::process_id::ProcessId;
use crate::user_state::UserState;
use crate::{gdt, switch, syscall};
use alloc::boxed::Box;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use m1_memory::stack::KernelStack;
use x86_64::VirtAddr;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::PhysFrame;

/// The thread on the CPU; null before the first one.
static RUNNING: AtomicPtr<Context> = AtomicPtr::new(ptr::null_mut());

/// What a thread runs on.
#[repr(C)]
pub(super) struct Context {
    /// The stack pointer while another thread runs.
    saved_rsp: u64,
    /// Where traps and system calls from ring 3 arrive.
    stack_top: VirtAddr,
    root: PhysFrame,
    /// For threads that carry a process: the only ones that enter ring 3.
    user: Option<Box<UserState>>,
    process: Option<ProcessId>,
    pub id: ThreadId,
    body: Body,
    argument: u64,
    /// Unmapped on drop. None for the boot thread, whose stack is never freed.
    _stack: Option<KernelStack>,
}

/// Owns a [`Context`], which stays where it is.
pub(super) struct Handle(NonNull<Context>);

// SAFETY: one CPU; a context is only touched by the scheduler's callers, which
// interrupt handlers are not.
unsafe impl Send for Handle {}

impl Handle {
    /// The context of the code that runs now, on the page tables `root`.
    pub fn boot(root: PhysFrame) -> Result<Self, OutOfMemory> {
        Self::keep(Context {
            saved_rsp: 0,
            stack_top: VirtAddr::zero(),
            root,
            user: None,
            process: None,
            id: ThreadId::BOOT,
            body: |_| 0,
            argument: 0,
            _stack: None,
        })
    }

    /// The context of a thread that will begin with `body`.
    pub fn new(
        stack: KernelStack,
        root: PhysFrame,
        process: Option<ProcessId>,
        body: Body,
        argument: u64,
    ) -> Result<Self, OutOfMemory> {
        let stack_top = stack.top();
        let user = process.map(|_| try_box(UserState::clean())).transpose()?;
        // SAFETY: the stack was just mapped and is nobody else's.
        let saved_rsp = unsafe { switch::prepare(stack_top, begin) };
        let (id, _stack) = (ThreadId::BOOT, Some(stack));
        Self::keep(Context {
            saved_rsp,
            stack_top,
            root,
            user,
            process,
            id,
            body,
            argument,
            _stack,
        })
    }

    fn keep(context: Context) -> Result<Self, OutOfMemory> {
        try_box(context).map(|context| Self(NonNull::from(Box::leak(context))))
    }

    /// Where the context is.
    #[inline(always)]
    pub fn pointer(&self) -> *mut Context {
        self.0.as_ptr()
    }

    /// The process that the thread carries.
    pub fn process(&self) -> Option<ProcessId> {
        // SAFETY: the handle keeps the context, which only changes in `switch_to`.
        unsafe { (*self.pointer()).process }
    }

    fn into_pointer(self) -> *mut Context {
        let pointer = self.pointer();
        core::mem::forget(self);
        pointer
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box, and this handle alone owns it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// The running thread's context; None before the first thread.
fn running() -> Option<NonNull<Context>> {
    NonNull::new(RUNNING.load(Relaxed))
}

/// The context becomes that of the running code.
pub(super) fn start(first: &Handle) {
    RUNNING.store(first.pointer(), Relaxed);
}

/// Whether there is a first thread.
pub(super) fn is_started() -> bool {
    running().is_some()
}

/// The running thread. Takes no lock.
pub(super) fn current() -> ThreadId {
    // SAFETY: the running thread's context lives as long as the thread.
    running().map_or(ThreadId::BOOT, |context| unsafe { (*context.as_ptr()).id })
}

/// The process that the running thread carries. Takes no lock.
pub fn current_process() -> Option<ProcessId> {
    // SAFETY: as above.
    running().and_then(|context| unsafe { (*context.as_ptr()).process })
}

/// The end of the running thread's stack, where traps from ring 3 arrive; 0 for
/// the boot thread, which never enters ring 3.
pub fn current_stack_top() -> VirtAddr {
    // SAFETY: as above.
    running().map_or(VirtAddr::zero(), |context| unsafe { (*context.as_ptr()).stack_top })
}

/// The running thread goes over to the page tables `root`.
pub(super) fn use_tables(root: PhysFrame) {
    let Some(context) = running() else { return };
    // SAFETY: the running thread's context is ours; the kernel's half is the same
    // in all page tables.
    unsafe {
        if (*context.as_ptr()).root != root {
            (*context.as_ptr()).root = root;
            Cr3::write(root, Cr3Flags::empty());
        }
    }
}

/// Runs the thread behind `next`; returns when something switches back.
///
/// An interrupt may come at any point: it uses whichever stack RSP points to, and
/// all kernel stacks are mapped in all page tables.
///
/// # Safety
/// `next` is the context of a thread that is not running and has not ended.
#[inline(always)]
pub(super) unsafe fn switch_to(next: *mut Context, now: u64) {
    let previous = RUNNING.load(Relaxed);
    // SAFETY: `previous` is the running thread's context, `next` is valid by the
    // caller's contract; both stay where they are until their threads have ended.
    unsafe {
        if let Some(user) = &mut (*previous).user {
            user.save();
        }
        arrange(previous, next, now);
        switch::switch(&raw mut (*previous).saved_rsp, (*next).saved_rsp);
    }
}

/// Runs the thread behind `next` and drops the running one's context from there.
///
/// # Safety
/// As for [`switch_to`]; and `ended` is the running thread's context.
pub(super) unsafe fn leave_to(next: *mut Context, now: u64, ended: Handle) -> ! {
    let ended = ended.into_pointer();
    // SAFETY: as in `switch_to`; nothing needs the stack that is left.
    unsafe {
        arrange(ended, next, now);
        switch::leave((*next).saved_rsp, bury, ended.cast());
    }
}

/// Makes the CPU ready for `next`, but for its stack.
///
/// # Safety
/// As for [`switch_to`]; `previous` is the running thread's context.
#[inline(always)]
unsafe fn arrange(previous: *mut Context, next: *mut Context, now: u64) {
    RUNNING.store(next, Relaxed);
    SLICE_START.store(now, Relaxed);
    // SAFETY: both contexts are valid (caller's contract). The kernel's half is
    // the same in all page tables.
    unsafe {
        if (*previous).root != (*next).root {
            Cr3::write((*next).root, Cr3Flags::empty());
        }
        if let Some(user) = &(*next).user {
            gdt::set_kernel_stack((*next).stack_top);
            syscall::entry::set_kernel_stack((*next).stack_top);
            user.restore();
        }
    }
}

/// Frees an ended thread's context, on the stack of the one that runs next.
unsafe extern "C" fn bury(ended: *mut ()) {
    // SAFETY: `leave_to` took the pointer out of its handle for this.
    drop(unsafe { Box::from_raw(ended.cast::<Context>()) });
}

/// Where a new thread begins: on its own stack, from `switch`.
extern "C" fn begin() -> ! {
    let context = RUNNING.load(Relaxed);
    // SAFETY: this thread's own context.
    let (body, argument) = unsafe { ((*context).body, (*context).argument) };
    super::end(body(argument))
}

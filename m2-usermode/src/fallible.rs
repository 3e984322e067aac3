//! Allocation that can fail without ending the kernel.
//!
//! `Box::new` calls the allocation error handler when memory runs out. What a
//! program can bring about must not end the kernel, so whatever a program can
//! cause to be allocated goes through here, or through `Vec::try_reserve`.

use alloc::alloc::alloc;
use alloc::boxed::Box;
use core::alloc::Layout;
use core::fmt;

/// The heap has no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the kernel heap is out of memory")
    }
}

/// `Box::new` that says when there is no memory; `value` is dropped then.
///
/// # Errors
/// [`OutOfMemory`].
pub fn try_box<T>(value: T) -> Result<Box<T>, OutOfMemory> {
    let layout = Layout::new::<T>();
    if layout.size() == 0 {
        return Ok(Box::new(value)); // takes no memory
    }
    // SAFETY: the layout is not empty.
    let place = unsafe { alloc(layout) }.cast::<T>();
    if place.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: the block is new, not null, and of the type's layout, from the
    // allocator that `Box` gives it back to.
    unsafe {
        place.write(value);
        Ok(Box::from_raw(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_holds_the_value() {
        #[derive(Debug, PartialEq)]
        #[repr(align(64))]
        struct Wide([u8; 100]);
        let boxed = try_box(Wide([7; 100]));
        assert_eq!(boxed.as_deref(), Ok(&Wide([7; 100])));
        assert!(boxed.is_ok_and(|boxed| (&raw const *boxed).addr().is_multiple_of(64)));
        assert_eq!(try_box(()).as_deref(), Ok(&()));
    }
}

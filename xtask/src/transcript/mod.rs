//! What each milestone says, captured from a real boot into `book/captured/`, and
//! whether it still says it.
//!
//! - [`capture`]: the boot, on a machine where every run is the same
//! - [`record`]: its transcript, regions and checks as text
//! - [`files`]: the checked-in files, with a header that says how they were made
//! - [`normal`]: a line without what the compiler decides
//! - [`drift`]: the difference between a file and a new boot, for people

pub mod capture;
pub mod drift;
pub mod files;
pub mod normal;
pub mod record;

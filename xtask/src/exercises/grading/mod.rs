//! Many exercises graded, for one learner or a class.
//!
//! - [`room`]: stages and all else that grading takes, for several workers
//! - [`pool`]: the workers; [`attempt`]: one of their tasks, whatever comes of it
//! - [`results`]: what came of all, and its JSON; [`table`]: the same for people
//! - [`junit`], [`gradescope`], [`classroom`]: the same for other programs
//! - [`submissions`]: a folder of learners' files, graded into a folder of results
//! - [`file`]: whole files or none

pub mod attempt;
pub mod classroom;
pub mod file;
pub mod gradescope;
pub mod junit;
pub mod pool;
pub mod results;
pub mod room;
pub mod submissions;
pub mod table;

//! The host machine: how busy it is.

use std::time::Duration;

/// `limit`, stretched by how much more work the machine has than processors.
///
/// Never shortened: an idle machine gets the limit as it is.
pub fn scaled(limit: Duration) -> Duration {
    limit.mul_f64(load_per_processor().clamp(1.0, 20.0))
}

/// How many jobs are worth running at once.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The one-minute load average over the number of processors; 0 where the
/// system does not tell.
fn load_per_processor() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    load / processors() as f64
}

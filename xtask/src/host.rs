//! The host machine: how busy it is.

use std::time::Duration;

/// However busy the machine is, a limit grows at most so many times.
const MOST: f64 = 20.0;

/// `limit`, stretched by how much more work the machine has than processors: a slow
/// machine is not a wrong kernel.
///
/// Never shortened: an idle machine gets the limit as it is.
pub fn scaled(limit: Duration) -> Duration {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    stretched(limit, load(&text) / processors() as f64)
}

/// How many jobs are worth running at once.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn stretched(limit: Duration, load_per_processor: f64) -> Duration {
    limit.mul_f64(load_per_processor.clamp(1.0, MOST))
}

/// The one-minute load average in the text of `/proc/loadavg`; 0 where the system
/// does not tell.
fn load(text: &str) -> f64 {
    let first = text.split(' ').next().and_then(|word| word.parse().ok());
    first.filter(|load: &f64| load.is_finite()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_load_and_never_shrink() {
        let limit = Duration::from_secs(10);
        assert_eq!(stretched(limit, 0.0), limit);
        assert_eq!(stretched(limit, 0.5), limit);
        assert_eq!(stretched(limit, 2.5), Duration::from_secs(25));
        assert_eq!(stretched(limit, 1000.0), Duration::from_secs(200));
        assert!(scaled(limit) >= limit);
    }

    #[test]
    fn the_load_is_the_first_word() {
        assert_eq!(load("3.54 4.32 3.54 1/234 5678\n"), 3.54);
        for text in ["", "x 1 2", "NaN 1 2", "inf"] {
            assert_eq!(load(text), 0.0, "{text}");
        }
    }
}

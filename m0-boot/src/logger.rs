//! Log lines: `[   0.001234] pit: ticking at 100 Hz`.
//!
//! A back end for the `log` crate. The prefix is the module that speaks, the
//! timestamp is [`clock::now_ns`] in seconds. Warnings and errors say so;
//! `debug!` and `trace!` are compiled but filtered out until a kernel asks.

use crate::{clock, println};
use log::{Level, LevelFilter, Log, Metadata, Record};

struct SerialLog;

/// Makes `log::info!` and its friends print to COM1.
///
/// A second call changes nothing.
pub fn init() {
    // The only error is "a logger is already set", which is this one.
    if log::set_logger(&SerialLog).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

impl Log for SerialLog {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let us = clock::now_ns() / 1_000;
        let (seconds, us) = (us / 1_000_000, us % 1_000_000);
        let level = match record.level() {
            Level::Error => "error: ",
            Level::Warn => "warning: ",
            Level::Info | Level::Debug | Level::Trace => "",
        };
        let prefix = prefix(record.target());
        println!("[{seconds:4}.{us:06}] {prefix}: {level}{}", record.args());
    }

    fn flush(&self) {}
}

/// The module below the crate's root (`m1_memory::paging::walk` → `paging`); a
/// kernel's own `main.rs` speaks as `kernel`.
fn prefix(target: &str) -> &str {
    target.split("::").nth(1).unwrap_or("kernel")
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn prefix_is_the_module_below_the_crate() {
        assert_eq!(prefix("m0_boot::pit"), "pit");
        assert_eq!(prefix("m1_memory::paging::walk"), "paging");
        assert_eq!(prefix("m0_boot"), "kernel");
    }
}

//! Room for what is built.

use super::State;
use std::path::Path;

/// What the target directory grows to with both toolchains and all tests.
const NEEDED: u64 = 3 << 30;

/// Looks at the file system that holds, or will hold, the target directory.
pub fn look(target: &Path) -> State {
    let folder = existing(target);
    match rustix::fs::statvfs(folder) {
        Ok(system) => judge(system.f_bavail.saturating_mul(system.f_frsize), folder),
        Err(error) => State::Optional {
            found: format!("cannot tell for {}: {error}", folder.display()),
            gain: format!("builds and tests take {}", gib(NEEDED)),
        },
    }
}

fn judge(free: u64, folder: &Path) -> State {
    let (shown, folder) = (gib(free), folder.display());
    if free >= NEEDED {
        return State::Good(format!("{shown} free in {folder}"));
    }
    State::Missing {
        found: format!("only {shown} free in {folder}"),
        fix: format!(
            "make room (builds and tests take {}), or set CARGO_TARGET_DIR to a folder on another disk",
            gib(NEEDED)
        ),
    }
}

/// The folder itself, or the nearest one above it that exists already.
fn existing(folder: &Path) -> &Path {
    folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"))
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_a_fault_with_a_way_out() {
        assert!(matches!(judge(NEEDED, Path::new("/t")), State::Good(_)));
        let State::Missing { found, fix } = judge(NEEDED - 1, Path::new("/t")) else {
            panic!("accepted");
        };
        assert_eq!(found, "only 3.0 GiB free in /t");
        assert!(fix.contains("CARGO_TARGET_DIR"), "{fix}");
    }

    #[test]
    fn a_target_directory_may_not_exist_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(existing(&folder.path().join("a/b")), folder.path());
        assert!(!matches!(look(&folder.path().join("a/b")), State::Optional { .. }));
    }
}

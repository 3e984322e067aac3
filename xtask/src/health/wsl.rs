//! Folders that are slow because another system keeps them: below /mnt/c of the
//! Windows Subsystem for Linux, or on a share.
//!
//! Every access to a file crosses to Windows there. Cargo looks at thousands of
//! files, so builds take many times as long as in Linux's own file system.

use super::State;
use std::path::Path;

/// Types of file systems that another machine or Windows keeps (proc_mounts(5)).
const FOREIGN: [&str; 7] = ["9p", "drvfs", "virtiofs", "cifs", "smb3", "vboxsf", "fuse.sshfs"];

/// Looks at the folders of the project and of what is built. Nothing to say where
/// the system has no such mounts.
pub fn look(root: &Path, target: &Path) -> Option<State> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (release, mounts) = (read("/proc/sys/kernel/osrelease"), read("/proc/self/mounts"));
    judge(&release, &mounts, &[root, target])
}

/// `release` is the kernel's, `mounts` the mount table.
fn judge(release: &str, mounts: &str, folders: &[&Path]) -> Option<State> {
    let on_wsl = release.to_ascii_lowercase().contains("microsoft");
    for folder in folders {
        let Some((place, kind)) = mount_of(mounts, folder) else { continue };
        if !FOREIGN.contains(&kind) {
            continue;
        }
        let advice = if on_wsl {
            "clone the project into your Linux home instead, or set CARGO_TARGET_DIR to a folder \
             there; Windows' editors open it through \\\\wsl$"
        } else {
            "keep the project on a disk of this machine, or set CARGO_TARGET_DIR to one"
        };
        return Some(State::Advice {
            found: format!("{} is on {place} ({kind}), where builds are slow", folder.display()),
            advice: advice.to_owned(),
        });
    }
    on_wsl.then(|| State::Good("the project is in Linux's own file system".to_owned()))
}

/// The mount that holds `folder`: where it is mounted, and the file system's type.
fn mount_of<'m>(mounts: &'m str, folder: &Path) -> Option<(String, &'m str)> {
    let mut found: Option<(String, &str)> = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (Some(place), Some(kind)) = (fields.next(), fields.next()) else { continue };
        // Spaces stand in the table as octal numbers.
        let place = place.replace("\\040", " ");
        let longer = found.as_ref().is_none_or(|(known, _)| place.len() >= known.len());
        if longer && folder.starts_with(&place) {
            found = Some((place, kind));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const WSL: &str = "5.15.146.1-microsoft-standard-WSL2\n";
    const MOUNTS: &str = "/dev/sdc / ext4 rw 0 0\n\
                          C:\\134 /mnt/c 9p rw,aname=drvfs;path=C:\\ 0 0\n\
                          D:\\134 /mnt/my\\040disk 9p rw 0 0\n";

    #[test]
    fn a_project_below_mnt_c_is_slow() {
        for folder in ["/mnt/c/Users/me/myria", "/mnt/my disk/myria"] {
            let state = judge(WSL, MOUNTS, &[Path::new("/home"), Path::new(folder)]);
            let Some(State::Advice { found, .. }) = state else { panic!("{state:?}") };
            assert!(found.starts_with(folder), "{found}");
        }
    }

    #[test]
    fn linux_own_file_system_is_fine() {
        let folders = [Path::new("/home/me/myria"), Path::new("/mnt/cd")];
        assert!(matches!(judge(WSL, MOUNTS, &folders), Some(State::Good(_))));
        assert_eq!(judge("6.1.0-debian", "/dev/sda / ext4 rw 0 0\n", &folders), None);
    }
}

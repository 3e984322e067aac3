//! What a learner's code on the host can do to this machine: compute, within limits, and
//! report.
//!
//! Resource limits bound memory, computing and files; on Linux for x86-64 a seccomp filter
//! ends a process that asks the system to change anything. A kernel exercise needs neither,
//! so this is for code that went astray.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::{os::unix::process::CommandExt, process::Command};

/// How much address space a check may take.
const MEMORY_MAX: u64 = 2 << 30;
/// How many seconds of computing it may take, beyond which the system ends it.
const COMPUTING_MAX: u64 = 60;

/// Confines what `command` will start.
pub fn confine(command: &mut Command) -> Result<()> {
    let limit =
        |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    // At its second limit computing is ended by SIGKILL, which says less.
    let computing = Rlimit { current: Some(COMPUTING_MAX), maximum: Some(COMPUTING_MAX + 1) };
    let filter = filter::program().context("cannot make the filter of system calls")?;
    let hook = move || {
        limit(Resource::As, MEMORY_MAX)?;
        setrlimit(Resource::Cpu, computing)?;
        limit(Resource::Fsize, 0)?;
        limit(Resource::Core, 0)?;
        filter::apply(&filter)
    };
    // SAFETY: the hook only makes system calls, which is allowed between fork and exec;
    // everything that allocates was done before.
    unsafe { command.pre_exec(hook) };
    Ok(())
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod filter {
    //! System calls that change something outside the process end it by SIGSYS.

    use anyhow::Result;
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition,
        SeccompFilter, SeccompRule, TargetArch,
    };
    use std::collections::BTreeMap;

    /// Never allowed.
    const FORBIDDEN: [i64; 42] = [
        libc::SYS_chmod,
        libc::SYS_chown,
        libc::SYS_clone3,
        libc::SYS_creat,
        libc::SYS_fallocate,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_fork,
        libc::SYS_ftruncate,
        libc::SYS_io_uring_setup,
        libc::SYS_kill,
        libc::SYS_lchown,
        libc::SYS_link,
        libc::SYS_linkat,
        libc::SYS_mkdir,
        libc::SYS_mkdirat,
        libc::SYS_mknod,
        libc::SYS_mknodat,
        libc::SYS_mount,
        libc::SYS_openat2,
        libc::SYS_process_vm_writev,
        libc::SYS_ptrace,
        libc::SYS_rename,
        libc::SYS_renameat,
        libc::SYS_renameat2,
        libc::SYS_rmdir,
        libc::SYS_setsid,
        libc::SYS_setxattr,
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_symlink,
        libc::SYS_symlinkat,
        libc::SYS_truncate,
        libc::SYS_umount2,
        libc::SYS_unlink,
        libc::SYS_unlinkat,
        libc::SYS_unshare,
        libc::SYS_utime,
        libc::SYS_utimensat,
        libc::SYS_vfork,
    ];

    /// The filter, compiled.
    pub fn program() -> Result<BpfProgram> {
        let masked = |argument, mask: i32, value: i32| {
            let operator = SeccompCmpOp::MaskedEq(mask as u64);
            let condition = SeccompCondition::new(argument, Dword, operator, value as u64)?;
            SeccompRule::new(vec![condition])
        };
        // Opening for anything but reading.
        let writing = |flags| {
            Ok::<_, seccompiler::BackendError>(vec![
                masked(flags, libc::O_ACCMODE, libc::O_WRONLY)?,
                masked(flags, libc::O_ACCMODE, libc::O_RDWR)?,
                masked(flags, libc::O_CREAT, libc::O_CREAT)?,
                masked(flags, libc::O_TRUNC, libc::O_TRUNC)?,
            ])
        };
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
            FORBIDDEN.into_iter().map(|number| (number, Vec::new())).collect();
        rules.insert(libc::SYS_open, writing(1)?);
        rules.insert(libc::SYS_openat, writing(2)?);
        // A new process, as opposed to a thread.
        rules.insert(libc::SYS_clone, vec![masked(0, libc::CLONE_THREAD, 0)?]);
        let (allow, end) = (SeccompAction::Allow, SeccompAction::KillProcess);
        Ok(SeccompFilter::new(rules, allow, end, TargetArch::x86_64)?.try_into()?)
    }

    /// Applies it to this process, for good.
    pub fn apply(program: &BpfProgram) -> std::io::Result<()> {
        seccompiler::apply_filter(program).map_err(|error| match error {
            seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
            _ => std::io::ErrorKind::Other.into(),
        })
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod filter {
    //! There is none; the resource limits remain.

    pub fn program() -> anyhow::Result<()> {
        Ok(())
    }

    pub fn apply(_: &()) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    /// Runs a shell's script, confined.
    fn run(script: &str) -> std::process::ExitStatus {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).current_dir(folder.path());
        confine(&mut command).expect("a filter");
        let status = command.status().expect("a shell");
        assert_eq!(folder.path().read_dir().expect("the folder").count(), 0, "{script}");
        status
    }

    #[test]
    fn computing_and_reading_are_allowed() {
        assert!(run("read -r line < /proc/self/status && test -n \"$line\"").success());
    }

    #[test]
    fn changing_anything_ends_the_process() {
        for script in ["echo x > file", "exec mkdir folder", "exec rm -f file", "kill -9 1"] {
            assert_eq!(run(script).signal(), Some(libc::SIGSYS), "{script}");
        }
    }
}

//! The virtual machine as QEMU command line options.

use super::display::Display;
use crate::machine::Machine;
use shared::{events, exit};
use std::{
    ffi::OsString,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

/// A machine and what it boots.
#[derive(Clone, Debug)]
pub struct Launch {
    pub machine: Machine,
    pub medium: Medium,
    /// How many CPUs it has.
    pub processors: u8,
    pub display: Display,
    /// Whether the kernel can end QEMU.
    pub exit_device: bool,
    /// Where QEMU shall log interrupts and resets.
    pub interrupt_log: Option<PathBuf>,
    /// Whether the time-stamp counter counts instructions instead of time.
    pub counts_instructions: bool,
    /// A listening socket, on which a debugger finds the machine halted.
    pub debugger: Option<Arc<OwnedFd>>,
    /// From the report of this check on, NMIs are injected as fast as QEMU takes
    /// them.
    pub nmi_after: Option<String>,
}

/// What the machine boots from.
#[derive(Clone, Debug)]
pub enum Medium {
    /// QEMU starts our PVH loader itself; everything else is in the archive.
    Archive { loader: PathBuf, archive: PathBuf },
    /// UEFI firmware boots an image.
    Image { firmware: Firmware, image: PathBuf, attached: Attached },
    /// QEMU's own BIOS boots an image.
    Bios { image: PathBuf, attached: Attached },
}

/// UEFI firmware.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// The program, never written.
    pub code: PathBuf,
    /// Its variables: a copy for this run alone.
    pub variables: PathBuf,
}

/// How the machine sees an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// As a virtio hard disk.
    Disk,
    /// As a CD in a SATA drive.
    Cd,
    /// As a USB stick.
    Usb,
}

/// File descriptors that QEMU inherits.
pub struct Inherited {
    pub events: RawFd,
    pub monitor: RawFd,
}

/// The command that starts `launch`. Serial is QEMU's standard input and output.
pub fn command(launch: &Launch, inherited: &Inherited) -> Command {
    let mut command = Command::new(super::program());
    // TCG behaves the same on every host, and needs no rights.
    command.args(["-machine", "q35,memory-backend=ram", "-accel", "tcg"]);
    command.arg("-nodefaults");
    launch.display.add_to(&mut command);
    // A reset, such as a triple fault causes, ends QEMU.
    command.arg("-no-reboot");
    command.arg("-cpu").arg(launch.machine.cpu.to_string());
    command.arg("-smp").arg(launch.processors.to_string());
    command.arg("-m").arg(launch.machine.memory.to_string());
    // Without a reservation the guest may have far more memory than the host, as
    // long as it does not touch it.
    command.arg("-object");
    let size = launch.machine.memory;
    command.arg(format!("memory-backend-ram,id=ram,size={size},reserve=off"));
    command.args(["-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"]);
    command.arg("-chardev").arg(format!("socket,id=events,fd={}", inherited.events));
    command.arg("-device");
    command.arg(format!("isa-debugcon,iobase={:#x},chardev=events", events::PORT));
    command.arg("-chardev").arg(format!("socket,id=monitor,fd={}", inherited.monitor));
    command.args(["-mon", "chardev=monitor,mode=control"]);
    if launch.exit_device {
        command.arg("-device");
        command.arg(format!("isa-debug-exit,iobase={:#x},iosize=0x04", exit::PORT));
    }
    if launch.counts_instructions {
        // One instruction is one (2⁰) nanosecond of virtual time, which the
        // counter reads. `sleep=off`: nothing waits for the host's clock.
        command.args(["-icount", "shift=0,sleep=off"]);
    }
    if let Some(socket) = &launch.debugger {
        let listening = format!("socket,id=debugger,fd={},server=on,wait=off", socket.as_raw_fd());
        command.arg("-chardev").arg(listening);
        command.args(["-gdb", "chardev:debugger", "-S"]);
    }
    if let Some(log) = &launch.interrupt_log {
        command.args(["-d", "int,cpu_reset", "-D"]).arg(log);
    }
    match &launch.medium {
        Medium::Archive { loader, archive } => {
            command.arg("-kernel").arg(loader).arg("-initrd").arg(archive);
        }
        Medium::Image { firmware, image, attached } => {
            add_flash(&mut command, 0, &firmware.code, true);
            add_flash(&mut command, 1, &firmware.variables, false);
            add_image(&mut command, image, *attached);
        }
        Medium::Bios { image, attached } => add_image(&mut command, image, *attached),
    }
    command
}

fn add_flash(command: &mut Command, unit: u8, file: &Path, read_only: bool) {
    let read_only = if read_only { "on" } else { "off" };
    let options = format!("if=pflash,unit={unit},format=raw,readonly={read_only},file=");
    command.arg("-drive").arg(with_path(&options, file));
}

fn add_image(command: &mut Command, image: &Path, attached: Attached) {
    let options = "if=none,id=boot,format=raw,readonly=on,file=";
    command.arg("-drive").arg(with_path(options, image));
    match attached {
        Attached::Disk => command.args(["-device", "virtio-blk-pci,drive=boot,bootindex=0"]),
        Attached::Cd => command.args(["-device", "ide-cd,bus=ide.0,drive=boot,bootindex=0"]),
        Attached::Usb => {
            command.args(["-device", "qemu-xhci", "-device", "usb-storage,drive=boot,bootindex=0"])
        }
    };
}

/// `options` followed by a path; QEMU reads a comma in a value as two.
fn with_path(options: &str, path: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut bytes = options.as_bytes().to_vec();
    for &byte in path.as_os_str().as_bytes() {
        bytes.push(byte);
        if byte == b',' {
            bytes.push(b',');
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn launch(medium: Medium) -> Launch {
        Launch {
            machine: Machine::default(),
            medium,
            processors: 1,
            display: Display::None,
            exit_device: true,
            interrupt_log: None,
            counts_instructions: false,
            debugger: None,
            nmi_after: None,
        }
    }

    #[test]
    fn never_asks_for_hardware_virtualisation() {
        let medium = Medium::Archive { loader: "l".into(), archive: "a".into() };
        let inherited = Inherited { events: 3, monitor: 4 };
        let command = command(&launch(medium), &inherited);
        let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let text = words.join(" ");
        assert!(text.contains("-accel tcg") && !text.contains("kvm"), "{text}");
        assert!(text.contains("isa-debug-exit,iobase=0xf4"), "{text}");
        assert!(text.ends_with("-kernel l -initrd a"), "{text}");
    }

    #[test]
    fn a_comma_in_a_path_stays_one_value() {
        assert_eq!(with_path("file=", Path::new("/a,b/c")), "file=/a,,b/c");
    }
}

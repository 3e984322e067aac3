//! A page shown in whatever browser somebody uses.

use crate::qemu::find_in_path;
use anyhow::{Context, Result, bail, ensure};
use std::{
    env,
    ffi::OsStr,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Programs that hand a page to a browser: of macOS, of WSL, of every other desktop.
const OPENERS: [&str; 3] = ["open", "wslview", "xdg-open"];
/// What tells a desktop's programs where to appear, or which to use.
const DISPLAYS: [&str; 3] = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"];
/// How long an opener may take to fail; a browser that it started may go on.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shows `page`, a file or an address, in a browser.
///
/// # Errors
/// If there is no way to; the error names the page.
pub fn open(page: &OsStr) -> Result<()> {
    let shown = page.display();
    let by_hand = format!("open {shown} in a browser yourself");
    let is_apple = cfg!(target_os = "macos");
    let found = OPENERS
        .into_iter()
        .filter(|&one| is_apple == (one == "open"))
        .find_map(|name| find_in_path(name).map(|program| (program, name == "xdg-open")));
    let Some((program, needs_display)) = found else {
        bail!("there is no program here that opens a browser (xdg-open); {by_hand}");
    };
    let has_display = DISPLAYS.iter().any(|name| env::var_os(name).is_some_and(|v| !v.is_empty()));
    ensure!(has_display || !needs_display, "there is no display here; {by_hand}");
    let mut command = Command::new(&program);
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // The browser outlives us, and Ctrl-C is not for it.
    command.process_group(0);
    let cannot = || format!("cannot start {}; {by_hand}", program.display());
    let mut child = command.spawn().with_context(cannot)?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().with_context(cannot)? {
            ensure!(status.success(), "{} failed ({status}); {by_hand}", program.display());
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

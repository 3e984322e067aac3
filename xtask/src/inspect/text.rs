//! A kernel's contents for people.

use super::Kernel;
use std::fmt::Write;

/// The whole report.
pub fn render(name: &str, kernel: &Kernel) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, name, kernel);
    text
}

fn write_all(text: &mut String, name: &str, kernel: &Kernel) -> std::fmt::Result {
    writeln!(text, "{name}: {} bytes in memory, entry at {:#x}", kernel.bytes(), kernel.entry)?;
    writeln!(text, "\nsegments, as loaders map them")?;
    for segment in &kernel.segments {
        let (address, memory, file) =
            (segment.address, segment.bytes_in_memory, segment.bytes_in_file);
        let remark = if segment.w_xor_x { "" } else { "  writable and executable" };
        writeln!(
            text,
            "    {address:#018x} {} {memory:>9} bytes, {file:>9} of them in the file{remark}",
            segment.permissions
        )?;
    }
    match kernel.keeps_w_xor_x() {
        true => writeln!(text, "    W^X holds: no segment is writable and executable")?,
        false => writeln!(text, "    W^X is broken")?,
    }
    writeln!(text, "\nsections")?;
    let width = kernel.sections.iter().map(|section| section.name.len()).max().unwrap_or(0);
    for section in &kernel.sections {
        let zeroed = if section.in_file { "" } else { "  zeroed memory" };
        writeln!(
            text,
            "    {:width$}  {:#018x} {} {:>9} bytes{zeroed}",
            section.name, section.address, section.permissions, section.bytes
        )?;
    }
    writeln!(text, "\nlargest symbols")?;
    for symbol in &kernel.symbols {
        writeln!(text, "    {:>9} bytes  {:9}  {}", symbol.bytes, symbol.section, symbol.name)?;
    }
    Ok(())
}

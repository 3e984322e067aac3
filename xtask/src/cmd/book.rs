//! `cargo xtask book`: the course, to be read.

use crate::{
    book::{self, Press, show},
    process::{Group, Running},
    ui,
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

/// Builds the book of the course, and shows it.
///
/// A book in which something does not hold is not built: a link to nowhere, a listing
/// whose code is gone, an exercise that no chapter shows. Each is told by file and line,
/// and the exit status is 1. QEMU and bare-metal targets are not needed, nor a network
/// once cargo has fetched the libraries.
///
/// With --serve, it is built again whenever a chapter or the code in it changes, and pages
/// that are open in a browser follow; Ctrl-C ends it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask book --open            # build it and read it
  cargo xtask book --serve --open    # for those who write it
  cargo xtask book -o public         # into another folder, such as a web server's")]
pub struct Args {
    /// Show it in a browser
    #[arg(long)]
    open: bool,
    /// Serve it to browsers on this machine, and follow changes
    #[arg(long)]
    serve: bool,
    /// The port to serve it at; 0 for one that is free
    #[arg(long, value_name = "N", default_value_t = 3000, requires = "serve")]
    port: u16,
    /// The folder to build it in [default: target/book/html]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub fn main(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let out = args.output.clone().unwrap_or_else(|| book::folder(&workspace).join("html"));
    let press = Press::prepare(&workspace)?;
    if args.serve {
        return serve(&press, &out, args);
    }
    let code = press.print(&out)?;
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    let index = out.join("index.html");
    println!("{}", index.display());
    if args.open {
        let index = index.canonicalize().context("the builder wrote no index.html")?;
        show::open(index.as_os_str())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Hands over to the builder's server until somebody ends it.
fn serve(press: &Press, out: &Path, args: &Args) -> Result<ExitCode> {
    let mut call = press.call("serve");
    call.arg("--out").arg(out).arg("--port").arg(args.port.to_string());
    call.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running =
        Running::start(&mut call, Group::Shared).context("cannot start the book's server")?;
    let stdout = running.pipes().stdout.take().context("the server's output is not connected")?;
    let mut is_shown = !args.open;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        println!("{line}");
        if !is_shown && line.starts_with("http://") {
            is_shown = true;
            // What is served can be read all the same.
            if let Err(error) = show::open(OsStr::new(&line)) {
                ui::note(format_args!("{error:#}"));
            }
        }
    }
    let status = running.wait().context("cannot wait for the book's server")?;
    Ok(book::code(status))
}

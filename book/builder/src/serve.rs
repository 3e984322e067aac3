//! The book for a browser on this machine, built again after each change.
//!
//! A page asks twice a second for the edition's number and loads itself again when that
//! has changed: no sockets to keep, and it survives a restart of the server.

use crate::{build, course::Course};
use anyhow::{Context, Result};
use notify::{RecursiveMode, Watcher};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Where pages ask for the edition's number.
const EDITION: &str = "/.edition";
/// An editor writes several files at once.
const SETTLING: Duration = Duration::from_millis(150);
/// How long a browser may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// What makes a page load itself again.
const RELOAD: &str = "<script>(() => { let first; setInterval(async () => { try { \
    const now = await (await fetch('/.edition')).text(); first ??= now; \
    if (now !== first) location.reload(); } catch { /* the server is away */ } }, 500); })();</script>";

/// Serves the book of the course at `root` until it is stopped.
///
/// # Errors
/// If the first edition cannot be built, or the port not be had.
pub fn serve(root: &Path, extra: Option<PathBuf>, out: &Path, port: u16) -> Result<ExitCode> {
    let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("cannot have port {port}; another one with --port"))?;
    let edition = || build(&Course::read(&root, extra.as_deref())?, out, false);
    let first = edition()?;
    if first != ExitCode::SUCCESS && !out.join("index.html").is_file() {
        return Ok(first);
    }
    let number = Arc::new(AtomicU64::new(1));
    let (folder, current) = (out.to_owned(), Arc::clone(&number));
    println!("http://{}/", listener.local_addr()?);
    println!("serving the book; each change of a chapter builds it again; Ctrl-C ends it");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (folder, current) = (folder.clone(), Arc::clone(&current));
            // A browser that went away is no reason to stop.
            thread::spawn(move || drop(answer(stream, &folder, current.load(Ordering::Relaxed))));
        }
    });
    for () in changes(&root)? {
        let start = Instant::now();
        match edition() {
            Ok(ExitCode::SUCCESS) => {
                number.fetch_add(1, Ordering::Relaxed);
                println!("built again in {:.1} s", start.elapsed().as_secs_f64());
            }
            Ok(_) => eprintln!("the edition before is still served"),
            Err(error) => eprintln!("error: {error:#}; the edition before is still served"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One item for each burst of changes of what the book is made from.
fn changes(root: &Path) -> Result<impl Iterator<Item = ()>> {
    let (sender, receiver) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // The receiver lives as long as the program.
            let _ = sender.send(());
        }
    })?;
    for folder in ["book", "exercises", "shared", "m0-boot", "m1-memory", "m2-usermode", "xtask"] {
        let path = root.join(folder);
        watcher
            .watch(&path, RecursiveMode::Recursive)
            .with_context(|| format!("cannot watch {}", path.display()))?;
    }
    Ok(std::iter::from_fn(move || {
        // It watches as long as somebody waits.
        let _watcher = &watcher;
        receiver.recv().ok()?;
        while receiver.recv_timeout(SETTLING).is_ok() {}
        Some(())
    }))
}

/// Answers one request.
fn answer(mut stream: TcpStream, folder: &Path, edition: u64) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let path = target.split(['?', '#']).next().unwrap_or("/");
    let (status, kind, body) = match (method, path) {
        ("GET", EDITION) => ("200 OK", "text/plain", edition.to_string().into_bytes()),
        ("GET", path) => match page(folder, path) {
            Some((kind, body)) => ("200 OK", kind, body),
            None => {
                ("404 Not Found", "text/plain; charset=utf-8", b"There is no such page.".to_vec())
            }
        },
        _ => ("405 Method Not Allowed", "text/plain", b"Only GET is served.".to_vec()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)?;
    Ok(())
}

/// A file of the book, if there is one at `path`.
fn page(folder: &Path, path: &str) -> Option<(&'static str, Vec<u8>)> {
    let relative = Path::new(path.trim_start_matches('/'));
    // Nothing outside the book is anybody's business.
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let mut file = folder.join(relative);
    if file.is_dir() {
        file.push("index.html");
    }
    let body = fs::read(&file).ok()?;
    Some(match file.extension().and_then(|end| end.to_str()) {
        Some("html") => {
            let text =
                String::from_utf8_lossy(&body).replacen("</body>", &format!("{RELOAD}</body>"), 1);
            ("text/html; charset=utf-8", text.into_bytes())
        }
        Some("css") => ("text/css; charset=utf-8", body),
        Some("js") => ("text/javascript; charset=utf-8", body),
        Some("json") => ("application/json", body),
        Some("svg") => ("image/svg+xml", body),
        Some("png") => ("image/png", body),
        Some("woff2") => ("font/woff2", body),
        _ => ("application/octet-stream", body),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_book_is_served() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("book")).expect("made");
        fs::write(folder.path().join("secret.html"), "no").expect("written");
        fs::write(folder.path().join("book/index.html"), "<body>yes</body>").expect("written");
        let book = folder.path().join("book");
        let (kind, body) = page(&book, "/").expect("the first page");
        assert!(kind.starts_with("text/html"));
        let body = String::from_utf8(body).expect("text");
        assert!(body.starts_with("<body>yes<script>") && body.ends_with("</body>"), "{body}");
        for path in ["/../secret.html", "//../secret.html", "/./index.html/..", "/none.html"] {
            assert!(page(&book, path).is_none(), "{path}");
        }
    }
}

//! Builds the book.

mod cases;
mod code;
mod widgets;

fn main() {
    println!("{}", cases::all());
}

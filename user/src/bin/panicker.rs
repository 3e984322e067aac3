//! Panics, to show that a panic is told about and ends the program with code 101.

#![cfg_attr(target_os = "none", no_std, no_main)]

user::entry!(overreach);

fn overreach(argument: u64) -> i32 {
    let digits = [3, 1, 4];
    // One more than there are, whatever the argument is.
    digits[digits.len() + (argument % 2) as usize]
}

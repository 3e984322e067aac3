//! Free runs by length: a list for each range of lengths, and a bitmap of the
//! lists that hold something.
//!
//! ```text
//! bin     1   2   3  …  31 | 32      33      34      35      36 …
//! pages   1   2   3  …  31 | 32–47   48–63   64–95   96–127  128–191 …
//! bitmap  0   1   0  …  1  | 0       0       0       1       0
//! ```
//!
//! A request looks for the first bit from the bin on whose runs all fit: one
//! instruction, however many runs there are.

/// Lengths below this have a bin each.
const EXACT: u32 = 32;
/// Number of bins. Bit and bin numbers agree; bin 0 stays empty.
pub const BINS: usize = u64::BITS as usize;

/// The bin that a run of `pages` pages lies in.
#[inline(always)]
pub fn bin_of(pages: u32) -> usize {
    if pages < EXACT {
        return pages as usize;
    }
    let log = pages.ilog2();
    let upper_half = pages >> (log - 1) & 1;
    (EXACT + 2 * (log - EXACT.ilog2()) + upper_half) as usize
}

/// The first bin whose runs all have at least `pages` pages.
#[inline(always)]
pub fn bin_for(pages: u32) -> usize {
    if pages < EXACT { pages as usize } else { bin_of(pages - 1) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_in_a_request_s_bin_fits_it() {
        let longest = 1 << 17;
        assert!(bin_of(longest) < BINS);
        for pages in (1..2000).chain([longest - 1, longest]) {
            assert!(bin_of(pages) <= bin_for(pages), "{pages}");
            assert!(bin_of(pages + 1) >= bin_of(pages), "{pages}");
            let too_short = (1..pages).rev().take(600).find(|&run| bin_of(run) >= bin_for(pages));
            assert_eq!(too_short, None, "a request of {pages} pages");
        }
    }
}

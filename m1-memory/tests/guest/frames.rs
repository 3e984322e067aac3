//! scratch
use alloc::vec::Vec;
use core::hint::black_box;
use core::mem::MaybeUninit;
use m0_boot::println;
use m1_memory::frames::{self, ChunkFrames, FrameAllocator, KernelFrames, Plan};
use shared::cases::Case;
use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

pub const CASES: &[Case] = &[("scratch", scratch)];

fn tsc() -> u64 {
    unsafe {
        core::arch::x86_64::_mm_lfence();
        core::arch::x86_64::_rdtsc()
    }
}

fn report(name: &str, v: &mut [u32], empty: u32) {
    v.sort_unstable();
    let f = |i: usize| v[i].wrapping_sub(empty) as i32;
    println!(
        "{name}: min {} median {} p99 {} max {}",
        f(0),
        f(v.len() / 2),
        f(v.len() * 99 / 100),
        f(v.len() - 1)
    );
}

fn scratch() {
    let mut e: Vec<u32> = Vec::new();
    for _ in 0..100 {
        let a = tsc();
        let b = tsc();
        e.push((b - a) as u32);
    }
    e.sort_unstable();
    let empty = e[50];
    println!("empty {empty}");
    let room = frames::allocate_run(8192 * 2).unwrap_or_else(|e| panic!("{e}"));
    let words = unsafe {
        core::slice::from_raw_parts_mut(
            (m1_memory::layout::DIRECT_MAP + room.start_address().as_u64())
                .as_mut_ptr::<MaybeUninit<u64>>(),
            8192 * 2 * 512,
        )
    };
    for gib4 in [1u64, 16, 256] {
        let size = gib4 << 28;
        let plan = Plan::new([PhysAddr::new(0)..PhysAddr::new(size)]);
        let t = tsc();
        let mut f = ChunkFrames::new(plan, &mut words[..plan.words()]).unwrap_or_else(|| panic!());
        f.manage(PhysAddr::new(0x1000), PhysAddr::new(size)).unwrap_or_else(|e| panic!("{e}"));
        println!("{} MiB: init {}  bytes {}", gib4 * 256, tsc() - t, plan.bytes());
        const N: usize = 20000;
        let mut got: Vec<PhysFrame> = Vec::with_capacity(N);
        let mut v: Vec<u32> = Vec::with_capacity(60000);
        for _ in 0..N {
            let a = tsc();
            let r = black_box(&mut f).allocate();
            let b = tsc();
            v.push((b - a) as u32);
            got.push(r.unwrap_or_else(|e| panic!("{e}")));
        }
        report("  fresh alloc", &mut v, empty);
        v.clear();
        let mut seed = 12345u64;
        let mut rnd = |n: usize| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
            (seed >> 33) as usize % n
        };
        // free half at random
        for _ in 0..N / 2 {
            let i = rnd(got.len());
            let x = got.swap_remove(i);
            let a = tsc();
            let r = black_box(&mut f).free(x);
            let b = tsc();
            v.push((b - a) as u32);
            r.unwrap_or_else(|e| panic!("{e}"));
        }
        report("  free half  ", &mut v, empty);
        let mut va: Vec<u32> = Vec::with_capacity(N);
        v.clear();
        for _ in 0..N {
            let a = tsc();
            let r = black_box(&mut f).allocate();
            let b = tsc();
            va.push((b - a) as u32);
            got.push(r.unwrap_or_else(|e| panic!("{e}")));
            let i = rnd(got.len());
            let x = got.swap_remove(i);
            let a = tsc();
            let r = black_box(&mut f).free(x);
            let b = tsc();
            v.push((b - a) as u32);
            r.unwrap_or_else(|e| panic!("{e}"));
        }
        report("  churn alloc", &mut va, empty);
        report("  churn free ", &mut v, empty);
        va.clear();
        v.clear();
        for _ in 0..100 {
            let a = tsc();
            let r = black_box(&mut f).allocate_run(512);
            let b = tsc();
            va.push((b - a) as u32);
            let r = r.unwrap_or_else(|_| panic!("no run"));
            let a = tsc();
            let r = black_box(&mut f).free_run(r, 512);
            let b = tsc();
            v.push((b - a) as u32);
            r.unwrap_or_else(|e| panic!("{e}"));
        }
        report("  run alloc", &mut va, empty);
        report("  run free ", &mut v, empty);
        va.clear();
        v.clear();
        for _ in 0..8 {
            let r = f.allocate_run(512).unwrap_or_else(|_| panic!());
            let a = tsc();
            let q = black_box(&mut f).free(r);
            let b = tsc();
            v.push((b - a) as u32);
            q.unwrap_or_else(|_| panic!());
        }
        report("  free of one in a run", &mut v, empty);
        v.clear();
        for _ in 0..200 {
            let a = tsc();
            let q = black_box(&mut f).allocate_run(16);
            let b = tsc();
            v.push((b - a) as u32);
            q.unwrap_or_else(|_| panic!());
        }
        report("  run of 16", &mut v, empty);
        v.clear();
        for _ in 0..200 {
            let a = tsc();
            let q =
                black_box(&mut f).allocate_below(PhysAddr::new(1 << 27), 1, frames::Purpose::Dma);
            let b = tsc();
            v.push((b - a) as u32);
            q.unwrap_or_else(|_| panic!());
        }
        report("  below", &mut v, empty);
        let a = tsc();
        let c = f.census();
        println!("  census {} {c}", tsc() - a);
        v.clear();
        loop {
            let a = tsc();
            let q = black_box(&mut f).allocate();
            let b = tsc();
            if q.is_err() {
                break;
            }
            if v.len() < 60000 {
                v.push((b - a) as u32);
            }
        }
        report("  rest", &mut v, empty);
        println!("  {:?}", f.statistics());
    }
    let mut v: Vec<u32> = Vec::with_capacity(1000);
    let mut w: Vec<u32> = Vec::with_capacity(1000);
    for _ in 0..1000 {
        let a = tsc();
        let r = KernelFrames.allocate();
        let b = tsc();
        let r = r.unwrap_or_else(|_| panic!());
        v.push((b - a) as u32);
        let a = tsc();
        let r = unsafe { KernelFrames.free(r) };
        let b = tsc();
        w.push((b - a) as u32);
        r.unwrap_or_else(|_| panic!());
    }
    report("locked alloc", &mut v, empty);
    report("locked free", &mut w, empty);
}

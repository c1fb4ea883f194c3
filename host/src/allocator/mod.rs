//! Settings of the C library's allocator, for a process that makes and frees buffers of a megabyte all the time.

#![expect(unsafe_code, reason = "mallopt has no safe wrapper")]

/// Freed memory up to this is kept for the next buffer: by default the C library gives anything above 128 KiB back at once,
/// and the kernel then clears each page anew, a fifth of the processor time of a connector that catches up.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEEP_BYTES: libc::c_int = 64 << 20;
/// A buffer above this is that of a very large row, and given back at once: each thread would keep one otherwise.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: libc::c_int = 8 << 20;
/// The heap grows by this much more than was asked for.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const GROW_BYTES: libc::c_int = 1 << 20;

/// Has the allocator keep freed buffers for the next ones, where it can be told. To be called before threads start.
pub fn keep_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two integers and changes only the allocator's settings; a refusal leaves them as they were.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEEP_BYTES);
        libc::mallopt(libc::M_TOP_PAD, GROW_BYTES);
    }
}

//! How librdkafka waits: by a clock that nobody sets.
//!
//! Its threads wait on condition variables until a moment of the machine's wall clock. Where that is set back by an hour they would sleep
//! an hour longer: among them the one that tells the group that this process is alive, and whoever polls. The linker leads these calls
//! here (`host/build.rs`), and the wait counts on the clock that only runs forward.

use libc::{c_int, clockid_t, pthread_cond_t, pthread_mutex_t, timespec};

const SECOND: i64 = 1_000_000_000;

/// What C's `cnd_timedwait` answers, as the GNU library numbers it.
const SUCCESS: c_int = 0;
const ERROR: c_int = 2;
const TIMED_OUT: c_int = 4;

unsafe extern "C" {
    /// In the GNU library from 2.30 on.
    fn pthread_cond_clockwait(cond: *mut pthread_cond_t, mutex: *mut pthread_mutex_t, clock: clockid_t, until: *const timespec) -> c_int;
}

/// `cnd_timedwait` of everything that is linked into the program. In the GNU library C's condition variables and mutexes are those of POSIX.
///
/// # Safety
/// As that function's: the variable and the mutex are initialised, the mutex is held, and `until` can be read.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_cnd_timedwait(cond: *mut pthread_cond_t, mutex: *mut pthread_mutex_t, until: *const timespec) -> c_int {
    // SAFETY: by the caller.
    let until = nanoseconds(unsafe { &*until });
    let left = until.saturating_sub(now(libc::CLOCK_REALTIME));
    let end = now(libc::CLOCK_MONOTONIC).saturating_add(left).max(0);
    let end = timespec {
        tv_sec: end / SECOND,
        tv_nsec: end % SECOND,
    };
    // SAFETY: variable and mutex are the caller's; `end` lives until the call returns.
    match unsafe { pthread_cond_clockwait(cond, mutex, libc::CLOCK_MONOTONIC, &raw const end) } {
        0 => SUCCESS,
        libc::ETIMEDOUT => TIMED_OUT,
        _ => ERROR,
    }
}

fn now(clock: clockid_t) -> i64 {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a timespec to write to; both clocks are there on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    nanoseconds(&now)
}

fn nanoseconds(time: &timespec) -> i64 {
    time.tv_sec.saturating_mul(SECOND).saturating_add(time.tv_nsec)
}

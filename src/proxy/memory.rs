//! Giving back to the system what many connections needed while they were awake.

use std::cell::Cell;

use crate::balance::Millis;

/// So many connections must have fallen asleep for their memory to be worth looking for.
const WORTH_IT: u32 = 256;

/// Least time between two looks, which take milliseconds.
const PAUSE: Millis = 5_000;

/// Counts the connections whose buffers are free again. Single-threaded.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    sleepers: Cell<u32>,
    released_at: Cell<Millis>,
}

impl Leftovers {
    /// A connection has fallen asleep.
    pub(super) fn count_sleeper(&self) {
        self.sleepers.set(self.sleepers.get().saturating_add(1));
    }

    /// Gives free memory back, if there is enough to expect.
    pub(super) fn release(&self, now: Millis) {
        if self.sleepers.get() >= WORTH_IT && now.saturating_sub(self.released_at.get()) >= PAUSE {
            self.sleepers.set(0);
            self.released_at.set(now);
            trim();
        }
    }
}

/// glibc keeps free memory unless it lies at the top of a heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    #[expect(unsafe_code, reason = "a foreign function; it takes a number, knows no preconditions and is safe in threads")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators give it back themselves, or not at all.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

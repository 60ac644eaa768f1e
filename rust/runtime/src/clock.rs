//! Time, as the carriers measure it.

use std::time::Instant;

/// Nanoseconds since the clock was made. Monotonic.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Nanoseconds since the start.
    pub fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// The time of an instant on this clock.
    pub fn ns_of(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.origin).as_nanos() as u64
    }

    /// The instant of a time on this clock.
    pub fn instant(&self, at_ns: u64) -> Instant {
        let at = std::time::Duration::from_nanos(at_ns);
        // A deadline of centuries overflows some platforms' Instant; an hour from now is as good as never, since whoever
        // waits looks again.
        self.origin.checked_add(at).unwrap_or_else(|| Instant::now() + std::time::Duration::from_secs(3600))
    }
}

/// Processor time of this thread so far, in nanoseconds. Where the platform cannot tell, the wall's.
pub fn thread_cpu_ns() -> u64 {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
    #[cfg(not(unix))]
    {
        use std::sync::OnceLock;
        static ORIGIN: OnceLock<Clock> = OnceLock::new();
        ORIGIN.get_or_init(Clock::start).now_ns()
    }
}

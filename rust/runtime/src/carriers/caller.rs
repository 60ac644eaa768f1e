//! The caller's own thread: inline members run on it, and it sleeps while others work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ecology_core::journey::Finished;

use crate::clock::Clock;
use crate::flight::{Flight, HostLeg, Pumped};
use crate::mailbox::Mailbox;

/// How long the thread sleeps before it asks whether it was interrupted. A person who presses Ctrl-C does not notice a
/// twentieth of a second.
const LOOK_UP_EVERY: Duration = Duration::from_millis(50);

/// The caller was interrupted; the flight was cancelled and settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// Carries a flight to its end. `launch` starts the legs that need an event loop; `interrupted` says whether to give up.
pub fn carry(
    mut flight: Flight,
    clock: Clock,
    launch: &dyn Fn(Vec<HostLeg>, &Arc<Mailbox>),
    cancel: &dyn Fn(Vec<usize>),
    interrupted: &dyn Fn() -> bool,
) -> Result<Arc<Finished>, Interrupted> {
    let mut pumped = flight.start();
    loop {
        let cancels = flight.take_host_cancels();
        if !cancels.is_empty() {
            cancel(cancels);
        }
        let wake_at_ns = match pumped {
            Some(Pumped::Done(finished)) => return Ok(finished),
            Some(Pumped::Waiting { wake_at_ns }) => wake_at_ns,
            // Only a flight that was over before says nothing, and that one has returned above.
            None => return Err(Interrupted),
        };
        let legs = flight.take_host_legs();
        if !legs.is_empty() {
            launch(legs, flight.mailbox());
        }
        let until = clock.instant(wake_at_ns);
        pumped = loop {
            let posts = flight.mailbox().wait(until.min(Instant::now() + LOOK_UP_EVERY));
            if !posts.is_empty() || Instant::now() >= until {
                break flight.deliver(posts);
            }
            if interrupted() {
                flight.cancel();
                return Err(Interrupted);
            }
        };
    }
}

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

/// Starts legs on the host's event loop, which post into the mailbox.
pub type Launch<'l> = dyn Fn(Vec<HostLeg>, &Arc<Mailbox>) -> Result<(), Interrupted> + 'l;

/// Carries a flight to its end. `launch` starts the legs that need an event loop, and says whether to go on; `interrupted` says
/// whether to give up.
pub fn carry(
    mut flight: Flight,
    clock: Clock,
    launch: &Launch<'_>,
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
            let launched = launch(legs, flight.mailbox());
            launched.inspect_err(|_| give_up(&mut flight, cancel))?;
        }
        let until = clock.instant(wake_at_ns);
        pumped = loop {
            let posts = flight.mailbox().wait(until.min(Instant::now() + LOOK_UP_EVERY));
            if !posts.is_empty() || Instant::now() >= until {
                break flight.deliver(posts);
            }
            if interrupted() {
                give_up(&mut flight, cancel);
                return Err(Interrupted);
            }
        };
    }
}

/// Cancels and settles the flight, and tells the host which of its legs nobody waits for.
fn give_up(flight: &mut Flight, cancel: &dyn Fn(Vec<usize>)) {
    flight.cancel();
    cancel(flight.take_host_cancels());
}

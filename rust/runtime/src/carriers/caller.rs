//! The caller's own thread: inline members run on it, model servers are asked from it, and it sleeps while others work.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use ecology_core::journey::Finished;
use ecology_core::leg::Fault;

use crate::clock::Clock;
use crate::flight::{Flight, HostLeg, Pumped};
use crate::mailbox::{Mailbox, Post};
use crate::members::LegInput;
use crate::net::reactor::{Own, Watched, begun};

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
    let mut asked = Asked::default();
    let mut pumped = flight.start();
    loop {
        let cancels = flight.take_host_cancels();
        if !cancels.is_empty() {
            cancel(cancels);
        }
        asked.cancel(&flight.take_own_cancels());
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
        let refused = asked.begin(flight.take_own_legs(), flight.input());
        refused.into_iter().for_each(|(leg, fault)| flight.mailbox().post(leg, Err(fault)));
        let until = clock.instant(wake_at_ns);
        pumped = loop {
            let posts = asked.wait(flight.mailbox(), until.min(Instant::now() + LOOK_UP_EVERY));
            if !posts.is_empty() || Instant::now() >= until {
                break flight.deliver(posts);
            }
            if interrupted() {
                give_up(&mut flight, cancel);
                asked.cancel(&flight.take_own_cancels());
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

/// Calls to model servers that this thread drives while it waits.
#[derive(Default)]
struct Asked {
    own: Option<Own>,
    calls: Vec<(usize, Watched)>,
    /// A call was dropped, or failed: its connection may have to be closed.
    untidy: bool,
}

impl Asked {
    /// Begins calls; gives back those that cannot be begun.
    fn begin(&mut self, legs: Vec<HostLeg>, input: &LegInput) -> Vec<(usize, Fault)> {
        let mut refused = Vec::new();
        for HostLeg { leg, member, ends_by } in legs {
            if self.own.is_none() {
                match Own::take() {
                    Ok(own) => self.own = Some(own),
                    Err(error) => {
                        let problem = format!("no reactor could be started for it: {error}");
                        refused.push((leg, Fault::Failed(problem)));
                        continue;
                    }
                }
            }
            let input = LegInput { ends_by: Some(ends_by), ..input.clone() };
            match self.own.as_ref().and_then(|own| begun(member.as_ref(), &input, &own.reactor)) {
                Some(call) => self.calls.push((leg, Watched::new(call))),
                None => refused.push((leg, Fault::Failed("the member does not run on a reactor".into()))),
            }
        }
        refused
    }

    fn cancel(&mut self, legs: &[usize]) {
        let before = self.calls.len();
        self.calls.retain(|(leg, _)| !legs.contains(leg));
        self.untidy |= self.calls.len() < before;
    }

    /// Waits for post and for the calls until `until`.
    fn wait(&mut self, mailbox: &Mailbox, until: Instant) -> Vec<Post> {
        let (Some(own), false) = (&self.own, self.calls.is_empty()) else { return mailbox.wait(until) };
        let (calls, untidy) = (&mut self.calls, &mut self.untidy);
        let mut posts = Vec::new();
        let taken = own.drive(until, |context| {
            calls.retain_mut(|(leg, call)| match std::pin::Pin::new(call).poll(context) {
                Poll::Pending => true,
                Poll::Ready((result, usage)) => {
                    // What failed may have left its reply unread.
                    *untidy |= result.is_err();
                    posts.push(Post::now(*leg, result, usage));
                    false
                }
            });
            mailbox.take_or_wake(&mut posts, context.waker()).map_or(Poll::Pending, Poll::Ready)
        });
        taken.unwrap_or_else(|| mailbox.take())
    }
}

impl Drop for Asked {
    /// Leaves the thread's reactor as the next call wants it: read connections kept, dropped ones closed.
    fn drop(&mut self) {
        self.untidy |= !self.calls.is_empty();
        self.calls.clear();
        if let Some(own) = self.own.take() {
            if self.untidy {
                own.catch_up();
            }
            own.put_back();
        }
    }
}

//! One journey and the legs that it has started.
//!
//! A flight does everything that can be done without waiting: it advances the journey, calls inline members, hands work
//! to pools. Who waits, and how, is the carrier's affair; both carriers (a blocked thread, an event loop) drive the same flight.
//!
//! Work that is cut off half-way: a leg on a pool that has not begun leaves the line, and is free; one that runs is asked to stop, most members run
//! to their end all the same, and its post goes unread. Threads cannot be killed, so a bound on time is a promise about the
//! answer, not about the thread.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use ecology_core::journey::{Effect, Finished, Input, Journey, Refusal, Request};
use ecology_core::leg::{Fault, Reply, Turn, Usage};
use ecology_core::snapshot::ModelIndex;

use crate::clock::{Clock, thread_cpu_ns};
use crate::engine::{Engine, Population};
use crate::mailbox::{Mailbox, Notify, Post};
use crate::members::{LegInput, Member, Place, Stop};
use crate::net::reactor::{Abort, Served, begun};
use crate::pool::{Refused, Ticket};

/// A leg that the host has to start, on its event loop.
#[derive(Clone, Debug)]
pub struct HostLeg {
    /// Position of the leg.
    pub leg: usize,
    /// What to call.
    pub member: Arc<dyn Member>,
    /// When its time is over.
    pub ends_by: Instant,
}

/// Where a leg was sent, and so how it is stopped when nobody waits for it any more.
#[derive(Debug)]
enum Sent {
    /// To a pool: it is not begun, or asked to end.
    Pool(Ticket, Arc<Stop>),
    /// To the engine's reactor.
    Background(Abort),
    /// To the reactor of the calling thread.
    Own,
    /// To the host's event loop.
    Host,
}

/// An input, and when it happened if that was not just now.
type Happened = (Option<u64>, Input);

/// What a flight needs next.
#[derive(Debug)]
pub enum Pumped {
    /// Nothing: it is over.
    Done(Arc<Finished>),
    /// Post, or a look at the clock at this time.
    Waiting {
        /// On the engine's clock.
        wake_at_ns: u64,
    },
}

/// A request being carried out.
#[derive(Debug)]
pub struct Flight {
    engine: Arc<Engine>,
    population: Arc<Population>,
    /// Taken when it is over.
    journey: Option<Journey>,
    input: LegInput,
    mailbox: Arc<Mailbox>,
    /// Every leg that was sent somewhere.
    sent: Vec<(usize, Sent)>,
    host_legs: Vec<HostLeg>,
    host_cancels: Vec<usize>,
    /// Legs for the reactor of the thread that waits, if a thread does.
    own_legs: Vec<HostLeg>,
    own_cancels: Vec<usize>,
    wake_at_ns: u64,
    overhead_ns: u64,
}

impl Flight {
    /// Admits and routes a request under the current population. `began_ns` is the time at which the caller began to read it:
    /// from there on the orchestration is charged.
    pub fn begin(
        engine: &Arc<Engine>,
        population: Arc<Population>,
        request: Request,
        mut input: LegInput,
        notify: Option<Notify>,
        began_ns: u64,
    ) -> Result<Self, Refusal> {
        let wake_at_ns = request.deadline_ns;
        let journey = Journey::begin(Arc::clone(&population.snapshot), Arc::clone(engine.live()), request)?;
        input.votes = journey.routed().plan().averages();
        let overhead_ns = engine.clock().now_ns().saturating_sub(began_ns);
        Ok(Self {
            engine: Arc::clone(engine),
            population,
            journey: Some(journey),
            input,
            mailbox: Arc::new(Mailbox::new(notify)),
            sent: Vec::new(),
            host_legs: Vec::new(),
            host_cancels: Vec::new(),
            own_legs: Vec::new(),
            own_cancels: Vec::new(),
            wake_at_ns,
            overhead_ns,
        })
    }

    /// Where legs that the host carries out are posted.
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// What legs are given.
    pub fn input(&self) -> &LegInput {
        &self.input
    }

    /// Legs that the host has to start; each is handed out once.
    pub fn take_host_legs(&mut self) -> Vec<HostLeg> {
        std::mem::take(&mut self.host_legs)
    }

    /// Legs of the host that nobody waits for any more.
    pub fn take_host_cancels(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.host_cancels)
    }

    /// Whether the host has legs to start or to stop.
    pub fn needs_host(&self) -> bool {
        !(self.host_legs.is_empty() && self.host_cancels.is_empty())
    }

    /// Legs for the reactor of the calling thread; each is handed out once.
    pub(crate) fn take_own_legs(&mut self) -> Vec<HostLeg> {
        std::mem::take(&mut self.own_legs)
    }

    /// Legs of the calling thread's reactor that nobody waits for any more.
    pub(crate) fn take_own_cancels(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.own_cancels)
    }

    /// The first step.
    pub fn start(&mut self) -> Option<Pumped> {
        self.pump(VecDeque::from([(None, Input::Start)]))
    }

    /// Takes in whatever post there is, and looks at the clock.
    pub fn poll(&mut self) -> Option<Pumped> {
        let posts = self.mailbox.take();
        self.deliver(posts)
    }

    /// Takes in post.
    pub(crate) fn deliver(&mut self, posts: Vec<Post>) -> Option<Pumped> {
        let clock = self.engine.clock();
        let told = |post: Post| {
            // It came back then, whenever somebody looked.
            let at_ns = clock.ns_of(post.at);
            inputs_of(post).map(move |input| (Some(at_ns), input))
        };
        let mut inputs: VecDeque<Happened> = posts.into_iter().flat_map(told).collect();
        inputs.push_back((None, Input::Tick));
        self.pump(inputs)
    }

    /// Gives up: running legs are cancelled and charged.
    pub fn cancel(&mut self) -> Option<Pumped> {
        self.pump(VecDeque::from([(None, Input::Cancel)]))
    }

    /// Carries out everything that follows from `inputs` without waiting. `None` once the flight was over before.
    fn pump(&mut self, mut inputs: VecDeque<Happened>) -> Option<Pumped> {
        let clock = self.engine.clock();
        let mut effects = Vec::new();
        let mut inline: VecDeque<(usize, ModelIndex)> = VecDeque::new();
        let (started_ns, mut legs_ns) = (clock.now_ns(), 0);
        let overhead_ns = |legs_ns: u64| clock.now_ns().saturating_sub(started_ns).saturating_sub(legs_ns);
        loop {
            let Some((at_ns, input)) = inputs.pop_front() else {
                // Only now, so that a leg on another thread is under way while an inline one runs.
                let Some((leg, model)) = inline.pop_front() else { break };
                let before_ns = clock.now_ns();
                let (result, compute_ns) = self.call_inline(model, clock);
                legs_ns += clock.now_ns().saturating_sub(before_ns);
                let usage = Usage { compute_ns, ..Usage::default() };
                inputs.extend(inputs_of(Post::now(leg, result, usage)).map(|input| (None, input)));
                continue;
            };
            self.journey.as_mut()?.advance(at_ns.unwrap_or_else(|| clock.now_ns()), input, &mut effects);
            for effect in effects.drain(..) {
                match effect {
                    Effect::StartLeg { leg, model, ends_by_ns } => {
                        let (wall_ns, overhead_ns) = (clock.now_ns(), self.overhead_ns);
                        if let Some(result) = self.dispatch(leg, model, ends_by_ns, &mut inline) {
                            inputs.push_back((None, Input::LegDone { leg, result: Err(result) }));
                        }
                        if self.overhead_ns > overhead_ns {
                            // It went to a pool, which counted its own processor time.
                            legs_ns += clock.now_ns().saturating_sub(wall_ns);
                        }
                    }
                    Effect::CancelLeg { leg } => match inline.iter().position(|(at, _)| *at == leg) {
                        // Its time passed while another one ran on this thread.
                        Some(waiting) => drop(inline.remove(waiting)),
                        None => self.forget(leg),
                    },
                    Effect::WakeAt { at_ns, legs } => {
                        self.wake_at_ns = at_ns;
                        self.mailbox.expect(legs);
                    }
                    Effect::Finish => {
                        self.overhead_ns += overhead_ns(legs_ns);
                        let finished = self.journey.take()?.finished(self.overhead_ns)?;
                        return Some(Pumped::Done(finished));
                    }
                }
            }
        }
        self.overhead_ns += overhead_ns(legs_ns);
        Some(Pumped::Waiting { wake_at_ns: self.wake_at_ns })
    }

    /// Sends a leg where its member runs. Gives a fault if that is nowhere.
    fn dispatch(
        &mut self,
        leg: usize,
        model: ModelIndex,
        ends_by_ns: u64,
        inline: &mut VecDeque<(usize, ModelIndex)>,
    ) -> Option<Fault> {
        let Some(member) = self.population.member(model) else {
            return Some(Fault::Failed("the model is not loaded".into()));
        };
        let place = if member.brief(&self.input) { Place::Inline } else { member.place() };
        let ends_by = self.engine.clock().instant(ends_by_ns);
        let pool = match place {
            Place::Inline => {
                inline.push_back((leg, model));
                return None;
            }
            Place::Loop => {
                self.host_legs.push(HostLeg { leg, member: Arc::clone(member), ends_by });
                self.sent.push((leg, Sent::Host));
                return None;
            }
            Place::Io if self.mailbox.is_waited_for() => {
                self.own_legs.push(HostLeg { leg, member: Arc::clone(member), ends_by });
                self.sent.push((leg, Sent::Own));
                return None;
            }
            Place::Io => return self.ask(leg, &Arc::clone(member), ends_by),
            Place::Compute => &self.engine.compute,
            Place::Thread => &self.engine.blocking,
        };
        let stop = Arc::new(Stop::default());
        let asked = Arc::clone(&stop);
        let turn = Turn::default();
        let asked_turn = turn.clone();
        let (member, mut input, mailbox) =
            (Arc::clone(member), self.input.clone(), Arc::clone(&self.mailbox));
        let clock = self.engine.clock();
        input.ends_by = Some(ends_by);
        let job = move || {
            // Work past its time, or that has been settled as never begun, is never started.
            if clock.now_ns() < ends_by_ns && asked_turn.take() {
                let started_ns = thread_cpu_ns();
                let result = guarded(|| member.call_until(&input, &asked));
                let compute_ns = thread_cpu_ns().saturating_sub(started_ns);
                mailbox.deliver(Post::now(leg, result, Usage { compute_ns, ..Usage::default() }));
            }
        };
        // Waking a thread may cost this one its core for a while: that is not its processor time.
        let cpu_ns = thread_cpu_ns();
        let taken = pool.submit(&self.population.snapshot.model(model).id, Box::new(job));
        self.overhead_ns += thread_cpu_ns().saturating_sub(cpu_ns).max(1);
        match taken {
            Ok(ticket) => {
                self.sent.push((leg, Sent::Pool(ticket, stop)));
                if let Some(journey) = &mut self.journey {
                    journey.in_line(leg, turn);
                }
            }
            Err(refused @ Refused::NoThread) => return Some(Fault::Failed(refused.to_string())),
            Err(refused @ Refused::Occupied(_)) => return Some(Fault::Occupied(refused.to_string())),
        }
        None
    }

    /// Asks a served model on the engine's own reactor.
    fn ask(&mut self, leg: usize, member: &Arc<dyn Member>, ends_by: Instant) -> Option<Fault> {
        let mailbox = Arc::clone(&self.mailbox);
        let done = move |(result, usage): Served| mailbox.deliver(Post::now(leg, result, usage));
        let input = LegInput { ends_by: Some(ends_by), ..self.input.clone() };
        let asked = self.engine.background.start(|reactor| begun(member.as_ref(), &input, reactor), done);
        match asked {
            Ok(Some(abort)) => {
                self.sent.push((leg, Sent::Background(abort)));
                None
            }
            Ok(None) => Some(Fault::Failed("the member does not run on a reactor".into())),
            Err(error) => Some(Fault::Failed(format!("no reactor could be started for it: {error}"))),
        }
    }

    fn call_inline(&self, model: ModelIndex, clock: Clock) -> (Result<Reply, Fault>, u64) {
        let Some(member) = self.population.member(model) else {
            return (Err(Fault::Failed("the model is not loaded".into())), 0);
        };
        // Never blocks, so the wall's time is the processor's, and cheaper to read.
        let started_ns = clock.now_ns();
        let result = guarded(|| member.call(&self.input));
        (result, clock.now_ns().saturating_sub(started_ns))
    }

    fn forget(&mut self, leg: usize) {
        match self.sent.iter().find(|(at, _)| *at == leg) {
            Some((_, Sent::Pool(ticket, stop))) => {
                ticket.abandon();
                stop.ask();
            }
            Some((_, Sent::Background(abort))) => abort.abort(),
            Some((_, Sent::Own)) => self.own_cancels.push(leg),
            Some((_, Sent::Host)) => self.host_cancels.push(leg),
            None => {}
        }
    }
}

/// A flight that is dropped under way (its caller is gone) cancels and settles its legs.
impl Drop for Flight {
    fn drop(&mut self) {
        if self.journey.is_some() {
            self.cancel();
        }
    }
}

/// What a journey is told of a leg that has come back. A member that measured its own processor time knows better.
fn inputs_of(post: Post) -> impl Iterator<Item = Input> {
    let Post { leg, mut result, usage, at: _ } = post;
    let used = match &mut result {
        Ok(reply) => {
            if reply.usage.compute_ns == 0 {
                reply.usage.compute_ns = usage.compute_ns;
            }
            None
        }
        Err(_) => Some(Input::LegUsed { leg, usage }),
    };
    used.into_iter().chain([Input::LegDone { leg, result }])
}

/// A panic in `work` as a fault.
pub fn guarded(work: impl FnOnce() -> Result<Reply, Fault>) -> Result<Reply, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// The fault of a leg in which this was thrown.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Fault::Panicked(text.unwrap_or_else(|| "a panic without words".into()))
}

//! Connections, kept by whoever drives them.
//!
//! A connection belongs to one event loop of the operating system. There are two kinds of those here: each calling thread has one
//! of its own, so that a blocking call does its I/O where it waits and no other thread is woken; and an engine has one
//! background thread for requests that an event loop of the host waits for.
//!
//! Work that is cut off half-way: a call that is dropped closes its connection, so that the server learns of it; only a reply
//! that was read to its end gives its connection back.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ecology_core::leg::{Fault, Reply, Usage};
use ecology_core::sync::Mutex;
use http_body_util::Full;
use hyper::Version;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use super::connect::Connector;
use super::endpoint::{Endpoint, MOST_HEAD_BYTES, MOST_HEADERS};
use crate::flight::panicked;
use crate::members::{LegInput, Member};
use crate::process::Homebound;

/// An HTTP client with the connections of one endpoint on one reactor.
pub type HttpClient = Client<Connector, Full<Bytes>>;

/// How a call ended, and what it used.
pub type Served = (Result<Reply, Fault>, Usage);

/// A call under way.
pub type Call = Pin<Box<dyn Future<Output = Served> + Send>>;

/// A kept connection that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// Clients by endpoint.
#[derive(Default)]
pub struct Reactor {
    clients: Mutex<HashMap<u64, (Weak<Endpoint>, HttpClient)>>,
}

impl Reactor {
    /// The client of an endpoint; made at its first use. Has to be called, and used, on this reactor.
    pub fn client(&self, endpoint: &Arc<Endpoint>) -> HttpClient {
        let mut clients = self.clients.lock();
        if let Some((_, client)) = clients.get(&endpoint.id) {
            return client.clone();
        }
        // Whoever left with an old snapshot takes its connections along.
        clients.retain(|_, (endpoint, _)| endpoint.strong_count() > 0);
        let client = client_of(endpoint);
        clients.insert(endpoint.id, (Arc::downgrade(endpoint), client.clone()));
        client
    }
}

fn client_of(endpoint: &Endpoint) -> HttpClient {
    let connector = Connector::new(endpoint.network, Arc::clone(&endpoint.tls), endpoint.bounds.connect);
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http1_max_headers(MOST_HEADERS)
        .http1_max_buf_size(MOST_HEAD_BYTES)
        .http2_max_header_list_size(MOST_HEAD_BYTES as u32)
        .http2_only(endpoint.version == Version::HTTP_2)
        .build(connector)
}

/// Counts the time that a call's own work takes, and turns a panic in it into a fault of its leg.
pub(crate) struct Watched {
    call: Call,
    worked: Duration,
}

impl Watched {
    pub(crate) fn new(call: Call) -> Self {
        Self { call, worked: Duration::ZERO }
    }
}

impl Future for Watched {
    type Output = Served;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Served> {
        // A poll never blocks, so the wall's time is the processor's.
        let began = Instant::now();
        let polled = catch_unwind(AssertUnwindSafe(|| self.call.as_mut().poll(context)));
        self.worked += began.elapsed();
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready((result, mut usage))) => {
                usage.compute_ns = usage.compute_ns.max(self.worked.as_nanos() as u64);
                Poll::Ready((result, usage))
            }
            Err(panic) => Poll::Ready((Err(panicked(&*panic)), Usage::default())),
        }
    }
}

/// The call of a member; a panic before it has begun is its fault too.
pub(crate) fn begun(member: &dyn Member, input: &LegInput, reactor: &Reactor) -> Option<Call> {
    catch_unwind(AssertUnwindSafe(|| member.ask(input, reactor))).unwrap_or_else(|panic| {
        let served: Served = (Err(panicked(&*panic)), Usage::default());
        Some(Box::pin(std::future::ready(served)))
    })
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().build()
}

/// The reactor of the calling thread. In a forked child it is left as it is: its descriptors are the parent's as well, and to close
/// them in order would disturb the parent.
pub(crate) struct Own {
    pub(crate) reactor: Homebound<Reactor>,
    runtime: Homebound<Driver>,
    /// How long the last wait for a reply took, if it was short.
    short_wait: Cell<Option<Duration>>,
}

/// A wait that is longer is slept through from its beginning.
///
/// To fall asleep and to be woken costs a thread 20 to 100 µs, which is more than a small model on the same machine takes. So where
/// the last reply came within this time, the thread looks for the next one for up to twice as long as that took before it
/// sleeps. Servers that take a millisecond are never waited for like this.
const SHORT_WAIT: Duration = Duration::from_micros(150);

/// A runtime that does not wait at its end: a name that is still being looked up does not hold up the end of its thread.
struct Driver(Option<Runtime>);

impl Driver {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.0.as_ref().map(|runtime| runtime.block_on(future))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

thread_local! {
    static OWN: RefCell<Option<Own>> = const { RefCell::new(None) };
}

impl Own {
    /// Takes this thread's reactor, or makes one. While it is taken, a call from within (a signal's handler) makes another.
    pub(crate) fn take() -> io::Result<Self> {
        let kept = OWN.try_with(|own| own.borrow_mut().take()).ok().flatten();
        if let Some(own) = kept
            && own.runtime.is_home()
        {
            // Nobody looked at its connections meanwhile: one that the server has closed is not to be asked.
            own.catch_up();
            return Ok(own);
        }
        Ok(Self {
            reactor: Homebound::new(Arc::default()),
            runtime: Homebound::new(Arc::new(Driver(Some(runtime()?)))),
            short_wait: Cell::new(None),
        })
    }

    /// Puts it back for the next call.
    pub(crate) fn put_back(self) {
        // A thread that ends takes its connections along.
        let _ = OWN.try_with(|own| own.borrow_mut().replace(self));
    }

    /// Runs `step` whenever something may have changed, until it gives a value or until `until`.
    pub(crate) fn drive<T>(
        &self,
        until: Instant,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let began = Instant::now();
        let awake = self.short_wait.take().map_or(Duration::ZERO, |last| last * 2);
        let driven = self.runtime.block_on(async {
            while began.elapsed() < awake {
                if let Poll::Ready(value) = poll_fn(|context| Poll::Ready(step(context))).await {
                    return Some(value);
                }
                // Has the system asked what has come, without waiting for it.
                tokio::task::yield_now().await;
            }
            let mut sleep = std::pin::pin!(tokio::time::sleep_until(until.into()));
            poll_fn(|context| match step(context) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
            })
            .await
        });
        self.short_wait.set(Some(began.elapsed()).filter(|waited| *waited < SHORT_WAIT));
        driven.flatten()
    }

    /// Lets connections do what they have to do now: go back to be kept, close, or notice that they were closed.
    pub(crate) fn catch_up(&self) {
        self.runtime.block_on(async {
            // Whoever yields lets the system be asked once what has come; the second time is for those that it woke.
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
        });
    }
}

/// The background thread of an engine; started at its first use.
#[derive(Default)]
pub(crate) struct Background {
    running: Mutex<Option<Running>>,
}

struct Running {
    handle: tokio::runtime::Handle,
    reactor: Arc<Reactor>,
    stop: Arc<Notify>,
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

/// Stops a call; its connection is closed.
#[derive(Debug)]
pub(crate) struct Abort(tokio::task::AbortHandle);

impl Abort {
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

impl Background {
    /// Starts a call, and tells `done` how it ended, on the background thread. `None` if there is no call to start.
    pub(crate) fn start(
        &self,
        call: impl FnOnce(&Reactor) -> Option<Call>,
        done: impl FnOnce(Served) + Send + 'static,
    ) -> io::Result<Option<Abort>> {
        let mut locked = self.running.lock();
        let running = match &mut *locked {
            Some(running) => running,
            slot => slot.insert(begin()?),
        };
        let (handle, reactor) = (running.handle.clone(), Arc::clone(&running.reactor));
        drop(locked);
        let Some(call) = call(&reactor) else { return Ok(None) };
        let watched = Watched::new(call);
        let task = handle.spawn(async move { done(watched.await) });
        Ok(Some(Abort(task.abort_handle())))
    }
}

fn begin() -> io::Result<Running> {
    let runtime = runtime()?;
    let (handle, stop, reactor) = (runtime.handle().clone(), Arc::new(Notify::new()), Arc::default());
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new().name("ecology-io".into());
    thread.spawn(move || {
        runtime.block_on(stopped.notified());
        // Whatever is still looked up does not hold up the end.
        runtime.shutdown_background();
    })?;
    Ok(Running { handle, reactor, stop })
}

impl Drop for Background {
    /// Ends the thread; calls under way are dropped, and their connections closed.
    fn drop(&mut self) {
        if let Some(running) = self.running.lock().take() {
            running.stop.notify_one();
        }
    }
}

//! From a name to a connection: every resolved address is checked, and the whole of it has one bound.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::rt::{Read, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::address::{Forbidden, Network, names_loopback};

/// Why there is no connection. Nothing was asked of the server.
#[derive(Debug)]
pub enum ConnectError {
    /// The name resolves to nothing that may be reached.
    Forbidden {
        /// The first such address.
        address: IpAddr,
        /// Why not.
        why: Forbidden,
    },
    /// It took longer than its bound.
    TimedOut {
        /// The bound.
        bound: Duration,
    },
    /// The system said no: no such name, nobody listens, no route.
    Io(io::Error),
    /// The handshake failed: it broke off, or what answers speaks something else.
    Handshake(String),
    /// The server is not the one that it should be: unknown authority, another name, out of date. Waiting mends none of these.
    Certificate(String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Forbidden { address, why } => write!(f, "{address} is {why}"),
            ConnectError::TimedOut { bound } => write!(f, "no connection within {} ms", bound.as_millis()),
            ConnectError::Io(error) => write!(f, "no connection: {error}"),
            ConnectError::Handshake(problem) => write!(f, "no connection: {problem}"),
            ConnectError::Certificate(problem) => {
                write!(f, "the server's certificate is not accepted: {problem}")
            }
        }
    }
}

impl Error for ConnectError {}

/// Opens TCP connections to addresses that the network's policy allows.
#[derive(Clone, Debug)]
pub struct Tcp {
    network: Network,
    bound: Duration,
}

impl Service<Uri> for Tcp {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { network, bound } = *self;
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().to_owned();
            let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
            let stream = reach(network, &host, port, bound).await?;
            // Requests are small and written whole: waiting to fill a segment only costs time.
            stream.set_nodelay(true).map_err(ConnectError::Io)?;
            Ok(TokioIo::new(stream))
        })
    }
}

/// Tries every address that may be reached, in the resolver's order.
async fn reach(network: Network, host: &str, port: u16, bound: Duration) -> Result<TcpStream, ConnectError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => tokio::net::lookup_host((bare, port)).await.map_err(ConnectError::Io)?.collect(),
    };
    dial(&allowed(network, names_loopback(host), addresses)?, bound).await
}

/// Those of a name's addresses that may be reached. Only where none may is the name forbidden.
fn allowed(
    network: Network,
    named_loopback: bool,
    addresses: Vec<SocketAddr>,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let mut refused = ConnectError::Io(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    let mut allowed = Vec::with_capacity(addresses.len());
    for address in addresses {
        match network.check(address.ip(), named_loopback) {
            Ok(()) => allowed.push(address),
            Err(why) => refused = ConnectError::Forbidden { address: address.ip(), why },
        }
    }
    if allowed.is_empty() { Err(refused) } else { Ok(allowed) }
}

/// The first of them where somebody listens. Each has its share of the bound, so that one that never replies leaves time for
/// the others.
async fn dial(addresses: &[SocketAddr], bound: Duration) -> Result<TcpStream, ConnectError> {
    let share = bound / addresses.len().max(1) as u32;
    let mut last = ConnectError::TimedOut { bound };
    for address in addresses {
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = ConnectError::Io(error),
            Err(_) => last = ConnectError::TimedOut { bound },
        }
    }
    Err(last)
}

/// TCP, then TLS where the scheme asks for it, inside one bound.
#[derive(Clone)]
pub struct Connector {
    https: HttpsConnector<Tcp>,
    bound: Duration,
}

impl Connector {
    /// A connector for one endpoint.
    pub fn new(network: Network, tls: Arc<rustls::ClientConfig>, bound: Duration) -> Self {
        Self { https: HttpsConnector::from((Tcp { network, bound }, tls)), bound }
    }
}

/// What a [`Connector`] gives.
pub type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

const _: fn() = || {
    fn speaks_http<T: Connection + Read + Write + Send + Unpin + 'static>() {}
    speaks_http::<Stream>();
};

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (bound, connecting) = (self.bound, self.https.call(uri));
        Box::pin(async move {
            match tokio::time::timeout(bound, connecting).await {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(match error.downcast::<ConnectError>() {
                    Ok(ours) => *ours,
                    Err(theirs) => of_handshake(theirs.as_ref()),
                }),
                Err(_) => Err(ConnectError::TimedOut { bound }),
            }
        })
    }
}

/// A server that shows the wrong certificate is told apart from one that is not ready to show any.
fn of_handshake(error: &(dyn Error + Send + Sync + 'static)) -> ConnectError {
    let mut inner = error;
    // The connector wraps the system's kind of error into another one of that kind.
    while let Some(wrapped) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        inner = wrapped;
    }
    match inner.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(why)) => ConnectError::Certificate(why.to_string()),
        _ => ConnectError::Handshake(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|each| each.parse().unwrap()).collect()
    }

    #[test]
    fn of_what_a_name_resolves_to_only_what_may_be_reached_is_tried() {
        let table: &[(&[&str], bool, &[&str])] = &[
            (&["8.8.8.8:1"], false, &["8.8.8.8:1"]),
            (&["169.254.169.254:1", "8.8.8.8:1"], false, &["8.8.8.8:1"]),
            (&["8.8.8.8:1", "[::ffff:10.0.0.1]:1"], false, &["8.8.8.8:1"]),
            (&["127.0.0.1:1", "169.254.169.254:1"], true, &["127.0.0.1:1"]),
            (&["10.0.0.1:1"], false, &[]),
            (&["127.0.0.1:1", "[::1]:1"], false, &[]),
            (&["169.254.169.254:1", "[fd00:ec2::254]:1"], true, &[]),
        ];
        for (resolved, named, left) in table {
            let result = allowed(Network { private: false }, *named, addresses(resolved));
            match result {
                Ok(tried) => assert_eq!(tried, addresses(left)),
                Err(ConnectError::Forbidden { .. }) => assert!(left.is_empty(), "{resolved:?}"),
                Err(other) => panic!("{resolved:?}: {other}"),
            }
        }
        assert!(matches!(allowed(Network::default(), true, Vec::new()), Err(ConnectError::Io(_))));
    }

    #[test]
    fn an_address_that_never_replies_leaves_time_for_the_next() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(dials());
    }

    async fn dials() {
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = open.local_addr().unwrap();
        // Of the range for documentation: packets go nowhere, or the system says so at once.
        let silent: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let bound = Duration::from_millis(500);
        let stream = dial(&[silent, at], bound).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), at);
        let nobody = dial(&[silent], Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(nobody, ConnectError::TimedOut { .. } | ConnectError::Io(_)), "{nobody}");
    }
}

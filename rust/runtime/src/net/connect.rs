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
    /// The handshake failed: the certificate, or the protocol.
    Handshake(String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Forbidden { address, why } => write!(f, "{address} is {why}"),
            ConnectError::TimedOut { bound } => write!(f, "no connection within {} ms", bound.as_millis()),
            ConnectError::Io(error) => write!(f, "no connection: {error}"),
            ConnectError::Handshake(problem) => write!(f, "no connection: {problem}"),
        }
    }
}

impl Error for ConnectError {}

/// Opens TCP connections to addresses that the network's policy allows.
#[derive(Clone, Debug)]
pub struct Tcp {
    network: Network,
}

impl Service<Uri> for Tcp {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let network = self.network;
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().to_owned();
            let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
            let stream = reach(network, &host, port).await?;
            // Requests are small and written whole: waiting to fill a segment only costs time.
            stream.set_nodelay(true).map_err(ConnectError::Io)?;
            Ok(TokioIo::new(stream))
        })
    }
}

/// Tries every address that may be reached, in the resolver's order.
async fn reach(network: Network, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let named = names_loopback(host);
    let addresses: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => tokio::net::lookup_host((bare, port)).await.map_err(ConnectError::Io)?.collect(),
    };
    let mut last = ConnectError::Io(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    for address in addresses {
        if let Err(why) = network.check(address.ip(), named) {
            last = ConnectError::Forbidden { address: address.ip(), why };
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = ConnectError::Io(error),
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
        Self { https: HttpsConnector::from((Tcp { network }, tls)), bound }
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
                    Err(theirs) => ConnectError::Handshake(theirs.to_string()),
                }),
                Err(_) => Err(ConnectError::TimedOut { bound }),
            }
        })
    }
}

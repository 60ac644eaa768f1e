//! Where a member's requests go, and with what.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Uri, Version};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::address::{Forbidden, Network, names_loopback};

/// How long each phase of an exchange may take. The total is the leg's own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From the name to a connection, TLS included.
    pub connect: Duration,
    /// From the start to the reply's head.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the reply.
    pub idle: Option<Duration>,
    /// The most bytes of a reply that are held.
    pub body_bytes: usize,
}

/// The most bytes of a reply's head that are read.
pub const MOST_HEAD_BYTES: usize = 128 * 1024;
/// The most headers of a reply.
pub const MOST_HEADERS: usize = 128;

/// Why an endpoint cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointError {
    /// It is not an address of the web.
    Url(String),
    /// The address that is written in it may not be reached.
    Forbidden(Forbidden),
    /// The key cannot be sent as a header.
    Key,
    /// No certificate could be used.
    Certificates(String),
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndpointError::Url(problem) => write!(f, "the base URL cannot be used: {problem}"),
            EndpointError::Forbidden(why) => write!(f, "the base URL is {why}"),
            EndpointError::Key => f.write_str("the API key holds characters that no header may hold"),
            EndpointError::Certificates(problem) => write!(f, "no certificates: {problem}"),
        }
    }
}

/// One URL, and how it is asked.
pub struct Endpoint {
    /// Tells endpoints apart where connections are kept.
    pub(crate) id: u64,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) version: Version,
    pub(crate) bounds: Bounds,
    pub(crate) network: Network,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

/// Without the headers: one of them is a key.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("uri", &self.uri)
            .field("version", &self.version)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// `url` in full. `http2` asks for HTTP/2 without negotiating; else TLS negotiates it, and plain connections speak 1.1.
    /// `ca_file` names certificates (PEM) that are trusted instead of the system's.
    pub fn new(
        url: &str,
        key: Option<&str>,
        http2: bool,
        bounds: Bounds,
        network: Network,
        ca_file: Option<&Path>,
    ) -> Result<Self, EndpointError> {
        let uri: Uri =
            url.parse().map_err(|e: hyper::http::uri::InvalidUri| EndpointError::Url(e.to_string()))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(EndpointError::Url("it begins with neither http:// nor https://".into())),
        };
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err(EndpointError::Url("it names no host".into()));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(EndpointError::Url("it holds a password; give the key as `api_key`".into()));
        }
        if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            network.check(ip, names_loopback(host)).map_err(EndpointError::Forbidden)?;
        }
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("ecology/", env!("CARGO_PKG_VERSION"))));
        if let Some(key) = key {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| EndpointError::Key)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            uri,
            headers,
            version: if http2 { Version::HTTP_2 } else { Version::HTTP_11 },
            bounds,
            network,
            tls: Arc::new(tls(https, ca_file)?),
        })
    }
}

/// Which certificates are trusted. The system's are read only where they are needed.
fn tls(https: bool, ca_file: Option<&Path>) -> Result<rustls::ClientConfig, EndpointError> {
    let wrong = |problem: String| EndpointError::Certificates(problem);
    let mut roots = rustls::RootCertStore::empty();
    if let Some(path) = ca_file {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let certificates = read.map_err(|e| wrong(format!("{}: {e}", path.display())))?;
        for certificate in certificates {
            roots.add(certificate).map_err(|e| wrong(format!("{}: {e}", path.display())))?;
        }
    } else if https {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
    }
    if https && roots.is_empty() {
        return Err(wrong("the system has none; name a file of them as `ca_file`".into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(e.to_string()))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

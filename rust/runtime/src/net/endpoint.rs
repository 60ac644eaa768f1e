//! Where a member's requests go, and with what.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
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
        if url.contains(['?', '#']) {
            return Err(EndpointError::Url(
                "it holds a query or a fragment, and paths are added at its end".into(),
            ));
        }
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
        let stated_port = uri.authority().is_some_and(|authority| authority.as_str().len() > host.len());
        if stated_port && uri.port_u16().is_none_or(|port| port == 0) {
            return Err(EndpointError::Url("its port is none".into()));
        }
        if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            network.check(ip, names_loopback(host)).map_err(EndpointError::Forbidden)?;
        }
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("ecology/", env!("CARGO_PKG_VERSION"))));
        if let Some(key) = key {
            // What is beyond ASCII would be sent in one of several encodings.
            if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(EndpointError::Key);
            }
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

    /// Words of a server without the key, which some of them repeat.
    pub(crate) fn without_key(&self, words: String) -> String {
        let bearer = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        match bearer.and_then(|bearer| bearer.strip_prefix("Bearer ")) {
            // What is shorter is no secret, and part of other words.
            Some(key) if key.len() >= 4 && words.contains(key) => words.replace(key, "[the key]"),
            _ => words,
        }
    }
}

/// The system's certificates, read once, and only where they are needed.
fn of_the_system() -> Arc<rustls::RootCertStore> {
    static ROOTS: OnceLock<Arc<rustls::RootCertStore>> = OnceLock::new();
    let read = || {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    };
    Arc::clone(ROOTS.get_or_init(read))
}

/// Which certificates are trusted.
fn tls(https: bool, ca_file: Option<&Path>) -> Result<rustls::ClientConfig, EndpointError> {
    let wrong = |problem: String| EndpointError::Certificates(problem);
    let mut roots = Arc::new(rustls::RootCertStore::empty());
    if let Some(path) = ca_file {
        let mut named = rustls::RootCertStore::empty();
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let certificates = read.map_err(|e| wrong(format!("{}: {e}", path.display())))?;
        for certificate in certificates {
            named.add(certificate).map_err(|e| wrong(format!("{}: {e}", path.display())))?;
        }
        if named.is_empty() {
            return Err(wrong(format!("{} holds none", path.display())));
        }
        roots = Arc::new(named);
    } else if https {
        roots = of_the_system();
        if roots.is_empty() {
            return Err(wrong("the system has none; name a file of them as `ca_file`".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(e.to_string()))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(url: &str, key: Option<&str>) -> Result<Endpoint, EndpointError> {
        let bounds = Bounds { connect: Duration::from_secs(1), first_byte: None, idle: None, body_bytes: 1 };
        Endpoint::new(url, key, false, bounds, Network::default(), None)
    }

    #[test]
    fn a_url_that_would_be_read_otherwise_than_it_is_written_is_refused() {
        let wrong = [
            "host/v1",
            "ftp://h/v1",
            "http://a:0/",
            "http://a:99999/",
            "http://a:/",
            "http://u:p@a/",
            "http://a/?x=1",
            "http://a/#x",
        ];
        for url in wrong {
            assert!(matches!(made(url, None), Err(EndpointError::Url(_))), "{url}");
        }
        for url in
            ["http://a/v1", "http://a:8000/v1", "http://[::1]:8000/v1", "http://[::1]/", "http://127.0.0.1/"]
        {
            assert!(made(url, None).is_ok(), "{url}");
        }
        assert!(matches!(made("http://169.254.169.254/", None), Err(EndpointError::Forbidden(_))));
    }

    #[test]
    fn a_key_is_sent_whole_or_not_at_all_and_never_shown() {
        for key in ["a\nb", "a b", "ä", "", "\u{7f}"] {
            let refused = matches!(made("http://a/", Some(key)), Err(EndpointError::Key));
            assert_eq!(refused, !key.is_empty(), "{key:?}");
        }
        let endpoint = made("http://a/", Some("sk-secret")).unwrap();
        assert!(!format!("{endpoint:?}").contains("sk-secret"));
        assert_eq!(endpoint.without_key("wrong key: sk-secret.".into()), "wrong key: [the key].");
        assert_eq!(made("http://a/", None).unwrap().without_key("sk-secret".into()), "sk-secret");
    }
}

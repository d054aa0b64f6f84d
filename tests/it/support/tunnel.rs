//! An HTTP proxy like a company's proxy: it opens connections (CONNECT), records the hosts, and can require a password.
//! There is no network behind it. Every AWS host is the emulator, with a certificate signed by a test authority, and no
//! request leaves this machine.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine;
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// How the proxy answers.
#[derive(Debug, Clone)]
pub enum TunnelBehaviour {
    /// Connects every request to this endpoint, whatever the host.
    Connects(String),
    /// Answers 407 unless `Proxy-Authorization` contains the first value; then connects to the endpoint.
    RequiresPassword(String, String),
    /// Answers every request with this status.
    Refuses(u16),
}

pub struct Tunnel {
    /// The value for `HTTPS_PROXY`.
    pub url: String,
    folder: TempDir,
    targets: Arc<Mutex<Vec<String>>>,
    _runtime: tokio::runtime::Runtime,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

impl Tunnel {
    pub fn new(behaviour: TunnelBehaviour) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of these tests");
        let authority = Authority::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        let certificate: &Certificate = authority.as_ref();
        let der = base64::engine::general_purpose::STANDARD.encode(certificate.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
        std::fs::write(folder.path().join("authority.pem"), pem).unwrap();

        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let targets = Arc::new(Mutex::new(Vec::new()));
        let (log, authority) = (Arc::clone(&targets), Arc::new(authority));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Connection errors are ignored here, because the program itself must report them.
                tokio::spawn(serve(stream, behaviour.clone(), Arc::clone(&authority), Arc::clone(&log)));
            }
        });
        Self { url, folder, targets, _runtime: runtime }
    }

    /// The value for `SSL_CERT_FILE`.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The targets of the requests since the last call: `host:443` for CONNECT, a whole URL for anything else.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.targets.lock().unwrap())
    }
}

async fn serve(
    mut stream: TcpStream,
    behaviour: TunnelBehaviour,
    authority: Arc<Authority>,
    targets: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let head = head(&mut stream).await?;
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    targets.lock().unwrap().push(target.clone());
    let endpoint = match behaviour {
        TunnelBehaviour::Connects(endpoint) => endpoint,
        TunnelBehaviour::RequiresPassword(basic, endpoint)
            if head.contains(&format!("roxy-Authorization: Basic {basic}\r\n"))
                || head.contains(&format!("roxy-authorization: Basic {basic}\r\n")) =>
        {
            endpoint
        }
        TunnelBehaviour::RequiresPassword(..) => return refuse(stream, 407).await,
        TunnelBehaviour::Refuses(status) => return refuse(stream, status).await,
    };
    let mut upstream = TcpStream::connect(endpoint.trim_start_matches("http://")).await.ok()?;
    if method != "CONNECT" {
        // A proxy gets the whole URL, a server only the path.
        let path = target.splitn(4, '/').nth(3).unwrap_or_default();
        upstream.write_all(head.replacen(&target, &format!("/{path}"), 1).as_bytes()).await.ok()?;
        return copy_bidirectional(&mut stream, &mut upstream).await.ok().map(drop);
    }
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    let host = target.rsplit_once(':')?.0;
    let issuer: &Issuer<'static, KeyPair> = &authority;
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.ok()?;
    copy_bidirectional(&mut stream, &mut upstream).await.ok().map(drop)
}

/// Reads up to the empty line and not a byte more.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn refuse(mut stream: TcpStream, status: u16) -> Option<()> {
    let body = "the proxy says no";
    let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.ok()
}

//! Connections that are encrypted, to servers that prove who they are.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hitherto::Error;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::Protection;

/// What PostgreSQL is called where a connection may be for one of several protocols.
const PROTOCOL: &[u8] = b"postgresql";

/// Makes a connection out of a socket.
pub(crate) type Connector = MakeRustlsConnect;

/// What connects with this protection.
pub(crate) fn connector(protection: &Protection) -> Result<Connector, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match protection {
        Protection::None | Protection::IfOffered => Arc::new(Anybody(Arc::clone(&provider))),
        Protection::Proven { authorities } => {
            let trusted = Arc::new(trusted(authorities.as_deref())?);
            let verifier =
                WebPkiServerVerifier::builder_with_provider(trusted, Arc::clone(&provider));
            verifier.build().map_err(unusable)?
        }
    };
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().map_err(unusable)?;
    let config = config.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn unusable(error: impl Display) -> Error {
    Error::invalid(format!("no connection can be encrypted: {error}"))
}

fn trusted(file: Option<&Path>) -> Result<RootCertStore, Error> {
    let certificates = match file {
        Some(file) => of_file(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut trusted = RootCertStore::empty();
    let (taken, _) = trusted.add_parsable_certificates(certificates);
    if taken == 0 {
        let place =
            file.map_or("this machine's list".to_owned(), |file| file.display().to_string());
        return Err(Error::invalid(format!(
            "no server can be trusted, because there is no certificate of an authority in {place}: \
             name a PEM file that has one with `sslrootcert=FILE` in the address"
        )));
    }
    Ok(trusted)
}

fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    certificates.map_err(|error| {
        Error::invalid(format!("the certificates in {} cannot be read: {error}", file.display()))
    })
}

/// What is wrong with a server's certificate, if that is what an error says.
pub(crate) fn distrust(error: &tokio_postgres::Error) -> Option<String> {
    let source = std::error::Error::source(error)?.downcast_ref::<io::Error>()?;
    let source = source.get_ref()?.downcast_ref::<rustls::Error>()?;
    matches!(source, rustls::Error::InvalidCertificate(_)).then(|| {
        format!(
            "this PostgreSQL server does not prove who it is ({source}): its certificate has to be for the \
             host in the address, not expired, and of an authority that this machine trusts, or that is \
             named with `sslrootcert=FILE` in the address"
        )
    })
}

/// Takes every certificate: for who encrypts if the server can, and would do without otherwise.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! Addresses of servers, and how a connection to them has to be protected.

use std::path::PathBuf;
use std::str::FromStr;

use hitherto::Error;
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

const MODES: [&str; 4] = ["disable", "prefer", "require", "verify-full"];
/// Whoever lists authorities like that wants those of the machine.
const OF_THE_SYSTEM: &str = "system";

/// What TLS has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Nothing.
    None,
    /// Encrypt if the server can: nobody else can listen in, but the server may be anybody.
    IfOffered,
    /// Encrypt, and make sure that the server is who it should be.
    Proven {
        /// The file with the certificates that are trusted, in the place of the machine's.
        authorities: Option<PathBuf>,
    },
}

/// Reads an address: what the client knows by itself, and what PostgreSQL's own programs know
/// besides.
pub(crate) fn read(url: &str) -> Result<(Config, Protection), Error> {
    let (url, authorities) = take_authorities(url)?;
    let config = Config::from_str(&url).map_err(|error| {
        let reason = std::error::Error::source(&error).map(ToString::to_string);
        unreadable(&reason.unwrap_or_else(|| error.to_string()))
    })?;
    let protection = match (config.get_ssl_mode(), authorities) {
        (SslMode::Require, None) => Protection::Proven { authorities: None },
        (SslMode::Require, Some(file)) => {
            Protection::Proven { authorities: (file != OF_THE_SYSTEM).then(|| PathBuf::from(file)) }
        }
        (_, Some(_)) => {
            let reason = "sslrootcert says who is trusted, which nobody looks at without \
                          sslmode=verify-full";
            return Err(Error::invalid(reason));
        }
        (SslMode::Disable, None) => Protection::None,
        (_, None) => Protection::IfOffered,
    };
    Ok((config, protection))
}

fn unreadable(reason: &str) -> Error {
    Error::invalid(format!(
        "the address of a PostgreSQL server cannot be read: {reason}; write it like \
         postgres://user:password@host:5432/database"
    ))
}

/// The address without what the client does not know, and the authorities that it names.
fn take_authorities(url: &str) -> Result<(String, Option<String>), Error> {
    // A password may have a question mark.
    let host = if url.contains("://") { url.find('@').unwrap_or(0) } else { url.len() };
    let Some(start) = url[host..].find('?').map(|start| host + start + 1) else {
        return Ok((url.to_owned(), None));
    };
    let mut authorities = None;
    let mut settings = Vec::new();
    for setting in url[start..].split('&') {
        match setting.split_once('=') {
            Some(("sslrootcert", file)) => {
                let file = percent_decode_str(file).decode_utf8();
                let file = file.map_err(|_| unreadable("sslrootcert is not text"))?;
                authorities = Some(file.into_owned());
            }
            Some(("sslmode", mode)) if !MODES.contains(&mode) => {
                let modes = MODES.join(", ");
                return Err(unreadable(&format!("sslmode={mode} is none of {modes}")));
            }
            Some(("sslmode", "verify-full")) => settings.push("sslmode=require"),
            _ => settings.push(setting),
        }
    }
    Ok((format!("{}{}", &url[..start], settings.join("&")), authorities))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection(url: &str) -> Result<Protection, String> {
        read(url).map(|(_, protection)| protection).map_err(|error| error.to_string())
    }

    #[test]
    fn the_address_says_how_a_connection_is_protected() {
        let proven =
            |file: Option<&str>| Ok(Protection::Proven { authorities: file.map(PathBuf::from) });
        for (settings, expected) in [
            ("", Ok(Protection::IfOffered)),
            ("?sslmode=prefer", Ok(Protection::IfOffered)),
            ("?sslmode=disable", Ok(Protection::None)),
            ("?sslmode=require&connect_timeout=3", proven(None)),
            ("?sslmode=verify-full", proven(None)),
            ("?sslrootcert=/my%20ca.pem&sslmode=verify-full", proven(Some("/my ca.pem"))),
            ("?sslmode=verify-full&sslrootcert=system", proven(None)),
        ] {
            for start in ["postgres://me:word@host/database", "postgresql://me:a?b@host:1"] {
                assert_eq!(protection(&format!("{start}{settings}")), expected, "{settings}");
            }
        }
        assert_eq!(protection("host=somewhere sslmode=require"), proven(None));
    }

    #[test]
    fn a_protection_that_would_not_be_had_is_refused() {
        let said = |settings| protection(&format!("postgres://host/x?{settings}")).unwrap_err();
        assert!(
            said("sslmode=verify-ca").contains("none of disable, prefer, require, verify-full")
        );
        assert!(said("sslmode=").contains("none of disable"));
        assert!(said("sslrootcert=/ca.pem").contains("without sslmode=verify-full"));
        assert!(said("sslmode=prefer&sslrootcert=/ca.pem").contains("without sslmode=verify-full"));
    }

    #[test]
    fn what_the_client_knows_reaches_it() {
        let url = "postgres://host/x?application_name=a%26b&sslrootcert=system&sslmode=verify-full\
                   &connect_timeout=3";
        let (config, _) = read(url).expect("it is an address");
        assert_eq!(config.get_application_name(), Some("a&b"));
        assert_eq!(config.get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
    }
}

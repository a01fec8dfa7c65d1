//! What there is without the feature `tls`: connections that are not encrypted, and a refusal of
//! those that must be.

use hitherto::Error;
use tokio_postgres::NoTls;

use crate::address::Protection;

/// Makes a connection out of a socket.
pub(crate) type Connector = NoTls;

/// What connects with this protection.
pub(crate) fn connector(protection: &Protection) -> Result<Connector, Error> {
    match protection {
        Protection::None | Protection::IfOffered => Ok(NoTls),
        Protection::Proven { .. } => Err(Error::invalid(
            "the address asks for an encrypted connection, and this program was built without: \
             build it with the feature `tls` of hitherto-postgres or hitherto-cli",
        )),
    }
}

/// No certificate is looked at.
#[cfg(not(feature = "tls"))]
pub(crate) fn distrust(_: &tokio_postgres::Error) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_encryption_never_gets_a_plain_connection() {
        let proven = Protection::Proven { authorities: None };
        let said = connector(&proven).expect_err("it cannot be encrypted").to_string();
        assert!(said.contains("built without") && said.contains("feature `tls`"), "{said}");
        assert!(connector(&Protection::IfOffered).is_ok());
    }
}
